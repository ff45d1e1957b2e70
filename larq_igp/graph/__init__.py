"""A built Keras graph, read once: its calls, their shapes, bits and tensors."""
