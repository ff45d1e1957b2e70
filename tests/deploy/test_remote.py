"""Timing on another machine: a real OpenSSH server on loopback, with keys made here."""

import getpass
import json
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from larq_igp.deploy.remote import RemoteError, keep, open_remote
from larq_igp.errors import UserError
from tests.conftest import missing
from tests.data.files import picture

NET = Path(__file__).parents[2] / "tflite_models" / "digits_igp_resnet.tflite"


@pytest.mark.parametrize(
    "target, command",
    [
        ("ssh://pi@raspberrypi", ["--", "pi@raspberrypi"]),
        ("ssh://10.0.0.7:2222/", ["-p", "2222", "--", "10.0.0.7"]),
    ],
)
def test_machines_are_named_by_addresses(target, command):
    assert list(open_remote(target).command)[-len(command) :] == command


@pytest.mark.parametrize(
    "target, sentence",
    [
        ("pi@raspberrypi", "names no machine: give ssh://user@host"),
        ("ssh://-oProxyCommand=x", "names no machine"),
        ("ssh://pi@-oProxyCommand", "names no machine"),
        ("ssh://a b", "names no machine"),
        ("adb:123", "Android has no Python"),
    ],
)
def test_what_is_no_machine_is_refused(target, sentence):
    with pytest.raises(RemoteError, match=sentence):
        open_remote(target)


def test_options_that_are_for_this_host_alone_are_refused(refused, tmp_path):
    there = ("benchmark", NET, "--on", "ssh://pi@host")
    assert "--on takes .tflite files" in refused(*there, "--operators")
    assert "is no .tflite file" in refused("benchmark", "igp_resnet_tiny", "--on", "ssh://pi@host")
    assert "does not exist" in refused(*there, "--wheel", tmp_path / "none.whl")
    assert "name it with --on" in refused("benchmark", NET, "--wheel", tmp_path / "none.whl")


def test_measurements_are_kept_beside_the_file(tmp_path):
    path = tmp_path / "net.tflite"
    assert keep(path, {"on": "a"}) == keep(path, {"on": "b"}) == tmp_path / "net.benchmarks.json"
    assert json.loads((tmp_path / "net.benchmarks.json").read_text()) == [{"on": "a"}, {"on": "b"}]
    (tmp_path / "net.benchmarks.json").write_text("{}")
    with pytest.raises(UserError, match="holds no list"):
        keep(path, {})


@pytest.fixture()
def server(tmp_path, monkeypatch):
    """The address of an OpenSSH server of this test's own; ``LARQ_IGP_SSH`` has its key."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if sshd is None or shutil.which("ssh") is None:
        missing("openssh-server")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\n"
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


@pytest.fixture()
def wheel(tmp_path):
    """The runtime as a wheel has it."""
    runtime = pytest.importorskip("larq_igp_runtime")
    package = Path(runtime.__file__).parent
    wheel = tmp_path / "the wheel.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in package.rglob("*"):
            archive.write(file, Path("larq_igp_runtime") / file.relative_to(package))
    return wheel


@pytest.mark.slow
def test_a_file_is_timed_on_another_machine(server, wheel, igp, refused, tmp_path):
    path = tmp_path / "a net.tflite"
    shutil.copy(NET, path)
    there = ["benchmark", path, "--on", server, "--remote-python", sys.executable, "--runs", 20]
    before = set(Path("/tmp").glob("tmp.*"))
    result = igp(*there, "--wheel", wheel, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert 0 < row["latency_ms_min"] <= row["latency_ms_p10"] <= row["latency_ms_median"]
    assert row["latency_ms_median"] <= row["latency_ms_p90"] <= row["latency_ms_max"]
    assert (row["on"], row["runs"], row["threads"]) == (server, 20, 1)
    assert row["peak_memory_bytes"] > path.stat().st_size
    assert row["machine"]["bits"] == 64
    assert json.loads((tmp_path / "a net.benchmarks.json").read_text()) == [row]
    assert set(Path("/tmp").glob("tmp.*")) == before  # nothing is left there
    printed = igp(*there, "--wheel", wheel, "--threads", 2).stdout
    assert f"a net.tflite on {server}: " in printed
    assert "20 runs, 2 threads" in printed
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    there[5] = bare / "bin" / "python"
    assert "has no larq-igp-runtime" in refused(*there)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(path.read_bytes()[:1000])
    there[1], there[5] = damaged, sys.executable
    assert "cannot run" in refused(*there, "--wheel", wheel)
    there[3] = "ssh://nobody@127.0.0.1:1"
    assert "cannot be reached" in refused(*there)


@pytest.mark.slow
def test_photos_are_named_on_another_machine_as_here(server, wheel, igp, tmp_path):
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(3):
        picture(number).save(folder / f"größe {number}.jpg")
    (folder / "bad.png").write_text("no image")
    there = ["--on", server, "--remote-python", sys.executable, "--wheel", wheel]
    here = igp("predict", NET, folder, "--json")
    found = igp("predict", NET, folder, "--json", *there)
    assert here.exit_code == found.exit_code == 2
    assert "1 of 4 images cannot be read." in found.stderr
    for mine, theirs in zip(json.loads(here.stdout), json.loads(found.stdout), strict=True):
        assert mine["image"] == theirs["image"]
        assert (mine["error"] is None) == (theirs["error"] is None)
        for a, b in zip(mine["classes"], theirs["classes"], strict=True):
            assert (a["label"], a["class_name"]) == (b["label"], b["class_name"])
            assert a["probability"] == pytest.approx(b["probability"], abs=1e-4)
    (bad,) = (row for row in json.loads(found.stdout) if row["error"])
    assert bad["error"].startswith(f"{folder / 'bad.png'} is not an image")
