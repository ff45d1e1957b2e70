"""Fit a network, measure it, and use it on images."""
