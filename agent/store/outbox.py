"""A sink's side of the store: committed messages in order, over a read-only connection of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from agent.documents import OutMessage
from agent.ports import OutRow
from agent.store import schema
from agent.store.times import from_micros


class SqliteOutbox:
    """`agent.ports.Outbox`. To be used from one thread; the connection is opened at the first question."""

    def __init__(self, path: Path, changed: threading.Condition, advance: Callable[[str, int], None]) -> None:
        self._path = path
        self._changed = changed
        self._advance = advance
        self._connection: sqlite3.Connection | None = None
        self._seen = 0

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = schema.connect_reader(self._path)
        return self._connection

    def after(self, row_id: int, limit: int) -> list[OutRow]:
        """At most `limit` messages with a higher id, in order of commit."""
        rows = self._db.execute(
            "SELECT id, topic, payload, qos, retain, kind, at FROM outbox WHERE id > ? ORDER BY id LIMIT ?", (row_id, limit)
        ).fetchall()
        self._seen = max(self._seen, row_id, rows[-1][0] if rows else 0)
        return [
            OutRow(number, OutMessage(topic, payload, qos, bool(retain), kind), from_micros(at))
            for number, topic, payload, qos, retain, kind, at in rows
        ]

    def last_id(self) -> int:
        """Highest id committed; 0 when nothing ever was."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return 0 if row is None else int(row[0])

    def mark(self, sink: str) -> int:
        """See Outbox; 0 for a sink that never had one."""
        row = self._db.execute("SELECT row_id FROM sink_marks WHERE sink = ?", (sink,)).fetchone()
        return 0 if row is None else int(row[0])

    def advance(self, sink: str, row_id: int) -> None:
        """See Outbox."""
        self._advance(sink, row_id)

    def wait(self, timeout_s: float) -> None:
        """Returns at once when something is there that `after` has not shown yet."""
        with self._changed:
            if self.last_id() <= self._seen:
                self._changed.wait(timeout_s)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
