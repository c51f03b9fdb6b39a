"""The parts of the current fold, not yet in the store, in front of the store's history."""

from __future__ import annotations

from datetime import datetime

from agent.ports import History, PartRow


class PartsInFront:
    """Answers as the store will once the current fold is recorded; the same live and when the journal is folded again."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._fresh: dict[tuple[str, int], PartRow] = {}

    def begin(self) -> None:
        """A new fold: what the one before added is in the store by now."""
        self._fresh.clear()

    def add(self, row: PartRow) -> None:
        """A part of this fold."""
        self._fresh[row.station, row.index] = row

    def part(self, station: str, index: int) -> PartRow | None:
        """See `agent.ports.History`."""
        return self._fresh.get((station, index)) or self._history.part(station, index)

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:
        """See `agent.ports.History`."""
        fresh = [i for (name, i), row in self._fresh.items() if name == station and row.part_id == part_id and i <= up_to]
        return max(fresh) if fresh else self._history.part_index(station, part_id, up_to)

    def passed_between(self, station: str, first: int, last: int) -> int:
        """See `agent.ports.History`."""
        fresh = [row for (name, i), row in self._fresh.items() if name == station and first <= i <= last]
        stored_last = min((row.index for row in fresh), default=last + 1) - 1
        return self._history.passed_between(station, first, stored_last) + sum(row.verdict == "ok" for row in fresh)

    def passed_parts(
        self,
        station: str,
        first: int,
        last: int,
        *,
        part_id: str = "",
        box: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[int, ...]:
        """See `agent.ports.History`. Asked by commands alone, whose fold adds no part."""
        return self._history.passed_parts(station, first, last, part_id=part_id, box=box, since=since, until=until)

    def boxes_between(self, station: str, first: int, last: int) -> tuple[str, ...]:
        """See `agent.ports.History`."""
        stored = self._history.boxes_between(station, first, last)
        fresh = [row.box for (name, i), row in sorted(self._fresh.items()) if name == station and first <= i <= last and row.box]
        return tuple(dict.fromkeys((*stored, *fresh)))
