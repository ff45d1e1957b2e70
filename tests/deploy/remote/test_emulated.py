"""A 64-bit ARM machine over ssh, and an Android device over adb, both emulated: their shells, tools
and Python are aarch64 programs, run by qemu in a folder that proot makes the root of.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing
from tests.data.files import picture
from tests.deploy.remote.conftest import NET, ssh_server

sys.path.insert(0, str(ROOT / "runtime" / "tools"))
from emulator import TOOLS
from instructions import DEFAULT_ROOT

PROCESSOR = "cortex-a72"
"""Of a Raspberry Pi 4."""
TOOLS_OF_ANDROID = ("mktemp", "rm", "tar", "uname", "dirname", "mkdir")
"""That are used; in one program, toybox."""
LIBRARIES_OF_TOOLS = (
    "ld-linux-aarch64.so.1",
    *(f"aarch64-linux-gnu/{name}" for name in ("libc.so.6", "libm.so.6", "libcrypt.so.1")),
)
"""Python needs more; they are copied with it."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root() -> Path:
    """A folder with an aarch64 Linux: Debian's Python, shell and tools, and Android's tools."""
    for tool in ("qemu-aarch64", "proot"):
        if platform.machine() != "x86_64" or not shutil.which(tool):
            missing(f"{tool} on an x86-64 machine")
    root = DEFAULT_ROOT.with_name("aarch64-session")
    command = [TOOLS / "aarch64_root.sh", root, "dash", "coreutils", "tar", "toybox"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHON": sys.executable})
    return root


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """A folder of wheels; LARQ_IGP_DIST names one that is ready."""
    if ready := os.environ.get("LARQ_IGP_DIST"):
        return Path(ready)
    folder = tmp_path_factory.mktemp("dist")
    command = ["make", "-C", str(ROOT / "runtime"), "wheels", f"DIST={folder}"]
    subprocess.run([*command, f"PYTHON={sys.executable}"], check=True)
    return folder


def within(root: Path, scratch: Path, shell: str, **variables: str) -> list[str]:
    """The command that runs a shell command, its last argument, in an emulated root.

    Args:
        root: the folder.
        scratch: is /tmp and /data/local/tmp there.
        shell: with its options.
        variables: of its environment.
    """
    bound = [(path, path) for path in ("/dev", "/proc")]
    bound += [(root / "proc" / "cpuinfo", "/proc/cpuinfo")]
    bound += [(scratch, "/tmp"), (scratch, "/data/local/tmp")]
    binds = [word for here, there in bound for word in ("-b", f"{here}:{there}")]
    environment = [f"{name}={value}" for name, value in variables.items()]
    emulator = f"{shutil.which('qemu-aarch64')} -cpu {PROCESSOR}"
    command = ["env", "-i", *environment, shutil.which("proot"), "-q", emulator, "-r", root]
    return list(map(str, [*command, "-w", "/", *binds, *shell.split()]))


def check_timed(result, net: Path) -> None:
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["machine"]["machine"] == "aarch64"
    assert row["machine"]["cpu"] == "implementer 0x41, part 0xd08"
    assert 0 < row["latency_ms_min"] <= row["latency_ms_median"] <= row["latency_ms_max"]
    assert row["peak_memory_bytes"] > net.stat().st_size
    assert json.loads(net.with_suffix(".benchmarks.json").read_text()) == [row]


def check_named(igp, net: Path, folder: Path, there: list) -> None:
    """The names and probabilities are those of this machine."""
    here = json.loads(igp("predict", net, folder, "--json").stdout)
    found = igp("predict", net, folder, "--json", *there)
    assert found.exit_code == 0, found.output
    for mine, theirs in zip(here, json.loads(found.stdout), strict=True):
        for a, b in zip(mine["classes"], theirs["classes"], strict=True):
            assert a["class_name"] == b["class_name"]
            assert a["probability"] == pytest.approx(b["probability"], abs=1e-4)


@pytest.fixture()
def net(tmp_path) -> Path:
    shutil.copy(NET, tmp_path)
    shutil.copy(NET.with_suffix(".json"), tmp_path)
    return tmp_path / NET.name


@pytest.fixture()
def photos(tmp_path) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(2):
        picture(number).save(folder / f"größe {number}.jpg")
    return folder


@pytest.fixture()
def scratch(tmp_path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_over_ssh_to_a_raspberry_pi(
    root, wheels, net, photos, scratch, igp, refused, tmp_path, monkeypatch
):
    command = within(root, scratch, "/bin/sh -c", PATH="/usr/bin:/bin", PYTHONPATH="/site")
    script = tmp_path / "session"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$SSH_ORIGINAL_COMMAND"\n')
    script.chmod(0o755)
    with ssh_server(tmp_path / "ssh", monkeypatch, str(script)) as address:
        there = ["--on", address, "--wheel", wheels]
        check_timed(igp("benchmark", net, "--json", "--runs", 5, *there), net)
        check_named(igp, net, photos, there)
        assert "has no larq-igp-runtime" in refused("benchmark", net, "--on", address)
    assert list(scratch.iterdir()) == []


def test_over_adb_to_android(root, wheels, net, photos, scratch, igp, refused, adb, tmp_path):
    """A root of a shell and Android's tools, to which the folder with Python is copied as
    runtime/docs/android.md says. Android's own shell asks the kernel for what proot does not know.
    """
    system = tmp_path / "android"
    (system / "system" / "bin").mkdir(parents=True)
    (system / "lib" / "aarch64-linux-gnu").mkdir(parents=True)
    for library in LIBRARIES_OF_TOOLS:
        shutil.copy(root / "lib" / library, system / "lib" / library)
    shutil.copy(root / "bin" / "dash", system / "system" / "bin" / "sh")
    for tool in TOOLS_OF_ANDROID:
        shutil.copy(root / "bin" / "toybox", system / "system" / "bin" / tool)
    (system / "proc").mkdir()
    shutil.copy(root / "proc" / "cpuinfo", system / "proc")
    shell = "/system/bin/sh -c"
    adb(within(system, scratch, shell, PATH="/system/bin", TMPDIR="/data/local/tmp"))
    there = ["--on", "adb", "--wheel", wheels]
    assert "adb has no python3" in refused("benchmark", net, *there)
    copying = (
        "tar -c python lib usr site* | "
        "adb shell -T 'mkdir -p /data/local/tmp/python && tar -x -C /data/local/tmp/python'"
    )
    subprocess.run(copying, shell=True, check=True, cwd=root)
    there += ["--remote-python", "/data/local/tmp/python/python"]
    check_timed(igp("benchmark", net, "--json", "--runs", 5, *there), net)
    check_named(igp, net, photos, there)
    assert [path.name for path in scratch.iterdir()] == ["python"]
