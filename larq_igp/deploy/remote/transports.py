"""How a command gets to another machine: ssh, or adb to an Android device. Both take a shell
command as their last argument, pass standard input on, and return its exit code.
"""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass

from larq_igp.errors import UserError

SSH = re.compile(r"ssh://(?P<host>(?:[\w.-]+@)?(?!-)[\w.:%\[\]-]+?)(?::(?P<port>\d+))?/?")
ADB = re.compile(r"adb(?::(?P<serial>(?!-)[\w.:\[\]-]+))?")
SSH_VARIABLE = "LARQ_IGP_SSH"
"""The command that stands for ``ssh``, with options of its own: ``ssh -F my_config``."""
SERIAL_VARIABLE = "ANDROID_SERIAL"
"""Names a device where several are attached, as for ``adb`` itself."""
CONNECT_SECONDS, LOOK_SECONDS = 15, 60
UNREACHABLE = 255
"""What ssh returns where the fault is its own."""
READY = "device"
"""The state of a device that takes commands, as ``adb devices`` prints it."""
WAYS = "ssh://USER@HOST, ssh://USER@HOST:PORT, adb or adb:SERIAL"


class RemoteError(UserError):
    """Another machine cannot be reached, or does not do what it was asked for."""


@dataclass(frozen=True)
class Transport:
    """How commands get to another machine.

    Attributes:
        name: of the machine, as it was typed.
        command: that runs a shell command there, which is its last argument.
        package: of Debian that has this command.
        unreachable: the exit code that says that the machine was not reached; None if none does.
        advice: a sentence on what to do then.
        python_advice: what to say where the machine has no Python, behind what is said anyway.
    """

    name: str
    command: tuple[str, ...]
    package: str
    unreachable: int | None = None
    advice: str = ""
    python_advice: str = ""

    def missing(self) -> RemoteError:
        """Return the error for a command that is not installed here."""
        return _missing(self.command[0], self.package)


def _missing(command: str, package: str) -> RemoteError:
    return RemoteError(f"{command} is not installed: `apt install {package}`.")


def transport_to(target: str) -> Transport:
    """Return how commands get to a machine.

    Raises:
        RemoteError: if nothing is named, or no such Android device is ready.
    """
    if match := ADB.fullmatch(target):
        return _adb(target, match["serial"])
    if match := SSH.fullmatch(target):
        return _ssh(target, match["host"], match["port"])
    raise RemoteError(f"{target} names no machine: give {WAYS}.")


def _ssh(target: str, host: str, port: str | None) -> Transport:
    ssh = shlex.split(os.environ.get(SSH_VARIABLE, "ssh"))
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    return Transport(
        target,
        (*ssh, *options, *(["-p", port] if port else []), "--", host),
        "openssh-client",
        unreachable=UNREACHABLE,
        advice="ssh must log in there by a key, without a password: `ssh-copy-id`.",
    )


def _adb(target: str, serial: str | None) -> Transport:
    serial = _ready(serial or os.environ.get(SERIAL_VARIABLE))
    return Transport(
        target,
        ("adb", "-s", serial, "shell", "-T"),  # no terminal, which would change what is piped
        "adb",
        python_advice="; Android has none, and runtime/docs/android.md says how to copy one",
    )


def _ready(serial: str | None) -> str:
    """Return the serial number of the device that is meant, if it takes commands."""
    devices = _devices()
    known = ", ".join(devices)
    if not devices:
        raise RemoteError(
            "adb finds no device: allow USB debugging on one and connect it, or `adb connect "
            "HOST:PORT`, until `adb devices` lists it."
        )
    if serial is None and len(devices) > 1:
        raise RemoteError(
            f"adb finds {len(devices)} devices, {known}: name one with --on adb:SERIAL."
        )
    serial = serial or known
    if serial not in devices:
        raise RemoteError(f"adb finds no device {serial}, but {known}.")
    if devices[serial] != READY:
        raise RemoteError(
            f"{serial} is {devices[serial]}: unlock it and allow USB debugging by this computer, "
            "until `adb devices` calls it a device."
        )
    return serial


def _devices() -> dict[str, str]:
    """Return the state of each device that adb knows, by its serial number."""
    try:
        listed = subprocess.run(
            ["adb", "devices"], capture_output=True, text=True, timeout=LOOK_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise _missing("adb", "adb") from error
    except subprocess.TimeoutExpired as error:
        raise RemoteError("adb does not answer: `adb kill-server`, and try again.") from error
    if listed.returncode:
        lines = listed.stderr.strip().splitlines() or ["it said nothing"]
        raise RemoteError(f"adb fails: {lines[-1]}.")
    rows = [line.split("\t") for line in listed.stdout.splitlines() if "\t" in line]
    return {row[0]: row[1] for row in rows}
