"""Source order: numbered inspections are folded in the order of their numbers inside a bounded window."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.records import Inspected, decode_entry, encode_entry

# A number this far below the expected one is a counter that was reset, not a late record.
RESET_DISTANCE = 10_000
# A hole in the numbers is given up after this long without a record.
PATIENCE_S = 5.0


@dataclass(slots=True)
class Released:
    """What one arrival sets free, in order, and what it shows to be late or lost."""

    entries: list[Inspected] = field(default_factory=list)
    late: int = 0
    lost: int = 0


class Reorder:
    """One numbered source (a view of a station). Records without a number pass at once."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._expected: int | None = None
        self._waiting: dict[int, Inspected] = {}
        self._waited_s = 0.0

    @property
    def waiting(self) -> int:
        """Records held back for an earlier number."""
        return len(self._waiting)

    def push(self, entry: Inspected) -> Released:
        """Take one record in order of arrival."""
        number = entry.record.sequence
        if number is None:
            return Released(entries=[entry])
        released = Released()
        expected = self._expected
        if expected is not None and number < expected:
            if number > 1 and expected - number <= RESET_DISTANCE:
                released.late = 1
                return released
            self._give_up(released)
            expected = None
        if expected is None:
            self._expected = number
        self._waiting[number] = entry
        self._flush(released)
        while len(self._waiting) > self._window:
            self._skip(released)
        return released

    def wait(self, elapsed_s: float) -> Released:
        """Let time pass without a record; a hole that stays open is given up."""
        released = Released()
        if self._waiting:
            self._waited_s += elapsed_s
            if self._waited_s >= PATIENCE_S:
                self._give_up(released)
        return released

    def _flush(self, released: Released) -> None:
        while self._expected in self._waiting:
            released.entries.append(self._waiting.pop(self._expected))
            self._expected += 1
            self._waited_s = 0.0

    def _skip(self, released: Released) -> None:
        first = min(self._waiting)
        assert self._expected is not None
        released.lost += first - self._expected
        self._expected = first
        self._flush(released)

    def _give_up(self, released: Released) -> None:
        while self._waiting:
            self._skip(released)

    def save(self) -> tuple[int | None, list[bytes], float]:
        """For a checkpoint."""
        return (self._expected, [encode_entry(self._waiting[number]) for number in sorted(self._waiting)], self._waited_s)

    def load(self, saved: tuple[int | None, list[bytes], float]) -> None:
        """From a checkpoint."""
        self._expected, waiting, self._waited_s = saved
        entries = [entry for entry in map(decode_entry, waiting) if isinstance(entry, Inspected)]
        self._waiting = {entry.record.sequence: entry for entry in entries if entry.record.sequence is not None}
