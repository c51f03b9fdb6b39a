"""Parts found again by serial, box or time, over the read-only connection of a Reader: each way along an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agent.documents import ToldDoc
from agent.ports import PartRow
from agent.store.times import from_micros, to_micros
from agent.store.trace import BLOCK_BITS, BLOCK_PARTS, INDEX_BITS, SELECT, key_of, row, station_of

_LAST_INDEX = (1 << INDEX_BITS) - 1


@dataclass(frozen=True, slots=True)
class Sought:
    """What is asked for; what is left empty does not restrict. A serial ending in * stands for all that begin so."""

    serial: str = ""
    box: str = ""
    since: datetime | None = None
    until: datetime | None = None
    station: str = ""
    position: str | None = None


@dataclass(slots=True)
class Lookup:
    """Questions about parts."""

    db: sqlite3.Connection
    _stations: dict[int, str] = field(default_factory=dict)

    def stations(self) -> dict[int, str]:
        """Those that have judged parts, by number."""
        if not self._stations:
            self._stations.update(
                self.db.execute("SELECT id, name FROM names WHERE id IN (SELECT station FROM makes) ORDER BY name")
            )
        return self._stations

    def parts(self, sought: Sought) -> Iterator[PartRow]:
        """Those that fit, station by station, in the order they were judged."""
        numbers = [number for number, name in self.stations().items() if sought.station in ("", name)]
        for number in numbers:
            yield from self._of_station(number, sought)

    def between(self, station: str, first: int, last: int) -> Iterator[PartRow]:
        """Those of one station with first <= index <= last."""
        number = next((n for n, name in self.stations().items() if name == station), None)
        if number is not None:
            yield from self._rows("p.key BETWEEN ? AND ?", (key_of(number, first), key_of(number, last)))

    def kept(self, station: str) -> tuple[PartRow, PartRow] | None:
        """The oldest and the newest part kept of a station."""
        number = next((n for n, name in self.stations().items() if name == station), None)
        if number is None:
            return None
        span = (key_of(number, 0), key_of(number, _LAST_INDEX))
        ends = [next(self._rows(f"p.key BETWEEN ? AND ? ORDER BY p.key {way} LIMIT 1", span), None) for way in ("", "DESC")]
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])

    def outcomes(self, part_id: str, station: str) -> tuple[ToldDoc, ...]:
        """What this part turned out to be by each source, in the order it was told; of any station's part where none was named."""
        rows = self.db.execute(
            "SELECT o.defective, n.name, o.observed_at, o.confirmed, o.defect_class FROM outcomes o JOIN names n ON n.id = o.source"
            " WHERE o.part_id = ? AND o.station IN ('', ?) ORDER BY o.id",
            (part_id, station),
        )
        return tuple(ToldDoc(bool(bad), source, from_micros(at), bool(sure), kind) for bad, source, at, sure, kind in rows)

    # --- ways ---------------------------------------------------------------------------------------------------------------

    def _of_station(self, station: int, sought: Sought) -> Iterator[PartRow]:
        if sought.serial:
            found = self._by_serial(station, sought.serial)
        elif sought.box:
            found = self._by_box(station, sought.box)
        else:
            found = self._by_time(station, sought.since, sought.until)
        for part in found:
            late = sought.until is not None and part.captured_at > sought.until
            early = sought.since is not None and part.captured_at < sought.since
            if not early and not late and sought.position in (None, part.position) and sought.box in ("", part.box):
                yield part

    def _by_serial(self, station: int, serial: str) -> Iterator[PartRow]:
        span = (key_of(station, 0), key_of(station, _LAST_INDEX))
        if serial.endswith("*"):
            begins = serial[:-1]
            yield from self._rows(
                "p.part_id >= ? AND p.part_id < ? AND +p.key BETWEEN ? AND ?", (begins, begins + chr(0x10FFFF), *span)
            )
        else:
            yield from self._rows("p.part_id = ? AND p.key BETWEEN ? AND ? ORDER BY p.key", (serial, *span))

    def _by_box(self, station: int, box: str) -> Iterator[PartRow]:
        """Each filling of the box. Its end may be written up to a block late."""
        fillings = self.db.execute(
            "SELECT id, first, last FROM boxes WHERE name = ? AND station = ? ORDER BY first", (box, station)
        ).fetchall()
        for number, first, last in fillings:
            span = (key_of(station, first), key_of(station, last + BLOCK_PARTS))
            yield from self._rows("p.key BETWEEN ? AND ? AND +p.box = ? ORDER BY p.key", (*span, number))

    def _by_time(self, station: int, since: datetime | None, until: datetime | None) -> Iterator[PartRow]:
        """The blocks that reach into the time, and those not written yet."""
        first_at = 0 if since is None else to_micros(since)
        last_at = (1 << 62) if until is None else to_micros(until)
        blocks = self.db.execute(
            "SELECT block FROM part_times WHERE station = ? AND last_at >= ? AND first_at <= ? ORDER BY block",
            (station, first_at, last_at),
        )
        spans = list(_spans(int(block) for (block,) in blocks))
        newest = self.db.execute("SELECT max(block) FROM part_times WHERE station = ?", (station,)).fetchone()[0]
        spans.append((0 if newest is None else int(newest) + 1, _LAST_INDEX >> BLOCK_BITS))
        for first, last in spans:
            span = (key_of(station, first << BLOCK_BITS), key_of(station, ((last + 1) << BLOCK_BITS) - 1))
            yield from self._rows(
                "p.key BETWEEN ? AND ? AND p.captured_at BETWEEN ? AND ? ORDER BY p.key", (*span, first_at, last_at)
            )

    def _rows(self, which: str, values: tuple[object, ...]) -> Iterator[PartRow]:
        names = self.stations()
        for found in self.db.execute(f"{SELECT} WHERE {which}", values):
            yield row(names[station_of(found[0])], found)


def _spans(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as runs without a gap."""
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last
