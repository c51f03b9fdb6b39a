"""The one writer: journal, parts, alarms, outbox and cursors in one transaction; nothing is durable before `commit`."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from agent.documents import AlarmDoc, IncidentDoc, ModelChangeDoc, OutMessage
from agent.ports import DispositionRow, Origin, PartRow, PictureRow
from agent.records import Entry, Inspected, Outcome
from agent.store import pictures
from agent.store.body import columns, pack_entry, unpack_entry
from agent.store.identity import entry_key
from agent.store.outbox import SqliteOutbox
from agent.store.retention import Retention
from agent.store.times import from_micros, to_micros
from agent.store.trace import TraceIndex
from agent.store.transaction import Transaction

CHECKPOINTS_KEPT = 2
# A sign of life of an idle agent is worth one page write this often: it bounds what a gap overstates.
ALIVE_EVERY_S = 30
# Looked through for where the journal begins among the parts: the largest reorder window.
_FIRST_ENTRIES = 10_000
_JSON = msgspec.json.Encoder()


class SqliteStore:
    """`agent.ports.Journal` on one SQLite file.

    path: the database file; its folder must exist. keep_days, max_mb, trace_days
    (parts and their outcomes; never less than keep_days): retention. in_memory: a store that need not outlive the
    process, for replays: the same file in a temporary folder, unsynchronised, gone at `close`. sinks: names whose marks hold back
    the deletion of outbox rows. A damaged file is set aside at the start, never deleted: see `quarantined`.
    Raises StoreLocked when another process has it, StoreError for a newer schema or an unusable disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_days: int,
        max_mb: int,
        trace_days: int = 0,
        in_memory: bool = False,
        sinks: Sequence[str] = (),
    ) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="linewarden-")) if in_memory else None
        self.path = self._scratch / "store.db" if self._scratch is not None else path
        self._tx = Transaction(self.path, durable=not in_memory)
        self.quarantined = self._tx.quarantined
        self._changed = threading.Condition()
        self._marks: dict[str, int] = {}
        self._marks_lock = threading.Lock()
        self._written_marks: dict[str, int] = {}
        self._trace = TraceIndex(self._tx)
        self._retention = Retention(
            self._tx.connection,
            self.path,
            keep_days=keep_days,
            trace_days=max(trace_days, keep_days),
            max_bytes=max_mb << 20,
            sinks=sinks,
        )
        self._first_message = 0  # id of the transaction's first outbox row
        self._counts: dict[tuple[str, str], int] = {}
        self._last_seq = self._highest_seq()
        self._alive_at = self._read_alive_at()
        if self.quarantined is not None:
            self.count("store_quarantined", self.quarantined.name)
            self._alive_at = self.quarantined.stat().st_mtime_ns // 1000  # what the gap after it starts from

    # --- writing ------------------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> int | None:
        """See Journal."""
        seq = self._last_seq + 1
        kind, station, at, tap = columns(entry)
        row = (
            seq,
            kind,
            self._tx.name(station) if station else None,
            to_micros(at),
            self._tx.name(tap) if tap else None,
            entry_key(entry),
            pack_entry(entry),
        )
        cursor = self._tx.write(
            "INSERT INTO journal VALUES (?,?,?,?,?,?,?) ON CONFLICT (identity) WHERE identity IS NOT NULL DO NOTHING", row
        )
        if cursor.rowcount == 0:
            return None
        self._last_seq = seq
        return seq

    def record_part(self, part: PartRow) -> None:
        """See Journal. A part recorded before under its index is replaced by itself: folding again changes nothing."""
        self._trace.record(part)

    def record_disposition(self, row: DispositionRow) -> None:
        """See Journal."""
        self._trace.disposition(row)

    def record_outcome(self, outcome: Outcome) -> None:
        """See Journal."""
        self._trace.outcome(outcome)

    def enqueue(self, messages: Iterable[OutMessage]) -> None:
        """See Journal."""
        for m in messages:
            cursor = self._tx.write(
                "INSERT INTO outbox (at, topic, payload, qos, retain, kind) VALUES (0,?,?,?,?,?)",
                (m.topic, m.payload, m.qos, int(m.retain), m.kind),
            )
            self._first_message = self._first_message or cursor.lastrowid or 0

    def record_alarm(self, document: AlarmDoc) -> None:
        """See Journal. A document without a transition only updates the current state."""
        body = _JSON.encode(document)
        if document.transition:
            self._tx.write(
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
        self._tx.write(
            "INSERT OR REPLACE INTO alarms VALUES (?,?,?,?)", (document.station, document.alarm_id, document.state, body)
        )

    def record_incident(self, document: IncidentDoc) -> None:
        """See Journal."""
        row = (document.incident, document.station, to_micros(document.opened_at), int(document.open), _JSON.encode(document))
        self._tx.write("INSERT OR REPLACE INTO incidents VALUES (?,?,?,?,?)", row)

    def record_model_change(self, document: ModelChangeDoc) -> None:
        """See Journal."""
        at = to_micros(document.approved_at or document.planned_at)
        row = (document.station, at, document.state, _JSON.encode(document))
        self._tx.write("INSERT INTO model_changes (station, at, state, body) VALUES (?,?,?,?)", row)

    def record_picture(self, row: PictureRow, most: int) -> None:
        """See Journal."""
        pictures.record(self._tx, row, most)

    def record_baseline(self, station: str, stream: str, at: datetime, body: bytes) -> None:
        """See Journal."""
        self._tx.write("INSERT INTO baselines (station, stream, at, body) VALUES (?,?,?,?)", (station, stream, to_micros(at), body))

    def set_position(self, tap: str, position: str) -> None:
        """See Journal."""
        self._tx.write("INSERT OR REPLACE INTO positions VALUES (?,?)", (tap, position))

    def count(self, counter: str, labels: str, by: int = 1) -> None:
        """See Journal."""
        key = (counter, labels)
        self._counts[key] = self._counts.get(key, 0) + by

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        """See Journal."""
        self._tx.write("INSERT OR REPLACE INTO checkpoints VALUES (?,?)", (seq, state))
        self._tx.write(
            "DELETE FROM checkpoints WHERE seq NOT IN (SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT ?)", (CHECKPOINTS_KEPT,)
        )

    def discard_checkpoint(self, seq: int) -> None:
        """A checkpoint this build cannot continue."""
        self._tx.write("DELETE FROM checkpoints WHERE seq = ?", (seq,))

    def forget_parts(self) -> dict[str, Origin]:
        """See Journal."""
        kept = self._trace.forget(self._first_parts())
        return {name: Origin(last, self._last_incident(name, last)) for name, last in kept.items()}

    def commit(self, now: datetime) -> None:
        """See Journal."""
        self._write_cursors(to_micros(now))
        if not self._tx.is_open:
            return
        if self._first_message:
            self._tx.write("UPDATE outbox SET at = ? WHERE id >= ?", (to_micros(now), self._first_message))
        self._tx.commit()
        self._tx.run(self._retention.after_commit)
        self._counts.clear()
        self._settle_marks()
        if self._first_message:
            self._first_message = 0
            with self._changed:
                self._changed.notify_all()

    def _write_cursors(self, now: int) -> None:
        for (counter, labels), by in self._counts.items():
            self._tx.write(
                "INSERT INTO counters VALUES (?,?,?) ON CONFLICT (counter, labels) DO UPDATE SET total = total + excluded.total",
                (counter, labels, by),
            )
        with self._marks_lock:
            marks = dict(self._marks)
        self._written_marks = marks
        for sink, row_id in marks.items():
            self._tx.write(
                "INSERT INTO sink_marks VALUES (?,?) ON CONFLICT (sink) DO UPDATE SET row_id = max(row_id, excluded.row_id)",
                (sink, row_id),
            )
        if abs(now - self._alive_at) >= ALIVE_EVERY_S * 1_000_000:
            self._tx.write("INSERT OR REPLACE INTO meta VALUES ('alive_at', ?)", (now,))
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
        self._first_message = 0
        self._trace.rollback()
        self._tx.rollback()
        self._last_seq = self._highest_seq()
        self._alive_at = self._read_alive_at()

    def delete_expired(self, now: datetime) -> None:
        """See Journal; the order is documented in agent/store/retention.py."""
        self._tx.begin()
        for counter, labels, by in self._tx.run(lambda: self._retention.delete_slice(to_micros(now))):
            self.count(counter, labels, by)

    def close(self) -> None:
        """See Journal. Closing twice is harmless."""
        self._tx.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    # --- reading ------------------------------------------------------------------------------------------------------------

    def part(self, station: str, index: int) -> PartRow | None:
        """See History."""
        return self._trace.part(station, index)

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:
        """See History."""
        return self._trace.part_index(station, part_id, up_to)

    def passed_between(self, station: str, first: int, last: int) -> int:
        """See History."""
        return self._trace.passed_between(station, first, last)

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
        """See History."""
        return self._trace.passed_parts(station, first, last, part_id=part_id, box=box, since=since, until=until)

    def boxes_between(self, station: str, first: int, last: int) -> tuple[str, ...]:
        """See History."""
        return self._trace.boxes_between(station, first, last)

    def positions(self) -> dict[str, str]:
        """See Journal."""
        return dict(self._tx.all("SELECT tap, position FROM positions"))

    def counters(self) -> dict[tuple[str, str], int]:
        """Committed totals."""
        return {(counter, labels): total for counter, labels, total in self._tx.all("SELECT counter, labels, total FROM counters")}

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """See Journal."""
        row = self._tx.one("SELECT seq, state FROM checkpoints ORDER BY seq DESC LIMIT 1")
        return None if row is None else (int(row[0]), bytes(row[1]))

    def entries_after(self, seq: int) -> Iterator[tuple[int, Entry]]:
        """See Journal."""
        for number, body in self._tx.rows("SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq", (seq,)):
            yield int(number), unpack_entry(body)

    def last_entry_at(self) -> datetime | None:
        """See Journal; at most ALIVE_EVERY_S behind for an agent that was idle."""
        row = self._tx.one("SELECT at FROM journal ORDER BY seq DESC LIMIT 1")
        latest = max(int(row[0]) if row is not None else 0, self._alive_at)
        return from_micros(latest) if latest else None

    def command_result(self, request_id: str) -> bytes | None:
        """The answer a command got, JSON of CommandResultDoc, while the outbox keeps it."""
        row = self._tx.one(
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

    def _advance(self, sink: str, row_id: int) -> None:
        with self._marks_lock:
            self._marks[sink] = max(row_id, self._marks.get(sink, 0))

    def _highest_seq(self) -> int:
        """Of the journal, and of checkpoints that outlived their entries: a number is never given twice."""
        row = self._tx.one(
            "SELECT max(coalesce((SELECT max(seq) FROM journal), 0), coalesce((SELECT max(seq) FROM checkpoints), 0))"
        )
        return int(row[0]) if row is not None else 0

    def _first_parts(self) -> dict[str, list[tuple[str, datetime]]]:
        """Per station, id and capture of the first parts that the journal still has, as many as a reorder window may hold."""
        first: dict[str, list[tuple[str, datetime]]] = {}
        names = self._tx.all("SELECT id, name FROM names WHERE id IN (SELECT station FROM makes)")
        for number, name in names:
            bodies = self._tx.rows(
                "SELECT body FROM journal WHERE kind = 'inspected' AND station = ? ORDER BY seq LIMIT ?", (number, _FIRST_ENTRIES)
            )
            entries = [unpack_entry(body) for (body,) in bodies]
            first[name] = [(e.record.part_id, e.record.captured_at) for e in entries if isinstance(e, Inspected)]
        return first

    def _last_incident(self, station: str, last_part: int) -> int:
        """Number of the last incident opened by the time of this part; 0 without one."""
        part = self._trace.part(station, last_part)
        if part is None:
            return 0
        rows = self._tx.rows(
            "SELECT incident FROM incidents WHERE station = ? AND opened_at <= ?", (station, to_micros(part.captured_at))
        )
        return max((int(incident.rpartition("-")[2]) for (incident,) in rows), default=0)

    def _read_alive_at(self) -> int:
        row = self._tx.one("SELECT value FROM meta WHERE key = 'alive_at'")
        return int(row[0]) if row is not None else 0
