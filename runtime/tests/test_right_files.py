"""The check refuses no right file: the whole registry, larq-zoo, MobileNets float and int8."""

import networks
import pytest
from conftest import need_module

from larq_igp_runtime import check

ZOO = {
    "literature": (
        "BinaryAlexNet",
        "BiRealNet",
        "BinaryResNetE18",
        "BinaryDenseNet28",
        "BinaryDenseNet37",
        "BinaryDenseNet37Dilated",
        "BinaryDenseNet45",
        "DoReFaNet",
        "MeliusNet22",
        "RealToBinaryNet",
        "XNORNet",
    ),
    "sota": ("QuickNetSmall", "QuickNet", "QuickNetLarge"),
}


@pytest.mark.convert
@pytest.mark.slow
def test_the_whole_registry_passes():
    need_module("tensorflow", "larq_igp", "larq_compute_engine")
    import larq_igp
    import tensorflow as tf
    from larq_igp.architectures import ZOO as REGISTRY
    from larq_igp.deploy.convert import convert

    for name in REGISTRY:
        tf.keras.backend.clear_session()
        check(convert(larq_igp.build(name, input_shape=(64, 64, 3))))
        print(name, flush=True)


@pytest.mark.convert
@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name"), [(f, name) for f, names in ZOO.items() for name in names]
)
def test_larq_zoo_passes(family, name):
    need_module("tensorflow", "larq_zoo", "larq_compute_engine")
    import tensorflow as tf

    tf.keras.backend.clear_session()
    build = networks.zoo(family, name, input_shape=(224, 224, 3), num_classes=1000)
    check(networks.lce(build)())


@pytest.mark.slow
def test_no_model_of_larq_zoo_is_left_out():
    need_module("larq_zoo")
    import larq_zoo

    assert {family: set(getattr(larq_zoo, family).__all__) for family in ZOO} == {
        family: set(names) for family, names in ZOO.items()
    }


@pytest.mark.convert
@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize(
    "name", ["MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"]
)
def test_mobilenets_pass(name, int8):
    need_module("tensorflow")
    check(networks.keras(name, int8=int8, side=64)())
