"""Every committed file does on the real test images what its card says."""

import pytest

from experiments.fashion_mnist.__main__ import RESULTS
from experiments.fashion_mnist.files import best_runs
from experiments.fashion_mnist.rows import read_rows
from larq_igp.deploy.card import read_card
from larq_igp.inference.conversion import measurements
from larq_igp.inference.evaluate import evaluate
from tests.conftest import ROOT

FOLDER = ROOT / "tflite_models"
FILES = sorted(path for path in FOLDER.glob("*.tflite") if path.stem != "demo")
MOST_BYTES = 4_000_000
ROUNDING = 5e-4
"""Another processor rounds otherwise, so that the sign of a rare value flips."""

OF_PIXELS = 2e-3
"""This project's runtime computes the first convolution on bytes, with weights of 16 bits: more
signs near 0 flip, in both directions.
"""

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_each_file_has_a_card_and_each_card_a_file():
    assert FILES
    assert {path.stem for path in FILES} == {
        path.stem for path in FOLDER.glob("*.json") if path.stem != "demo"
    }
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


@each_file
def test_the_card_tells_all_that_is_promised(path):
    card = read_card(path)  # compares the sha256
    assert card.verified
    assert card.class_names
    assert card.command.startswith(f"larq-igp train {card.variant} ")
    assert card.seed is not None
    assert {each.engine for each in card.measurements} == {"larq_igp_runtime", "lce"}
    top1 = [each.top1 for each in card.measurements]
    assert max(top1) - min(top1) <= (OF_PIXELS if card.input == "uint8" else 0)
    assert card.measurements[0].examples == {"fashion_mnist": 10_000, "digits": 360}[card.dataset]


@each_file
def test_its_accuracy_is_reproduced_by_the_runtime(path, fashion_folder):
    (measured,) = [m for m in read_card(path).measurements if m.engine == "larq_igp_runtime"]
    found = evaluate(path, engine="larq_igp_runtime")
    assert found["examples"] == measured.examples
    assert found["top1"] == pytest.approx(measured.top1, abs=ROUNDING)


def test_those_of_the_experiment_are_its_best_runs():
    rows = {row["run"]: row for row in read_rows(RESULTS)}
    for family, run in best_runs(list(rows.values())).items():
        card, row = read_card(FOLDER / f"fashion_mnist_{family}.tflite"), rows[run]
        assert card.seed == int(row["seed"]), run
        assert f"--epochs {row['epochs']} " in f"{card.command} ", run
        assert card.accuracy == pytest.approx(float(row["test_top1"]), abs=OF_PIXELS), run


@pytest.mark.slow
@each_file
def test_its_accuracy_is_reproduced_by_every_engine(path, fashion_folder):
    found = measurements(path)
    card = read_card(path)
    assert [(m.engine, m.examples) for m in found] == [
        (m.engine, m.examples) for m in card.measurements
    ]
    for mine, theirs in zip(found, card.measurements, strict=True):
        assert mine.top1 == pytest.approx(theirs.top1, abs=ROUNDING)
