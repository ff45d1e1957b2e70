"""Run commands on another machine over ssh, or on an Android device over adb.

Both programs take a shell command as their last argument, forward standard input, and return the
command's exit code.
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
"""Variable with a command to use instead of ``ssh``, such as ``ssh -F my_config``."""
SERIAL_VARIABLE = "ANDROID_SERIAL"
"""Variable that names a device if several are attached, as for ``adb`` itself."""
CONNECT_SECONDS, LOOK_SECONDS = 15, 60
UNREACHABLE = 255
"""Exit code of ssh for its own errors."""
READY = "device"
"""State of a device that is ready, as ``adb devices`` prints it."""
WAYS = "ssh://USER@HOST, ssh://USER@HOST:PORT, adb or adb:SERIAL"


class RemoteError(UserError):
    """Another machine cannot be reached, or a command fails there."""


@dataclass(frozen=True)
class Transport:
    """Runs shell commands on another machine.

    Attributes:
        name: name of the machine, as it was typed.
        command: command that runs a shell command there, given as its last argument.
        package: Debian package of this command.
        unreachable: exit code that means that the machine was not reached; None if there is none.
        advice: sentence that says what to do then.
        python_advice: what to add to the message if the machine has no Python.
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
    """Return the transport to a machine.

    Raises:
        RemoteError: if the target is not valid, or no such Android device is ready.
    """
    if match := ADB.fullmatch(target):
        return _adb(target, match["serial"])
    if match := SSH.fullmatch(target):
        return _ssh(target, match["host"], match["port"])
    raise RemoteError(f"{target} is not a machine: give {WAYS}.")


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
    """Return the serial number of the chosen device, if it is ready."""
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
        raise RemoteError(f"adb finds no device {serial}, only {known}.")
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
        raise RemoteError("adb does not answer: run `adb kill-server`, and try again.") from error
    if listed.returncode:
        lines = listed.stderr.strip().splitlines() or ["it printed nothing"]
        raise RemoteError(f"adb fails: {lines[-1]}.")
    rows = [line.split("\t") for line in listed.stdout.splitlines() if "\t" in line]
    return {row[0]: row[1] for row in rows}
