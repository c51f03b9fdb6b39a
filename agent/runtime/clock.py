"""Clocks: the machine's, and one that is moved by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from agent.runtime.timekeeping import is_synced


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def is_synced(self) -> bool | None:
        """See agent.runtime.timekeeping."""
        return is_synced()


class ManualClock:
    """Stands still until moved: for tests, and for replays, whose time is that of their records."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        """Wall time, UTC."""
        return self._now

    def elapsed(self) -> float:
        """Monotonic seconds."""
        return self._elapsed

    def is_synced(self) -> bool | None:
        """Nobody can know."""
        return None

    def move(self, seconds: float) -> None:
        """Both times go forward."""
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    def step(self, seconds: float) -> None:
        """The wall clock alone is set, as by a person or a time server."""
        self._now += timedelta(seconds=seconds)
