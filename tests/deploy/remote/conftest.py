"""Machines to reach: an OpenSSH server on loopback, and what stands in for Android devices behind
the real ``adb``.
"""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing
from tests.deploy.remote.adb_device import Device

NET = ROOT / "tflite_models" / "digits_igp_resnet.tflite"


@contextmanager
def ssh_server(folder: Path, monkeypatch, shell: str | None = None) -> Iterator[str]:
    """Yield the address of an OpenSSH server; ``LARQ_IGP_SSH`` has its key.

    Args:
        folder: for keys and settings.
        monkeypatch: sets the variable.
        shell: what runs in place of the user's shell; the command is in ``SSH_ORIGINAL_COMMAND``.
    """
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if sshd is None or shutil.which("ssh") is None:
        missing("openssh-server")
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, check=True)
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\n"
        + (f"ForceCommand {shell}\n" if shell else "")
    )
    (folder / "ssh_config").write_text(
        f"Host *\nIdentityFile {folder}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\n"
        f"UserKnownHostsFile {folder}/known\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    monkeypatch.setenv("LARQ_IGP_SSH", f"ssh -q -F '{folder}/ssh_config'")
    log = (folder / "log").open("w")
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        log.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture()
def server(tmp_path, monkeypatch):
    """The address of an OpenSSH server of this test's own, on this machine."""
    with ssh_server(tmp_path / "ssh", monkeypatch) as address:
        yield address


@pytest.fixture()
def adb(monkeypatch) -> Iterator[Callable[..., list[str]]]:
    """Attach devices to an adb server of this test's own: ``adb(shell, shell)`` returns their
    serial numbers.
    """
    program = shutil.which("adb")
    if program is None:
        missing("adb")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(_free_port()))
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    devices: list[Device] = []

    def attach(*shells) -> list[str]:
        new = [Device(shell) for shell in shells]
        devices.extend(new)
        for device in new:
            command = [program, "connect", device.serial]
            subprocess.run(command, check=True, capture_output=True)
        return [device.serial for device in new]

    yield attach
    subprocess.run([program, "kill-server"], check=False, capture_output=True)
    for device in devices:
        device.close()


@pytest.fixture()
def wheel(tmp_path) -> Path:
    """The runtime of this checkout, with the engine that is installed, as a wheel has it."""
    runtime = pytest.importorskip("larq_igp_runtime")
    folder = tmp_path / "the wheels"
    folder.mkdir()
    wheel = folder / f"larq_igp_runtime-9.9-py3-none-manylinux2014_{os.uname().machine}.whl"
    sources, built = ROOT / "runtime" / "larq_igp_runtime", Path(runtime.__file__).parent
    files = {file: file.relative_to(sources.parent) for file in sources.rglob("*.py")}
    files |= {file: file.relative_to(built.parent) for file in built.glob("*.so")}
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, place in files.items():
            archive.write(file, place)
    return wheel


@pytest.fixture()
def bare_python(tmp_path) -> Path:
    """A Python with nothing installed."""
    command = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"]
    subprocess.run(command, check=True)
    return tmp_path / "bare" / "bin" / "python"
