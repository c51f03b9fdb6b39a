"""The one writer: journal, parts, alarms, outbox and cursors in one transaction; nothing is durable before `commit`."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from agent.documents import AlarmDoc, IncidentDoc, OutMessage
from agent.errors import StoreCorrupt, StoreError
from agent.ports import PartRow
from agent.records import Commanded, Entry, Gap, Inspected, Tick, Told
from agent.store import schema
from agent.store.body import pack_entry, unpack_entry
from agent.store.identity import entry_key
from agent.store.outbox import SqliteOutbox
from agent.store.retention import Retention
from agent.store.times import from_micros, to_micros

CHECKPOINTS_KEPT = 2
# A sign of life of an idle agent is worth one page write this often: it bounds what a gap overstates.
ALIVE_EVERY_S = 30
_JSON = msgspec.json.Encoder()


class SqliteStore:
    """`agent.ports.Journal` on one SQLite file.

    path: the database file; its folder must exist. keep_days, max_mb: retention. in_memory: a store that need not outlive the
    process, for replays: the same file in a temporary folder, unsynchronised, gone at `close`. sinks: names whose marks hold back
    the deletion of outbox rows. A damaged file is set aside at the start, never deleted: see `quarantined`.
    Raises StoreLocked when another process has it, StoreError for a newer schema or an unusable disk.
    """

    def __init__(self, path: Path, *, keep_days: int, max_mb: int, in_memory: bool = False, sinks: Sequence[str] = ()) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="linewarden-")) if in_memory else None
        self.path = self._scratch / "store.db" if self._scratch is not None else path
        self.quarantined: Path | None = None
        self._lock = schema.WriterLock(self.path.with_suffix(".lock"))
        try:
            with _store_errors("open", self.path):
                self._db = self._open(durable=not in_memory)
        except BaseException:
            self._lock.release()
            raise
        self._changed = threading.Condition()
        self._marks: dict[str, int] = {}
        self._marks_lock = threading.Lock()
        self._written_marks: dict[str, int] = {}
        self._retention = Retention(self._db, self.path, keep_days=keep_days, max_bytes=max_mb << 20, sinks=sinks)
        self._is_closed = False
        self._begun = False
        self._first_message = 0  # id of the transaction's first outbox row
        self._names: dict[str, int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._last_seq = self._highest_seq()
        self._alive_at = int(self._meta("alive_at") or 0)
        if self.quarantined is not None:
            self.count("store_quarantined", self.quarantined.name)
            self._alive_at = self.quarantined.stat().st_mtime_ns // 1000  # what the gap after it starts from

    # --- writing ------------------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> int | None:
        """See Journal."""
        seq = self._last_seq + 1
        kind, station, at, tap = _columns(entry)
        row = (
            seq,
            kind,
            self._name(station) if station else None,
            to_micros(at),
            self._name(tap) if tap else None,
            entry_key(entry),
            pack_entry(entry),
        )
        cursor = self._write(
            "INSERT INTO journal VALUES (?,?,?,?,?,?,?) ON CONFLICT (identity) WHERE identity IS NOT NULL DO NOTHING", row
        )
        if cursor.rowcount == 0:
            return None
        self._last_seq = seq
        return seq

    def record_part(self, part: PartRow) -> None:
        """See Journal. A part recorded before under its index is replaced by itself: folding again changes nothing."""
        self._write(
            "INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?,?)",
            (
                self._name(part.station),
                part.index,
                part.part_id,
                to_micros(part.captured_at),
                part.verdict,
                self._name(part.recipe),
                part.box,
            ),
        )

    def enqueue(self, messages: Iterable[OutMessage]) -> None:
        """See Journal."""
        for m in messages:
            cursor = self._write(
                "INSERT INTO outbox (at, topic, payload, qos, retain, kind) VALUES (0,?,?,?,?,?)",
                (m.topic, m.payload, m.qos, int(m.retain), m.kind),
            )
            self._first_message = self._first_message or cursor.lastrowid or 0

    def record_alarm(self, document: AlarmDoc) -> None:
        """See Journal. A document without a transition only updates the current state."""
        body = _JSON.encode(document)
        if document.transition:
            self._write(
                "INSERT INTO alarm_events (alarm_id, occurrence_id, transition, part_id, changed_at, body) VALUES (?,?,?,?,?,?)",
                (
                    document.alarm_id,
                    document.occurrence_id,
                    document.transition,
                    document.part_id,
                    to_micros(document.changed_at),
                    body,
                ),
            )
        self._write("INSERT OR REPLACE INTO alarms VALUES (?,?,?,?)", (document.station, document.alarm_id, document.state, body))

    def record_incident(self, document: IncidentDoc) -> None:
        """See Journal."""
        row = (document.incident, document.station, to_micros(document.opened_at), int(document.open), _JSON.encode(document))
        self._write("INSERT OR REPLACE INTO incidents VALUES (?,?,?,?,?)", row)

    def record_baseline(self, station: str, stream: str, at: datetime, body: bytes) -> None:
        """See Journal."""
        self._write("INSERT INTO baselines (station, stream, at, body) VALUES (?,?,?,?)", (station, stream, to_micros(at), body))

    def set_position(self, tap: str, position: str) -> None:
        """See Journal."""
        self._write("INSERT OR REPLACE INTO positions VALUES (?,?)", (tap, position))

    def count(self, counter: str, labels: str, by: int = 1) -> None:
        """See Journal."""
        key = (counter, labels)
        self._counts[key] = self._counts.get(key, 0) + by

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        """See Journal."""
        self._write("INSERT OR REPLACE INTO checkpoints VALUES (?,?)", (seq, state))
        self._write(
            "DELETE FROM checkpoints WHERE seq NOT IN (SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT ?)", (CHECKPOINTS_KEPT,)
        )

    def discard_checkpoint(self, seq: int) -> None:
        """A checkpoint this build cannot continue."""
        self._write("DELETE FROM checkpoints WHERE seq = ?", (seq,))

    def forget_parts(self) -> None:
        """Before the journal is folded from its start: the parts are recorded again, under the indices of that fold."""
        self._write("DELETE FROM parts", ())

    def commit(self, now: datetime) -> None:
        """See Journal."""
        with _store_errors("commit to", self.path):
            self._write_cursors(to_micros(now))
            if not self._begun:
                return
            if self._first_message:
                self._db.execute("UPDATE outbox SET at = ? WHERE id >= ?", (to_micros(now), self._first_message))
            self._db.execute("COMMIT")
            self._begun = False
            self._retention.after_commit()
        self._counts.clear()
        self._settle_marks()
        if self._first_message:
            self._first_message = 0
            with self._changed:
                self._changed.notify_all()

    def _write_cursors(self, now: int) -> None:
        for (counter, labels), by in self._counts.items():
            self._write(
                "INSERT INTO counters VALUES (?,?,?) ON CONFLICT (counter, labels) DO UPDATE SET total = total + excluded.total",
                (counter, labels, by),
            )
        with self._marks_lock:
            marks = dict(self._marks)
        self._written_marks = marks
        for sink, row_id in marks.items():
            self._write(
                "INSERT INTO sink_marks VALUES (?,?) ON CONFLICT (sink) DO UPDATE SET row_id = max(row_id, excluded.row_id)",
                (sink, row_id),
            )
        if abs(now - self._alive_at) >= ALIVE_EVERY_S * 1_000_000:
            self._write("INSERT OR REPLACE INTO meta VALUES ('alive_at', ?)", (now,))
            self._alive_at = now

    def _settle_marks(self) -> None:
        """Forget the marks that are durable now; one that moved on meanwhile stays for the next commit."""
        with self._marks_lock:
            for sink, row_id in self._written_marks.items():
                if self._marks.get(sink) == row_id:
                    del self._marks[sink]

    def rollback(self) -> None:
        """See Journal."""
        self._counts.clear()
        self._names.clear()
        self._first_message = 0
        self._begun = False
        with contextlib.suppress(sqlite3.Error):  # after a full or failing disk there may be no transaction left to end
            self._db.rollback()
        with _store_errors("read", self.path):
            self._last_seq = self._highest_seq()
            self._alive_at = int(self._meta("alive_at") or 0)

    def delete_expired(self, now: datetime) -> None:
        """See Journal; the order is documented in agent/store/retention.py."""
        with _store_errors("delete from", self.path):
            self._begin()
            for counter, labels, by in self._retention.delete_slice(to_micros(now)):
                self.count(counter, labels, by)

    def close(self) -> None:
        """See Journal. Closing twice is harmless."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(sqlite3.Error):
            self._db.rollback()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        self._lock.release()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    # --- reading ------------------------------------------------------------------------------------------------------------

    def part(self, station: str, index: int) -> PartRow | None:
        """See History."""
        row = self._one(
            "SELECT p.part_id, p.captured_at, p.verdict, r.name, p.box FROM parts p JOIN names r ON r.id = p.recipe"
            " WHERE p.station = ? AND p.idx = ?",
            (self._name(station), index),
        )
        return None if row is None else PartRow(station, index, row[0], from_micros(row[1]), row[2], row[3], row[4])

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:
        """See History."""
        row = self._one(
            "SELECT max(idx) FROM parts WHERE station = ? AND part_id = ? AND idx <= ?", (self._name(station), part_id, up_to)
        )
        return None if row is None or row[0] is None else int(row[0])

    def passed_between(self, station: str, first: int, last: int) -> int:
        """See History."""
        row = self._one(
            "SELECT count(*) FROM parts WHERE station = ? AND idx BETWEEN ? AND ? AND verdict = 'ok'",
            (self._name(station), first, last),
        )
        return int(row[0]) if row is not None else 0

    def positions(self) -> dict[str, str]:
        """See Journal."""
        return dict(self._all("SELECT tap, position FROM positions"))

    def counters(self) -> dict[tuple[str, str], int]:
        """Committed totals."""
        return {(counter, labels): total for counter, labels, total in self._all("SELECT counter, labels, total FROM counters")}

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """See Journal."""
        row = self._one("SELECT seq, state FROM checkpoints ORDER BY seq DESC LIMIT 1", ())
        return None if row is None else (int(row[0]), bytes(row[1]))

    def entries_after(self, seq: int) -> Iterator[tuple[int, Entry]]:
        """See Journal."""
        with _store_errors("read", self.path):
            for number, body in self._db.execute("SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq", (seq,)):
                yield int(number), unpack_entry(body)

    def last_entry_at(self) -> datetime | None:
        """See Journal; at most ALIVE_EVERY_S behind for an agent that was idle."""
        row = self._one("SELECT at FROM journal ORDER BY seq DESC LIMIT 1", ())
        latest = max(int(row[0]) if row is not None else 0, self._alive_at)
        return from_micros(latest) if latest else None

    def command_result(self, request_id: str) -> bytes | None:
        """The answer a command got, JSON of CommandResultDoc, while the outbox keeps it."""
        row = self._one(
            "SELECT payload FROM outbox WHERE kind = 'cmd_result' AND topic = ? ORDER BY id DESC LIMIT 1",
            (f"cmd_result/{request_id}",),
        )
        return None if row is None else bytes(row[0])

    def outbox_depth(self) -> int:
        """Messages that some configured sink has yet to have confirmed."""
        return self._retention.undelivered()

    def size_bytes(self) -> int:
        """On disk, with the write-ahead log."""
        return self._retention.size_on_disk()

    def outbox(self) -> SqliteOutbox:
        """A sink's side, with a connection of its own; `advance` may be called from any thread."""
        return SqliteOutbox(self.path, self._changed, self._advance)

    # --- within ---------------------------------------------------------------------------------------------------------------

    def _open(self, *, durable: bool) -> sqlite3.Connection:
        suspect = _suspicion(self.path)
        if self.path.exists() and self.path.stat().st_size and (suspect.exists() or schema.damage(self.path)):
            self.quarantined = schema.quarantine(self.path)
        suspect.unlink(missing_ok=True)
        return schema.connect_writer(self.path, durable=durable)

    def _advance(self, sink: str, row_id: int) -> None:
        with self._marks_lock:
            self._marks[sink] = max(row_id, self._marks.get(sink, 0))

    def _begin(self) -> None:
        if not self._begun:
            self._db.execute("BEGIN IMMEDIATE")
            self._begun = True

    def _write(self, sql: str, row: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            self._begin()
            return self._db.execute(sql, row)
        except sqlite3.Error as error:
            raise _store_error("write to", self.path, error) from error

    def _one(self, sql: str, row: tuple[object, ...]) -> tuple[Any, ...] | None:
        with _store_errors("read", self.path):
            found: tuple[Any, ...] | None = self._db.execute(sql, row).fetchone()
            return found

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        with _store_errors("read", self.path):
            return self._db.execute(sql).fetchall()

    def _meta(self, key: str) -> Any:
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else row[0]

    def _highest_seq(self) -> int:
        sql = "SELECT max(coalesce((SELECT max(seq) FROM journal), 0), coalesce((SELECT max(seq) FROM checkpoints), 0))"
        row = self._one(sql, ())
        assert row is not None
        return int(row[0])

    def _name(self, name: str) -> int:
        known = self._names.get(name)
        if known is None:
            row = self._one("SELECT id FROM names WHERE name = ?", (name,))
            known = int(row[0]) if row is not None else self._write("INSERT INTO names (name) VALUES (?)", (name,)).lastrowid
            assert known is not None
            self._names[name] = known
        return known


def _columns(entry: Entry) -> tuple[str, str, datetime, str]:
    """Kind, station, time and tap of an entry; the time is the agent's where it has one."""
    match entry:
        case Inspected(record=r, received_at=at, tap=tap):
            return "inspected", r.station, at or r.captured_at, tap
        case Told(record=record, received_at=at, tap=tap):
            source_at = record.at if hasattr(record, "at") else record.observed_at
            return "told", record.station, at or source_at, tap
        case Commanded(record=command, received_at=at, tap=tap):
            return "commanded", command.target.get("station", ""), at or command.expires_at or from_micros(0), tap
        case Tick(wall=wall):
            return "tick", "", wall, ""
        case Gap(started_at=started_at):
            return "gap", "", started_at, ""


def _suspicion(path: Path) -> Path:
    """A file beside the store that says: found damaged while in use."""
    return path.with_name(path.name + ".suspect")


def _store_error(doing: str, path: Path, error: sqlite3.Error) -> StoreError:
    message = f"cannot {doing} {path}: {error}"
    if not schema.is_corruption(error):
        return StoreError(message, hint="check the disk")
    with contextlib.suppress(OSError):
        _suspicion(path).touch()
    return StoreCorrupt(message, hint="restart the agent: it sets the file aside and starts a new one")


@contextlib.contextmanager
def _store_errors(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(doing, path, error) from error
