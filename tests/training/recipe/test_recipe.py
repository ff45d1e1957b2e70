import json

import pytest

from larq_igp.architectures import UnknownNetworkError
from larq_igp.architectures.accounting import closed_form
from larq_igp.errors import UserError
from larq_igp.training.fit.schedules import learning_rate_schedule, total_steps
from larq_igp.training.recipe import NewerRecipeError, Recipe, RecipeError, make_recipe
from larq_igp.training.recipe.sources import from_keywords, from_options, from_settings, named


def test_a_recipe_survives_json():
    recipe = Recipe(
        network="igp_resnet_tiny",
        parameters={"blocks": (1, 2, 1), "filters": 8},
        input_shape=(28, 28, 1),
    )
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"epochs": 0}, "epochs must be a positive integer; got 0"),
        ({"batch_size": -1}, "batch_size must be a positive integer; got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0; got nan"),
        (
            {"schedule": "step"},
            "schedule must be one of constant, linear, cosine, steps; got 'step'",
        ),
        ({"epochs": 2.5}, "epochs must be a positive integer; got 2.5"),
        ({"epochs": True}, "epochs must be a positive integer; got True"),
        ({"network": 5}, "network must be a text; got 5"),
        ({"input_shape": (28, 28)}, "input_shape must be 3 integers with commas between or none"),
        ({"parameters": 3}, "parameters must be a table of values; got 3"),
        ({"weight_decay": 1e-4}, "weight_decay is for adamw and sgd; the optimizer is adam"),
        ({"optimizer": "radam"}, "optimizer must be one of adam, adamw, sgd, bop; got 'radam'"),
        ({"optimizer": "bop", "bits": 2}, "bop flips weights that are -1 or"),
        (
            {"optimizer": "bop", "kernel_quantizer": "magnitude_aware_sign"},
            "bop flips weights that are -1 or",
        ),
        ({"schedule": "steps"}, "boundaries of the schedule steps must be epochs that rise"),
        (
            {"schedule": "steps", "boundaries": (5, 5)},
            "boundaries of the schedule steps must be epochs that rise",
        ),
        ({"boundaries": (5,)}, "boundaries are for the schedule steps; this one is cosine"),
        ({"warmup_epochs": 30}, "warmup_epochs must be fewer than the 30 epochs"),
        ({"label_smoothing": 1.0}, "label_smoothing must be a number from 0 to below 1"),
        ({"temperature": 0}, "temperature must be a number above 0"),
        ({"distillation_weight": 1.5}, "distillation_weight must be a number from 0 to 1"),
        ({"teacher": "twin", "bits": 32}, "is the network at 32 bits, which this one is already"),
        ({"first_stage_epochs": 3, "bits": 32}, "it needs bits 1 or 2"),
        ({"first_stage_epochs": 3, "initial_weights": "a.h5"}, "exclude each other"),
        (
            {"precision": "float16"},
            "precision must be one of float32, mixed_float16, mixed_bfloat16",
        ),
        (
            {"input_quantizer": "dorefa"},
            "must be one of ste_sign, approx_sign, swish_sign; got 'dorefa' \\(dorefa is for 2 "
            "bits\\)",
        ),
        ({"input_quantizer": "magnitude_aware_sign"}, "input_quantizer at 1 bit must be one of"),
        ({"kernel_quantizer": "ste_sign", "bits": 32}, "a 32-bit network has no quantizers"),
        ({"seed": -1}, "seed must be an integer from 0 to 2147483647"),
        ({"seed": 2**31}, "seed must be an integer from 0 to 2147483647"),
        ({"learning_rate": float("inf")}, "learning_rate must be a number above 0; got inf"),
        ({"bits": True}, "bits must be one of 1, 2, 32; got True"),
        ({"pad_values": 2}, "pad_values must be one of 0, 1 or none; got 2"),
        (
            {"schedule": "steps", "boundaries": (5, 30)},
            "boundaries must lie before the end of the run, after 30 epochs; got 30",
        ),
        ({"parameters": {"growth_rate": 3}}, "growth_rate is not a parameter of igp_resnet"),
    ],
)
def test_a_bad_recipe_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Recipe(**{"network": "igp_resnet_tiny", **fields})


