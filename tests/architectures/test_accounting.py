"""The closed form against the paper, by hand and against golden numbers.

The built graph is compared in tests/analysis.
"""

import json
from pathlib import Path

import pytest

from larq_igp.architectures import ZOO, ResNetSpec, get_spec
from larq_igp.architectures.accounting import closed_form, halved
from larq_igp.cli.costs import cost_cells
from larq_igp.paper.table3 import TABLE3
from tests.golden import GOLDEN, golden_counts


@pytest.mark.parametrize("name", TABLE3)
def test_table3_to_the_printed_digit(name):
    row = TABLE3[name]
    assert cost_cells(closed_form(ZOO[name])) == (row.storage, row.flops, row.runtime_memory)


def test_golden_counts_cover_the_registry():
    golden = json.loads(Path(GOLDEN).read_text())
    assert golden == golden_counts(), "run `make golden` and review the difference"
    assert set(golden) == set(ZOO)


def test_one_stage_by_hand():
    spec = ResNetSpec(family="bireal_resnet", filters=8, blocks=(1,))
    counts = closed_form(spec, input_shape=(28, 30, 1), num_classes=5)
    pixels = 28 * 30
    assert counts.kernel_weights == {32: 3 * 3 * 1 * 8 + 8 * 5, 1: 2 * (3 * 3 * 8 * 8)}
    assert counts.macs == {32: pixels * 3 * 3 * 1 * 8 + 8 * 5, 1: pixels * 2 * (3 * 3 * 8 * 8)}
    assert counts.storage_bits == 32 * (3 * 3 * 1 * 8 + 8 * 5) + 2 * (3 * 3 * 8 * 8)
    assert counts.flops == pixels * 72 + 40 + pixels * 2 * 576 // 64
    assert counts.parameters == 72 + 2 * 576 + 3 * (4 * 8) + 8 * 5 + 5
    assert counts.runtime_memory_bytes == 3 * 8 * pixels * 4 * 64


def test_two_bits_count_four_binary_macs():
    one, two = (closed_form(get_spec("bireal_resnet18_64"), bits=bits) for bits in (1, 2))
    assert two.flops - two.float_macs == 4 * (one.flops - one.float_macs)
    assert two.storage_bits - one.storage_bits == one.kernel_weights[1]


def test_full_precision_counts_every_mac():
    counts = closed_form(get_spec("resnet18_64"), bits=32)
    assert counts.flops == counts.float_macs == sum(counts.macs.values())
    assert counts.binary_macs == 0


@pytest.mark.parametrize("side, times, expected", [(28, 1, 14), (7, 1, 4), (28, 3, 4), (33, 2, 9)])
def test_halved_rounds_up(side, times, expected):
    assert halved(side, times) == expected
