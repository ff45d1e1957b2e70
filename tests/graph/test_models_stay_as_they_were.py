"""Functions that take a model leave it as it was: weights, optimizer, flags, and Keras' records."""

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.analysis import CostAnalysis, gradient_paths
from larq_igp.analysis.capability import layer_capabilities
from larq_igp.analysis.gradients import measure_gradients
from larq_igp.deploy.audit import audit
from larq_igp.deploy.convert import convert
from larq_igp.graph import read_graph
from larq_igp.keras2 import tf
from larq_igp.training.fit.binary_layers import LayerWatch
from larq_igp.training.fit.optimizers import exempt_from_decay

SHAPE = (28, 28, 1)
IMAGES = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
BATCHES = [(IMAGES, np.arange(4) % 3), (-IMAGES, np.arange(4) % 3)]


def network(**options):
    return larq_igp.build(
        "bireal_resnet_tiny", input_shape=SHAPE, num_classes=3, blocks=(1,), filters=4, **options
    )


@pytest.fixture(scope="module")
def model():
    """A network that was trained, partly frozen, and is a part of another model too."""
    model = network()
    model.compile(tf.keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.fit(*BATCHES[0], verbose=0)
    model.get_layer("stem_conv").trainable = False
    return model


@pytest.fixture(scope="module")
def content(model):
    return convert(model)


def state(model):
    """Everything that a caller could find changed."""
    layers = list(model._flatten_layers())
    variables = [*model.weights, *(model.optimizer.variables if model.optimizer else [])]
    return {
        "values": [variable.numpy().tobytes() for variable in variables],
        "trainable": [layer.trainable for layer in layers],
        "layers": [layer.name for layer in layers],
        "records": [(len(x._inbound_nodes), len(x._outbound_nodes)) for x in layers],
        "losses": len(model.losses),
        "quantized": lq.context.should_quantize(),
    }


FUNCTIONS = {
    "read_graph": lambda model, content: read_graph(model),
    "CostAnalysis": lambda model, content: CostAnalysis(model).total(),
    "gradient_paths": lambda model, content: gradient_paths(model),
    "layer_capabilities": lambda model, content: layer_capabilities(model, IMAGES),
    "measure_gradients": lambda model, content: measure_gradients(
        model, BATCHES, twin=network(bits=32)
    ),
    "convert": lambda model, content: convert(model),
    "convert to float": lambda model, content: convert(model, float_model=True),
    "audit": lambda model, content: audit(model, content),
    "LayerWatch": lambda model, content: LayerWatch(model, IMAGES).saturated(),
    "exempt_from_decay": lambda model, content: exempt_from_decay(model),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_model_is_as_it_was(model, content, name):
    before = state(model)
    FUNCTIONS[name](model, content)
    assert state(model) == before


def test_the_twin_is_as_it_was(model):
    twin = network(bits=32)
    before = state(twin)
    measure_gradients(model, BATCHES, twin=twin)
    assert state(twin) == before


def test_weights_are_put_back_when_measuring_fails(model):
    twin = network(bits=32)
    before = state(model), state(twin)
    with pytest.raises(Exception, match="incompatible"):
        measure_gradients(model, [*BATCHES[:1], (IMAGES[:, :9], np.zeros(4))], twin=twin)
    assert (state(model), state(twin)) == before
