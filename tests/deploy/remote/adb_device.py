"""What stands in for an Android device: it speaks adb's protocol over TCP with the real `adb`, and
runs shell commands here.

Reference: protocol.txt and shell_protocol.h of Android's adb.
"""

import queue
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

HEADER = struct.Struct("<4s5I")
"""Command, two arguments, bytes of data, their sum (0: not used), complement of the command."""
PACKET = struct.Struct("<BI")
"""Within a shell: which stream, bytes."""
STDIN, STDOUT, STDERR, EXIT, END_OF_STDIN = range(5)
VERSION, MOST_BYTES = 0x01000001, 1 << 18
BANNER = b"device::ro.product.name=n;ro.product.model=m;ro.product.device=d;features=shell_v2,cmd"


@dataclass
class Shell:
    """A command that runs, and the numbers of its stream at both ends."""

    process: subprocess.Popen
    ours: int
    theirs: int
    taken: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))
    given: queue.Queue = field(default_factory=queue.Queue)


class Device:
    """A device on a port of loopback, while it is open.

    Attributes:
        serial: what `adb connect` takes, and what the device is called then.
    """

    def __init__(self, shell: Sequence[str]):
        """Listen.

        Args:
            shell: the command that takes a shell command as its last argument.
        """
        self._shell, self._lock, self._shells = tuple(shell), threading.Lock(), {}
        self._server = socket.create_server(("127.0.0.1", 0))
        self.serial = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                self._link, _ = self._server.accept()
            except OSError:
                return
            while message := self._receive():
                self._answer(*message)

    def _receive(self) -> tuple[bytes, int, int, bytes] | None:
        header = self._exactly(HEADER.size)
        if len(header) < HEADER.size:
            return None
        command, first, second, length, _, _ = HEADER.unpack(header)
        return command, first, second, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        content = b""
        while len(content) < length and (part := self._link.recv(length - len(content))):
            content += part
        return content

    def _send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        with self._lock:
            self._link.sendall(HEADER.pack(command, first, second, len(data), 0, magic) + data)

    def _answer(self, command: bytes, theirs: int, ours: int, data: bytes) -> None:
        if command == b"CNXN":
            self._send(b"CNXN", VERSION, MOST_BYTES, BANNER)
        elif command == b"OPEN":
            self._open(theirs, data.rstrip(b"\0").decode())
        elif command == b"WRTE":
            self._shells[ours].given.put(data)
            self._send(b"OKAY", ours, theirs)
        elif command == b"OKAY":
            self._shells[ours].taken.release()

    def _open(self, theirs: int, service: str) -> None:
        kind, _, typed = service.partition(":")
        if not kind.startswith("shell,v2"):
            self._send(b"CLSE", 0, theirs)
            return
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        shell = Shell(subprocess.Popen([*self._shell, typed], **pipes), theirs, theirs)
        self._shells[theirs] = shell
        self._send(b"OKAY", theirs, theirs)
        threading.Thread(target=self._feed, args=(shell,), daemon=True).start()
        threading.Thread(target=self._finish, args=(shell,), daemon=True).start()

    def _feed(self, shell: Shell) -> None:
        """Give the command what is typed."""
        content = b""
        while True:
            content += shell.given.get()
            while len(content) >= PACKET.size:
                stream, length = PACKET.unpack_from(content)
                if len(content) < PACKET.size + length:
                    break
                data, content = (
                    content[PACKET.size : PACKET.size + length],
                    content[PACKET.size + length :],
                )
                if stream == END_OF_STDIN:
                    with suppress(BrokenPipeError):
                        shell.process.stdin.close()
                    return
                if stream == STDIN:
                    with suppress(BrokenPipeError):  # it ended without reading all
                        shell.process.stdin.write(data)

    def _finish(self, shell: Shell) -> None:
        """Send what the command prints, and what it returns."""
        outputs = ((STDOUT, shell.process.stdout), (STDERR, shell.process.stderr))
        senders = [threading.Thread(target=self._copy, args=(shell, *each)) for each in outputs]
        for each in senders:
            each.start()
        for each in senders:
            each.join()
        self._packet(shell, EXIT, bytes([shell.process.wait() & 0xFF]))
        shell.taken.acquire()
        self._send(b"CLSE", shell.ours, shell.theirs)

    def _copy(self, shell: Shell, stream: int, output) -> None:
        while data := output.read1(MOST_BYTES - PACKET.size):
            self._packet(shell, stream, data)

    def _packet(self, shell: Shell, stream: int, data: bytes) -> None:
        shell.taken.acquire()  # one write after the other: adb says when it has taken the last
        self._send(b"WRTE", shell.ours, shell.theirs, PACKET.pack(stream, len(data)) + data)
