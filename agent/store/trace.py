"""The trace index as the writer keeps it: one short row a part, and what parts share beside it.

Appended to in part order, so that a commit dirties a page or two however many parts are kept. See migrations/0002_trace.sql.
"""

from __future__ import annotations

from datetime import datetime

from agent.ports import DispositionRow, PartRow
from agent.records import Outcome
from agent.store.claim import from_code, to_code
from agent.store.times import from_micros, to_micros
from agent.store.transaction import Transaction

# key = station << INDEX_BITS | index: 2,047 stations of 69 billion parts stay within the six bytes SQLite has for an integer.
INDEX_BITS = 36
# Parts per row of part_times. What is known of the block being made, and of the boxes filled in it, is written when it is full: a
# commit then dirties no page for it, and whoever reads looks one block further (see `Lookup`).
BLOCK_BITS = 8
BLOCK_PARTS = 1 << BLOCK_BITS
# A box that got no part for so many has been emptied: the name stands for another box from then on.
REUSED_AFTER_PARTS = 4096
# Joined with `WHERE p.key …`, in the order of `row`.
SELECT = (
    "SELECT p.key, p.part_id, p.captured_at, p.rejected, m.recipe, b.name, p.claim, m.position, m.lot, m.model"
    " FROM parts p JOIN makes m ON m.id = p.make LEFT JOIN boxes b ON b.id = p.box"
)

_ONE_OF_BOX = "SELECT 1 FROM parts WHERE key BETWEEN ? AND ? AND box = ? LIMIT 1"


def key_of(station: int, index: int) -> int:
    """The key of a part of the station with this number; an index beyond all is the station's last."""
    return station << INDEX_BITS | min(index, (1 << INDEX_BITS) - 1)


def index_of(key: int) -> int:
    """The part's index at its station."""
    return key & ((1 << INDEX_BITS) - 1)


def station_of(key: int) -> int:
    """The number of its station."""
    return key >> INDEX_BITS


def row(station: str, found: tuple[int, str, int, int, str, str | None, int | None, str, str, str]) -> PartRow:
    """A part from what SELECT gives."""
    key, part_id, captured_at, rejected, recipe, box, claim, position, lot, model = found
    verdict = "ng" if rejected else "ok"
    at = from_micros(captured_at)
    return PartRow(station, index_of(key), part_id, at, verdict, recipe, box or "", from_code(claim), position, lot, model)


