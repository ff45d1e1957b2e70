"""Optimizers, losses and teachers on real networks, against Larq's, Keras' and plain arithmetic."""

import larq as lq
import numpy as np
import pytest

import larq_igp
from larq_igp.architectures import UnknownNetworkError
from larq_igp.architectures.quantizers import INPUT_QUANTIZERS, KERNEL_QUANTIZERS
from larq_igp.errors import UserError
from larq_igp.keras2 import tf
from larq_igp.training.fit.compile import compile_model
from larq_igp.training.fit.distillation import Distilled
from larq_igp.training.fit.losses import SmoothedCrossentropy, distillation_loss
from larq_igp.training.fit.optimizers import exempt_from_decay
from larq_igp.training.recipe import Recipe
from larq_igp.training.run.network import build_network, larq_zoo_models

SHAPE, CLASSES = (28, 28, 1), 10
SMALL = {"network": "resnet_tiny", "parameters": {"filters": 8, "blocks": (1,)}, "epochs": 4}
KERNEL = "stage1_block1_layer1_binconv"


def batch(examples: int = 8) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    images = generator.standard_normal((examples, *SHAPE), np.float32)
    return images, generator.integers(0, CLASSES, examples)


def compiled(steps_per_epoch: int = 1, **fields) -> tf.keras.Model:
    recipe = Recipe(**{**SMALL, **fields})
    tf.keras.utils.set_random_seed(1)
    return compile_model(build_network(recipe, SHAPE, CLASSES), recipe, steps_per_epoch)


