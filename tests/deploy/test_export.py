"""A model of one's own becomes a file with a card, or nothing is written."""

import json

import numpy as np
import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.about import About
from larq_igp.deploy.card import read_card
from larq_igp.deploy.export import export
from larq_igp.errors import UserError
from larq_igp.versions import installed_version
from tests.absent import run_in, site_without

SCRIPT = """
import json, sys
import numpy as np
import larq_igp, larq as lq
from larq_igp.keras2 import tf
from larq_igp.data import Preprocessing
from larq_igp.deploy.about import About
from larq_igp.deploy.export import export
from larq_igp.errors import UserError

for side in (4, 2):
    image = tf.keras.Input((side, side, 32))
    x = lq.layers.QuantConv2D(32, 3, padding="same", input_quantizer="ste_sign",
                              kernel_quantizer="ste_sign", name="first")(image)
    model = tf.keras.Model(image, tf.keras.layers.GlobalAveragePooling2D()(x))
    preprocessing = Preprocessing((side, side, 32), (0.0,), (1.0,))
    about = About(network="mine", bits=1, preprocessing=preprocessing)
    images = np.random.default_rng(0).standard_normal((3, side, side, 32)).astype(np.float32)
    try:
        path = f"{sys.argv[1]}/net{side}.tflite"
        export(model, path, about=about, images=images, images_of="noise")
    except UserError as error:
        print(error)
"""


def about(**fields) -> About:
    preprocessing = Preprocessing((8, 8, 32), (0.0,), (1.0,))
    return About(network="mine", bits=1, preprocessing=preprocessing, **fields)


def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, 8, 8, 32)).astype(np.float32)


@pytest.mark.lce
def test_a_foreign_model_is_verified_by_both_engines(binary_net, tmp_path):
    done = export(
        binary_net(), tmp_path / "a.tflite", about=about(), images=images(), images_of="noise"
    )
    card = read_card(tmp_path / "a.tflite")
    assert (card.variant, card.parameters, card.verified) == ("mine", None, True)
    assert card.verifications == done.verifications
    assert [(each.engine, each.version, each.passed) for each in card.verifications] == [
        ("lce", installed_version("larq-compute-engine"), True),
        ("larq_igp_runtime", installed_version("larq-igp-runtime"), True),
    ]
    assert done.to_dict()["verified_on"] == "noise"


def test_a_file_that_one_engine_computes_wrong_is_written_and_says_so(binary_net, tmp_path):
    """Larq Compute Engine pads maps that are smaller than the kernel wrong."""
    small = Preprocessing((2, 2, 32), (0.0,), (1.0,))
    done = export(
        binary_net(side=2, pad_values=0.0),
        tmp_path / "a.tflite",
        about=About(network="mine", bits=1, preprocessing=small),
        images=images()[:, :2, :2],
        images_of="noise",
    )
    assert [each.passed for each in done.verifications] == [False, True]
    assert read_card(tmp_path / "a.tflite").verified


@pytest.mark.lce
def test_where_no_engine_is_right_nothing_is_written_and_an_absent_one_is_said(tmp_path):
    folder = site_without(tmp_path / "site", "larq-igp-runtime")
    written = tmp_path / "written"
    written.mkdir()
    finished = run_in(folder, "-c", SCRIPT, str(written))
    assert "'first' (operator 1, LceBconv2d): the engine computes other sums" in finished.stdout
    assert "was not written" in finished.stdout
    assert sorted(file.name for file in written.iterdir()) == ["net4.json", "net4.tflite"]
    lce, runtime = json.loads((written / "net4.json").read_text())["verifications"]
    assert (lce["engine"], lce["passed"]) == ("lce", True)
    assert (runtime["version"], runtime["passed"]) == (None, False)
    assert runtime["reason"].startswith("needs larq-igp-runtime: `pip install ./runtime`")


def test_an_output_that_cannot_be_written_is_refused_first(binary_net, tmp_path):
    for path, complaint in (
        (tmp_path / "a.json", "must end in .tflite"),
        (tmp_path / "none" / "a.tflite", "does not exist"),
    ):
        with pytest.raises(UserError, match=complaint):
            export(binary_net(), path, about=about(), images=images(), images_of="noise")
    assert not list(tmp_path.iterdir())
