"""The writer's connection: one transaction at a time, errors in the agent's words, and the lock that keeps others out."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import StoreCorrupt, StoreError
from agent.store import schema

R = TypeVar("R")


class Transaction:
    """Opened by the first write, ended by `commit` or `rollback`. Raises StoreError, StoreCorrupt when the file is damaged.

    durable: whether a commit waits for the disk. At the start a damaged file is moved aside: see `quarantined`.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._names: dict[str, int] = {}
        self._is_closed = False
        self.is_open = False
        self.quarantined: Path | None = None
        self._lock = schema.WriterLock(path.with_suffix(".lock"))
        try:
            with self._errors("open"):
                self.connection = self._connect(durable=durable)
        except BaseException:
            self._lock.release()
            raise

    def begin(self) -> None:
        """Harmless within a transaction."""
        if not self.is_open:
            with self._errors("write to"):
                self.connection.execute("BEGIN IMMEDIATE")
            self.is_open = True

    def write(self, sql: str, row: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """One statement within the transaction."""
        self.begin()
        try:
            return self.connection.execute(sql, row)
        except sqlite3.Error as error:  # not by _errors: this runs several times per part
            raise self._error("write to", error) from error

    def one(self, sql: str, row: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of an answer."""
        try:
            found: tuple[Any, ...] | None = self.connection.execute(sql, row).fetchone()
        except sqlite3.Error as error:
            raise self._error("read", error) from error
        return found

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """Every row of an answer."""
        return list(self.rows(sql))

    def rows(self, sql: str, row: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of an answer, one in memory at a time."""
        with self._errors("read"):
            yield from self.connection.execute(sql, row)

    def run(self, work: Callable[[], R]) -> R:
        """Something that uses the connection itself, its errors in the agent's words."""
        with self._errors("write to"):
            return work()

    def name(self, name: str) -> int:
        """The number a name is referred to by."""
        known = self._names.get(name)
        if known is None:
            row = self.one("SELECT id FROM names WHERE name = ?", (name,))
            known = int(row[0]) if row is not None else self.write("INSERT INTO names (name) VALUES (?)", (name,)).lastrowid
            assert known is not None
            self._names[name] = known
        return known

    def commit(self) -> None:
        """Durable when it returns."""
        with self._errors("commit to"):
            self.connection.execute("COMMIT")
        self.is_open = False

    def rollback(self) -> None:
        """Back to the last commit."""
        self._names.clear()
        self.is_open = False
        with contextlib.suppress(sqlite3.Error):  # after a full or failing disk there may be no transaction left to end
            self.connection.rollback()

    def close(self) -> None:
        """Fold the log into the file and let the next writer in; what was not committed is gone. Closing twice is harmless."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(sqlite3.Error):
            self.connection.rollback()
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()
        self._lock.release()

    def _connect(self, *, durable: bool) -> sqlite3.Connection:
        suspect = self._suspicion()
        if self._path.exists() and self._path.stat().st_size and (suspect.exists() or schema.damage(self._path)):
            self.quarantined = schema.quarantine(self._path)
        suspect.unlink(missing_ok=True)
        return schema.connect_writer(self._path, durable=durable)

    def _suspicion(self) -> Path:
        """A file beside the store that says: found damaged while in use."""
        return self._path.with_name(self._path.name + ".suspect")

    def _error(self, doing: str, error: sqlite3.Error) -> StoreError:
        message = f"cannot {doing} {self._path}: {error}"
        if not schema.is_corruption(error):
            return StoreError(message, hint="check the disk")
        with contextlib.suppress(OSError):
            self._suspicion().touch()
        return StoreCorrupt(message, hint="restart the agent: it sets the file aside and starts a new one")

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(doing, error) from error
