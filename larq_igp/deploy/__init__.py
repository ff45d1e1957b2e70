"""From a Keras model to a verified ``.tflite`` and its timings."""
