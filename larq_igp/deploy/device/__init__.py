"""Files for a device: pixels as input, 8-bit weights, and labels inside."""
