"""Networks of the registry and of larq-zoo: our file is Larq Compute Engine's, bit for bit."""

import numpy as np
import pytest

import larq_igp
from larq_igp.architectures import list_networks
from larq_igp.architectures.spec import FAMILIES
from larq_igp.keras2 import tf
from larq_igp.models.larq_zoo import build_larq_zoo
from tests.deploy.conftest import calibrate, random_images
from tests.deploy.writer.same_as_lce import require_same


def require_same_network(name: str, side: int, **options) -> None:
    """Build a network with statistics that leave nothing saturated, and compare both files."""
    tf.keras.utils.set_random_seed(1)
    model = larq_igp.build(name, input_shape=(side, side, 3), num_classes=10, **options)
    calibrate(model, np.random.default_rng(1).standard_normal((8, side, side, 3), np.float32))
    require_same(model, random_images(side, side, 3))


@pytest.mark.lce
@pytest.mark.parametrize("family", FAMILIES)
def test_a_small_one_of_each_family(family):
    width = (
        {"growth_rate": 6, "stem_filters": 12} if family.endswith("densenet") else {"filters": 12}
    )
    pad_values = len(family) % 2
    require_same_network(f"{family}_tiny", 32, pad_values=pad_values, **width)


@pytest.mark.lce
@pytest.mark.parametrize("stem", ["imagenet", "strided"])
def test_stems_and_means(stem):
    require_same_network("igp_resnet_tiny", 56, stem=stem, join="mean", pad_values=0)


@pytest.mark.slow
@pytest.mark.parametrize("side", [32, 40])
@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.lce
@pytest.mark.parametrize("name", list_networks())
def test_the_registry(name, pad_values, side):
    require_same_network(name, side, pad_values=pad_values)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # larq-zoo warns of its own quantizers
@pytest.mark.lce
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("BinaryAlexNet", 224),
        ("BiRealNet", 64),
        ("BinaryDenseNet28", 64),
        ("BinaryDenseNet37", 64),
        ("BinaryDenseNet37Dilated", 64),
        ("BinaryDenseNet45", 64),
        ("BinaryResNetE18", 64),
        ("QuickNet", 64),
        ("QuickNetLarge", 64),
        ("QuickNetSmall", 64),
        ("MeliusNet22", 64),
        ("RealToBinaryNet", 64),
    ],
)
def test_larq_zoo(name, side):
    tf.keras.utils.set_random_seed(1)
    model = build_larq_zoo(name, input_shape=(side, side, 3), num_classes=10)
    generator = np.random.default_rng(1)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the statistics of one batch
    model(generator.standard_normal((4, side, side, 3), np.float32), training=True)
    require_same(model, generator.standard_normal((2, side, side, 3), np.float32))
