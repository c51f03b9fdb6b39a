"""Outcomes of parts without serials: joined by time, box or sequence, and refused where more than one part may be meant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from agent.records import Outcome

if TYPE_CHECKING:
    from agent.config.sources import SourceSection

# Outcomes that wait until their part can be told; the oldest is given up for the next.
WAITING_KEPT = 1_000
# Judged parts are forgotten in strokes: one by one the list would be moved at every part.
_STROKE = 1_000

Refusal = Literal["ambiguous", "unjoinable", "unmatched", "late"]
Found = tuple[str, Refusal | None]  # the part_id, or why there is none
Joined = tuple[Outcome, Outcome | Refusal]  # as it came, and with its part_id or why it has none


class Joiner:
    """Knows the parts of one station that are not judged yet by time, box and sequence. Mutable, deterministic."""

    def __init__(self) -> None:
        self._by_time: list[tuple[datetime, int, str]] = []
        self._by_box: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._by_sequence: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self._named: dict[int, tuple[str, int | None]] = {}  # box and sequence of a part, by its index
        self._opened: set[str] = set()  # boxes of which a part is judged already
        self._box = ""  # the one being filled
        self._judged_at: datetime | None = None  # capture of the latest part judged
        self._stale = 0
        self._waiting: OrderedDict[int, tuple[Outcome, SourceSection]] = OrderedDict()
        self._number = 0

    def add(self, index: int, part_id: str, at: datetime, box: str, sequence: int | None) -> None:
        """A new part."""
        insort(self._by_time, (at, index, part_id))
        self._named[index] = (box, sequence)
        if box:
            self._by_box[box].append((index, part_id))
        if sequence is not None:
            self._by_sequence[sequence].append((index, part_id))
        self._box = box

    def forget(self, index: int, at: datetime) -> None:
        """A part is judged: nothing joins it any more, nor what lies so near that it may be meant."""
        box, sequence = self._named.pop(index, ("", None))
        self._judged_at = at if self._judged_at is None else max(at, self._judged_at)
        self._stale += 1
        if self._stale >= _STROKE:
            self._stale = 0
            del self._by_time[: bisect_right(self._by_time, (self._judged_at, index, chr(0x10FFFF)))]
        if box in self._by_box:
            self._opened.add(box)
            _drop(self._by_box, box, index)
            if box not in self._by_box:
                self._opened.discard(box)
        if sequence in self._by_sequence:
            _drop(self._by_sequence, sequence, index)

    def tell(self, outcome: Outcome, source: SourceSection) -> Refusal | None:
        """An outcome without part_id; it is joined by `due`. What it, or another for its sake, is refused for at once."""
        needed = {"time": outcome.made_at, "box": outcome.box or None, "sequence": outcome.sequence, "part_id": None}
        if needed[source.join] is None:
            return "unjoinable"
        self._number += 1
        self._waiting[self._number] = (outcome, source)
        if len(self._waiting) <= WAITING_KEPT:
            return None
        self._waiting.popitem(last=False)
        return "unmatched"

    def due(self, reached: datetime) -> Iterator[Joined]:
        """Those whose part can be told now that the source's time has reached `reached`, in the order they came."""
        for number, (outcome, source) in list(self._waiting.items()):
            found = self._find(outcome, source, reached)
            if found is not None:
                del self._waiting[number]
                part_id, refusal = found
                yield outcome, refusal or msgspec.structs.replace(outcome, part_id=part_id)

    def _find(self, outcome: Outcome, source: SourceSection, reached: datetime) -> Found | None:
        """None while the part may still come."""
        if source.join == "time":
            assert outcome.made_at is not None
            return self._nearest(outcome.made_at, timedelta(seconds=source.join_window_s), reached)
        if source.join == "box":
            return self._in_box(outcome.box, outcome.sequence)
        assert outcome.sequence is not None
        return _only(self._by_sequence.get(outcome.sequence, []))

    def _nearest(self, at: datetime, window: timedelta, reached: datetime) -> Found | None:
        reach = 2 * window  # a rival may lie twice as far as the one that is meant
        if self._judged_at is not None and at - reach <= self._judged_at:
            return "", "late"
        if reached <= at + reach:
            return None
        first = bisect_left(self._by_time, (at - reach, -1, ""))
        within = self._by_time[first : bisect_right(self._by_time, (at + reach, 1 << 62, ""))]
        ranked = sorted((abs(captured - at), index, part_id) for captured, index, part_id in within)
        if not ranked or ranked[0][0] > window:
            return "", "unmatched"
        if len(ranked) > 1 and ranked[1][0] <= 2 * ranked[0][0]:
            return "", "ambiguous"  # another part is less than twice as far
        return ranked[0][2], None

    def _in_box(self, box: str, place: int | None) -> Found | None:
        if box in self._opened:
            return "", "late"
        parts = self._by_box.get(box, [])
        if place is not None:
            if 1 <= place <= len(parts):
                return parts[place - 1][1], None
            return ("", "unmatched") if parts and box != self._box else None
        return None if not parts or box == self._box else _only(parts)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "by_time": self._by_time,
            "by_box": list(self._by_box.items()),
            "by_sequence": list(self._by_sequence.items()),
            "named": list(self._named.items()),
            "opened": sorted(self._opened),
            "plain": (self._box, self._judged_at, self._stale, self._number),
            "waiting": [(number, msgspec.msgpack.encode(outcome)) for number, (outcome, _) in self._waiting.items()],
        }

    def load(self, saved: dict[str, Any], sources: Mapping[str, SourceSection]) -> None:
        """From a checkpoint."""
        self._by_time = [(at, index, part_id) for at, index, part_id in saved["by_time"]]
        for key, parts in saved["by_box"]:
            self._by_box[key] = [(index, part_id) for index, part_id in parts]
        for sequence, parts in saved["by_sequence"]:
            self._by_sequence[sequence] = [(index, part_id) for index, part_id in parts]
        self._named = {index: (box, sequence) for index, (box, sequence) in saved["named"]}
        self._opened = set(saved["opened"])
        self._box, self._judged_at, self._stale, self._number = saved["plain"]
        for number, packed in saved["waiting"]:
            outcome = msgspec.msgpack.decode(packed, type=Outcome)
            self._waiting[number] = (outcome, sources[outcome.source])


def _only(parts: list[tuple[int, str]]) -> Found | None:
    if not parts:
        return None
    return (parts[0][1], None) if len(parts) == 1 else ("", "ambiguous")


def _drop(parts: defaultdict[Any, list[tuple[int, str]]], key: object, index: int) -> None:
    parts[key] = [part for part in parts[key] if part[0] != index]
    if not parts[key]:
        del parts[key]
