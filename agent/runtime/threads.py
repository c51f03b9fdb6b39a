"""Threads at the edges: stopped together, restarted when they fail, their failures counted, their silence known."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.ports import Clock, StopSignal

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


class Pulse:
    """One worker's own stop signal (`agent.ports.StopSignal`): looking at it, or waiting on it, is the sign of life.

    Only the worker's thread counts: a thread that a plug-in starts beside it may look as well, and proves nothing.
    """

    def __init__(self, stop: StopEvent, clock: Clock) -> None:
        self._stop = stop
        self._clock = clock
        self._thread: int | None = None
        self._beat_at = clock.elapsed()
        self._is_waiting = False

    def belongs_here(self) -> None:
        """From now on the calling thread's looks are the ones that count."""
        self._beat_at = self._clock.elapsed()
        self._thread = threading.get_ident()

    def is_set(self) -> bool:
        """Whether to stop."""
        if threading.get_ident() == self._thread:
            self._beat_at = self._clock.elapsed()
        return self._stop.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until stop or timeout; True when stopped. However long, it is no silence."""
        with self.waiting():
            return self._stop.wait(timeout_s)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, nothing is expected: for what certainly ends, because it has a time limit of its own."""
        if threading.get_ident() != self._thread:
            yield
            return
        self._is_waiting = True
        try:
            yield
        finally:
            self._beat_at = self._clock.elapsed()
            self._is_waiting = False

    @property
    def silence_s(self) -> float:
        """Seconds since the last sign of life; 0 before the thread runs and while it waits."""
        if self._thread is None or self._is_waiting:
            return 0.0
        return self._clock.elapsed() - self._beat_at


class EndedEarlyError(AgentError):
    """Work that should go on until stopped came to an end."""


class Worker:
    """One supervised thread: `work` runs until its pulse says stop; when it raises it is counted, logged, run again after a pause.

    is_finite: the work may come to an end by itself; else an early return counts as a failure too. fatal: what ends the thread for
    good instead; then in `error`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[StopSignal], None],
        pulse: Pulse,
        clock: Clock,
        *,
        is_finite: bool = False,
        fatal: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self._work = work
        self._pulse = pulse
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

    @property
    def silence_s(self) -> float:
        """Seconds since the work last gave a sign of life; 0 when it has ended."""
        return self._pulse.silence_s if self.is_alive else 0.0

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; True when it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        self._pulse.belongs_here()
        while not self._pulse.is_set():
            started = self._clock.elapsed()
            try:
                self._work(self._pulse)
                if self._is_finite or self._pulse.is_set():
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
            self._pulse.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _note(self, error: Exception) -> None:
        kind = type(error).__name__
        self.failures[kind] += 1
        now = self._clock.elapsed()
        if now - self._logged_at.get(kind, float("-inf")) >= _LOG_EVERY_S:
            self._logged_at[kind] = now
            _LOG.error("%s failed and starts again: %s: %s", self.name, kind, error, exc_info=error)
