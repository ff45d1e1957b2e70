"""What the buffers of one model may take together, in a process whose memory is limited."""

import subprocess
import sys

import pytest
from binary_conv import Case, Conv
from tflite_file import Graph

LIMITED = """
import resource, sys
import numpy as np
import larq_igp_runtime
resource.setrlimit(resource.RLIMIT_AS, (10 << 30, 10 << 30))
try:
    larq_igp_runtime.Interpreter(sys.stdin.buffer.read())
except larq_igp_runtime.ModelError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20)
"""


def dilated(convolutions: int) -> bytes:
    """Convolutions of a pixel each; with the zeros around it, that has 1.9 GiB."""
    conv = Conv(size=(1, 1), channels_in=33, dilations=(8000, 8000), pad_values=1)
    graph = Graph()
    inputs = [graph.input((1, 1, 1, 2), "int32") for _ in range(convolutions)]
    return graph.file([Case(conv).append_to(graph, x) for x in inputs])


@pytest.mark.parametrize("convolutions, is_refused", [(1, False), (3, True)])
def test_a_model_takes_no_more_than_its_budget(convolutions, is_refused):
    command = [sys.executable, "-c", LIMITED]
    finished = subprocess.run(
        command, input=dilated(convolutions), capture_output=True, timeout=120
    )
    *said, gibibytes = finished.stdout.decode().splitlines()
    assert bool(said) == is_refused, finished.stderr.decode()
    assert all("out of memory for the padded input" in line for line in said)
    assert int(gibibytes) < 5