def test_smoothed_crossentropy_is_that_of_keras():
    logits = tf.random.stateless_normal((6, CLASSES), seed=[1, 2]) * 3
    labels, probabilities = tf.constant([0, 1, 2, 3, 4, 9]), tf.nn.softmax(logits)
    expected = tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(
        tf.one_hot(labels, CLASSES), probabilities
    )
    assert float(SmoothedCrossentropy(0.1)(labels, probabilities)) == pytest.approx(
        float(expected), rel=1e-5
    )


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distillation_loss_is_the_divergence_of_softened_logits(temperature):
    teacher, student = (
        tf.random.stateless_normal((6, CLASSES), seed=[1, seed]) * 3 for seed in (2, 3)
    )
    soft = [tf.nn.softmax(logits / temperature) for logits in (teacher, student)]
    expected = temperature**2 * tf.keras.losses.kl_divergence(*soft)
    found = distillation_loss(tf.nn.softmax(teacher), tf.nn.softmax(student), temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_losses_stay_finite_where_probabilities_are_zero():
    certain = tf.Variable([[1.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(distillation_loss(tf.constant([[0.0, 1.0, 0.0]]), certain, 2.0))
        loss += SmoothedCrossentropy(0.1)([1], certain)
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, certain)).all()


def test_a_distilled_step_minimises_both_losses():
    """The gradient of a step of plain SGD is that of the formula."""
    images, labels = batch()
    recipe = {
        "optimizer": "sgd",
        "momentum": 0.0,
        "schedule": "constant",
        "learning_rate": 1.0,
        "bits": 32,
    }
    model, teacher = compiled(**recipe), build_network(Recipe(**SMALL, bits=32), SHAPE, CLASSES)
    before = [variable.numpy() for variable in model.trainable_variables]
    answers = teacher(images, training=False)
    with tf.GradientTape() as tape:
        probabilities = model(images, training=True)
        of_labels = tf.reduce_mean(
            tf.keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        )
        loss = 0.3 * of_labels + 0.7 * tf.reduce_mean(
            distillation_loss(answers, probabilities, 2.0)
        )
    gradients = tape.gradient(loss, model.trainable_variables)

    student = Distilled.of(model, teacher, weight=0.7, temperature=2.0)
    student.compile(tf.keras.optimizers.SGD(1.0), tf.keras.losses.SparseCategoricalCrossentropy())
    logs = student.train_on_batch(images, labels, return_dict=True)
    assert set(logs) == {"loss", "distillation"}
    for variable, start, gradient in zip(
        student.trainable_variables, before, gradients, strict=True
    ):
        np.testing.assert_allclose(variable.numpy(), start - gradient, rtol=1e-3, atol=1e-5)
    assert len(student.weights) == len(model.weights)
    assert set(student.test_on_batch(images, labels, return_dict=True)) == {"loss"}


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_bop_flips_as_larq_says_and_trains_the_rest_by_adam(precision):
    model = compiled(
        optimizer="bop", bop_threshold=1e-9, bop_gamma=0.1, warmup_epochs=1, precision=precision
    )
    kernel, stem = model.get_layer(KERNEL).kernel, model.get_layer("stem_conv").kernel
    before = stem.numpy()
    model.train_on_batch(*batch())
    first = kernel.numpy()
    assert set(np.unique(first)) == {-1.0, 1.0}
    for _ in range(3):
        model.train_on_batch(*batch())
    assert set(np.unique(kernel)) == {-1.0, 1.0}
    assert np.any(kernel.numpy() != first)
    assert np.any(stem.numpy() != before)
    assert int(model.optimizer.iterations) == 4


def test_bop_slots_come_back_from_a_checkpoint(tmp_path):
    model = compiled(optimizer="bop")
    model.train_on_batch(*batch())
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(str(tmp_path / "all"))
    slots = [np.array(value) for value in model.optimizer.get_weights()]
    again = compiled(optimizer="bop")
    again.train_on_batch(*batch())
    again.train_on_batch(*batch())
    tf.train.Checkpoint(model=again, optimizer=again.optimizer).restore(path).assert_consumed()
    for expected, found in zip(slots, again.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weight_decay_shrinks_kernels_in_full_precision_alone(optimizer):
    fields = {"optimizer": optimizer, "schedule": "constant", "learning_rate": 0.01}
    plain, decayed = compiled(**fields), compiled(**fields, weight_decay=0.5)
    start = {variable.name: variable.numpy() for variable in plain.trainable_variables}
    for model in (plain, decayed):
        model.train_on_batch(*batch())
    for one, other in zip(plain.trainable_variables, decayed.trainable_variables, strict=True):
        decays = "kernel" in one.name and "binconv" not in one.name
        expected = one.numpy() - (0.5 * 0.01 * start[one.name] if decays else 0)
        np.testing.assert_allclose(other.numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=one.name)
    assert {variable.name for variable in exempt_from_decay(plain)} == {
        variable.name
        for variable in plain.trainable_variables
        if "kernel" not in variable.name or "binconv" in variable.name
    }


def test_the_default_recipe_is_adam_on_a_cosine():
    model = compiled(steps_per_epoch=10)
    assert type(model.optimizer) is tf.keras.optimizers.Adam
    assert type(model.optimizer._learning_rate) is tf.keras.optimizers.schedules.CosineDecay
    assert type(model.loss) is tf.keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize(
    "fields, kinds, clips",
    [
        ({}, (lq.quantizers.SteSign, lq.quantizers.SteSign), (1.0, 1.0, 1.0)),
        (
            {"clip_value": 1.25, "weight_clip": 1.3},
            (lq.quantizers.SteSign, lq.quantizers.SteSign),
            (1.25, 1.25, 1.3),
        ),
        (
            {
                "input_quantizer": "approx_sign",
                "kernel_quantizer": "magnitude_aware_sign",
                "clip_value": 1.5,
            },
            (lq.quantizers.ApproxSign, lq.quantizers.MagnitudeAwareSign),
            (None, 1.5, 1.0),
        ),
        (
            {"input_quantizer": "swish_sign"},
            (lq.quantizers.SwishSign, lq.quantizers.SteSign),
            (None, 1.0, 1.0),
        ),
        (
            {"bits": 2, "input_quantizer": "dorefa", "kernel_quantizer": "dorefa"},
            (lq.quantizers.DoReFa, lq.quantizers.DoReFa),
            (None, None, 1.0),
        ),
        ({"kernel_quantizer": "float"}, (lq.quantizers.SteSign, type(None)), (1.0, None, None)),
    ],
)
def test_quantizers_are_those_of_the_recipe(fields, kinds, clips):
    layer = build_network(Recipe(**SMALL, **fields), SHAPE, CLASSES).get_layer(KERNEL)
    quantizers = (layer.input_quantizer, layer.kernel_quantizer)
    assert tuple(map(type, quantizers)) == kinds
    assert (
        tuple(getattr(each, "clip_value", None) for each in (*quantizers, layer.kernel_constraint))
        == clips
    )
    if fields.get("bits") == 2:
        assert [quantizer.mode for quantizer in quantizers] == ["activations", "weights"]


@pytest.mark.parametrize(
    "activation, kernel",
    [(name, "ste_sign") for name in INPUT_QUANTIZERS[1]]
    + [("ste_sign", name) for name in KERNEL_QUANTIZERS[1] if name not in ("ste_sign", "float")],
)
def test_every_quantizer_of_one_bit_fuses_on_the_device(activation, kernel):
    from larq_igp.deploy.convert import convert
    from larq_igp.deploy.flatbuffer import read_tflite

    recipe = Recipe(**SMALL, input_quantizer=activation, kernel_quantizer=kernel)
    model = build_network(recipe, SHAPE, CLASSES)
    # One quantizer: the first convolution's sums become the second one's signs by thresholds. No
    # factor, offset or sign is left to stand alone.
    block = {"LceQuantize": 1, "LceBconv2d": 2, "ADD": 1}
    ends = {"CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}
    assert read_tflite(convert(model)).histogram() == block | ends


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_weights_of_mixed_precision_are_those_of_float32(precision):
    recipe = Recipe(**SMALL, precision=precision)
    mixed, plain = (
        build_network(recipe, SHAPE, CLASSES, precision=each) for each in (precision, "float32")
    )
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert mixed.get_layer(KERNEL).compute_dtype == precision.removeprefix("mixed_")
    assert {weight.dtype for weight in mixed.weights} == {tf.float32}
    assert mixed.output.dtype == tf.float32
    plain.set_weights(mixed.get_weights())
    images, _ = batch()
    np.testing.assert_allclose(mixed(images), plain(images), atol=0.1)  # a sign that rounding flips


@pytest.mark.essential
def test_larq_zoo_builds_by_name_and_offers_the_nearest():
    model = build_network(Recipe(network="larq_zoo:BinaryResNetE18"), (64, 64, 3), CLASSES)
    assert model.output_shape == (None, CLASSES)
    assert {"BinaryDenseNet28", "BiRealNet", "QuickNet"} <= set(larq_zoo_models())
    with pytest.raises(
        UnknownNetworkError,
        match=r"larq-zoo has no model 'BinaryDenseNet29'. Did you mean BinaryDenseNet28",
    ):
        build_network(Recipe(network="larq_zoo:BinaryDenseNet29"), (64, 64, 3), CLASSES)


def test_layers_that_draw_random_numbers_are_refused():
    inputs = tf.keras.Input((28, 28, 1))
    branch = tf.keras.Sequential(
        [tf.keras.layers.Flatten(), tf.keras.layers.Dropout(0.5, name="half")], name="branch"
    )
    model = tf.keras.Model(
        inputs, tf.keras.layers.Dense(CLASSES, activation="softmax")(branch(inputs)), name="net"
    )
    with pytest.raises(
        UserError,
        match=r"net draws random numbers while it trains, in half: .* without these layers",
    ):
        compile_model(model, Recipe(network="resnet_tiny"), steps_per_epoch=3)


def test_initial_weights_are_loaded_strictly(tmp_path):
    donor = larq_igp.build(
        "resnet_tiny", filters=8, blocks=(1,), input_shape=SHAPE, num_classes=CLASSES
    )
    path = tmp_path / "a.weights.h5"
    donor.save_weights(path)
    model = compiled(initial_weights=str(path))
    for expected, found in zip(donor.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, found)
    with pytest.raises(UserError, match="does not hold the weights"):
        compiled(initial_weights=str(path), parameters={"filters": 16, "blocks": (1,)})
    with pytest.raises(UserError, match="does not exist"):
        compiled(initial_weights=str(tmp_path / "none.h5"))
