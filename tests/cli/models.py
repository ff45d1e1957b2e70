"""Small models that a user may have saved."""

import larq as lq

from larq_igp.keras2 import tf

K = tf.keras.layers
SHAPE = (8, 8, 32)


def bin_conv(**options):
    defaults = {
        "padding": "same",
        "pad_values": 1.0,
        "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
    }
    return lq.layers.QuantConv2D(32, 3, **(defaults | options))


def chain(*layers) -> tf.keras.Model:
    image = x = tf.keras.Input(SHAPE, name="image")
    for layer in layers:
        x = layer(x)
    return tf.keras.Model(image, x, name="mine")


def classifier(*layers) -> tf.keras.Model:
    return chain(*layers, K.GlobalAveragePooling2D(), K.Dense(4, "softmax"))
