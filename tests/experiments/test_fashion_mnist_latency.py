"""File size and latency at 1, 2 and 32 bits: what is measured, and that it fits the networks."""

import pytest

from benchmarks.latency_table3 import read_rows
from experiments.fashion_mnist.latency import (
    BITS,
    COLUMNS,
    ENGINES,
    LATENCIES,
    MEASURED,
    fastest,
    make_file,
    measure,
)
from experiments.fashion_mnist.networks import NETWORKS


@pytest.fixture(scope="module")
def files():
    return {bits: make_file("bireal", bits) for bits in BITS}


@pytest.mark.lce
def test_every_network_width_and_engine_has_a_row(files):
    rows = measure(runs=5, make=lambda name, bits: files[bits])
    kinds = [(row["network"], row["bits"], row["engine"]) for row in rows]
    expected = [
        (name, bits, engine) for name in MEASURED for bits in BITS for engine in ENGINES[bits]
    ]
    assert kinds == expected
    assert all(set(row) == set(COLUMNS) and row["latency_ms_median"] > 0 for row in rows)


def test_committed_rows_are_of_these_files(files):
    rows = read_rows(LATENCIES)
    for bits, content in files.items():
        assert int(fastest(rows, "bireal", bits)["file_bytes"]) == len(content)
    assert {(row["network"], int(row["bits"])) for row in rows} == {
        (name, bits) for name in MEASURED for bits in BITS
    }


def test_only_one_bit_makes_a_file_small(files):
    """A file holds the kernels at their width, or at 32 bits where no engine has a kernel."""
    storage = {bits: NETWORKS["bireal"].counts(bits).storage_bits / 8 for bits in BITS}
    assert storage[1] < len(files[1]) < 1.3 * storage[1]
    for bits in (2, 32):
        assert storage[32] < len(files[bits]) < 1.1 * storage[32]