def test_unknown_networks_and_fields_are_refused():
    with pytest.raises(UnknownNetworkError):
        Recipe(network="vgg")
    with pytest.raises(RecipeError, match=r"unknown field epoch of a recipe. Did you mean epochs"):
        make_recipe(from_keywords({"network": "igp_resnet_tiny", "epoch": 3}))
    for make in (Recipe.from_json, lambda values: make_recipe(from_keywords(values))):
        with pytest.raises(RecipeError, match="network is missing"):
            make({"epochs": 3})


def test_recipes_of_older_versions_are_read_and_of_newer_ones_named():
    """Fields that did not exist have their defaults; boundaries that never come were taken."""
    old = Recipe.from_json({"network": "igp_resnet_tiny", "epochs": 3})
    assert old == Recipe(network="igp_resnet_tiny", epochs=3)
    steps = {"network": "igp_resnet_tiny", "epochs": 10, "schedule": "steps"}
    assert Recipe.from_json({**steps, "boundaries": [5, 10]}).boundaries == (5,)
    never = Recipe.from_json({**steps, "boundaries": [70, 90]})
    assert (never.schedule, never.boundaries) == ("constant", ())
    with pytest.raises(NewerRecipeError, match=r"newer version.* does not know mosaic, cutmix"):
        Recipe.from_json({"network": "igp_resnet_tiny", "mosaic": 0.2, "cutmix": 1})


@pytest.mark.parametrize("epochs, steps_per_epoch", [(3, 19), (10, 7)])
def test_schedules_start_at_the_rate_and_reach_their_end_with_the_run(epochs, steps_per_epoch):
    steps = total_steps(epochs, steps_per_epoch)
    assert steps == epochs * steps_per_epoch
    assert learning_rate_schedule("constant", 0.01, steps) == 0.01
    for name, halfway in (("linear", 0.5), ("cosine", 0.5)):
        schedule = learning_rate_schedule(name, 0.01, steps)
        assert float(schedule(0)) == pytest.approx(0.01)
        assert float(schedule(steps / 2)) == pytest.approx(0.01 * halfway)
        assert float(schedule(steps)) == pytest.approx(0, abs=1e-9)
        assert float(schedule(steps - 1)) > 0


def test_a_resolved_recipe_leaves_nothing_open():
    recipe = Recipe(network="igp_resnet_tiny").resolved((32, 32, 3))
    assert (recipe.input_shape, recipe.stem, recipe.pad_values) == ((32, 32, 3), "small", 1)
    assert Recipe(network="igp_resnet_tiny", bits=32).resolved((32, 32, 3)).pad_values == 0
    assert (
        Recipe(network="igp_resnet_tiny", input_shape=(65, 32, 3)).resolved((32, 32, 3)).stem
        == "imagenet"
    )


