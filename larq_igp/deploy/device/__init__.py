"""What makes a file fit for a device: pixels in, small weights, labels inside."""
