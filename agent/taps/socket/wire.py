"""What sender and tap say to each other (agent/client/README.md): lines out of bytes, control lines, answers."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from agent.errors import RecordRefused
from agent.records import MAX_RECORD_BYTES, Instant, ShortText

PROTOCOL = 1
MAX_CONTROL_BYTES = 4096
LOSS_REASONS = frozenset({"buffer_full", "handover_full", "too_large", "image_too_large", "invalid"})
_MOST_LOST = 1_000_000_000  # in one report; the counters are 64 bits wide


# A line that is not kept: longer than a record may be, or without its end.
Unusable = Literal["too_large", "cut_off"]


class Lines:
    """Bytes as they come, cut at newlines in bounded memory."""

    def __init__(self) -> None:
        self.ready: deque[bytes | Unusable] = deque()
        self._rest = bytearray()
        self._is_oversized = False

    def feed(self, data: bytes) -> None:
        """What was received next."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._keep(end)
            self.ready.append("too_large" if self._is_oversized else bytes(self._rest))
            self._rest.clear()
            self._is_oversized = False
        self._keep(rest)

    def end(self) -> None:
        """Nothing more comes: a line that has begun stays without its newline."""
        if self._rest or self._is_oversized:
            self.ready.append("too_large" if self._is_oversized else "cut_off")
            self._rest, self._is_oversized = bytearray(), False

    def _keep(self, part: bytes) -> None:
        if not self._is_oversized:
            self._rest += part
            if len(self._rest) > MAX_RECORD_BYTES + 1:  # a carriage return may precede the newline
                self._is_oversized = True
                self._rest = bytearray()


class Hello(Struct, frozen=True, tag="hello", tag_field="type"):
    """First line of a sender: the protocol it speaks, and its name, by which repeated loss reports are known."""

    linetap: int
    client: Annotated[str, Meta(max_length=64)] = ""


class LossReport(Struct, frozen=True, tag="lost", tag_field="type"):
    """What a sender dropped, by reason. number: counts its reports, so that one sent twice is counted once."""

    number: Annotated[int, Meta(ge=1, le=1 << 53)]
    counts: Annotated[dict[ShortText, Annotated[int, Meta(ge=0)]], Meta(max_length=16)]
    station: ShortText = ""
    since: Instant | None = None
    until: Instant | None = None

    def totals(self) -> tuple[tuple[str, int], ...]:
        """By reason, of a closed set: the reasons become metric labels."""
        totals: dict[str, int] = {}
        for reason, count in self.counts.items():
            known = reason if reason in LOSS_REASONS else "other"
            totals[known] = min(_MOST_LOST, totals.get(known, 0) + count)
        return tuple(sorted((reason, count) for reason, count in totals.items() if count))


class _Kind(Struct):
    """The one member that tells a control line from a record."""

    type: object = None


_KIND = msgspec.json.Decoder(_Kind)
_CONTROL = msgspec.json.Decoder(Hello | LossReport)


def control(line: bytes) -> Hello | LossReport | None:
    """The control line this is, None where it is a record or nothing. Raises RecordRefused where it is one, but a wrong one."""
    if len(line) > MAX_CONTROL_BYTES:
        return None
    try:
        if _KIND.decode(line).type not in ("hello", "lost"):
            return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # whoever reads it as a record says what is wrong
    try:
        said: Hello | LossReport = _CONTROL.decode(line)
    except msgspec.DecodeError as error:
        raise RecordRefused("schema", str(error)) from error
    return said


def ack(lines: int) -> bytes:
    """So many lines of this connection are dealt with; exactly this form, so that it can be read without a JSON parser."""
    return b'{"ack":%d}\n' % lines


def welcome() -> bytes:
    """Answer to a hello."""
    return b'{"hello":%d}\n' % PROTOCOL


def refused(line: int, reason: str, message: str) -> bytes:
    """This line could not be used; it is acknowledged all the same."""
    return msgspec.json.encode({"refused": line, "reason": reason, "message": message[:300]}) + b"\n"


def error(message: str) -> bytes:
    """Why the connection is closed."""
    return msgspec.json.encode({"error": message}) + b"\n"
