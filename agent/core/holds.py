"""Holds: passed parts that must not ship, from the last informative verification to a check that covers it; what became of them.

A hold is spans of part indices, never a list of parts, so that one of a million parts costs no more than one of ten. The sums close
at every moment: held = released + sorted + scrapped + open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from agent.documents import HoldDoc, SpanDoc
from agent.errors import CommandRefused
from agent.ports import History
from detectors.contract import Onset

Disposition = Literal["released", "sorted", "scrapped"]
# A growing hold is published again every so many parts of the station.
HOLD_STEP_PARTS = 100
# Spans and boxes named in what is published; the rest are counted, and stand in the store and the CSV.
MOST_SPANS = 20
MOST_BOXES = 100
# Two disposed parts this far apart are looked at for what lies between; further apart they stay two entries.
NEAR = 64


@dataclass(frozen=True, slots=True)
class Containment:
    """What is to be held: passed parts from index first on. verified: whether a verification set that. audits: how many clean ones
    in a row, of parts made since, cover it, where that is more than the declared limit asks for.
    """

    first: int
    verified: bool
    audits: int = 0


class Disposed(msgspec.Struct, frozen=True):
    """What was decided of the held parts from index first to last; parts: how many of them are held."""

    first: int
    last: int
    parts: int
    kind: Disposition


class Hold(msgspec.Struct):
    """What one incident holds. Mutable. counted: how far `parts`, the passed ones, and `boxes` have been counted."""

    since: Literal["verification", "arming"]
    spans: list[tuple[int, int]]
    began_at: int  # the station's last part when it was made
    counted: int
    parts: int
    boxes: list[str]
    published: int
    audits: int = 0
    ended_by: str = ""
    ended_at: datetime | None = None
    disposed: list[Disposed] = msgspec.field(default_factory=list)  # in part order, none overlapping
    found_bad: int = 0

    @property
    def last(self) -> int:
        """The last part held."""
        return self.spans[-1][1]

    @property
    def grows(self) -> bool:
        """Whether parts are still added to it."""
        return not self.ended_by

    def of(self, kind: str) -> int:
        """Parts so disposed of."""
        return sum(one.parts for one in self.disposed if one.kind == kind)


class Holds:
    """The holds of one station by their incident, until that is closed. Counts are asked of the store once for each part."""

    def __init__(self, station: str, history: History) -> None:
        self._station = station
        self._history = history
        self._holds: dict[str, Hold] = {}

    def get(self, incident: str) -> Hold | None:
        """None where nothing is held."""
        return self._holds.get(incident)

    def hold(self, incident: str, meant: Containment, last: int) -> None:
        """Hold the passed parts up to index `last` and on; a hold never shrinks."""
        hold, first, verified = self._holds.get(incident), meant.first, meant.verified
        if hold is None:
            since: Literal["verification", "arming"] = "verification" if verified else "arming"
            self._holds[incident] = hold = Hold(since, [(first, first - 1)], last, first - 1, 0, [], last)
        elif first > hold.last + 1:  # a check was good in between
            hold.spans.append((first, first - 1))
            hold.counted = first - 1
        elif first < hold.spans[0][0]:
            earlier = (first, hold.spans[0][0] - 1)
            hold.parts += self._history.passed_between(self._station, *earlier)
            hold.boxes = list(dict.fromkeys((*self._history.boxes_between(self._station, *earlier), *hold.boxes)))
            hold.spans[0] = (first, hold.spans[0][1])
            hold.since = "verification" if verified else "arming"
        hold.audits = max(hold.audits, meant.audits)
        hold.ended_by, hold.ended_at = "", None
        self._reach(hold, last)

    def grow(self, incident: str, last: int) -> bool:
        """The station has inspected part `last`; True when the hold is to be published again."""
        hold = self._holds.get(incident)
        if hold is None or not hold.grows or last <= hold.last:
            return False
        hold.spans[-1] = (hold.spans[-1][0], last)
        if last < hold.published + HOLD_STEP_PARTS:
            return False
        self._reach(hold, last)
        return True

    def end(self, incident: str, last: int, by: str, at: datetime) -> bool:
        """No part after `last` is held, by a check that covers what it was for; True when it grew until now."""
        hold = self._holds.get(incident)
        if hold is None or not hold.grows:
            return False
        self._reach(hold, max(last, hold.last))
        hold.ended_by, hold.ended_at = by, at
        return True

    def forget(self, incident: str) -> None:
        """The incident is closed; what became of its parts is in the store."""
        self._holds.pop(incident, None)

    def dispose(self, incident: str, chosen: Iterable[int] | None, kind: Disposition, *, only_open: bool) -> list[Disposed]:
        """Note what was decided of the parts with these indices (None: of all that are open). Raises CommandRefused.

        Nothing is noted when one of them was decided of before, unless only_open takes what is left.
        """
        hold = self._holds[incident]
        self._reach(hold, hold.last)
        if chosen is None:
            new = [Disposed(first, last, n, kind) for first, last in self._open(hold) if (n := self._passed(first, last))]
        else:
            indices = sorted(set(chosen))
            before = [index for index in indices if self.disposition(hold, index)]
            if before and not only_open:
                part = self._history.part(self._station, before[0])
                name = f"number {before[0]}" if part is None else part.part_id
                raise CommandRefused(
                    f"{len(before)} of {len(indices)} parts are disposed of already, first {name}: "
                    f"{self.disposition(hold, before[0])}",
                    hint="nothing was changed; with `rest` only those still open are taken",
                )
            new = self._together(sorted(set(indices) - set(before)), kind)
        hold.disposed = sorted((*hold.disposed, *new), key=lambda one: one.first)
        return new

    @staticmethod
    def disposition(hold: Hold, index: int) -> str:
        """What was decided of a held part; empty while it is open."""
        at = bisect_right(hold.disposed, index, key=lambda one: one.first) - 1
        return hold.disposed[at].kind if at >= 0 and hold.disposed[at].last >= index else ""

    def document(self, incident: str, *, opened_at: datetime, onset: Onset | None, closed: bool) -> HoldDoc | None:
        """As it is published; None where nothing is held."""
        hold = self._holds.get(incident)
        if hold is None:
            return None
        spans = [self._span(first, last, opened_at) for first, last in _fewest(hold.spans, MOST_SPANS)]
        counts = {kind: hold.of(kind) for kind in ("released", "sorted", "scrapped")}
        left = hold.parts - sum(counts.values())
        half = MOST_BOXES // 2
        shown = hold.boxes if len(hold.boxes) <= MOST_BOXES else [*hold.boxes[:half], *hold.boxes[-half:]]
        return HoldDoc(
            incident=incident,
            station=self._station,
            reason="bad parts passed",
            since=hold.since,
            from_part_id=spans[0].from_part_id,
            from_at=spans[0].from_at,
            to_part_id=spans[-1].to_part_id,
            to_at=spans[-1].to_at,
            parts=hold.parts,
            boxes=tuple(shown),
            open=not closed and (hold.grows or left > 0),
            from_index=hold.spans[0][0],
            to_index=hold.counted,
            spans=tuple(spans),
            boxes_total=len(hold.boxes),
            grows=hold.grows,
            ended_by=hold.ended_by,
            ended_at=hold.ended_at,
            onset_index=None if onset is None else (onset.earliest, onset.estimate, onset.latest),
            released=counts["released"],
            sorted=counts["sorted"],
            scrapped=counts["scrapped"],
            undecided=left,
            found_bad=hold.found_bad,
        )

    def save(self) -> Any:
        """For a checkpoint."""
        return msgspec.to_builtins(self._holds, builtin_types=(datetime,))

    def load(self, saved: Any) -> None:
        """From a checkpoint."""
        self._holds = msgspec.convert(saved, dict[str, Hold])

    # --- within -------------------------------------------------------------------------------------------------------------

    def _reach(self, hold: Hold, last: int) -> None:
        """Count what was added since it was last counted."""
        first = hold.counted + 1
        hold.spans[-1] = (hold.spans[-1][0], max(last, hold.last))
        hold.published = hold.last
        if first <= hold.last:
            hold.parts += self._passed(first, hold.last)
            hold.boxes = list(dict.fromkeys((*hold.boxes, *self._history.boxes_between(self._station, first, hold.last))))
            hold.counted = hold.last

    def _passed(self, first: int, last: int) -> int:
        return self._history.passed_between(self._station, first, last)

    def _open(self, hold: Hold) -> list[tuple[int, int]]:
        """What lies between the disposed parts, within the spans."""
        left: list[tuple[int, int]] = []
        for first, last in hold.spans:
            start = first
            for one in hold.disposed:
                if one.first <= last and one.last >= first:
                    left.append((start, one.first - 1))
                    start = one.last + 1
            left.append((start, last))
        return [(first, last) for first, last in left if first <= last]

    def _together(self, indices: Sequence[int], kind: Disposition) -> list[Disposed]:
        """Indices as runs: two are joined where no other held part lies between."""
        runs: list[Disposed] = []
        for index in indices:
            before = runs[-1] if runs else None
            gap = NEAR if before is None else index - before.last - 1
            if before is not None and gap < NEAR and (gap == 0 or not self._passed(before.last + 1, index - 1)):
                runs[-1] = Disposed(before.first, index, before.parts + 1, kind)
            else:
                runs.append(Disposed(index, index, 1, kind))
        return runs

    def _span(self, first: int, last: int, opened_at: datetime) -> SpanDoc:
        ends = [self._history.part(self._station, index) for index in (first, last)]
        names = ["" if part is None else part.part_id for part in ends]
        times = [opened_at if part is None else part.captured_at for part in ends]
        return SpanDoc(names[0], times[0], first, names[1], times[1], last)


def _fewest(spans: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """At most so many spans that cover these: the last ones as one."""
    kept = list(spans[: most - 1])
    rest = spans[most - 1 :]
    return [*kept, (rest[0][0], rest[-1][1])] if rest else kept
