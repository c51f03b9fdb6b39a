"""Threads at the edges: stopped together, restarted when they fail, their failures counted."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.ports import Clock

_LOG = logging.getLogger("linewarden")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LOG_EVERY_S = 60.0


class StopEvent:
    """Implements `agent.ports.StopSignal`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop; wakes everybody who waits."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until stop or timeout; True when stopped."""
        return self._event.wait(timeout_s)


class EndedEarlyError(AgentError):
    """Work that should go on until stopped came to an end."""


class Worker:
    """One supervised thread: `work` runs until `stop`; when it raises it is counted, logged and run again after a pause.

    is_finite: the work may come to an end by itself; else an early return counts as a failure too. fatal: what ends the thread for
    good instead; then in `error`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        stop: StopEvent,
        clock: Clock,
        *,
        is_finite: bool = False,
        fatal: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self._work = work
        self._stop = stop
        self._clock = clock
        self._is_finite = is_finite
        self._fatal = fatal
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._logged_at: dict[str, float] = {}
        self.failures: Counter[str] = Counter()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the work goes on."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; True when it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            started = self._clock.elapsed()
            try:
                self._work()
                if self._is_finite or self._stop.is_set():
                    return
                raise EndedEarlyError(self.name)  # noqa: TRY301  counted, logged and paused like any other failure
            except self._fatal as error:
                self._note(error)
                self.error = error
                return
            except Exception as error:  # noqa: BLE001  the one broad except: an edge may fail in any way and must come back
                self._note(error)
            if self._clock.elapsed() - started > _LONGEST_PAUSE_S:
                pause = _FIRST_PAUSE_S
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _note(self, error: Exception) -> None:
        kind = type(error).__name__
        self.failures[kind] += 1
        now = self._clock.elapsed()
        if now - self._logged_at.get(kind, float("-inf")) >= _LOG_EVERY_S:
            self._logged_at[kind] = now
            _LOG.error("%s failed and starts again: %s: %s", self.name, kind, error, exc_info=error)
