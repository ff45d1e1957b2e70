"""What a training step learns from: mixed and weighed examples."""

import dataclasses

import numpy as np
import pytest

from larq_igp.data.dataset import Dataset, DatasetError, in_memory_split
from larq_igp.keras2 import tf
from larq_igp.training.fit.examples import balanced_weights, mixed
from larq_igp.training.fit.losses import make_loss, make_metrics
from larq_igp.training.fit.position import Position
from larq_igp.training.fit.train import train
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.directory import open_run

LABELS = np.array([0, 0, 0, 1, 2, 2])
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)


def test_balanced_weights_give_every_class_the_same_sum():
    split = in_memory_split(np.zeros((6, 2, 2, 1), np.uint8), LABELS)
    data = Dataset("six", ("a", "b", "c"), {"train": split}, (2, 2, 1), (0.0,), (1.0,))
    weights = balanced_weights(data)
    assert weights.tolist() == pytest.approx([6 / (3 * 3), 6 / (3 * 1), 6 / (3 * 2)])
    assert weights[LABELS].mean() == pytest.approx(1)
    unknown = dataclasses.replace(split, labels=None)
    with pytest.raises(DatasetError, match="known only one by one"):
        balanced_weights(dataclasses.replace(data, splits={"train": unknown}))


def test_mixup_mixes_images_and_labels_in_the_same_share():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
    shares = np.eye(3, dtype=np.float32)[LABELS]
    found = []
    for number in range(40):
        pixels, labels = mixed(images, shares, 0.4, tf.constant([0, number]))
        share = float(labels[0, 0])  # of class 0, where the other is of class 2
        found.append(share)
        expected = share * images + (1 - share) * images[::-1].astype(np.float32)
        np.testing.assert_allclose(pixels, expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(labels, share * shares + (1 - share) * shares[::-1], atol=1e-6)
    # Beta(0.4, 0.4) has the mean 1/2 and the variance 1/4 / (2 * 0.4 + 1).
    assert np.mean(found) == pytest.approx(0.5, abs=0.2)
    assert np.std(found) == pytest.approx(np.sqrt(0.25 / 1.8), abs=0.1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_of_mixed_labels_is_the_mix_of_their_losses(smoothing):
    shares = np.array([[0.75, 0.0, 0.25], [0.0, 1.0, 0.0]], np.float32)
    loss, plain = make_loss(smoothing, mixed=True), make_loss(smoothing)
    first, second = np.array([0, 1]), np.array([2, 1])
    shares, first, second, rows = map(tf.constant, (shares, first, second, PROBABILITIES[:1]))
    expected = 0.75 * plain(first[:1], rows) + 0.25 * plain(second[:1], rows)
    assert float(loss(shares[:1], rows)) == pytest.approx(float(expected), rel=1e-5)
    exact = float(plain(first, tf.constant(PROBABILITIES)))
    assert float(loss(first, tf.constant(PROBABILITIES))) == pytest.approx(exact, rel=1e-5)
    top1, _ = make_metrics(mixed=True)
    top1.update_state(shares, tf.constant(PROBABILITIES))
    assert float(top1.result()) == 1
    top1.update_state(tf.constant([1, 1]), tf.constant(PROBABILITIES))
    assert float(top1.result()) == 0.75


def test_a_run_is_over_when_it_has_not_become_better():
    position = Position()
    for epoch, accuracy in enumerate((0.2, 0.5, 0.4, 0.5), 1):
        assert not position.is_over(9, 2)
        position.add_epoch({"epoch": epoch, "val_top1": accuracy, "val_loss": 1.0}, [])
    assert position.is_over(9, 2)
    assert position.is_over(4, 0)
    assert not position.is_over(9, 0)


def test_training_ends_early_with_averages_of_the_weights(tmp_path):
    recipe = Recipe(
        network="resnet_tiny",
        parameters={"filters": 8, "blocks": (1,)},
        bits=32,
        input_shape=(28, 28, 1),
        batch_size=400,
        epochs=9,
        learning_rate=0.5,
        early_stopping=1,
        ema=0.5,
    )
    metrics = train(recipe, tmp_path / "run", verbose=0)
    run = open_run(tmp_path / "run")
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:]
    assert len(history) == metrics["epoch"] + 1 < 9
    assert metrics == train(recipe, tmp_path / "run", verbose=0, resume=True)
    assert run.metrics() == metrics
