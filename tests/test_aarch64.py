"""From a name to a verified file on 64-bit ARM, emulated: what a Raspberry Pi does."""

import configparser
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing

sys.path.insert(0, str(ROOT / "runtime" / "tools"))
from emulator import LITERT, Emulator
from instructions import DEFAULT_ROOT

RELEASES = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
SMALL = ["--blocks", "1,1", "--filters", "8"]


def requirements() -> list[str]:
    """Return what setup.cfg asks for on aarch64 Linux and Python 3.11."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = [line.partition("#")[0] for line in config["options"]["install_requires"].splitlines()]
    elsewhere = ("larq-compute-engine", "tomli")
    return [
        line.partition(";")[0].strip() for line in lines if line and not line.startswith(elsewhere)
    ]


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Emulator:
    """An emulated machine with this checkout, the runtime's wheel and all that they import.

    Its root is kept between runs, as TensorFlow's wheel has 250 MB. LARQ_IGP_DIST names a folder
    that has the wheel of the runtime.
    """
    if platform.machine() != "x86_64" or not shutil.which("qemu-aarch64"):
        missing("qemu-aarch64 on an x86-64 machine")
    folder = tmp_path_factory.mktemp("aarch64")
    dist = Path(os.environ.get("LARQ_IGP_DIST", folder))
    if dist == folder:
        command = ["make", "-C", str(ROOT / "runtime"), "wheels", f"DIST={folder}"]
        subprocess.run([*command, f"PYTHON={sys.executable}"], check=True)
    (wheel,) = dist.glob("*aarch64.whl")
    os.environ.setdefault("PYTHON", sys.executable)
    machine = Emulator(DEFAULT_ROOT, wheel, folder)
    root = machine.root
    version = (root / "usr/bin/python3").readlink().name.removeprefix("python")
    site = root / "site-tensorflow"
    if not (site / "done").exists():
        platforms = [word for each in RELEASES for word in ("--platform", f"{each}_aarch64")]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder / "wheels")]
        pip += ["--only-binary=:all:", "--python-version", version, "--implementation", "cp"]
        subprocess.run([*pip, *platforms, f"ai-edge-litert=={LITERT}", *requirements()], check=True)
        for each in (folder / "wheels").iterdir():
            shutil.unpack_archive(each, site, "zip")
        (site / "done").touch()
    machine.path = f"{ROOT}:{folder}/package:{site}"
    return machine


@pytest.mark.slow
def test_train_convert_and_verify(machine, tmp_path):
    def igp(*arguments):
        variables = {"PYTHONPATH": machine.path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        return machine.run("-m", "larq_igp", *arguments, "--json", **variables).stdout

    found = {each["name"]: each for each in json.loads(igp("doctor"))}
    assert {each["state"] for each in found.values()} <= {"ok", "optional"}
    assert found["larq-igp-runtime"]["state"] == "ok"
    run, net = tmp_path / "run", tmp_path / "net.tflite"
    options = ["igp_resnet_tiny", *SMALL, "--epochs", "1", "--run-dir", str(run), "--quiet"]
    assert json.loads(igp("train", *options))["examples"] == 360
    fields = json.loads(igp("convert", str(run), "-o", str(net), "--images", "10"))
    assert fields["audit"]["lce_bconv2d"] == fields["audit"]["binary_convolutions"] > 0
    (check,) = [each for each in fields["verifications"] if each["engine"] == "larq_igp_runtime"]
    assert check["passed"]
