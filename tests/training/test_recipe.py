import json

import pytest

from larq_igp.architectures import UnknownNetworkError
from larq_igp.errors import UserError
from larq_igp.training.recipe import Recipe, RecipeError
from larq_igp.training.schedules import SCHEDULES, learning_rate_schedule, total_steps


def test_a_recipe_survives_json():
    recipe = Recipe(network="igp_resnet_tiny", parameters={"blocks": (1, 2, 1), "filters": 8}, input_shape=(28, 28, 1))
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"epochs": 0}, "epochs must be a positive integer; got 0"),
        ({"batch_size": -1}, "batch_size must be a positive integer; got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0; got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0; got nan"),
        ({"schedule": "step"}, "schedule must be one of constant, linear, cosine; got 'step'"),
        ({"seed": -1}, "seed must be from 0"),
        ({"parameters": {"growth_rate": 3}}, "growth_rate is not a parameter of igp_resnet"),
    ],
)
def test_a_bad_recipe_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Recipe(network="igp_resnet_tiny", **fields)


def test_unknown_networks_and_fields_are_refused():
    with pytest.raises(UnknownNetworkError):
        Recipe(network="vgg")
    with pytest.raises(RecipeError, match="unknown field epoch"):
        Recipe.from_json({"network": "igp_resnet_tiny", "epoch": 3})
    with pytest.raises(RecipeError, match="network is missing"):
        Recipe.from_json({"epochs": 3})


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


def test_every_schedule_can_be_made():
    assert all(learning_rate_schedule(name, 0.1, 10) is not None for name in SCHEDULES)
