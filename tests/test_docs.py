"""What is made from the code is what the documentation says."""

import subprocess

import pytest

from experiments.fashion_mnist.__main__ import RESULTS
from experiments.fashion_mnist.charts import FIGURES, source_text
from experiments.fashion_mnist.report import report_text
from experiments.fashion_mnist.rows import read_rows
from tests.conftest import ROOT
from tests.docs import BLOCKS, block

COLUMNS = 100


@pytest.mark.parametrize("file, marker", BLOCKS)
def test_the_tables_are_current(file, marker):
    assert block(file, marker) == BLOCKS[file, marker]()


def test_the_report_of_the_experiment_is_current():
    rows = read_rows(RESULTS)
    assert RESULTS.with_suffix(".md").read_text() == report_text(rows)
    for name in FIGURES:
        drawn = RESULTS.with_name(f"{RESULTS.stem}_{name}.svg").read_text()
        assert source_text(rows) in drawn, f"{name} is of other rows: make docs"


def test_prose_is_at_most_100_columns_wide():
    """Tables, code and what is generated may be wider."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    written = [name for name in listed.stdout.splitlines() if "/results/" not in name]
    assert "README.md" in written
    wide = []
    for name in written:
        is_code = False
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            is_code ^= line.lstrip().startswith("```")
            is_free = is_code or line.startswith(("|", "    "))
            if len(line) > COLUMNS and not is_free:
                wide.append(f"{name}:{number}")
    assert wide == []
