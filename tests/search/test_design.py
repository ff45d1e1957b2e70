import json
import shlex

import pytest

import larq_igp
from larq_igp.analysis.paths import gradient_paths
from larq_igp.architectures import ZOO, get_spec
from larq_igp.architectures.accounting import binary_conv_shapes, closed_form
from larq_igp.search.budget import DesignError
from larq_igp.search.candidates import unfilled
from larq_igp.search.design import design

LIKE_TINY = ["design", "--like", "bireal_resnet_tiny", "--family", "igp_resnet", "--columns", "2"]


def test_finds_the_papers_networks():
    """The paper's widths are the widest that fit into the storage of their models."""
    for columns, name in ((3, "igp_resnet21_53"), (4, "igp_resnet37_41")):
        _, found = design("bireal_resnet18_64", "igp_resnet", columns=columns, blocks=(1, 1, 1, 1))
        assert [candidate.network for candidate in found] == [name]
        assert found[0].parameters == {}


@pytest.mark.parametrize(
    "like, found",
    [("binary_densenet51_32", "igp_densenet51_53"), ("binary_densenet69_32", "igp_densenet69_48")],
)
def test_finds_the_papers_densenets(like, found):
    blocks = ZOO[found].blocks
    _, (candidate,) = design(like, "igp_densenet", columns=2, blocks=blocks)
    assert (candidate.network, candidate.parameters) == (found, {})


def test_finds_one_that_is_better_in_everything():
    model, found = design(
        "bireal_resnet18_64", "igp_resnet", columns=4, budgets=("storage", "flops", "memory")
    )
    best = found[0]
    assert best.counts.storage_bits < model.counts.storage_bits
    assert best.counts.flops < model.counts.flops
    assert best.counts.runtime_memory_bytes < model.counts.runtime_memory_bytes
    assert best.block_paths[1] < model.block_paths[1] == 56 * 56 * 64 * 64 * 9
    assert get_spec(best.network, **best.parameters) == best.spec


def test_one_wider_would_not_fit():
    model, found = design(
        "bireal_resnet18_64", "igp_resnet", columns=3, budgets=("flops",), blocks=(1, 1, 1, 1)
    )
    (widest,) = found
    wider = closed_form(get_spec("igp_resnet21_53", filters=widest.spec.filters + 1))
    assert widest.counts.flops <= model.counts.flops < wider.flops


def test_every_family_is_told_by_a_name_that_builds_it():
    for family, columns in (
        ("binary_densenet", 1),
        ("ebinary_densenet", 1),
        ("igp_densenet", 2),
        ("ebireal_resnet", 1),
    ):
        for candidate in design("bireal_resnet18_64", family, columns=columns, align=32)[1]:
            spec = get_spec(candidate.network, **candidate.parameters)
            assert spec == candidate.spec
            assert (
                closed_form(spec).storage_bits
                <= closed_form(ZOO["bireal_resnet18_64"]).storage_bits
            )


def test_unfilled_words_by_arithmetic():
    spec = get_spec(
        "bireal_resnet_tiny", blocks=(1,), filters=40
    )  # 40 channels fill 40 of 64 places, 18 of 20 words
    words, tiles = unfilled(spec, (32, 32, 3))
    assert words == pytest.approx(1 - 40 / 64)
    assert tiles == pytest.approx(1 - (40 * 9) / (20 * 32))
    assert unfilled(get_spec("bireal_resnet18_64"), (224, 224, 3))[0] == 0


@pytest.mark.parametrize("name", [name for name in ZOO if name.endswith("_tiny")])
def test_binary_convolutions_add_up(name):
    macs = sum(conv.macs for conv in binary_conv_shapes(ZOO[name], input_shape=(33, 40, 3)))
    assert macs == closed_form(ZOO[name], input_shape=(33, 40, 3)).binary_macs


@pytest.mark.parametrize("widest", [3, 25, 26, 90])
def test_latency_is_bisected_with_what_measures_it(widest):
    asked = []

    def measure(spec):
        asked.append(spec.filters)
        return 10.0 if spec.family == "bireal_resnet" else 10 * spec.filters / widest

    shape = {"input_shape": (32, 32, 3), "num_classes": 10}
    _, found = design(
        "bireal_resnet_tiny",
        "igp_resnet",
        columns=2,
        blocks=(1, 1, 1),
        budgets=("latency",),
        measure=measure,
        **shape,
    )
    assert found[0].spec.filters == widest
    assert len(asked) <= 16
    assert max(asked) <= 1.4 * max(widest, 16), (
        "networks far too wide are converted and timed for nothing"
    )
    with pytest.raises(DesignError, match="needs something that measures"):
        design("bireal_resnet_tiny", "igp_resnet", columns=2, budgets=("latency",), **shape)


