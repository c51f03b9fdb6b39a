"""One connection: a request read piece by piece, its records on their way to the core, and the one answer."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter, deque
from http import HTTPStatus
from typing import Any

import msgspec

from agent.errors import RecordRefused
from agent.ports import Delivery
from agent.taps.http import body
from agent.taps.http.request import MAX_HEAD_BYTES, Head, Refusal

CHUNK_BYTES = 1 << 16
HEAD_S = 5.0  # a head arrives in one piece or a few
LINGER_S = 2.0  # what still comes after the answer is read away, else the network may take the answer back
MOST_TOLD = 100  # refused records that an answer lists
_END_OF_HEAD = b"\r\n\r\n"


class Exchange:
    """A stream socket that never blocks: one request, one answer, then it is closed."""

    def __init__(self, number: int, sock: socket.socket, now: float, timeout_s: float) -> None:
        """now: monotonic seconds; timeout_s: within which the request is to be there."""
        sock.settimeout(0)
        self.number = number
        self.sock = sock
        self.head: Head | None = None
        self.records: deque[tuple[int, bytes]] = deque()  # to be handed over
        self.held: Delivery | None = None  # the inbox had no room for it
        self.busy_since: float | None = None
        self.handed_over = self.committed = 0
        self.waits_since = 0.0
        self._refused: list[dict[str, Any]] = []
        self._refusals = 0
        self._became: dict[int, str] = {}  # by record; filled by the core thread
        self._began_at = now
        self._timeout_s = timeout_s
        self._input = bytearray()
        self._output = bytearray()
        self.is_answered = False
        self._is_taken = False  # the body
        self._linger_until: float | None = None
        self._is_at_end = False  # nothing more will come
        self.is_finished = False

    # --- reading ------------------------------------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Take in what has come; True where the whole head or the whole body is there now."""
        try:
            data = self.sock.recv(CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:  # who went away before the end needs no answer
            self._is_at_end = True
            self.is_finished = not self._output
            return False
        if self.is_answered:
            return False  # read away
        self._input += data
        return self.has_head if self.head is None else self.has_body

    @property
    def wants_more(self) -> bool:
        """Whether to read on: not while its records are dealt with."""
        return not self._is_at_end and (self.is_answered or self.head is None or not self.has_body)

    @property
    def has_head(self) -> bool:
        """Whether the head is there. Raises Refusal where it is too long."""
        if _END_OF_HEAD in self._input:
            return True
        if len(self._input) > MAX_HEAD_BYTES:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head must have at most {MAX_HEAD_BYTES} bytes")
        return False

    @property
    def has_body(self) -> bool:
        """Whether as much as the head says is there."""
        return self._is_taken or (self.head is not None and len(self._input) >= self.head.length)

    def take_head(self) -> bytes:
        """The head, with its empty line."""
        raw, _, rest = bytes(self._input).partition(_END_OF_HEAD)
        self._input = bytearray(rest)
        return raw + _END_OF_HEAD

    def go_on(self, head: Head) -> None:
        """The head was accepted: its body may come."""
        self.head = head
        if head.wants_continue and not self.has_body:
            self._output += b"HTTP/1.1 100 Continue\r\n\r\n"

    def take_body(self) -> None:
        """Split the body into records. Raises Refusal where that cannot be done."""
        assert self.head is not None
        raw, self._is_taken = bytes(self._input[: self.head.length]), True
        self._input.clear()
        try:
            self.records.extend(body.split(raw))
        except RecordRefused as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error

    def overdue(self, now: float) -> bool:
        """Whether it is not there in time."""
        if self.is_answered or (self.head is not None and self.has_body):
            return False
        return now - self._began_at > (HEAD_S if self.head is None else self._timeout_s)

    # --- records ------------------------------------------------------------------------------------------------------------

    def refuse(self, number: int, reason: str, message: str) -> None:
        """One record cannot be used."""
        self._refusals += 1
        if len(self._refused) < MOST_TOLD:
            self._refused.append({"line": number, "reason": reason, "message": message})

    def tell(self, number: int, word: str) -> None:
        """What a record became. Called from the core thread."""
        self._became[number] = word

    @property
    def is_settled(self) -> bool:
        """Whether all its records are committed."""
        return self.head is not None and not self.records and self.held is None and self.committed >= self.handed_over

    def settle(self) -> None:
        """All is committed: say what became of it."""
        for number, word in sorted(self._became.items()):
            if word == "fold_failed":
                self.refuse(number, word, "the agent failed on this record; it is in its log")
        became = Counter(word for word in self._became.values() if word and word != "fold_failed")
        told = {"accepted": self.handed_over - self._refusals, "became": dict(sorted(became.items()))}
        if not self._refusals:
            self.answer(HTTPStatus.ACCEPTED, told)
            return
        self.answer(HTTPStatus.UNPROCESSABLE_ENTITY, {**told, "refused": self._refusals, "lines": self._refused})

    # --- answering ----------------------------------------------------------------------------------------------------------

    def refuse_all(self, refusal: Refusal) -> None:
        """The request as a whole is not taken."""
        self.records.clear()
        self.held = None
        self.answer(refusal.status, {"error": str(refusal)}, refusal.headers)

    def answer(self, status: HTTPStatus, said: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        """The one answer."""
        content = msgspec.json.encode(said) + b"\n"
        fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), "Connection": "close", **(headers or {})}
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in fields.items())]
        self._output += "\r\n".join(lines).encode("latin-1") + _END_OF_HEAD + content
        self._input.clear()
        self.is_answered = True

    @property
    def has_output(self) -> bool:
        """Whether the network did not take all."""
        return bool(self._output)

    def send(self, now: float) -> None:
        """As much of the answer as the network takes; then wait for the other side to hang up, a moment."""
        if self._output:
            try:
                sent = self.sock.send(self._output)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.is_finished = True
                return
            del self._output[:sent]
        if self.is_answered and not self._output and self._linger_until is None:
            self._linger_until = now + LINGER_S
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        if self._linger_until is not None and (self._is_at_end or now >= self._linger_until):
            self.is_finished = True
