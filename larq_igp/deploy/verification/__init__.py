"""Compare a file with its Keras model, layer by layer."""
