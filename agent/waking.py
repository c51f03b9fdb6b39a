"""Ending the sleep of a loop that waits for sockets, from another thread."""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """Ends the loop's sleep: the loop waits for `reader` besides its own sockets."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.settimeout(0)
        self._writer.settimeout(0)

    def wake(self) -> None:
        """Any thread; never blocks, and does nothing once closed."""
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Forget that it was woken."""
        with contextlib.suppress(OSError):
            while self.reader.recv(4096):
                pass

    def close(self) -> None:
        """Both ends."""
        self._writer.close()
        self.reader.close()
