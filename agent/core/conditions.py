"""Deterministic conditions: outside the false-alarm budget, with an on-delay and an off-delay that count observations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agent.documents import Colour


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that began (`stands`) or ended. code: of the words; since: when it was first seen, and at which part."""

    alarm_id: str
    code: str
    stands: bool
    value: float = 0.0
    limit: float = 0.0
    unit: str = ""
    records: int = 0
    since: datetime | None = None
    part_id: str = ""
    words: dict[str, str] = field(default_factory=dict)
    colour: Colour = "amber"
    priority: Literal["info", "warning", "critical"] = "warning"


class Condition:
    """Stands after `on` bad observations in a row, is over after `off` good ones. Mutable."""

    def __init__(self, on: int, off: int) -> None:
        self._on = on
        self._off = off
        self.stands = False
        self.run = 0  # observations in a row that speak against the present state
        self.since: tuple[datetime, str] | None = None  # first bad one of the run, or of what stands

    def observe(self, *, bad: bool, at: datetime, part_id: str) -> bool:
        """Take one observation; True when the condition began or ended with it."""
        if bad == self.stands:
            self.run = 0
            return False
        if bad and self.run == 0:
            self.since = (at, part_id)
        self.run += 1
        if self.run < (self._on if bad else self._off):
            return False
        self.stands, self.run = bad, 0
        return True

    def save(self) -> tuple[bool, int, tuple[datetime, str] | None]:
        """For a checkpoint."""
        return (self.stands, self.run, self.since)

    def load(self, saved: tuple[bool, int, tuple[datetime, str] | None]) -> None:
        """From a checkpoint."""
        self.stands, self.run, since = saved
        self.since = None if since is None else (since[0], since[1])
