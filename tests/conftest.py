"""What tests share: real data, one short training run, and a rule that CI skips nothing."""

import os
import sys
from pathlib import Path

import pytest

import larq_igp  # noqa: F401  selects Keras 2 before any test imports TensorFlow
from larq_igp.data.datasets import FASHION_DEBIAN
from larq_igp.data.idx import find_idx_folder
from larq_igp.packages import BY_MODULE, why_lce_cannot_run

if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are shared out among the processes already
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

ROOT = Path(__file__).parents[1]
"""The checkout."""
SMALL = {"input_shape": (32, 32, 3), "num_classes": 10}
HANGS_SECONDS = 600
"""A process that takes so long hangs; on a busy machine the same work takes three times as long as
on an idle one.
"""


def missing(resource: str) -> None:
    """Skip a test for want of a resource; in CI, where all are installed, fail it."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{resource} is not installed")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """A cache of the tests' own, also for the processes that they start."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup():
    same_weights()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call():
    same_weights()


def same_weights() -> None:
    """Draw the same weights in every run and order of tests, so that a test fails always or never.

    Called before each fixture and each test.
    """
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].keras.utils.set_random_seed(0)


def pytest_runtest_setup(item):
    """Skip what compares with Larq Compute Engine on a Python that it has no wheels for."""
    package = BY_MODULE["larq_compute_engine"]
    if not item.get_closest_marker("lce"):
        return
    if package.is_installed and (why := why_lce_cannot_run()):
        pytest.skip(f"{package.name} {why}")
    if not package.is_installed:
        if sys.version_info >= package.python_below:
            pytest.skip(f"{package.name} has no wheel for this Python")
        missing(package.name)


@pytest.fixture(scope="session")
def fashion_folder() -> Path:
    """The folder of Debian's package dataset-fashion-mnist."""
    if find_idx_folder(FASHION_DEBIAN) is None:
        missing("Debian's package dataset-fashion-mnist")
    return FASHION_DEBIAN


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory) -> Path:
    """A finished training run: IGP-ResNet on the digits, three epochs, in a path with a space."""
    from larq_igp.training.fit.train import train
    from larq_igp.training.recipe import Recipe

    folder = tmp_path_factory.mktemp("runs") / "a run"
    train(Recipe(network="igp_resnet_tiny", epochs=3), folder, verbose=0)
    return folder


@pytest.fixture()
def igp():
    """Call the command line in this process:

    ``igp("list", "--json")`` gives its exit code, output and errors.
    """
    from click.testing import CliRunner

    from larq_igp.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture()
def refused(igp):
    """Call the command line with something it must refuse:

    one sentence on standard error, nothing on standard output, exit code 2.
    """

    def call(*arguments) -> str:
        result = igp(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr

    return call
