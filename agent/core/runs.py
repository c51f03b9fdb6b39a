"""Runs: a lot or a set-up; what starts a new one resets what was remembered from part to part."""

from __future__ import annotations

from datetime import datetime

from agent.records import Inspection


class Runs:
    """Numbers the runs of one station: a new lot or tool in the context, an event, or a long pause. A recipe change starts none."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._number = 0
        self._setup: tuple[str, str] | None = None
        self._last: datetime | None = None
        self.changed: tuple[str, ...] = ()  # of lot and tool, what the last inspection told anew

    def start_new(self) -> None:
        """An event (lot, tool, maintenance) began a new run."""
        self._number += 1

    def of(self, record: Inspection) -> int:
        """The run this inspection belongs to."""
        setup = (str(record.context.get("lot", "")), str(record.context.get("tool", "")))
        paused = self._last is not None and (record.captured_at - self._last).total_seconds() > self._gap_s
        if paused or (self._setup is not None and setup != self._setup):
            self._number += 1
        before = self._setup or setup
        self.changed = tuple(name for name, old, new in zip(("lot", "tool"), before, setup, strict=True) if old != new)
        self._setup, self._last = setup, record.captured_at
        return self._number

    def save(self) -> tuple[int, tuple[str, str] | None, datetime | None]:
        """For a checkpoint."""
        return (self._number, self._setup, self._last)

    def load(self, saved: tuple[int, list[str] | None, datetime | None]) -> None:
        """From a checkpoint."""
        self._number, setup, self._last = saved
        self._setup = None if setup is None else (setup[0], setup[1])
