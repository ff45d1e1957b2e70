import itertools

import numpy as np
import pytest

from larq_igp.data import (
    DatasetError,
    Preprocessing,
    eval_batches,
    load_dataset,
    steps_per_epoch,
    train_arrays,
    train_batches,
)
from larq_igp.data.augment import augment
from larq_igp.keras2 import tf


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def preprocessing(digits):
    return Preprocessing(digits.input_shape, digits.mean, digits.deviation)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


@pytest.mark.parametrize(
    "examples, batch_size, expected", [(1257, 64, 19), (64, 64, 1), (65, 1, 65)]
)
def test_steps_per_epoch(examples, batch_size, expected):
    assert steps_per_epoch(examples, batch_size) == expected


def test_a_batch_larger_than_the_split_is_refused(digits, preprocessing):
    with pytest.raises(
        DatasetError, match="a batch of 2000 cannot be filled from 1257 training images"
    ):
        train_batches(digits, preprocessing, batch_size=2000, seed=0)


def test_the_same_seed_gives_the_same_stream(digits, preprocessing):
    first, second, other = (
        take(train_batches(digits, preprocessing, batch_size=8, seed=seed), 3) for seed in (1, 1, 2)
    )
    for (images, labels), (same_images, same_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels, same_labels)
    assert any(np.any(a[1] != b[1]) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("first_step", [3, 4])
def test_a_stream_entered_at_any_step_continues_it(digits, preprocessing, first_step):
    steps = steps_per_epoch(1257, 400)
    whole = take(train_batches(digits, preprocessing, batch_size=400, seed=3), 2 * steps)
    entered = take(
        train_batches(digits, preprocessing, batch_size=400, seed=3, first_step=first_step),
        2 * steps,
    )
    for (images, labels), (same_images, same_labels) in zip(
        whole[first_step:], entered[: 2 * steps - first_step], strict=True
    ):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels, same_labels)
    assert np.any(whole[0][1] != whole[steps][1]), "two epochs came in the same order"


@pytest.mark.parametrize("side, dtype", [(8, np.uint8), (32, np.float32)])
def test_images_of_the_right_size_stay_as_stored_and_resized_ones_are_floats(digits, side, dtype):
    preprocessing = digits.preprocessing((side, side, 1))
    batches = take(train_batches(digits, preprocessing, batch_size=64, seed=0), 2)
    arrays = list(train_arrays(digits, preprocessing, batch_size=64, seed=0, batches=2))
    for (images, labels), (normalised, same) in zip(batches, arrays, strict=True):
        assert images.dtype == dtype
        assert 250 < images.max() <= 255
        np.testing.assert_allclose(normalised, (images.astype(np.float64) - 77.8) / 82.4, atol=1e-6)
        np.testing.assert_array_equal(labels, same)


def test_an_epoch_visits_every_example_once(digits):
    dataset = type(digits)(**{**vars(digits), "shift": 0.0})
    as_stored = Preprocessing((8, 8, 1), mean=(0.0,), deviation=(1.0,))
    visited = take(train_batches(dataset, as_stored, batch_size=419, seed=0), 3)  # 3 x 419 = 1257
    stored = take(eval_batches(dataset.split("train"), as_stored, batch_size=1257), 1)[0][0]
    assert sorted(map(bytes, np.concatenate([x for x, _ in visited]))) == sorted(
        map(bytes, stored.astype(np.uint8))
    )


def test_evaluation_keeps_order_and_rest(digits, preprocessing):
    sizes = [
        len(labels)
        for _, labels in eval_batches(
            digits.split("test"), preprocessing, batch_size=100
        ).as_numpy_iterator()
    ]
    assert sizes == [100, 100, 100, 60]


def test_augmentation_moves_but_does_not_mirror_digits(digits):
    image = np.zeros((32, 32, 3), np.float32)
    image[10:14, 12:15] = 1
    moved = [
        augment(tf.constant(image), digits, seed=tf.constant([0, place], tf.int64)).numpy()
        for place in range(40)
    ]
    corners = {tuple(np.argwhere(each[..., 0])[0]) for each in moved}
    assert all(each.sum() == image.sum() for each in moved)
    assert {abs(y - 10) for y, _ in corners} == {0, 1, 2, 3}
    assert len(corners) > 10


def test_augmentation_mirrors_clothes():
    digits = load_dataset("digits")
    mirrored = type(digits)(**{**vars(digits), "shift": 0.0, "flip": True})
    image = np.arange(4 * 4 * 1, dtype=np.float32).reshape(4, 4, 1)
    seen = {
        augment(tf.constant(image), mirrored, seed=tf.constant([0, place], tf.int64))
        .numpy()
        .tobytes()
        for place in range(20)
    }
    assert seen == {image.tobytes(), image[:, ::-1].tobytes()}


@pytest.mark.parametrize(
    "channels, network, expected", [(1, 3, [7, 7, 7]), (3, 3, [7, 8, 9]), (1, 4, [7] * 4)]
)
def test_preprocessing_matches_channels(channels, network, expected):
    image = tf.constant(
        np.broadcast_to(np.arange(7, 7 + channels, dtype=np.uint8), (4, 4, channels))
    )
    result = Preprocessing((8, 8, network), mean=(0.0,), deviation=(1.0,))(image)
    assert result.shape == (8, 8, network)
    np.testing.assert_allclose(result[3, 3], expected)


def test_preprocessing_refuses_channels_it_cannot_match():
    with pytest.raises(ValueError, match="an image of 2 channels cannot feed a network of 3"):
        Preprocessing((8, 8, 3), mean=(0.0,), deviation=(1.0,))(tf.zeros((4, 4, 2)))


def test_preprocessing_normalises_and_survives_json():
    preprocessing = Preprocessing((28, 28, 3), mean=(1.0, 2.0, 3.0), deviation=(2.0, 4.0, 8.0))
    result = preprocessing(tf.constant(np.full((28, 28, 3), 11, np.uint8)))
    np.testing.assert_allclose(result[0, 0], [(11 - 1) / 2, (11 - 2) / 4, (11 - 3) / 8])
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
