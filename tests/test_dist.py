"""The wheels that `make dist` builds, in empty environments, as a user has them."""

import configparser
import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from larq_igp.packages import BY_MODULE
from tests.conftest import ROOT, missing

PYTHONS = ("3.10", "3.12", "3.13")
README = (ROOT / "README.md").read_text()
PACKAGES = {"larq_igp": ROOT, "larq_igp_runtime": ROOT / "runtime"}


def shell(command: str, folder: Path, **environment) -> str:
    """Run a command as typed, without this checkout; return what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        command, shell=True, cwd=folder, env=variables | environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"
    return finished.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """What `make dist` builds from a clean clone; LARQ_IGP_DIST names a folder that has it."""
    if ready := os.environ.get("LARQ_IGP_DIST"):
        return Path(ready)
    clone = tmp_path_factory.mktemp("dist") / "clone"
    shell(f"git clone --quiet {shlex.quote(str(ROOT))} {clone}", ROOT)
    shell(f"make dist PYTHON={shlex.quote(sys.executable)}", clone)
    return clone / "dist"


def python(version: str) -> str:
    """Return this version of Python, as the Makefile finds it."""
    text = f"include Makefile\n$(info $(call python_of,{minor(version)},{minor(version)}))"
    found = shell(f"make --silent --file - help <<'END'\n{text}\nEND", ROOT).splitlines()[0]
    return found or missing(f"Python {version}")


def minor(version: str) -> int:
    return int(version.split(".")[1])


@pytest.mark.slow
def test_archives_hold_the_package_and_nothing_else(dist):
    names = sorted(path.name for path in dist.iterdir())
    version = r"\d+\.\d+\.\d+"
    expected = [
        rf"larq_igp-{version}-py3-none-any\.whl",
        rf"larq_igp-{version}\.tar\.gz",
        rf"larq_igp_runtime-{version}-py3-none-manylinux2014_aarch64\.whl",
        rf"larq_igp_runtime-{version}-py3-none-manylinux2014_x86_64\.whl",
        rf"larq_igp_runtime-{version}\.tar\.gz",
    ]
    assert len(names) == len(expected)
    assert all(map(re.fullmatch, expected, names)), names
    for wheel in dist.glob("*.whl"):
        package = wheel.name.partition("-")[0]
        files = zipfile.ZipFile(wheel).namelist()
        assert {name.split("/")[0].partition("-")[0] for name in files} == {package}
        assert f"{package}/py.typed" in files
        assert any(name.endswith("LICENSE") for name in files)
        sources = PACKAGES[package].glob(f"{package}/**/*.py")
        there = {str(path.relative_to(PACKAGES[package])) for path in sources}
        assert {name for name in files if name.endswith(".py")} == there
    for archive in dist.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            assert {"LICENSE", "README.md", "setup.cfg"} <= {Path(n).name for n in tar.getnames()}


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_wheels_in_an_empty_environment_do_what_the_readme_says(dist, tmp_path, version):
    shell(f"{python(version)} -m venv env", tmp_path)
    wheels = [*dist.glob("larq_igp-*.whl"), *dist.glob("larq_igp_runtime-*x86_64.whl")]
    shell(f"env/bin/python -m pip install --quiet {shlex.join(map(str, wheels))}", tmp_path)
    larq = BY_MODULE["larq"]
    if (3, minor(version)) >= larq.python_below:
        shell("env/bin/python -m " + larq.how_to_get.strip("`"), tmp_path)
    path = {"PATH": f"{tmp_path}/env/bin:{os.environ['PATH']}"}
    assert "missing" not in shell("larq-igp doctor", tmp_path, **path)
    image = "import larq_igp.keras2 as k; tf = k.tf; tf.io.write_file('photo.png', "
    image += "tf.io.encode_png(tf.zeros((8, 8, 1), tf.uint8)))"
    shell(f'python -c "{image}"', tmp_path, **path)
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    (tmp_path / "example.py").write_text(example)
    shell("python example.py", tmp_path, **path)
    lines = README.partition("## On the command line\n")[2].partition("\n\n")[0].splitlines()
    commands = [line.partition("#")[0].strip() for line in lines]
    ran = [each for each in commands if "report" not in each and "my_model" not in each]
    assert len(ran) >= 5
    for command in ran:
        shell(re.sub(r"--epochs \d+", "--epochs 1", command), tmp_path, **path)
    assert (tmp_path / "net.json").exists()


def test_versions_stand_in_one_place():
    for package, folder in PACKAGES.items():
        config = configparser.ConfigParser()
        config.read(folder / "setup.cfg")
        assert config["metadata"]["version"] == f"attr: {package}.__version__"
    assert (ROOT / "runtime" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_every_folder_is_a_package():
    """A folder without ``__init__.py`` is imported from a checkout, and absent from a wheel."""
    for package, folder in PACKAGES.items():
        for file in (folder / package).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file.parent
