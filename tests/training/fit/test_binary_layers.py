"""What is watched in binary layers, against Larq and by hand."""

import csv

import larq as lq
import numpy as np
import pytest

from larq_igp.keras2 import tf
from larq_igp.training.fit.batchnorm import synchronize_batchnorm
from larq_igp.training.fit.binary_layers import LayerWatch, clipped
from larq_igp.training.fit.optimizers import learning_rate
from larq_igp.training.fit.tensorboard import Events
from larq_igp.training.run.directory import open_run


def network():
    return tf.keras.Sequential(
        [
            lq.layers.QuantConv2D(
                4,
                3,
                kernel_quantizer=lq.quantizers.SteSign(1.0),
                input_quantizer=lq.quantizers.SteSign(1.3),
                name="a",
                kernel_initializer=tf.keras.initializers.RandomNormal(seed=1),
                input_shape=(8, 8, 2),
            ),
            tf.keras.layers.BatchNormalization(name="bn"),
            lq.layers.QuantConv2D(3, 3, input_quantizer="approx_sign", name="b"),
        ]
    )


def test_flips_are_those_that_larq_counts():
    model = network()
    watch = LayerWatch(model, np.zeros((1, 8, 8, 2), np.float32))
    kernel = model.get_layer("a").kernel
    larq_counts = lq.metrics.FlipRatio(values_dtype="float32")
    larq_counts.update_state(lq.math.sign(kernel))
    before = watch.signs()
    changed = np.array(kernel)
    changed.flat[::5] *= -1
    changed.flat[1] = 0.0  # the sign of zero is +1
    kernel.assign(changed)
    larq_counts.update_state(lq.math.sign(kernel))
    row = watch.rows(7, before)[0]
    assert (row["epoch"], row["layer"]) == (7, "a")
    assert row["flip_ratio"] == pytest.approx(float(larq_counts.result()))
    assert row["flip_ratio"] >= 0.2


def test_saturation_is_where_the_quantizer_passes_no_gradient():
    images = np.random.default_rng(0).normal(0, 1.5, (4, 8, 8, 2)).astype(np.float32)
    model = network()
    saturated = LayerWatch(model, images).saturated()
    assert saturated["a"] == pytest.approx(float((np.abs(images) > 1.3).mean()))
    features = model.get_layer("bn")(model.get_layer("a")(images), training=False).numpy()
    assert saturated["b"] == pytest.approx(float((np.abs(features) > 1).mean()))


@pytest.mark.parametrize(
    "quantizer",
    [
        lq.quantizers.SteSign(1.3),
        lq.quantizers.ApproxSign(),
        lq.quantizers.MagnitudeAwareSign(0.7),
        lq.quantizers.DoReFa(2, "activations"),
    ],
    ids=lambda quantizer: quantizer.name,
)
def test_clipped_marks_exactly_the_inputs_without_gradient(quantizer):
    x = tf.constant(np.linspace(-2.05, 2.05, 400, dtype=np.float32).reshape(1, 10, 10, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantizer(x)
    without_gradient = tape.gradient(y, x).numpy() == 0
    np.testing.assert_array_equal(clipped(quantizer)(x).numpy(), without_gradient)
    assert 0 < without_gradient.mean() < 1


def test_a_run_keeps_a_row_for_each_epoch_and_layer(run_dir):
    with (run_dir / "layers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    model = open_run(run_dir).load_model("last")
    names = [layer.name for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    assert [(row["epoch"], row["layer"]) for row in rows] == [
        (str(e), name) for e in (1, 2, 3) for name in names
    ]
    assert all(0 < float(row["saturated"]) < 1 for row in rows)
    assert all(0 < float(row["flip_ratio"]) < 0.5 for row in rows[: len(names)])


@pytest.mark.essential
def test_event_files_hold_the_same(run_dir):
    found = {}
    for path in (run_dir / "tensorboard").rglob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor).item()
    with (run_dir / "layers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            for name in ("flip_ratio", "saturated"):
                assert found[f"{name}/{row['layer']}"][int(row["epoch"])] == pytest.approx(
                    float(row[name]), rel=1e-6
                )
    with (run_dir / "history.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert found["epoch/val_top1"][int(row["epoch"])] == pytest.approx(
                float(row["val_top1"])
            )


def test_events_are_what_tensorboard_writes(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorFlow 2.21 comes without it")
    events = Events(tmp_path)
    events.write({"epoch": 3, "top1": 0.1}, [{"layer": "a", "flip_ratio": 0.25, "saturated": None}])
    events.close()
    with tf.summary.create_file_writer(str(tmp_path / "theirs")).as_default():
        tf.summary.scalar("epoch/top1", 0.1, step=3)
        tf.summary.scalar("flip_ratio/a", 0.25, step=3)
    ours, theirs = (summaries(tmp_path / name) for name in ("tensorboard", "theirs"))
    assert len(ours) == 2
    assert ours == theirs


def summaries(folder):
    """Return what event files hold but for times: the step and the serialised summary of each."""
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for path in folder.iterdir()
        for record in tf.data.TFRecordDataset(str(path))
    ]
    return [(each.step, each.summary.SerializeToString()) for each in events if each.step]


def test_synchronised_batchnorm_is_the_same_network(run_dir):
    model = open_run(run_dir).load_model("best")
    synchronized = synchronize_batchnorm(model)
    layers = [
        layer
        for layer in synchronized.layers
        if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    assert layers and all(layer.synchronized for layer in layers)
    assert [w.name for w in synchronized.weights] == [w.name for w in model.weights]
    images = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(
        synchronized(images, training=True), model(images, training=True), atol=1e-5
    )


def test_the_learning_rate_is_found_in_every_optimizer():
    adam = tf.keras.optimizers.legacy.Adam(0.25)
    case = lq.optimizers.CaseOptimizer(
        (lambda variable: False, lq.optimizers.Bop()), default_optimizer=adam
    )
    wrapped = tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD(0.5))
    assert [learning_rate(each) for each in (adam, case, wrapped)] == [0.25, 0.25, 0.5]
