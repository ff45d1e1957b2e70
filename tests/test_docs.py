"""What is made from the code is what the documentation says."""

import pytest

from experiments.fashion_mnist.__main__ import RESULTS
from experiments.fashion_mnist.charts import FIGURES, source_text
from experiments.fashion_mnist.report import report_text
from experiments.fashion_mnist.rows import read_rows
from tests.docs import BLOCKS, block


@pytest.mark.parametrize("file, marker", BLOCKS)
def test_the_tables_are_current(file, marker):
    assert block(file, marker) == BLOCKS[file, marker]()


def test_the_report_of_the_experiment_is_current():
    rows = read_rows(RESULTS)
    assert RESULTS.with_suffix(".md").read_text() == report_text(rows)
    for name in FIGURES:
        drawn = RESULTS.with_name(f"{RESULTS.stem}_{name}.svg").read_text()
        assert source_text(rows) in drawn, f"{name} is of other rows: make docs"
