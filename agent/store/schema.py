"""Opening the database file: the writer's lock, quarantine of a corrupt file, pragmas and migrations."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from importlib import resources
from pathlib import Path

from agent.errors import StoreError, StoreLocked

# A commit of ten parts writes 4.0 kB per part with pages of 2 kB, 5.5 with the usual 4 kB, and single rows still fit.
PAGE_BYTES = 2048
# The write-ahead log is copied back after this many pages (4 MB) and cut to 8 MB.
WAL_PAGES = 2000
# SQLite virtual machine steps between two looks at the budget, and looks allowed: some seconds of checking, whatever the size.
_STEPS = 100_000
_LOOKS = 400
DatabaseError = sqlite3.DatabaseError
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class WriterLock:
    """The right to write one store, held by a lock on a file beside it; a killed holder frees it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StoreLocked(
                f"{path} is locked by process {holder or '(unknown)'}", hint="stop the other agent or name another state_dir"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._fd)


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, as opposed to a full disk or a failing one."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in CORRUPT


def connect_writer(path: Path, *, durable: bool) -> sqlite3.Connection:
    """A connection with the pragmas of the one writer, migrated. Raises sqlite3.DatabaseError for a damaged file."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only takes before the first table, and before WAL
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 8388608")
        connection.execute("PRAGMA busy_timeout = 5000")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises StoreError when there is no store."""
    if not path.exists():
        raise StoreError(f"no store at {path}", hint="check agent.state_dir, or start the agent once")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} cannot be opened: {error}", hint="run this as the agent's user") from error
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def damage(path: Path) -> str:
    """What is wrong with the file, empty when nothing was found within a bounded amount of work."""
    connection = sqlite3.connect(path, isolation_level=None)
    looks = 0

    def spent() -> int:
        nonlocal looks
        looks += 1
        return int(looks > _LOOKS)

    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.set_progress_handler(spent, _STEPS)
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT:
            return ""
        if is_corruption(error):
            return str(error)
        raise
    finally:
        connection.close()
    return "" if found == ["ok"] else "; ".join(found)


def quarantine(path: Path) -> Path:
    """Move a damaged file and its log aside under a name of its own; nothing is deleted. The new name of the database."""
    number = 1
    while (target := path.with_name(f"{path.name}.quarantined-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
    path.rename(target)
    return target


def _migrate(connection: sqlite3.Connection) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    scripts = sorted(
        (item for item in resources.files("agent.store").joinpath("migrations").iterdir() if item.name.endswith(".sql")),
        key=lambda item: item.name,
    )
    if version > len(scripts):
        raise StoreError(
            f"the store has schema {version}, this build knows {len(scripts)}", hint="install the newer Linewarden that wrote it"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script.read_text('utf-8')}\nPRAGMA user_version = {number};\nCOMMIT;")
