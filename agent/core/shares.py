"""Shares of a station's parts: one that has left what was learned, as an alarm needs it, and until when that alarm stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors.contract import Crossing

# An alarm has returned when nothing has crossed again for so many blocks, or four times as long as the last change took to cross.
OFF_DELAY_BLOCKS = 20
OFF_DELAY_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Shift:
    """A share of parts that left what was learned. was: before; words: what else the alarm's text needs."""

    alarm_id: str
    family: str
    code: str
    detector: str
    stream: str
    channel: str
    crossing: Crossing
    was: float
    updates_per_month: float
    words: dict[str, str] = field(default_factory=dict)


class OffDelay:
    """Until when an alarm of a share stands: at least until it would have been raised again. Mutable."""

    def __init__(self) -> None:
        self._until: int | None = None  # index of the part

    def crossed(self, crossing: Crossing, block_parts: int) -> None:
        """It was raised, or would have been had it not stood."""
        taken = OFF_DELAY_FACTOR * (crossing.at + 1 - crossing.onset.estimate)
        self._until = max(crossing.at + max(taken, OFF_DELAY_BLOCKS * block_parts), self._until or 0)

    def stands(self, index: int) -> bool:
        """Whether the alarm still stands at part `index`."""
        return self._until is not None and index <= self._until

    def save(self) -> int | None:
        """For a checkpoint."""
        return self._until

    def load(self, saved: int | None) -> None:
        """From a checkpoint."""
        self._until = saved