def test_command(igp, refused):
    arguments = [*LIKE_TINY, "--input-shape", "32,32,3"]
    document = json.loads(igp(*arguments, "--align", "8", "--json").stdout)
    best = document["candidates"][0]
    parameters = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in best["network_parameters"].items()
    }
    model = larq_igp.build(best["network"], input_shape=(32, 32, 3), **parameters)
    assert gradient_paths(model).costs[0] == 0
    text = igp(*arguments).stdout
    told = text.splitlines()[-1].split("larq-igp train ")[1].split()
    assert igp("summary", *told, "--input-shape", "32,32,3").exit_code == 0
    assert "family must be one of" in refused(
        "design", "--like", "bireal_resnet_tiny", "--family", "resnets"
    )
    assert "no igp_densenet" in refused(
        "design",
        "--like",
        "bireal_resnet_tiny",
        "--family",
        "igp_densenet",
        "--columns",
        "4",
        "--blocks",
        "40,40,40",
    )


def test_a_budget_of_latency_is_measured_on_this_host(igp):
    """Bi-Real of the same width is faster by a fifth, so one that fits is found on a busy host."""
    arguments = [
        "design",
        "--like",
        "igp_resnet_tiny",
        "--family",
        "bireal_resnet",
        "--blocks",
        "1,1,1",
        "--budget",
        "latency",
        "--budget",
        "storage",
        "--input-shape",
        "32,32,3",
        "--num-classes",
        "10",
        "--runs",
        "10",
    ]
    result = igp(*arguments, "--json")
    document = json.loads(result.stdout)
    (found,) = document["candidates"]
    assert 0 < found["latency_ms"] <= document["like"]["latency_ms"]
    assert found["storage_bits"] <= document["like"]["storage_bits"]
    assert " of igp_resnet_tiny)" in result.stderr
    assert igp("summary", *found["arguments"].split(), "--input-shape", "32,32,3").exit_code == 0


def test_a_fair_pair_for_a_data_set(igp, run_dir, refused):
    """Costs are those of its images and classes, and the command trains on them."""
    like = ["--family", "bireal_resnet", "--blocks", "1,1,1", "--json"]
    by_name = json.loads(igp("design", "--like", "igp_resnet_tiny", *like).stdout)
    on_digits = json.loads(
        igp("design", "--like", "igp_resnet_tiny", "--dataset", "digits", *like).stdout
    )
    spec = get_spec("igp_resnet_tiny")
    assert by_name["like"]["storage_bits"] == closed_form(spec).storage_bits
    counted = closed_form(spec, input_shape=(32, 32, 3), num_classes=10)
    assert on_digits["like"]["storage_bits"] == counted.storage_bits == 261_376
    (partner,) = on_digits["candidates"]
    assert partner["title"] == "bireal_resnet_tiny with filters=19"
    wider = get_spec("bireal_resnet_tiny", filters=20)
    bits = closed_form(wider, input_shape=(32, 32, 3), num_classes=10).storage_bits
    assert partner["storage_bits"] <= counted.storage_bits < bits
    of_run = json.loads(igp("design", "--like", run_dir, *like).stdout)
    assert (of_run["input_shape"], of_run["num_classes"]) == ([32, 32, 3], 10)
    text = igp("design", "--like", run_dir, *like[:-1]).stdout
    assert "--dataset digits --input-shape 32,32,3" in text
    assert "is neither" in refused("design", "--like", "larq_zoo:BiRealNet", *like)


def test_no_two_networks_have_one_name():
    """One with replaced parameters is not called as another of the registry is."""
    _, found = design("bireal_resnet18_64", "igp_resnet", columns=4, align=32)
    titles = [each.title for each in found]
    assert "igp_resnet37_41" in titles
    assert "igp_resnet37_41 with filters=32" in titles
    assert len(set(titles)) == len(titles)


def test_a_single_stage_is_told_so_that_a_shell_takes_it(igp):
    shape = ["--input-shape", "32,32,3", "--num-classes", "10"]
    text = igp(
        "design",
        "--like",
        "igp_densenet_tiny",
        "--family",
        "igp_densenet",
        "--columns",
        "2",
        "--blocks",
        "2",
        *shape,
    ).stdout
    told = shlex.split(text.splitlines()[-1].split("larq-igp train ")[1])
    assert igp("summary", *told, *shape).exit_code == 0


def test_what_cannot_be_is_said_as_it_is(refused):
    like = ["design", "--like", "bireal_resnet_tiny", "--family"]
    assert "columns" in refused(*like, "bireal_resnet", "--columns", "4")
    assert "blocks must be" in refused(*like, "igp_resnet", "--columns", "2", "--blocks", "0")
