import json
from dataclasses import replace

import pytest

from larq_igp.data import Preprocessing
from larq_igp.deploy.about import About
from larq_igp.deploy.audit import audit
from larq_igp.deploy.card import CARD_FORMAT, read_card, write_card
from larq_igp.deploy.errors import CardError, TFLiteFileError
from larq_igp.deploy.verify import verify
from larq_igp.errors import UserError

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
    for content, complaint in [
        ("{", "not a readable card"),
        ("[]", "no JSON object"),
        (json.dumps(whole | {"format": CARD_FORMAT + 1}), "card format"),
        (json.dumps({"format": CARD_FORMAT}), "missing required field `variant`"),
        (
            json.dumps(whole | {"class_names": 3}),
            "class_names is wrong: Expected `array`, got `int`",
        ),
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
