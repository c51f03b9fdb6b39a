"""Shifts by the source's clock: how many passes the running one will still have, and what share of them a number of audits is."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.ports import PartRow

_DAYS_A_MONTH = 30


class Shifts:
    """Counts passes shift by shift. A share is known before the part is looked at: it rests on the past alone. Mutable."""

    def __init__(self, starts: list[str], zone: ZoneInfo, parts_per_month: float) -> None:
        self._starts = sorted(time.fromisoformat(start) for start in starts)
        self._zone = zone
        self._usual = parts_per_month / (_DAYS_A_MONTH * len(starts))  # passes of a shift, until one is known
        self._current: datetime | None = None
        self._passes = self._drawn = 0

    def share(self, row: PartRow, wanted: int) -> float:
        """The share to draw of this part and those after it, so that the shift comes to about `wanted`; counts the part."""
        start = self.start_of(row.captured_at)
        if start != self._current:
            if self._current is not None and self._passes:
                self._usual = float(self._passes)
            self._current, self._passes, self._drawn = start, 0, 0
        left = max(1.0, self._usual - self._passes)
        self._passes += row.verdict == "ok"
        return min(1.0, max(0, wanted - self._drawn) / left)

    def drawn(self) -> None:
        """One was drawn."""
        self._drawn += 1

    def start_of(self, at: datetime) -> datetime:
        """When the shift that `at` lies in began."""
        local = at.astimezone(self._zone)
        begun = [start for start in self._starts if start <= local.time()]
        day = local.date() if begun else local.date() - timedelta(days=1)
        return datetime.combine(day, begun[-1] if begun else self._starts[-1])

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        return (None if self._current is None else self._current.isoformat(), self._usual, self._passes, self._drawn)

    def load(self, saved: tuple[Any, ...]) -> None:
        """From a checkpoint."""
        current, self._usual, self._passes, self._drawn = saved
        self._current = None if current is None else datetime.fromisoformat(current)
