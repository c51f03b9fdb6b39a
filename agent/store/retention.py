"""Retention: what goes, in which order, a bounded slice at a time.

By age: journal entries (keep_days), parts and what they turned out to be, pictures of closed incidents (trace_days). By size
(max_mb), oldest first, each kind only when those before it have nothing left to give:
1. outbox messages that every sink had confirmed  2. journal entries  3. parts with their outcomes
4. fitted baselines but the last three of a stream  5. pictures of closed incidents  6. model changes but the last ten of a station
7. closed incidents  8. messages never confirmed (counted as lost)  9. alarm transitions. The current alarms are never deleted.
Never deleted: journal entries newer than the oldest checkpoint, and the parts of an open hold. Entries from the beginning of an
open incident on are not deleted by age (evidence); where the disk's bound is reached it holds, and they are counted as expired.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from agent.documents import IncidentDoc
from agent.store.schema import WAL_PAGES
from agent.store.times import to_micros
from agent.store.trace import BLOCK_BITS, BLOCK_PARTS, INDEX_BITS, index_of, key_of

SLICE = 2000
_DAY = 86_400_000_000
# Slices per call while the store is too large: at one call a minute this keeps up with 300 records a second.
SIZE_SLICES = 10
# A plant host that lost its own store gets this much again.
REPLAY_WINDOW_S = 7 * 86_400
# Size-driven deletion starts here, so that the bound itself is not passed between two slices.
FILL = 0.9
_INCIDENT = msgspec.json.Decoder(IncidentDoc)


class Retention:
    """Works on the writer's connection, within its transaction."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, *, keep_days: int, trace_days: int, max_bytes: int, sinks: Sequence[str]
    ) -> None:
        self._db = db
        self._path = path
        self._keep = keep_days * _DAY
        self._keep_parts = trace_days * _DAY
        self._max_bytes = max_bytes
        self._sinks = tuple(sinks)
        self._vacuum = False

    def size_on_disk(self) -> int:
        """The file and its log, bytes."""
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def undelivered(self) -> int:
        """Messages after the slowest sink's mark; 0 without sinks."""
        if not self._sinks:
            return 0
        return int(self._db.execute("SELECT count(*) FROM outbox WHERE id > ?", (self._confirmed(),)).fetchone()[0])

    def is_over(self) -> bool:
        """Whether the used pages and the log together exceed what the bound allows."""
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free + WAL_PAGES) * size > self._max_bytes * FILL

    def delete_slice(self, now: int) -> list[tuple[str, str, int]]:
        """Delete one slice; counts (counter, labels, by) of what went. now: microseconds."""
        oldest = now - self._keep
        gone = {
            "outbox": self._delete("outbox", "id", f"id <= {self._confirmed()} AND at < {now - REPLAY_WINDOW_S * 1_000_000}"),
            "journal": self._delete("journal", "seq", f"seq < {self._oldest_checkpoint()} AND at < {min(oldest, self._needed())}"),
            "parts": self._delete_parts(now - self._keep_parts),
            "outcomes": self._delete("outcomes", "id", f"observed_at < {now - self._keep_parts}"),
            "pictures": self._delete_any("pictures", "id", f"taken_at < {now - self._keep_parts} AND {_CLOSED_PICTURES}"),
        }
        for _ in range(SIZE_SLICES):
            if not self.is_over():
                break
            self._vacuum = True
            kind, by = self._for_size()
            gone[kind] = gone.get(kind, 0) + by
        counts = [("expired", kind, by) for kind, by in gone.items() if by and kind != "unconfirmed"]
        return counts + ([("lost", "outbox", gone["unconfirmed"])] if gone.get("unconfirmed") else [])

    def _for_size(self) -> tuple[str, int]:
        """A slice of the first kind that has something to give, and how much."""
        steps: tuple[tuple[str, Callable[[], int]], ...] = (
            ("outbox", lambda: self._delete("outbox", "id", f"id <= {self._confirmed()}")),
            ("journal", lambda: self._delete("journal", "seq", f"seq < {self._oldest_checkpoint()}")),
            ("parts", lambda: self._delete_parts(1 << 62)),
            ("baselines", lambda: self._delete_any("baselines", "id", _OLD_BASELINES)),
            ("pictures", lambda: self._delete_any("pictures", "id", _CLOSED_PICTURES)),
            ("model_changes", lambda: self._delete_any("model_changes", "id", _OLD_CHANGES)),
            ("incidents", lambda: self._delete_any("incidents", "incident", "open = 0")),
            ("unconfirmed", lambda: self._delete("outbox", "id", "1")),
            ("alarm_events", lambda: self._delete("alarm_events", "id", "1")),
        )
        for kind, step in steps:
            by = step()
            if by:
                return kind, by
        return "", 0

    def after_commit(self) -> None:
        """Give freed pages back to the disk, a bounded number; outside any transaction."""
        if self._vacuum:
            self._vacuum = False
            self._db.executescript("PRAGMA incremental_vacuum(4000)")

    def _delete(self, table: str, key: str, which: str) -> int:
        """Of the first SLICE rows by key those that qualify: never a search through a table that has nothing to give."""
        first = f"SELECT * FROM {table} ORDER BY {key} LIMIT {SLICE}"  # noqa: S608  (constants and integers)
        return self._db.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM ({first}) WHERE {which})").rowcount  # noqa: S608

    def _delete_any(self, table: str, key: str, which: str) -> int:
        """Of the rows that qualify, wherever they stand, the first SLICE: for small tables."""
        return self._db.execute(
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {which} ORDER BY {key} LIMIT {SLICE})"  # noqa: S608  (constants and integers)
        ).rowcount

    def _delete_parts(self, before: int) -> int:
        """A slice of each station's parts captured before then, with what they share and what they turned out to be."""
        held = self._first_held()
        gone = 0
        for (station,) in self._db.execute("SELECT DISTINCT station FROM makes").fetchall():
            start, end = key_of(station, 0), key_of(station, held.get(station, (1 << INDEX_BITS) - 1))
            rows = self._db.execute(
                "SELECT key, captured_at FROM (SELECT key, captured_at FROM parts WHERE key >= ? AND key < ? ORDER BY key LIMIT ?)"
                " WHERE captured_at < ?",
                (start, end, SLICE, before),
            ).fetchall()
            if not rows:
                continue
            last, at = rows[-1]
            gone += self._db.execute("DELETE FROM parts WHERE key BETWEEN ? AND ?", (start, last)).rowcount
            self._db.execute("DELETE FROM boxes WHERE station = ? AND last < ?", (station, index_of(last) - BLOCK_PARTS))
            self._db.execute("DELETE FROM part_times WHERE station = ? AND block < ?", (station, index_of(last) >> BLOCK_BITS))
            self._db.execute("DELETE FROM dispositions WHERE station = ? AND last <= ?", (station, index_of(last)))
            self._delete("outcomes", "id", f"observed_at < {at}")
        return gone

    def _needed(self) -> int:
        """Time of the first journal entry that an open incident still needs as evidence."""
        bodies = self._db.execute("SELECT body FROM incidents WHERE open = 1")
        frozen = [incident.frozen for (body,) in bodies if (incident := _INCIDENT.decode(body)).frozen is not None]
        return min((to_micros(one.log_from) for one in frozen if one is not None), default=1 << 62)

    def _first_held(self) -> dict[int, int]:
        """Per station, the first part of its open holds."""
        first: dict[int, int] = {}
        for (body,) in self._db.execute("SELECT body FROM incidents WHERE open = 1"):
            hold = _INCIDENT.decode(body).hold
            if hold is None or not hold.open:
                continue
            row = self._db.execute("SELECT id FROM names WHERE name = ?", (hold.station,)).fetchone()
            if row is not None:
                first[row[0]] = min(hold.from_index, first.get(row[0], hold.from_index))
        return first

    def _oldest_checkpoint(self) -> int:
        row = self._db.execute("SELECT min(seq) FROM checkpoints").fetchone()
        return int(row[0] or 0)

    def _confirmed(self) -> int:
        """Highest outbox id that every configured sink has had acknowledged; everything without sinks."""
        marks = dict(self._db.execute("SELECT sink, row_id FROM sink_marks"))
        return min((int(marks.get(sink, 0)) for sink in self._sinks), default=1 << 62)


_CLOSED_PICTURES = "incident <> '' AND incident NOT IN (SELECT incident FROM incidents WHERE open = 1)"
_OLD_CHANGES = """id NOT IN (SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY station ORDER BY id DESC) AS age FROM model_changes) WHERE age <= 10)"""
_OLD_BASELINES = """id NOT IN (SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY station, stream ORDER BY id DESC) AS age FROM baselines) WHERE age <= 3)"""
