"""Which layers a Keras model calls, and how often: layers may be shared, and models nested."""

from collections.abc import Iterator

from larq_igp.keras2 import tf


def called_layers(model: "tf.keras.Model") -> Iterator[tuple["tf.keras.layers.Layer", int]]:
    """Yield every layer that is not itself a model, with the number of its calls in the model's
    graph.
    """
    for layer in model.layers:
        nodes = range(len(layer.inbound_nodes))
        # A layer may serve other models too: only the nodes of this one count.
        calls = sum(f"{layer.name}_ib-{node}" in model._network_nodes for node in nodes)
        if isinstance(layer, tf.keras.Model):
            yield from ((inner, calls * inner_calls) for inner, inner_calls in called_layers(layer))
        else:
            yield layer, calls
