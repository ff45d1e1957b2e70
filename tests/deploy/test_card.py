import json
from dataclasses import replace
from pathlib import Path

import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.about import About
from larq_igp.deploy.audit import audit
from larq_igp.deploy.card import CARD_FORMAT, read_card, write_card
from larq_igp.deploy.errors import CardError, TFLiteFileError
from larq_igp.deploy.verify import Verification, verify
from larq_igp.errors import UserError
from larq_igp.keras2 import tf

OLD = Path(__file__).parents[1] / "fixtures" / "version_0.1.0"
ABOUT = About(
    network="igp_resnet_tiny",
    parameters={"filters": 16, "blocks": (1, 1, 1)},
    bits=1,
    preprocessing=Preprocessing((28, 28, 1), (0.0,), (1.0,)),
)


@pytest.fixture()
def path(binary, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(binary.content)
    return path


@pytest.mark.lce
def test_round_trip(binary, path):
    findings = audit(binary.model, binary.content)
    check = verify(binary.model, binary.content, binary.images[:20])
    names = tuple(str(digit) for digit in range(10))
    written = write_card(
        path,
        replace(ABOUT, class_names=names, dataset="digits", accuracy=0.9),
        audit=findings,
        verifications=(check,),
    )
    assert written == path.with_suffix(".json")
    card = read_card(path)
    assert card.class_names == names
    assert card.input_shape == (28, 28, 1)
    assert (card.dataset, card.accuracy, card.bits, card.variant) == (
        "digits",
        0.9,
        1,
        "igp_resnet_tiny",
    )
    assert card.file_bytes == len(binary.content)
    assert card.audit["lce_bconv2d"] == 6
    assert card.verifications == (check,)
    assert card.versions["larq-compute-engine"].startswith("0.16")


def test_untrained_network_has_null_accuracy(path):
    assert json.loads(write_card(path, ABOUT).read_text())["accuracy"] is None
    assert read_card(path).accuracy is None


def test_card_of_another_file_is_refused(path):
    write_card(path, ABOUT)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CardError, match=r"net\.json belongs to another file"):
        read_card(path)


def test_missing_and_damaged_cards_are_refused(path):
    with pytest.raises(CardError, match="has no card"):
        read_card(path)
    card = write_card(path, ABOUT)
    whole = json.loads(card.read_text())

    def edited(**fields) -> str:
        return json.dumps(whole | fields)

    for content, complaint in [
        ("{", "does not hold a JSON object"),
        ("[]", "does not hold a JSON object"),
        (json.dumps(whole | {"format": CARD_FORMAT + 1}), "card format"),
        (json.dumps({"format": CARD_FORMAT}), "missing required field `variant`"),
        (edited(class_names=3), "class_names is wrong: Expected `array`, got `int`"),
        (edited(bits="1"), "bits is wrong: Expected `int`, got `str`"),
        (edited(bits=64), "bits is wrong: Expected `int` <= 32"),
        (edited(input_shape=[28, 28]), "input_shape is wrong: Expected `array` of length 3"),
        (edited(verifications=[{"engine": "lce"}]), r"verifications\[0\] is wrong: .* `passed`"),
    ]:
        card.write_text(content)
        with pytest.raises(CardError, match=complaint):
            read_card(path)
    with pytest.raises(TFLiteFileError, match="does not exist"):
        read_card(path.with_name("other.tflite"))


def test_card_never_overwrites_its_file(path):
    odd = path.rename(path.with_suffix(".json"))
    before = odd.read_bytes()
    with pytest.raises(CardError, match="overwritten"):
        write_card(odd, ABOUT)
    assert odd.read_bytes() == before


def test_failed_write_leaves_the_old_card(path):
    card = write_card(path, ABOUT)
    before = card.read_bytes()
    with pytest.raises((TypeError, UserError)):
        write_card(path, replace(ABOUT, parameters={"filters": object()}))
    assert card.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["net.json", "net.tflite"]


def test_what_each_engine_says_and_the_data_are_kept(binary, path):
    checks = (
        verify(binary.model, binary.content, binary.images[:2], engine="larq_igp_runtime"),
        Verification(engine="lce", passed=False, reason="needs larq-compute-engine: ..."),
    )
    data = {"dataset": "digits", "class_names": ["0", "1"], "examples": {"test": 360}}
    card = json.loads(write_card(path, replace(ABOUT, data=data), verifications=checks).read_text())
    assert card["verified"] is True
    own, lce = card["verifications"]
    assert (own["engine"], own["version"], own["passed"]) == ("larq_igp_runtime", "0.1.0", True)
    assert (lce["version"], lce["passed"], lce["reason"]) == (None, False, checks[1].reason)
    assert read_card(path).verifications == checks
    assert read_card(path).data == data
    unverified = write_card(path, ABOUT, verifications=checks[1:])
    assert json.loads(unverified.read_text())["verified"] is False
    assert json.loads(write_card(path, ABOUT).read_text())["verified"] is False


def test_a_network_that_is_described_nowhere_has_a_card(path):
    foreign = replace(ABOUT, network="my network", parameters=None)
    write_card(path, foreign)
    assert read_card(path).parameters is None


def test_a_card_of_version_0_1_0_is_read():
    card = read_card(OLD / "net.tflite")
    assert (card.format, card.variant, card.bits) == (CARD_FORMAT, "igp_resnet_tiny", 1)
    assert card.class_names == tuple("0123456789")
    assert card.verified
    (check,) = card.verifications
    assert check.engine == "an engine that format 1 does not name"
    assert (check.version, check.passed, check.examples) == (None, True, 256)
    assert check.top1_agreement == 1.0
    assert card.data is None


def test_commands_take_a_file_of_version_0_1_0(igp, tmp_path):
    evaluated = json.loads(igp("evaluate", OLD / "net.tflite", "--json").stdout)
    assert evaluated["top1"] == read_card(OLD / "net.tflite").accuracy
    timed = igp("benchmark", OLD / "net.tflite", "--runs", 1, "--warmup", 0, "--json")
    assert [row["role"] for row in json.loads(timed.stdout)][-1] == "float twin"
    image = tmp_path / "black.png"
    image.write_bytes(tf.io.encode_png(tf.zeros((28, 28, 1), tf.uint8)).numpy())
    (row,) = json.loads(igp("predict", OLD / "net.tflite", image, "--json").stdout)
    assert {each["class_name"] for each in row["classes"]} < set("0123456789")
