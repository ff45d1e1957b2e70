"""BatchNorm over all replicas."""

from larq_igp.keras2 import tf


def synchronize_batchnorm(model: "tf.keras.Model") -> "tf.keras.Model":
    """Return the same network with the same weights, in which every BatchNorm takes its statistics
    over the batches of all replicas.

    Names of layers and weights stay, so weights files fit both. On one device the two are the same
    function.
    """

    def clone(layer: "tf.keras.layers.Layer") -> "tf.keras.layers.Layer":
        config = layer.get_config()
        if type(layer) is tf.keras.layers.BatchNormalization:
            config["synchronized"] = True
        return type(layer).from_config(config)

    synchronized = tf.keras.models.clone_model(model, clone_function=clone)
    synchronized.set_weights(model.get_weights())
    return synchronized
