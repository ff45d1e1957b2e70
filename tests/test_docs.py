"""What is made from the code is what the documentation says."""

import pytest

from tests.docs import BLOCKS, block


@pytest.mark.parametrize("file, marker", BLOCKS)
def test_the_tables_are_current(file, marker):
    assert block(file, marker) == BLOCKS[file, marker]()