def test_warm_up_rises_in_a_line_and_joins_the_schedule():
    schedule = learning_rate_schedule("cosine", 0.01, 100, warmup=20)
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[:20] == pytest.approx([0.01 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == pytest.approx(0.01)
    assert rates[60] == pytest.approx(0.005)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    again = type(schedule).from_config(schedule.get_config())
    assert [float(again(step)) for step in range(0, 101, 10)] == rates[::10]


@pytest.mark.parametrize("warmup", [0, 2])
def test_steps_change_the_rate_at_their_boundaries(warmup):
    schedule = learning_rate_schedule(
        "steps", 0.01, 30, warmup=warmup, boundaries=[10, 20], factor=0.1
    )
    rates = [float(schedule(step)) for step in (warmup, 9, 10, 19, 20, 29)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001])


def test_settings_are_read_by_the_type_of_their_field():
    settings = (
        "epochs=3",
        "learning_rate=1e-2",
        "boundaries=70,90",
        "pad_values=none",
        "input_shape=32,32,3",
        "data_dir=2012",
        "parameters.filters=31",
        "parameters.blocks=1,2",
        "parameters.join=sum",
    )
    assert {name: given.value for name, given in from_settings(settings).items()} == {
        "epochs": 3,
        "learning_rate": 0.01,
        "boundaries": (70, 90),
        "pad_values": None,
        "input_shape": (32, 32, 3),
        "data_dir": "2012",
        "parameters.filters": 31,
        "parameters.blocks": (1, 2),
        "parameters.join": "sum",
    }


@pytest.mark.parametrize(
    "setting, message",
    [
        ("epoch=3", "unknown field epoch of a recipe. Did you mean epochs"),
        ("epochs=many", "--set epochs=many: epochs must be a positive integer; got 'many'"),
        ("epochs=2.5", "epochs must be a positive integer; got 2.5"),
        (
            "input_shape=28,28",
            "input_shape must be 3 integers with commas between or none; got \\(28, 28\\)",
        ),
        ("epochs", "--set takes key=value; got 'epochs'"),
        ("parameters=3", "one parameter at a time"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(RecipeError, match=message):
        from_settings((setting,))


def test_files_extend_files(tmp_path):
    (tmp_path / "common.toml").write_text(
        'epochs = 3\nbits = 2\nboundaries = [1, 2]\nschedule = "steps"\n'
    )
    (tmp_path / "rows").mkdir()
    path = tmp_path / "rows" / "a.toml"
    path.write_text(
        'extends = "../common.toml"\nnetwork = "igp_resnet_tiny"\nbits = 1\n[parameters]\nblocks '
        "= [1, 2]\n"
    )
    recipe = make_recipe(*named(str(path)))
    assert (recipe.network, recipe.epochs, recipe.bits, recipe.boundaries) == (
        "igp_resnet_tiny",
        3,
        1,
        (1, 2),
    )
    assert recipe.parameters == {"blocks": (1, 2)}


@pytest.mark.parametrize(
    "text, message",
    [
        ('extends = "a.toml"', "extends itself"),
        ('extends = "none.toml"', r"none.toml does not exist \(.*a.toml extends it\)"),
        ("extends = 3", "must be the name of a file; got 3"),
        ("epochs = ", "is not readable TOML"),
    ],
)
def test_bad_files_are_refused(text, message, tmp_path):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        named(str(tmp_path / "a.toml"))
    with pytest.raises(UserError, match="does not exist"):
        named(str(tmp_path / "b.toml"))


def test_derived_recipes_differ_in_what_they_must():
    recipe = Recipe(
        network="igp_resnet_tiny",
        teacher="twin",
        first_stage_epochs=4,
        warmup_epochs=5,
        optimizer="bop",
        epochs=8,
    )
    twin, first = recipe.teacher_recipe(), recipe.first_stage()
    assert (twin.bits, twin.teacher, twin.first_stage_epochs, twin.epochs, twin.optimizer) == (
        32,
        None,
        0,
        8,
        "adam",
    )
    assert (first.kernel_quantizer, first.epochs, first.warmup_epochs, first.teacher) == (
        "float",
        4,
        3,
        "twin",
    )


def test_a_first_stage_has_the_boundaries_that_come_in_it():
    options = {"network": "igp_resnet_tiny", "schedule": "steps", "epochs": 20}
    recipe = Recipe(**options, boundaries=(4, 8, 15), first_stage_epochs=8)
    assert (recipe.first_stage().schedule, recipe.first_stage().boundaries) == ("steps", (4,))
    short = Recipe(**options, boundaries=(4, 8), first_stage_epochs=3).first_stage()
    assert (short.schedule, short.boundaries) == ("constant", ())


def layers(tmp_path, base: str, text: str, options: dict, settings: tuple = ()) -> tuple:
    (tmp_path / "base.toml").write_text(base)
    path = tmp_path / "my.toml"
    path.write_text(f'extends = "base.toml"\nnetwork = "igp_resnet_tiny"\n{text}\n')
    parameters = ("filters", "blocks")
    return (*named(str(path)), from_options(options, parameters), from_settings(settings))


@pytest.mark.parametrize(
    "base, text, options, settings, message",
    [
        ("epochs = 0", "", {}, (), "{base}: epochs must be a positive integer; got 0."),
        ("epoch = 3", "", {}, (), "{base}: unknown field epoch of a recipe."),
        ("", "epochs = 0", {}, (), "{my}: epochs must be a positive integer; got 0."),
        ("", "", {"epochs": 0}, (), "--epochs: epochs must be a positive integer; got 0."),
        ("epochs = 0", "", {}, ("epochs=-1",), "--set epochs=-1: epochs must be"),
        ("epochs = 0", "batch_size = 0", {}, ("epochs=1",), "{my}: batch_size must be"),
        ("warmup_epochs = 5", "", {"epochs": 3}, (), "{base} and --epochs: warmup_epochs must"),
        ("parameters = 3", "", {}, (), "{base}: parameters must be a table of values; got 3."),
        ("parameters.filters = 0", "", {"blocks": (1,)}, (), "{base}: filters must be a positive"),
        ("", "", {"filters": 0}, (), "--filters: filters must be a positive integer; got 0."),
        ("bits = 2", "", {"optimizer": "bop"}, (), "--optimizer and {base}: bop flips weights"),
        ("momentum = 0.5", "", {}, (), "{base}: momentum is for optimizer sgd; this recipe has"),
        ("", "", {"temperature": 2.0}, (), "--temperature: temperature is for a teacher; this"),
        ("", 'optimizer = "adam"', {}, ("momentum=0.5",), "--set momentum=0.5: momentum is for"),
        ("", 'kernel_quantizer = "dorefa"', {}, (), "{my}: kernel_quantizer at 1 bit must be one"),
        ("", "", {"input_shape": (20, 20, 3)}, (), "--input-shape: images must be at least 28 px"),
    ],
)
def test_an_error_names_the_source_of_its_value(base, text, options, settings, message, tmp_path):
    files = {"base": tmp_path / "base.toml", "my": tmp_path / "my.toml"}
    with pytest.raises(UserError) as raised:
        make_recipe(*layers(tmp_path, base, text, options, settings))
    assert str(raised.value).startswith(message.format(**files))


def test_a_value_that_a_later_layer_leaves_unread_is_no_mistake(tmp_path):
    base = 'optimizer = "sgd"\nmomentum = 0.8'
    recipe = make_recipe(*layers(tmp_path, base, "", {"optimizer": "adam"}))
    assert (recipe.optimizer, recipe.momentum) == ("adam", 0.8)


def test_paths_are_absolute_in_the_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {"data_dir": "data", "teacher": "runs/a", "initial_weights": "/w.h5"}
    recipe = make_recipe(
        from_keywords({"network": "igp_resnet_tiny", "dataset": "folder", **paths})
    )
    assert recipe.data_dir == str(tmp_path / "data")
    assert recipe.teacher == str(tmp_path / "runs/a")
    assert recipe.initial_weights == "/w.h5"
    assert make_recipe(*named("igp_resnet_tiny"), from_keywords({"teacher": "twin"})).teacher == (
        "twin"
    )


def test_larq_zoo_takes_no_options_of_ours():
    recipe = Recipe(network="larq_zoo:BiRealNet").resolved((64, 64, 3))
    assert recipe.stem == "auto"
    with pytest.raises(RecipeError, match="is a model of larq-zoo"):
        _ = recipe.spec
    with pytest.raises(RecipeError, match="comes as larq-zoo made it: bits cannot be chosen"):
        Recipe(network="larq_zoo:BiRealNet", bits=2)
    with pytest.raises(RecipeError, match="teacher = twin is for this package's networks"):
        Recipe(network="larq_zoo:BiRealNet", teacher="twin")


def test_a_densenet_of_version_0_1_0_is_the_network_that_it_trained():
    """It kept the widths of the named network's transitions: 168,942 parameters for this one."""
    asked = {"growth_rate": 8, "blocks": (1, 1, 1, 1)}
    old = Recipe.from_json({"network": "binary_densenet51_32", "parameters": asked})
    assert old.parameters == {**asked, "transition_filters": (172, 208, 266)}
    counts = closed_form(old.spec, input_shape=(32, 32, 3), num_classes=10)
    assert counts.parameters == 168_942
    now = Recipe(network="binary_densenet51_32", parameters=asked).resolved((32, 32, 3))
    assert now.parameters["transition_filters"] == (28, 13, 9)
    assert Recipe.from_json(json.loads(json.dumps(now.to_json()))) == now
    rates = {"reduction": (2.0, 2.0, 2.0)}
    assert (
        Recipe(network="binary_densenet51_32", parameters=rates).resolved((32, 32, 3)).parameters
        == rates
    )
