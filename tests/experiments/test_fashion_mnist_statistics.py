"""Means, intervals and correlations against scipy and hand arithmetic; reports of what is there."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.fashion_mnist.charts import write_charts
from experiments.fashion_mnist.networks import NETWORKS, block_path_costs
from experiments.fashion_mnist.plan import Run, runs_in_order
from experiments.fashion_mnist.report import (
    AS_MANY,
    FEWER,
    MORE,
    correlations,
    outcome,
    report_text,
)
from experiments.fashion_mnist.statistics import errors, paired, rank_correlation, sample
from larq_igp.paper.results import Sample


def row(run: Run, test_error: float, validation_error: float | None = None) -> dict[str, str]:
    validation = test_error if validation_error is None else validation_error
    return {
        "run": run.name,
        "network": run.network,
        "bits": str(run.bits),
        "seed": str(run.seed),
        "epochs": str(run.epochs),
        "learning_rate": str(run.learning_rate),
        "block_n_1st": str(block_path_costs(run.network)[0]),
        "block_n_2nd": str(block_path_costs(run.network)[1]),
        "test_top1": str(1 - test_error / 100),
        "validation_top1": str(1 - validation / 100),
        "cpu_seconds": "1800",
        "train_seconds": "3600",
        "tensorflow": "2.19.1",
        "cpu": "a processor",
        "threads": "1",
    }


def all_rows() -> list[dict[str, str]]:
    """A row for each run; errors are ranked as the path costs, but for networks of equal cost."""
    ranked = sorted(NETWORKS, key=lambda name: block_path_costs(name)[1])
    rows: list[dict[str, str]] = []
    for _ in range(2):  # after the first time validation has chosen
        finished = {each["run"] for each in rows}
        rows += [
            row(run, 9 + 0.1 * ranked.index(run.network) + 0.01 * run.seed)
            for run in runs_in_order(rows)
            if run.name not in finished
        ]
    return rows


def test_mean_deviation_and_interval():
    values = (9.0, 10.0, 12.0)
    one = Sample(values)
    assert (one.n, one.mean) == (3, pytest.approx(31 / 3))
    assert one.deviation == pytest.approx(math.sqrt(sum((v - 31 / 3) ** 2 for v in values) / 2))
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert one.interval == pytest.approx(expected)


def test_one_value_has_no_spread():
    one = Sample((10.0,))
    assert (one.deviation, one.interval) == (None, None)


def test_pairs_are_of_the_same_seed():
    difference = paired({0: 10.0, 1: 11.0, 3: 9.0}, {1: 10.5, 3: 9.25, 4: 1.0})
    assert difference.values == (0.5, -0.25)
    # Two values: t with one degree of freedom is the Cauchy distribution, tan(0.475 pi) = 12.7062
    half = math.tan(0.475 * math.pi) * 0.375
    assert difference.interval == pytest.approx((0.125 - half, 0.125 + half))
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_interval_is_that_of_the_paired_t_test():
    first, second = {0: 10.2, 1: 10.9, 2: 10.1, 3: 10.6}, {0: 10.0, 1: 10.1, 2: 10.2, 3: 10.0}
    test = stats.ttest_rel(list(first.values()), list(second.values()))
    low, high = test.confidence_interval(0.95)
    assert paired(first, second).interval == pytest.approx((low, high))


@pytest.mark.parametrize(
    "values, expected, said",
    [
        ((-1.0, -1.1, -0.9), FEWER, "agrees"),
        ((-1.0, -1.1, -0.9), MORE, "disagrees"),
        ((1.0, 1.1, 0.9), MORE, "agrees"),
        ((1.0, 1.1, 0.9), AS_MANY, "disagrees"),
        ((1.0, -1.1, 0.9), AS_MANY, "undecided"),
        ((1.0, -1.1, 0.9), FEWER, "undecided"),
        ((-1.0,), FEWER, "open"),
    ],
)
def test_only_an_interval_without_0_decides(values, expected, said):
    assert outcome(Sample(values), expected) == said
    assert outcome(None, expected) == "open"


def test_rank_correlation():
    assert rank_correlation([(1, 1.0), (2, 4.0), (3, 9.0)]).rho == pytest.approx(1)
    # Ranks 1 2 3 4 and 2 1 4 3: rho = 1 - 6 * 4 / (4 * 15)
    assert rank_correlation([(1, 5), (2, 4), (3, 8), (4, 7)]).rho == pytest.approx(0.6)
    assert rank_correlation([(1, 5), (2, 4)]) is None
    assert rank_correlation([(1, 5), (1, 4), (1, 3)]) is None


def test_errors_are_of_one_kind_of_run():
    rows = [
        row(Run("igp3", seed=1), 10.0, 11.0),
        row(Run("igp3", bits=2), 1.0),
        row(Run("igp3", epochs=36), 2.0),
        row(Run("igp3", learning_rate=2e-3), 3.0),
        row(Run("igp4"), 4.0),
    ]
    assert errors(rows, Run("igp3")) == {1: pytest.approx(10.0)}
    assert errors(rows, Run("igp3"), "validation") == {1: pytest.approx(11.0)}
    assert sample(errors(rows, Run("resnet"))) is None


def test_a_first_path_that_costs_comes_before_the_second():
    # N_2nd: 778, 1,556, 1,708 and 2,572 thousand; N_1st of igp3_no_identity is not 0.
    test_errors = {"igp3": 9.0, "igp3_no_identity": 12.0, "igp3_no_short": 10.0, "resnet": 11.0}
    found = correlations([row(Run(name), error) for name, error in test_errors.items()])
    # Ranks 1 2 3 4 and 1 4 2 3: rho = 1 - 6 * 6 / (4 * 15)
    assert found["all residual networks"].rho == pytest.approx(0.4)
    assert found["all residual networks, N_1st compared first"].rho == pytest.approx(1)


def test_complete_report():
    rows = all_rows()
    found = correlations(rows)
    del found["all residual networks, N_1st compared first"]  # errors here are ranked by N_2nd
    assert all(each.rho > 0.95 for each in found.values())
    text = report_text(rows)
    assert "No run is missing." in text
    assert f"{len(rows)} runs, {len(rows) / 2:.1f} CPU hours, {len(rows):.1f} hours" in text
    assert "Validation prefers `igp5`" in text
    rank = sorted(NETWORKS, key=lambda name: block_path_costs(name)[1]).index("bireal")
    cell = f"| 5 | {9 + 0.1 * rank + 0.02:.2f} ± 0.02 |"  # of 0.00, 0.01, ..., 0.04
    line = next(line for line in text.splitlines() if line.startswith("| `bireal`: "))
    assert cell in line


@pytest.mark.parametrize("count", [0, 1, 13])
def test_what_is_missing_is_named(count, tmp_path):
    planned = runs_in_order([])
    rows = [row(run, 10.0 + place / 10) for place, run in enumerate(planned[:count])]
    text = report_text(rows)
    assert f"{len(planned) - count} runs are missing" in text
    assert "igp5-1bit-12epochs" in text
    for path in write_charts(rows, tmp_path, "out"):
        assert path.read_text().count("<svg") == 1


def test_the_same_rows_give_the_same_charts(tmp_path):
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        paths = write_charts(all_rows(), tmp_path / name, "out")
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
