"""The SQLite library this Python is linked with."""

from __future__ import annotations

import sqlite3

Version = tuple[int, ...]
# https://www.sqlite.org/wal.html#walresetbug
FIRST_WITHOUT_WAL_RESET_BUG: Version = (3, 51, 3)


def version() -> Version:
    """As the library says itself."""
    return sqlite3.sqlite_version_info
