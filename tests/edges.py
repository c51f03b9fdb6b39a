"""What taps and sinks are run against: a clock, an inbox, an outbox and a runner, all as small as their protocols allow."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from agent.config.model import Config
from agent.documents import OutMessage
from agent.ports import NOWHERE, Delivery, OutRow, Place, PlugInContext, Snapshot
from agent.records import Frame
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent


class CountingMeasurer:
    """Says what it was asked to measure."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, str]] = []

    def measure(self, image: bytes, path: str, frames_dir: str, place: Place = NOWHERE) -> Frame:
        self.asked.append((len(image), path, frames_dir))
        return Frame(values=(float(len(self.asked)),), table=1)

    def close(self) -> None: ...


class ListInbox:
    """Takes what comes; `room` bounds it, as a full queue would."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.deliveries: list[Delivery] = []
        self.room = room

    def put(self, delivery: Delivery, stop: Any) -> bool:
        while len(self.deliveries) >= self.room:
            if stop.wait(0.01):
                return False
        self.deliveries.append(delivery)
        return True

    @property
    def items(self) -> list[Any]:
        return [d.item for d in self.deliveries]

    @property
    def names(self) -> list[str]:
        """part_id of a record, reason of a refusal."""
        return [getattr(item, "part_id", None) or getattr(item, "reason", None) or type(item).__name__ for item in self.items]


class MemoryOutbox:
    """Rows as committed; advances are applied at once."""

    def __init__(self) -> None:
        self.rows: list[OutRow] = []
        self.marks: dict[str, int] = {}
        self._new = threading.Event()

    def commit(self, *messages: OutMessage) -> None:
        for message in messages:
            self.rows.append(OutRow(len(self.rows) + 1, message, datetime.now(UTC)))
        self._new.set()

    def after(self, row_id: int, limit: int) -> list[OutRow]:
        return self.rows[row_id : row_id + limit]

    def last_id(self) -> int:
        return len(self.rows)

    def mark(self, sink: str) -> int:
        return self.marks.get(sink, 0)

    def advance(self, sink: str, row_id: int) -> None:
        self.marks[sink] = row_id

    def wait(self, timeout_s: float) -> None:
        if self._new.wait(timeout_s):
            self._new.clear()


class FixedSnapshots:
    def __init__(self, snapshot: Snapshot | None = None) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.snapshot = snapshot or Snapshot(at=at, started_at=at, boot_id="boot", version="0", seq=1)

    def current(self) -> Snapshot:
        return self.snapshot


def context(folder: Path, clock: Any = None, stations: tuple[str, ...] = ("ST4",)) -> PlugInContext:
    config = Config(stations=[{"id": name} for name in stations])
    return PlugInContext(config=config, clock=clock or SystemClock(), measurer=CountingMeasurer(), state_dir=folder, boot_id="boot")


class Running:
    """Something's run(…, stop) in a thread; what it raised is raised again at the end."""

    def __init__(self, run: Callable[[StopEvent], None]) -> None:
        self.stop = StopEvent()
        self.error: BaseException | None = None

        def body() -> None:
            try:
                run(self.stop)
            except BaseException as error:  # noqa: BLE001 - raised again by __exit__
                self.error = error

        self._thread = threading.Thread(target=body, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "run did not end after stop"
        if self.error is not None:
            raise self.error


def inspection(part_id: str, at: str = "2026-01-01T00:00:00Z", **more: Any) -> bytes:
    return json.dumps({"part_id": part_id, "station": "ST4", "captured_at": at, "verdict": "ok", **more}).encode()


def outcome(part_id: str, at: str = "2026-01-01T00:00:00Z", **more: Any) -> bytes:
    return json.dumps({"part_id": part_id, "defective": False, "observed_at": at, **more}).encode()