class TraceIndex:
    """Works within the writer's transaction. What it remembers is forgotten with it: see `rollback`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._makes: dict[tuple[int, str, str, str, str], int] = {}  # the latest ones
        self._boxes: dict[tuple[int, str], tuple[int, int]] = {}  # (station, name) → (id, last part)
        self._filled: dict[int, int] = {}  # box id → last part, not written yet
        self._block: dict[int, tuple[int, int, int]] = {}  # station → the block it is in, its earliest and latest capture

    def record(self, part: PartRow) -> None:
        """A part recorded before under its index is replaced by itself: folding again changes nothing."""
        station, at = self._tx.name(part.station), to_micros(part.captured_at)
        make, box = self._make(station, part), self._box(station, part.box, part.index) if part.box else None
        self._tx.write(
            "INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?,?)",
            (key_of(station, part.index), part.part_id, at, int(part.verdict == "ng"), make, to_code(part.p_defect), box),
        )
        self._time(station, part.index >> BLOCK_BITS, at)

    def disposition(self, decided: DispositionRow) -> None:
        """What was decided of held parts."""
        self._tx.write(
            "INSERT INTO dispositions (station, first, last, parts, incident, kind, at, role, reason) VALUES (?,?,?,?,?,?,?,?,?)",
            (
                self._tx.name(decided.station),
                decided.first,
                decided.last,
                decided.parts,
                decided.incident,
                decided.kind,
                to_micros(decided.at),
                decided.role,
                decided.reason,
            ),
        )

    def outcome(self, told: Outcome) -> None:
        """What a part turned out to be, as one source saw it; known and unknown parts alike."""
        self._tx.write(
            "INSERT INTO outcomes (part_id, station, observed_at, source, defective, confirmed, defect_class)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                told.part_id,
                told.station,
                to_micros(told.observed_at),
                self._tx.name(told.source),
                int(told.defective),
                int(told.confirmed),
                told.defect_class,
            ),
        )

    def rollback(self) -> None:
        """Nothing since the last commit happened."""
        for remembered in (self._makes, self._boxes, self._filled, self._block):
            remembered.clear()

    # --- questions of the fold ----------------------------------------------------------------------------------------------

    def part(self, station: str, index: int) -> PartRow | None:
        """See agent.ports.History."""
        found = self._tx.one(f"{SELECT} WHERE p.key = ?", (key_of(self._tx.name(station), index),))
        return None if found is None else row(station, found)

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:
        """See agent.ports.History."""
        number = self._tx.name(station)
        found = self._tx.one(
            "SELECT max(key) FROM parts WHERE part_id = ? AND key BETWEEN ? AND ?",
            (part_id, key_of(number, 0), key_of(number, up_to)),
        )
        return None if found is None or found[0] is None else index_of(found[0])

    def passed_between(self, station: str, first: int, last: int) -> int:
        """See agent.ports.History."""
        number = self._tx.name(station)
        found = self._tx.one(
            "SELECT count(*) FROM parts WHERE key BETWEEN ? AND ? AND NOT rejected", (key_of(number, first), key_of(number, last))
        )
        return 0 if found is None else int(found[0])

    def passed_parts(
        self,
        station: str,
        first: int,
        last: int,
        *,
        part_id: str = "",
        box: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[int, ...]:
        """See agent.ports.History."""
        number = self._tx.name(station)
        span = (key_of(number, first), key_of(number, last))
        which, values = "key BETWEEN ? AND ? AND NOT rejected", list[object](span)
        if part_id:
            which += " AND part_id = ?"
            values.append(part_id)
        elif box:
            which += " AND +box IN (SELECT id FROM boxes WHERE name = ? AND station = ?)"
            values += [box, number]
            fillings = self._tx.one(
                "SELECT min(first), max(last) FROM boxes WHERE name = ? AND station = ? AND first <= ? AND last >= ?",
                (box, number, last, first - BLOCK_PARTS),
            )
            if fillings is None or fillings[0] is None:
                return ()
            values[:2] = [max(span[0], key_of(number, fillings[0])), min(span[1], key_of(number, fillings[1] + BLOCK_PARTS))]
        for bound, at in ((">=", since), ("<=", until)):
            if at is not None:
                which += f" AND captured_at {bound} ?"
                values.append(to_micros(at))
        found = self._tx.rows(f"SELECT key FROM parts WHERE {which} ORDER BY key", tuple(values))  # noqa: S608  (constants)
        return tuple(index_of(key) for (key,) in found)

    def boxes_between(self, station: str, first: int, last: int) -> tuple[str, ...]:
        """See agent.ports.History."""
        number = self._tx.name(station)
        self._write_boxes()
        found = self._tx.rows(
            "SELECT id, name, last FROM boxes WHERE station = ? AND first BETWEEN ? AND ? AND last >= ? ORDER BY first",
            (number, 0, last, first - BLOCK_PARTS),
        )
        names = [
            name
            for box, name, until in list(found)
            if until >= first or self._tx.one(_ONE_OF_BOX, (key_of(number, first), key_of(number, until + BLOCK_PARTS), box))
        ]
        return tuple(dict.fromkeys(names))

    # --- the journal is folded from its start ---------------------------------------------------------------------------------

    def forget(self, first_parts: dict[str, list[tuple[str, datetime]]]) -> dict[str, int]:
        """Let go of the parts that the journal will record again; per station, the last part that stays, 0 where none does.

        first_parts: per station, id and capture of the first parts the journal still has. Older ones, whose entries have
        expired, stay under their indices, and the others are numbered on from there.
        """
        self._write_boxes()
        kept: dict[str, int] = {}
        for (station,) in self._tx.all("SELECT n.name FROM names n WHERE n.id IN (SELECT station FROM makes)"):
            number = self._tx.name(station)
            end = key_of(number + 1, 0)
            start = min((self._captured(number, *part) or end for part in first_parts.get(station, [])), default=end)
            self._tx.write("DELETE FROM parts WHERE key >= ? AND key < ?", (start, end))
            stays = self._tx.one("SELECT max(key) FROM parts WHERE key >= ? AND key < ?", (key_of(number, 0), start))
            last = index_of(stays[0]) if stays is not None and stays[0] is not None else 0
            self._tx.write("DELETE FROM part_times WHERE station = ? AND block > ?", (number, last >> BLOCK_BITS))
            self._tx.write("DELETE FROM boxes WHERE station = ? AND first > ?", (number, last))
            self._tx.write("UPDATE boxes SET last = ? WHERE station = ? AND last > ?", (last, number, last))
            kept[station] = last
        self.rollback()
        return kept

    def _captured(self, station: int, part_id: str, at: datetime) -> int | None:
        """Key of the part of this id captured then."""
        found = self._tx.one(
            "SELECT min(key) FROM parts WHERE part_id = ? AND key BETWEEN ? AND ? AND captured_at = ?",
            (part_id, key_of(station, 0), key_of(station + 1, 0), to_micros(at)),
        )
        return None if found is None or found[0] is None else int(found[0])

    # --- what parts share -----------------------------------------------------------------------------------------------------

    def _make(self, station: int, part: PartRow) -> int:
        same = (station, part.recipe, part.position, part.lot, part.model)
        known = self._makes.get(same)
        if known is None:
            found = self._tx.one(
                "SELECT id FROM makes WHERE station = ? AND recipe = ? AND position = ? AND lot = ? AND model = ?", same
            )
            known = int(found[0]) if found is not None else self._inserted("makes (station, recipe, position, lot, model)", same)
            if len(self._makes) >= REUSED_AFTER_PARTS:  # lots come and go
                self._makes.clear()
            self._makes[same] = known
        return known

    def _box(self, station: int, name: str, index: int) -> int:
        """The filling of this box that the part belongs to."""
        known = self._boxes.get((station, name))
        if known is None:
            found = self._tx.one(
                "SELECT id, last FROM boxes WHERE station = ? AND name = ? AND first <= ? ORDER BY first DESC LIMIT 1",
                (station, name, index),
            )
            known = None if found is None else (int(found[0]), int(found[1]))
        if known is None or index - known[1] > REUSED_AFTER_PARTS:
            known = (self._inserted("boxes (station, name, first, last)", (station, name, index, index)), index)
        elif index > known[1]:
            known = (known[0], index)
            self._filled[known[0]] = index
        if len(self._boxes) >= REUSED_AFTER_PARTS:
            self._boxes.clear()
        self._boxes[station, name] = known
        return known[0]

    def _inserted(self, into: str, values: tuple[object, ...]) -> int:
        marks = ",".join("?" * len(values))
        number = self._tx.write(f"INSERT INTO {into} VALUES ({marks})", values).lastrowid  # noqa: S608  (constants)
        assert number is not None
        return number

    def _time(self, station: int, block: int, at: int) -> None:
        known = self._block.get(station)
        if known is None or known[0] != block:
            if known is not None:
                self._write_block(station, *known)
                self._write_boxes()
            known = (block, *self._times_in(station, block))
        self._block[station] = (block, min(at, known[1]), max(at, known[2]))

    def _times_in(self, station: int, block: int) -> tuple[int, int]:
        """Earliest and latest capture among the parts that are there already, as after a restart; reversed when none is."""
        found = self._tx.one(
            "SELECT min(captured_at), max(captured_at) FROM parts WHERE key BETWEEN ? AND ?",
            (key_of(station, block << BLOCK_BITS), key_of(station, (block + 1 << BLOCK_BITS) - 1)),
        )
        return (1 << 62, 0) if found is None or found[0] is None else (int(found[0]), int(found[1]))

    def _write_block(self, station: int, block: int, first_at: int, last_at: int) -> None:
        self._tx.write("INSERT OR REPLACE INTO part_times VALUES (?,?,?,?)", (station, block, first_at, last_at))

    def _write_boxes(self) -> None:
        for box, last in self._filled.items():
            self._tx.write("UPDATE boxes SET last = max(last, ?) WHERE id = ?", (last, box))
        self._filled.clear()
