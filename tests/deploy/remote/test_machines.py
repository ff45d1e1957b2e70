"""Which machine and which wheel is meant, and where measurements are kept."""

import json

import pytest

from larq_igp.deploy.remote.benchmark import keep
from larq_igp.deploy.remote.machine import open_remote
from larq_igp.deploy.remote.transports import RemoteError
from larq_igp.deploy.remote.wheels import ONLY_WHEEL, read_wheels
from larq_igp.errors import UserError
from tests.deploy.remote.conftest import NET


@pytest.mark.parametrize(
    "target, command",
    [
        ("ssh://pi@raspberrypi", ["--", "pi@raspberrypi"]),
        ("ssh://10.0.0.7:2222/", ["-p", "2222", "--", "10.0.0.7"]),
    ],
)
def test_machines_are_named_by_addresses(target, command):
    assert list(open_remote(target).transport.command)[-len(command) :] == command


@pytest.mark.parametrize(
    "target",
    [
        "pi@raspberrypi",
        "ssh://-oProxyCommand=x",
        "ssh://pi@-oProxyCommand",
        "ssh://a b",
        "adb://1",
        "adb:-x",
        "adb:",
    ],
)
def test_what_is_no_machine_is_refused(target):
    with pytest.raises(RemoteError, match="is not a machine: give ssh://USER@HOST"):
        open_remote(target)


def test_options_that_are_for_this_host_alone_are_refused(refused, tmp_path):
    there = ("benchmark", NET, "--on", "ssh://pi@host")
    assert "--on takes only .tflite files" in refused(*there, "--operators")
    assert "is not a .tflite file" in refused(
        "benchmark", "igp_resnet_tiny", "--on", "ssh://pi@host"
    )
    assert "does not exist: `make" in refused(*there, "--wheel", tmp_path / "none.whl")
    assert "name it with --on" in refused("benchmark", NET, "--wheel", tmp_path / "none.whl")


def test_of_a_folder_the_wheels_are_taken_by_their_machine(tmp_path):
    with pytest.raises(RemoteError, match="has no wheel of larq-igp-runtime: `make -C runtime"):
        read_wheels(tmp_path)
    names = {
        "larq_igp_runtime-0.1.0-py3-none-manylinux2014_aarch64.whl": b"arm",
        "larq_igp_runtime-0.1.0-py3-none-linux_x86_64.whl": b"x86",
        "larq_igp_runtime-0.1.0-py3-none-manylinux2014_x86_64.whl.cdx.json": b"no wheel",
        "larq_igp-0.1.0-py3-none-any.whl": b"another package",
        "larq_igp_runtime-0.1.0.tar.gz": b"sources",
    }
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    expected = {"wheels/aarch64.whl": b"arm", "wheels/x86_64.whl": b"x86"}
    assert read_wheels(tmp_path) == expected
    one = tmp_path / "larq_igp_runtime-0.2.0-py3-none-manylinux_2_28_aarch64.whl"
    one.write_bytes(b"newer")
    assert read_wheels(one) == {ONLY_WHEEL: b"newer"}
    with pytest.raises(RemoteError, match=r"has two wheels for aarch64, .*: name one of them"):
        read_wheels(tmp_path)


def test_measurements_are_kept_beside_the_file(tmp_path):
    path = tmp_path / "net.tflite"
    assert keep(path, {"on": "a"}) == keep(path, {"on": "b"}) == tmp_path / "net.benchmarks.json"
    assert json.loads((tmp_path / "net.benchmarks.json").read_text()) == [{"on": "a"}, {"on": "b"}]
    (tmp_path / "net.benchmarks.json").write_text("{}")
    with pytest.raises(UserError, match="does not hold a list"):
        keep(path, {})
