"""The documentation as a site."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SPHINX = [Path(sys.executable).with_name("sphinx-build"), "-q", "-W", "--keep-going", "-b", "html"]


def build(source: Path, to: Path) -> subprocess.CompletedProcess:
    """Build a site as ``make site`` does."""
    command = [*SPHINX, "-c", ROOT / "docs" / "site", source, to]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_built_without_a_warning(tmp_path):
    finished = build(ROOT, tmp_path)
    assert finished.returncode == 0, finished.stderr
    commands = (tmp_path / "docs" / "reference" / "commands.html").read_text()
    assert "larq-igp-convert" in commands and "--dense" in commands
    functions = (tmp_path / "docs" / "reference" / "python.html").read_text()
    assert "larq_igp.trained.Trained.probabilities" in functions
    assert "fashion_mnist_errors" in (tmp_path / "README.html").read_text()


def test_a_broken_link_is_a_warning(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Page\n\n[gone](nowhere.md) [x](#no-place)\n")
    finished = build(tmp_path, tmp_path / "site")
    assert finished.returncode == 1
    assert "nowhere.md" in finished.stderr and "no-place" in finished.stderr
