"""Which networks are compared, what they cost, and in which order they are trained."""

import dataclasses

import pytest

import larq_igp
from experiments.fashion_mnist.networks import (
    ABLATIONS,
    IGP_RESNETS,
    INPUT_SHAPE,
    NETWORKS,
    STEM,
    TOLERANCE,
    block_path_costs,
    network_path_costs,
)
from experiments.fashion_mnist.plan import EPOCHS, LONGER, Run, chosen_igp, runs_in_order
from larq_igp.analysis.paths import distances_to_target, path_cost
from larq_igp.architectures.accounting import Counts
from larq_igp.graph import read_graph

FIRST = {"resnet": NETWORKS["resnet"], "densenet": NETWORKS["dense"]}


def distance(counts: Counts, budget: Counts) -> float:
    """The larger relative difference of storage and FLOPs."""
    pairs = ((counts.storage_bits, budget.storage_bits), (counts.flops, budget.flops))
    return max(abs(mine / whole - 1) for mine, whole in pairs)


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_are_equal_within_the_stated_tolerance(name):
    network = NETWORKS[name]
    assert distance(network.counts(), FIRST[network.group].counts()) <= TOLERANCE


@pytest.mark.parametrize("name", [n for n in NETWORKS if n.startswith("igp") and n != "igp_dense"])
def test_no_other_width_is_nearer(name):
    network = NETWORKS[name]
    budget = FIRST["resnet"].counts()
    for change in (-1, 1):
        filters = network.parameters["filters"] + change
        other = dataclasses.replace(network, parameters=network.parameters | {"filters": filters})
        assert distance(network.counts(), budget) < distance(other.counts(), budget)


def test_path_costs_by_hand():
    pair, fractal = (9 * width * width * 14 * 14 for width in (27, 21))
    assert block_path_costs("resnet") == (0, 2 * pair)
    assert block_path_costs("bireal") == block_path_costs("ebireal") == (0, pair, 2 * pair)
    assert block_path_costs("igp3") == block_path_costs("igp3_block") == (0, fractal, 2 * fractal)
    assert block_path_costs("igp3_no_identity") == (fractal, 2 * fractal, 3 * fractal)
    wider = 9 * 22 * 22 * 14 * 14
    assert block_path_costs("igp3_no_short") == (0, 2 * wider, 3 * wider)
    assert block_path_costs("dense") == (0, 9 * 24 * 16 * 196, 9 * (24 + 16) * 16 * 196)


def layer_path_costs(name):
    """Return ``N_1st`` from each binary convolution to the network's output."""
    model = larq_igp.build(NETWORKS[name].spec, input_shape=INPUT_SHAPE, stem=STEM)
    graph = read_graph(model)
    costs = zip(graph.calls, distances_to_target(graph, k=1), strict=True)
    return tuple(cheapest for call, (cheapest,) in costs if path_cost(call) is not None)


def test_which_networks_have_a_free_path_from_every_layer():
    """What docs/evidence.md divides the residual networks by; more columns have the same block."""
    names = ("resnet", "bireal", "ebireal", "igp3", *ABLATIONS)
    free = {name for name in names if max(layer_path_costs(name)) == 0}
    assert free == {"bireal", "ebireal", "igp3"}
    # Of a pair of layers of a ResNet, the first has the second behind it.
    second = [9 * width * width * side * side for width, side in [(27, 14), (54, 7), (108, 4)]]
    assert layer_path_costs("resnet") == (
        second[0], 0, *(second[1], 0) * 2, *(second[2], 0) * 2
    )  # fmt: skip


def test_paths_get_shorter_from_resnet_to_five_columns():
    order = ("resnet", "bireal", "igp3", "igp4", "igp5")
    costs = [block_path_costs(name)[1] for name in order]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)


def test_without_any_identity_a_network_has_no_free_path():
    fractal = 9 * 21 * 21 * 14 * 14
    stages = fractal + 9 * 42 * 42 * 7 * 7 + 9 * 84 * 84 * 4 * 4
    assert network_path_costs("igp3_no_identity")[0] == stages


def row(run: Run, validation: float, test: float = 0.5) -> dict[str, str]:
    return {"run": run.name, "validation_top1": str(validation), "test_top1": str(test)}


def rows_of_igp(accuracies: dict[str, float]) -> list[dict[str, str]]:
    """Rows in which a better validation accuracy goes with a worse one on the test split."""
    return [
        row(Run(name, seed=seed), accuracy, 1 - accuracy)
        for name, accuracy in accuracies.items()
        for seed in range(3)
    ]


def test_validation_chooses_the_igp_resnet():
    rows = rows_of_igp({"igp3": 0.88, "igp4": 0.90, "igp5": 0.89})
    assert chosen_igp(rows) == "igp4"
    assert chosen_igp(rows[:-1]) is None


def test_seed_0_of_every_network_comes_first():
    first = runs_in_order([])[: len(NETWORKS)]
    assert {run.network for run in first} == set(NETWORKS)
    assert {(run.bits, run.seed, run.epochs) for run in first} == {(1, 0, EPOCHS)}


def test_every_network_has_its_seeds():
    rows = rows_of_igp({"igp3": 0.88, "igp4": 0.90, "igp5": 0.89})
    planned = runs_in_order(rows)
    assert len({run.name for run in planned}) == len(planned)
    for name in NETWORKS:
        seeds = 5 if name in ("resnet", "bireal", "igp4") else 3
        assert set(range(seeds)) == {run.seed for run in planned if run == Run(name, seed=run.seed)}
        assert (Run(name, bits=32) in planned) == (name not in ABLATIONS)
    for name in ("bireal", "igp4"):
        assert Run(name, bits=2, seed=2) in planned
        assert Run(name, epochs=LONGER * EPOCHS) in planned


def test_until_validation_has_chosen_no_igp_resnet_has_more_runs():
    longer = {run.network for run in runs_in_order([]) if run.epochs > EPOCHS}
    assert longer == {"bireal"}
    assert not set(IGP_RESNETS) & longer
