"""The watchdog: systemd is fed only while every worker gives signs of life, and asked for patience while a long start goes on."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.ports import Clock
    from agent.runtime.notify import SystemdNotifier
    from agent.runtime.threads import Worker

_LOG = logging.getLogger("linewarden")
_DEFAULT_S = 60.0  # without systemd, when a silent worker is logged
# The longest legitimate silence of an edge is an attempt to connect: dead name servers cost 30 s, and each of the broker's two
# addresses connect_timeout_s, 60 s at most. That fits into three intervals of 60 s.
_EDGE_INTERVALS = 3
_EXTEND_EVERY_S = 5.0
_EXTEND_S = 60


class Watchdog:
    """Tells systemd how it stands. The core may be silent for one interval of WatchdogSec=, an edge for three."""

    def __init__(self, notifier: SystemdNotifier, clock: Clock, environment: Mapping[str, str] = os.environ) -> None:
        """environment: where systemd says the interval, as WATCHDOG_USEC (sd_watchdog_enabled(3))."""
        self._notifier = notifier
        self._clock = clock
        usec = environment.get("WATCHDOG_USEC", "")
        self._interval_s = int(usec) / 1e6 if usec.isdecimal() and int(usec) else _DEFAULT_S
        self._extended_at = float("-inf")
        self._silent: set[str] = set()

    def starting(self) -> None:
        """The start goes on: more time, please. May be called for every entry folded."""
        now = self._clock.elapsed()
        if now - self._extended_at >= _EXTEND_EVERY_S:
            self._extended_at = now
            self._notifier.send(f"EXTEND_TIMEOUT_USEC={_EXTEND_S * 1_000_000}\nSTATUS=folding the journal again")

    def feed(self, core: Worker, edges: Sequence[Worker]) -> bool:
        """Feed, unless a worker has been silent for too long: that is logged once, and systemd will start the agent again."""
        limits = {core: self._interval_s, **dict.fromkeys(edges, _EDGE_INTERVALS * self._interval_s)}
        silent = {worker.name: worker.silence_s for worker, limit_s in limits.items() if worker.silence_s > limit_s}
        for name in silent.keys() - self._silent:
            _LOG.error("%s has given no sign of life for %.0f s; the watchdog is not fed", name, silent[name])
        self._silent = set(silent)
        if silent:
            return False
        self._notifier.send("WATCHDOG=1")
        return True
