"""The one rule for transition widths: shares are kept, whichever way a request comes."""

import itertools
import json

import pytest

import larq_igp
from larq_igp import models
from larq_igp.architectures import ZOO, DenseNetSpec, get_spec
from larq_igp.architectures.accounting import closed_form
from larq_igp.architectures.transitions import filters_by_share, reduced_filters
from larq_igp.architectures.zoo import replace_parameters
from larq_igp.search.design import design
from larq_igp.training.recipe import Recipe

DENSENETS = [name for name, row in ZOO.items() if isinstance(row, DenseNetSpec)]
SMALL_DENSENET = {"growth_rate": 8, "blocks": (1, 1, 1, 1)}


@pytest.mark.parametrize(
    "filters, reduction, expected",
    # as larq-zoo and BMXNet round: floor of the quotient, then the nearest multiple of 32
    [
        (448, 2.7, 160),
        (544, 2.7, 192),
        (576, 2.2, 256),
        (448, 3.3, 128),
        (640, 3.3, 192),
        (960, 4, 256),
        (10, 4, 32),
    ],
)
def test_reduced_filters(filters, reduction, expected):
    assert reduced_filters(filters, reduction) == expected


def test_reduction_becomes_transition_filters():
    spec = DenseNetSpec(
        family="binary_densenet", growth_rate=64, blocks=(6, 6, 6, 5), reduction=(2.7, 2.7, 2.2)
    )
    assert spec.transition_filters == (160, 192, 256)


def test_each_transition_keeps_its_share():
    """BinaryDenseNet51(32) has 64 + 12 * 32 channels before its first transition, 172 after it."""
    shares = (172 / (64 + 12 * 32), 208 / (172 + 12 * 32), 266 / (208 + 12 * 32))
    assert ZOO["binary_densenet51_32"].transition_shares == shares
    first = round(shares[0] * (64 + 8))
    second = round(shares[1] * (first + 8))
    third = round(shares[2] * (second + 8))
    assert (first, second, third) == (28, 13, 9)
    assert get_spec("binary_densenet51_32", **SMALL_DENSENET).transition_filters == (28, 13, 9)


@pytest.mark.parametrize(
    "stem, growths, shares, expected",
    [
        (64, (8, 8, 8), (0.5, 0.5, 0.5), (36, 22, 15)),
        (64, (8, 8, 8), (0.5,), (36, 22, 15)),  # the last one holds for those beyond
        (64, (8,), (0.25, 0.5), (18,)),
        (64, (8, 8), (), (36, 22)),  # half, where there is none
        (1, (1, 1), (0.1, 0.1), (1, 1)),
        (64, (), (0.5,), ()),
    ],
)
def test_filters_by_share(stem, growths, shares, expected):
    assert filters_by_share(stem, growths, shares) == expected


@pytest.mark.parametrize("name", DENSENETS)
def test_named_networks_keep_their_widths(name):
    row = ZOO[name]
    for parameters in (
        {},
        {"growth_rate": row.growth_rate, "blocks": row.blocks},
        {"transition_filters": None, "reduction": None},
    ):
        assert get_spec(name, **parameters) == row


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("binary_densenet51_32", {"growth_rate": 16}),
        ("binary_densenet51_32", {"blocks": (2, 2)}),
        ("binary_densenet51_32", {"blocks": (2, 2, 2, 2, 2)}),
        ("binary_densenet69_32", {"stem_filters": 32}),
        ("igp_densenet51_53", {"columns": 3, "growth_rate": 20}),
        ("binary_densenet51_32", {"family": "ebinary_densenet", "growth_rate": 16}),
    ],
)
def test_whatever_is_replaced_the_widths_follow(name, parameters):
    spec, row = get_spec(name, **parameters), ZOO[name]
    growths = [blocks * spec.growth_rate for blocks in spec.blocks[:-1]]
    expected = filters_by_share(spec.stem_filters, growths, row.transition_shares)
    assert spec.transition_filters == expected


def test_less_growth_is_never_a_wider_transition():
    widths = [
        get_spec("binary_densenet69_32", growth_rate=growth).transition_filters
        for growth in range(1, 64)
    ]
    assert all(
        narrow <= wide
        for before, after in itertools.pairwise(widths)
        for narrow, wide in zip(before, after, strict=True)
    )


def test_widths_that_are_given_hold():
    assert get_spec("binary_densenet51_32", growth_rate=8, transition_filters=(5, 6, 7)) == (
        DenseNetSpec(
            family="binary_densenet",
            growth_rate=8,
            blocks=(12, 12, 12, 10),
            transition_filters=(5, 6, 7),
        )
    )
    by_rates = get_spec("binary_densenet51_32", reduction=(2.0, 2.0, 2.0))
    assert by_rates.transition_filters == (224, 320, 352)


@pytest.mark.parametrize("name", ["binary_densenet51_32", "ebinary_densenet51_32"])
def test_one_request_is_one_network_by_name_builder_command_and_design(name, igp):
    family = name.removesuffix("51_32")
    options = {**SMALL_DENSENET, "input_shape": (32, 32, 3), "num_classes": 10}
    expected = closed_form(
        get_spec(name, **SMALL_DENSENET), input_shape=(32, 32, 3), num_classes=10
    ).parameters
    assert larq_igp.build(name, **options).count_params() == expected
    assert getattr(models, family)(**options).count_params() == expected
    arguments = ["--growth-rate", 8, "--blocks", "1,1,1,1"]
    shape = ["--input-shape", "32,32,3", "--num-classes", "10"]
    document = json.loads(igp("summary", name, *arguments, *shape, "--json").stdout)
    assert document["parameters"] == expected
    recipe = Recipe(network=name, parameters=SMALL_DENSENET)
    assert recipe.spec == get_spec(name, **SMALL_DENSENET)


def test_train_takes_the_same_request(igp):
    arguments = ["--growth-rate", 8, "--blocks", "1,1,1,1", "--dataset", "digits", "--dry-run"]
    document = json.loads(igp("train", "binary_densenet51_32", *arguments, "--json").stdout)
    spec = get_spec("binary_densenet51_32", **SMALL_DENSENET)
    shape = tuple(document["input_shape"])
    counts = closed_form(spec, input_shape=shape, num_classes=10)
    assert document["parameters"] == counts.parameters


@pytest.mark.parametrize("like", ["binary_densenet51_32", "bireal_resnet18_64"])
def test_design_tells_networks_of_the_same_rule(like):
    for candidate in design(like, "igp_densenet", columns=2)[1]:
        assert "transition_filters" not in candidate.parameters
        assert candidate.spec == get_spec(candidate.network, **candidate.parameters)
        fields = ("growth_rate", "blocks", "columns", "stem_filters")
        numbers = {name: getattr(candidate.spec, name) for name in fields}
        assert candidate.spec == get_spec(candidate.network, **numbers)


def test_a_specification_that_is_replaced_follows_the_rule_too():
    spec = DenseNetSpec(
        family="binary_densenet", growth_rate=8, blocks=(1, 1), transition_filters=(9,)
    )
    assert replace_parameters(spec) == spec  # 9 of 64 + 8 channels pass, then 10 of 64 + 16
    assert replace_parameters(spec, growth_rate=16).transition_filters == (10,)
