"""Every row of the paper's Tables 1 and 3 has a file; all of one table share one recipe."""

from dataclasses import fields

import pytest

from larq_igp.paper.table1 import TABLE1
from larq_igp.paper.table3 import TABLE3
from larq_igp.training.recipe import Recipe, make_recipe
from larq_igp.training.recipe.sources import named
from tests.conftest import ROOT

EXPERIMENTS = ROOT / "experiments"
FILES = sorted(EXPERIMENTS.glob("table*/*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_file_is_a_recipe_and_names_its_command(path):
    recipe = make_recipe(*named(str(path)))
    assert recipe.spec.depth > 17
    assert f"larq-igp train {path.relative_to(EXPERIMENTS.parent)}" in path.read_text()


def test_table_1_is_complete_and_names_its_figures():
    recipes = {
        path: make_recipe(*named(str(path))) for path in (EXPERIMENTS / "table1").glob("*.toml")
    }
    by_row = {(recipe.network, recipe.bits): path for path, recipe in recipes.items()}
    assert by_row.keys() == {(row.network, row.bits) for row in TABLE1}
    for row in TABLE1:
        text = by_row[row.network, row.bits].read_text()
        assert f"{row.title}, {row.bits} bit" in text
        assert f"top-1 {row.top1_error} %, top-5 {row.top5_error} %" in text


def test_table_3_is_complete_and_names_its_figures():
    recipes = {
        path: make_recipe(*named(str(path))) for path in (EXPERIMENTS / "table3").glob("*.toml")
    }
    assert sorted(recipe.network for recipe in recipes.values()) == sorted(TABLE3)
    for path, recipe in recipes.items():
        row = TABLE3[recipe.network]
        assert recipe.bits == 1
        assert row.title in path.read_text()
        assert f"top-1 {row.top1_error} %, top-5 {row.top5_error} %" in path.read_text()


@pytest.mark.parametrize("table, dataset", [("table1", "cifar100"), ("table3", "imagenet2012")])
def test_what_is_compared_shares_one_recipe(table, dataset):
    recipes = [make_recipe(*named(str(path))) for path in (EXPERIMENTS / table).glob("*.toml")]
    assert {recipe.dataset for recipe in recipes} == {dataset}
    for field in fields(Recipe):
        if field.name not in ("network", "bits", "parameters"):
            assert len({getattr(recipe, field.name) for recipe in recipes}) == 1, field.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_file_says_what_to_expect_and_what_came_out(path):
    comments = " ".join(
        line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#")
    )
    assert "The paper's error: top-1" in comments
    assert "Expected: within two points of that" in comments
    assert ("Not run here." in comments) != ("Came out: top-1" in comments)
