"""A stop signal that also ends after a while: for a tap that must go on serving its network while the inbox is full."""

from __future__ import annotations

from agent.ports import Clock, StopSignal


class Patience:
    """Set once `stop` is, or `seconds` after it was made."""

    def __init__(self, stop: StopSignal, clock: Clock, seconds: float) -> None:
        self._stop = stop
        self._clock = clock
        self._until = clock.elapsed() + seconds

    def is_set(self) -> bool:
        """Whether the wait is over."""
        return self._stop.is_set() or self._clock.elapsed() >= self._until

    def wait(self, timeout_s: float) -> bool:
        """Wait so long at most; whether it is over."""
        self._stop.wait(max(0.0, min(timeout_s, self._until - self._clock.elapsed())))
        return self.is_set()
