"""``larq_igp.load``: what its methods compute with."""

import numpy as np

import larq_igp
from tests.conftest import ROOT
from tests.data.files import picture

RUN = ROOT / "tests" / "fixtures" / "format_2" / "finished"


def test_every_method_uses_the_model_that_is_shown(tmp_path):
    picture(0).save(tmp_path / "photo.png")
    network = larq_igp.load(RUN)
    classifier = network.model.layers[-2]
    kernel, bias = classifier.get_weights()
    only_3 = np.where(np.arange(len(bias)) == 3, 99.0, 0.0).astype(np.float32)
    classifier.set_weights([np.zeros_like(kernel), only_3])
    (row,) = network.predict(tmp_path / "photo.png", top=1)
    assert row["classes"][0]["label"] == 3
    assert network.probabilities(tmp_path / "photo.png")[0, 3] == 1
    found = network.evaluate(split="validation")
    assert found["top1"] == 18 / 180  # digits has 18 images of a 3 among its 180
    network.convert(tmp_path / "net.tflite", images=4)
    (row,) = larq_igp.predict(tmp_path / "net.tflite", [tmp_path / "photo.png"], top=1)
    assert next(iter(row["classes"]))["label"] == 3
    np.testing.assert_array_equal(classifier.get_weights()[1], only_3)
