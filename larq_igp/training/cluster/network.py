"""A network that only this process and its children are on.

TensorFlow's workers listen on all interfaces, whatever address they are given, and anyone who
reaches a port can make them read and write files. Linux can give a process a private network
namespace; root creates one directly, other users within a user namespace.
"""

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from larq_igp.errors import UserError

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER and CLONE_NEWNET of sched.h
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of net/if.h
REQUEST = "16sh22x"  # struct ifreq: a name and flags


class NetworkError(UserError):
    """The system allows no network namespace."""


def leave_the_network() -> None:
    """Move this process, and all that it starts, to a network that has a loopback interface only.

    Must be called before the process starts a thread.

    Raises:
        NetworkError: if the system does not allow it.
    """
    try:
        _enter_namespace()
        _start_loopback()
    except OSError as error:
        raise NetworkError(
            "this system does not let launch give its workers a private network "
            f"({error.strerror}), and TensorFlow would let everyone who reaches their ports read "
            "and write your files: close the ports of this machine with a firewall, and then give "
            "--open-ports."
        ) from error


def _enter_namespace() -> None:
    if sys.platform != "linux":
        raise OSError(0, f"{sys.platform} has no network namespaces")
    own = Path("/proc/self").stat()
    try:
        _call("unshare", NEW_NETWORK)
    except PermissionError:
        _call("unshare", NEW_USER | NEW_NETWORK)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{own.st_uid} {own.st_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{own.st_gid} {own.st_gid} 1")


def _start_loopback() -> None:
    with socket.socket() as any_socket:
        request = ctypes.create_string_buffer(struct.pack(REQUEST, b"lo", 0))
        _call("ioctl", any_socket.fileno(), ctypes.c_ulong(GET_FLAGS), request)
        name, flags = struct.unpack(REQUEST, request.raw[: struct.calcsize(REQUEST)])
        request = ctypes.create_string_buffer(struct.pack(REQUEST, name, flags | UP))
        _call("ioctl", any_socket.fileno(), ctypes.c_ulong(SET_FLAGS), request)


def _call(name: str, *arguments: Any) -> None:
    """Call a function of the C library, as neither ``os`` in 3.10 nor other systems have it."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
