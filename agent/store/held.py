"""Held parts as read from the store: which hold a part is under, what was decided of it, and a hold's list by suspicion."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from agent.documents import HeldDoc, HoldDoc
from agent.ports import PartRow
from agent.store.times import from_micros
from agent.store.trace import SELECT, key_of, row


class _Held(msgspec.Struct):
    """What is read of a kept incident."""

    hold: HoldDoc | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One held part. rank: 1 is the most suspect. onset: before, within or after the interval in which the change began."""

    rank: int
    part: PartRow
    onset: str
    found_bad: bool
    disposition: str


class Held:
    """Every hold kept, with its dispositions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        decode = msgspec.json.Decoder(_Held).decode
        documents = (decode(body).hold for (body,) in db.execute("SELECT body FROM incidents ORDER BY opened_at"))
        self.holds = {hold.incident: hold for hold in documents if hold is not None}
        self._by_station: defaultdict[str, list[HoldDoc]] = defaultdict(list)
        for hold in self.holds.values():
            self._by_station[hold.station].append(hold)
        self._decided: dict[str, list[tuple[int, int, HeldDoc]]] = {}  # per incident in part order

    def of(self, part: PartRow) -> tuple[HeldDoc, ...]:
        """The holds this part is or was under, oldest first."""
        if part.verdict != "ok":
            return ()
        held = [h for h in self._by_station[part.station] if any(s.from_index <= part.index <= s.to_index for s in h.spans)]
        return tuple(self.decided(hold, part.index) for hold in held)

    def decided(self, hold: HoldDoc, index: int) -> HeldDoc:
        """What was decided of a held part."""
        rows = self._decided.get(hold.incident)
        if rows is None:
            found = self._db.execute(
                "SELECT first, last, kind, at, role, reason FROM dispositions WHERE incident = ? ORDER BY first", (hold.incident,)
            )
            rows = [
                (first, last, HeldDoc(hold.incident, kind, from_micros(at), role, reason))
                for first, last, kind, at, role, reason in found
            ]
            self._decided[hold.incident] = rows
        place = bisect_right(rows, index, key=lambda one: one[0]) - 1
        return rows[place][2] if place >= 0 and rows[place][1] >= index else HeldDoc(hold.incident, "open")

    def boxes(self, hold: HoldDoc) -> list[tuple[str, Counter[str]]]:
        """Per box, in the order they were begun, how many held parts of each disposition it has."""
        counted: dict[str, Counter[str]] = {}
        for part in self._parts(hold, "p.key"):
            counted.setdefault(part.box, Counter())[self.decided(hold, part.index).disposition] += 1
        return list(counted.items())

    def by_suspicion(self, hold: HoldDoc) -> Iterator[Suspect]:
        """Each held part, the most suspect first: found bad; then made after the change, while it began, before it.

        Among these a box in which a part was found bad comes first, then the higher claim, then the newer part: the fault is still
        there when a hold is made.
        """
        earliest, _, latest = hold.onset_index or (hold.from_index, 0, hold.from_index)
        station = self._station(hold)
        bad_ids = "SELECT part_id FROM outcomes WHERE defective AND station IN ('', :name)"
        zone = "CASE WHEN p.key >= :latest THEN 0 WHEN p.key >= :earliest THEN 1 ELSE 2 END"
        bad = f"p.part_id IN ({bad_ids})"
        spoiled = f"p.box IN (SELECT q.box FROM parts q WHERE q.part_id IN ({bad_ids}) AND q.key BETWEEN :first AND :last)"  # noqa: S608
        order = f"{bad} DESC, {zone}, coalesce({spoiled}, 0) DESC, p.claim DESC, p.key DESC"
        values = {
            "name": hold.station,
            "earliest": key_of(station, earliest),
            "latest": key_of(station, latest),
            "first": key_of(station, hold.from_index),
            "last": key_of(station, hold.to_index),
        }
        known_bad = {part_id for (part_id,) in self._db.execute(bad_ids, values)}
        for rank, part in enumerate(self._parts(hold, order, values), start=1):
            onset = "after" if part.index >= latest else "within" if part.index >= earliest else "before"
            yield Suspect(rank, part, onset, part.part_id in known_bad, self.decided(hold, part.index).disposition)

    def _parts(self, hold: HoldDoc, order: str, values: dict[str, object] | None = None) -> Iterator[PartRow]:
        """Its passed parts, in this order."""
        station = self._station(hold)
        spans = " OR ".join(
            f"p.key BETWEEN {key_of(station, span.from_index)} AND {key_of(station, span.to_index)}" for span in hold.spans
        )
        for found in self._db.execute(f"{SELECT} WHERE ({spans}) AND NOT p.rejected ORDER BY {order}", values or {}):
            yield row(hold.station, found)

    def _station(self, hold: HoldDoc) -> int:
        found = self._db.execute("SELECT id FROM names WHERE name = ?", (hold.station,)).fetchone()
        return int(found[0])
