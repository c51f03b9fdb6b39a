"""A child process that answers messages: started when needed, killed when late, never left behind."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from agent.errors import ChildDied, ChildTimedOut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_START_TIMEOUT_S = 30.0  # loading OpenCV from a cold SD card takes seconds
_START_AGAIN_AFTER_S = 5.0  # a child that cannot start is not tried for every frame
_END_TIMEOUT_S = 2.0  # a killed process is gone at once, unless it hangs in the kernel on a dead network share


class Child:
    """One child process on a socket pair (its descriptors 0 and 1), a message being a 4-byte big-endian length and that many bytes.

    The child says `ready` first. Not thread-safe: one exchange at a time.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], ready: bytes, max_answer_bytes: int) -> None:
        """Nothing is started yet. environment: all of the child's."""
        self._command = tuple(command)
        self._environment = dict(environment)
        self._ready = ready
        self._max_answer_bytes = max_answer_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._not_before = 0.0
        self._starts = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id while there is a child."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def starts(self) -> int:
        """How often a child was started."""
        return self._starts

    def exchange(self, message: bytes, timeout_s: float) -> bytes:
        """The child's answer. Starts a child first when there is none; that time does not count.

        Raises ChildTimedOut when the answer took longer than timeout_s, ChildDied when the child ended, answered more than it may
        or cannot be started. In each case there is no child afterwards, and the next exchange starts another.
        """
        if self._socket is None:
            self._start()
        return self._talk(message, timeout_s)

    def kill(self) -> None:
        """End the child, if there is one; the next exchange starts another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
        if self._keeper is not None:
            self._keeper.join(_END_TIMEOUT_S)

    def close(self) -> None:
        """End the child for good."""
        self._closed = True
        self.kill()

    def _start(self) -> None:
        if self._closed:
            raise ChildDied("the child was closed")
        if self._keeper is not None and self._keeper.is_alive():
            raise ChildDied("the child before was killed and has not ended")
        if time.monotonic() < self._not_before:
            raise ChildDied(f"the child could not be started within the last {_START_AGAIN_AFTER_S:g} s")
        self._not_before = time.monotonic() + _START_AGAIN_AFTER_S
        ours, theirs = socket.socketpair()
        started = threading.Event()
        # The child is killed with the *thread* that started it (PR_SET_PDEATHSIG, prctl(2)): it lives as long as the child.
        self._process = None
        self._keeper = threading.Thread(target=self._keep, args=(theirs.fileno(), started), name="child", daemon=True)
        self._keeper.start()
        started.wait()
        theirs.close()
        self._socket = ours
        if self._process is None:
            self.kill()
            raise ChildDied(f"{self._command[0]} cannot be started")
        self._starts += 1
        try:
            said = self._talk(b"", _START_TIMEOUT_S, send=False)
        except ChildTimedOut as error:
            raise ChildDied("the child did not get ready") from error
        if said != self._ready:
            self.kill()
            raise ChildDied("the child did not say that it is ready")
        self._not_before = 0.0

    def _keep(self, theirs: int, started: threading.Event) -> None:
        """Start the process and stay until it has ended."""
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the program's own
                self._command,
                env=self._environment,
                stdin=theirs,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # a Ctrl-C in the terminal is for the agent, which ends its child in order
            )
        except OSError:
            started.set()
            return
        self._process = process
        started.set()
        process.wait()

    def _talk(self, message: bytes, timeout_s: float, *, send: bool = True) -> bytes:
        assert self._socket is not None
        deadline = time.monotonic() + timeout_s
        try:
            if send:
                self._socket.settimeout(timeout_s)
                self._socket.sendall(len(message).to_bytes(4, "big") + message)
            length = int.from_bytes(self._read(4, deadline), "big")
            if length > self._max_answer_bytes:
                self.kill()
                raise ChildDied(f"the child's answer must have at most {self._max_answer_bytes} bytes, got {length}")
            return self._read(length, deadline)
        except TimeoutError as error:
            self.kill()
            raise ChildTimedOut(f"the child took longer than {timeout_s:g} s") from error
        except OSError as error:
            self.kill()
            raise ChildDied("the child ended") from error

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._socket is not None
        data = bytearray()
        while len(data) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                raise TimeoutError
            self._socket.settimeout(left_s)
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return bytes(data)
