"""A page and charts from runs and from what networks cost."""
