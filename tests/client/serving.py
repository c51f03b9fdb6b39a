"""The real socket tap with an inbox that commits what comes, for senders to speak to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Self

from agent.ports import Delivery, Lost
from agent.taps.socket import Options, build
from tests.brokers import until
from tests.edges import Running, context


class Agent:
    """Commits each delivery at once, or only the first `commit_up_to` of them."""

    def __init__(self, folder: Path, *, commit_up_to: int = 1_000_000, position: str | None = None, **options: Any) -> None:
        self.path = folder / "t.sock"
        self.deliveries: list[Delivery] = []
        given = context(folder)
        self.measurer: Any = given.measurer
        self.tap: Any = build("line", Options(**{"path": self.path, "records_per_s": 100_000, "mb_per_s": 1000, **options}), given)
        self._commit_up_to = commit_up_to
        self._running = Running(lambda stop: self.tap.run(self, position, stop))

    def put(self, delivery: Delivery, stop: Any) -> bool:
        self.deliveries.append(delivery)
        if len(self.deliveries) <= self._commit_up_to:
            self.tap.acknowledge([delivery.receipt])
        return True

    def __enter__(self) -> Self:
        until(lambda: self.tap.health()["connected"] == 1.0 or self._running.ended, what="the tap listens")
        return self

    def __exit__(self, *error: object) -> None:
        self._running.__exit__(*error)

    @property
    def items(self) -> list[Any]:
        """Without loss reports."""
        return [d.item for d in self.deliveries if not isinstance(d.item, Lost)]

    @property
    def names(self) -> list[str]:
        """part_id of records, the type of those without one."""
        return [getattr(item, "part_id", None) or type(item).__name__.lower() for item in self.items]

    def lost(self) -> dict[str, int]:
        """What senders reported, by reason."""
        total: Counter[str] = Counter()
        for delivery in self.deliveries:
            if isinstance(delivery.item, Lost):
                total.update(dict(delivery.item.counts))
        return dict(total)

    def arrived(self, count: int) -> None:
        """Wait for so many records, loss reports not counted."""
        until(lambda: len(self.items) >= count, 20, f"{count} records")
