"""One sender's connection: what it sent and is not dealt with, what it is owed as an answer, and its turn among the others."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from agent.ports import Lost, Refused
from agent.records import Frame, Record
from agent.taps.socket import wire

CHUNK_BYTES = 1 << 16
MAX_ANSWER_BYTES = 1 << 16  # answers a sender does not read; refusals beyond it are not told, acknowledgements always
_UCRED = struct.Struct("3i")


class Read(NamedTuple):
    """A line read and not yet taken: its number on the connection, its size, what it says."""

    number: int
    size_bytes: int
    item: Record | Refused | Lost | None  # None: nothing to hand over
    frame: Frame | None = None
    report: int = 0  # number of a loss report


class Connection:
    """A stream socket that never blocks. Lines are numbered 1, 2, 3, …; `acked` of them are dealt with."""

    def __init__(self, number: int, sock: socket.socket, now: float) -> None:
        """now: monotonic seconds."""
        sock.settimeout(0)
        self.number = number
        self.sock = sock
        self.process = _process(sock)
        self.client = ""
        self.lines = wire.Lines()
        self.held: Read | None = None  # waits for its station's quota
        self.resume_at = now
        self.heard_at = now
        self.spent_s = 0.0  # of the tap's thread: whoever spent least has the next turn
        self.has_turn = False
        self.is_at_end = False  # nothing more will come
        self.is_broken = False  # nothing more can be answered
        self.read_lines = 0
        self._handed_over: int = 0
        self._acked = 0
        self._told = 0
        self._answers = bytearray()

    def receive(self, now: float) -> None:
        """Take in what has come."""
        try:
            data = self.sock.recv(CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
            self.is_broken = True
        self.heard_at = now
        if data:
            self.lines.feed(data)
        else:
            self.is_at_end = True
            self.lines.end()

    def is_ready(self, now: float) -> bool:
        """Whether there is a line to deal with now."""
        if self.held is None:
            return bool(self.lines.ready)
        return now >= self.resume_at

    @property
    def wants_more(self) -> bool:
        """Whether to read on: not before what was read is dealt with. The network then holds the sender back."""
        return not self.is_at_end and self.held is None and not self.lines.ready

    @property
    def uncommitted(self) -> int:
        """Lines handed over whose commit is not known."""
        return self._handed_over

    @property
    def is_idle(self) -> bool:
        """Whether neither side owes the other anything: it is not silent because it is made to wait."""
        return self.held is None and not self.lines.ready and not self._handed_over

    @property
    def is_finished(self) -> bool:
        """Whether it can be let go."""
        if not self.is_at_end or self.held is not None or self.lines.ready:
            return False
        return self.is_broken or (not self._handed_over and not self._answers)

    def hand_over(self) -> None:
        """A line went to the core; its receipt will come to `commit`."""
        self._handed_over += 1

    def commit(self, line: int) -> None:
        """The line is committed; lines are committed in their order."""
        self._handed_over -= 1
        self._acked = line
        self.settle()

    def settle(self) -> None:
        """Where nothing waits for its commit, all lines dealt with are acknowledged."""
        if not self._handed_over:
            self._acked = self.read_lines - (self.held is not None)

    def say(self, answer: bytes) -> None:
        """Answer, unless too much is unread already."""
        if len(self._answers) + len(answer) <= MAX_ANSWER_BYTES:
            self._answers += answer

    def send(self) -> None:
        """As much of the answers as the network takes; one acknowledgement stands for all before it."""
        if self.is_broken:
            return
        if self._acked > self._told and len(self._answers) < MAX_ANSWER_BYTES:
            self._answers += wire.ack(self._acked)
            self._told = self._acked
        if not self._answers:
            return
        try:
            sent = self.sock.send(self._answers)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.is_broken = self.is_at_end = True
            return
        del self._answers[:sent]

    def hang_up(self) -> None:
        """Take nothing more; what is answered already still goes out."""
        self.is_at_end = True
        self.lines.ready.clear()

    @property
    def has_answers(self) -> bool:
        """Whether the network did not take all."""
        return bool(self._answers) and not self.is_broken

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def _process(sock: socket.socket) -> int:
    """Process id of the other end; 0 where the kernel does not say: over TCP, and from another container."""
    if sock.family != socket.AF_UNIX:
        return 0
    pid: int = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[0]
    return pid
