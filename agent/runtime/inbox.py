"""The bounded queue between the taps and the core: full means wait, never drop."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.ports import Delivery, StopSignal

_POLL_S = 0.1


class BoundedInbox:
    """Implements `agent.ports.Inbox`."""

    def __init__(self, size: int = 1024) -> None:
        self._queue: queue.Queue[Delivery] = queue.Queue(size)

    def put(self, delivery: Delivery, stop: StopSignal) -> bool:
        """True when taken, False when stopped first."""
        while not stop.is_set():
            try:
                self._queue.put(delivery, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def get(self, timeout_s: float) -> Delivery | None:
        """The next one, or None after the timeout."""
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def depth(self) -> int:
        """How many wait."""
        return self._queue.qsize()
