"""What went wrong on a connection, counted by kind and reason, and logged without flooding the log."""

from __future__ import annotations

import logging

from agent.mqtt_link.troubles import Trouble
from agent.ports import Clock

_LOG = logging.getLogger("linewarden")
FIRST_SILENCE_S = 60.0
LONGEST_SILENCE_S = 3600.0  # a broker gone for weeks is worth a line an hour
CONNECTED = ("connected", "")


class Account:
    """Outlives connections and restarts of its owner's thread. Written by that thread, read by others."""

    def __init__(self, who: str, clock: Clock) -> None:
        """who: as the log names it, for example `sink plant`."""
        self.last = ""
        self.connections = 0
        self.failures = 0
        self._who = who
        self._clock = clock
        self._counts: dict[tuple[str, str], int] = {}
        self._silence: dict[tuple[str, str], tuple[float, float]] = {}  # since when, for how long

    def note(self, trouble: Trouble) -> None:
        """Count it, and log it unless the same was logged a moment ago."""
        key = (trouble.kind, trouble.reason)
        self._counts[key] = self._counts.get(key, 0) + 1
        if trouble.kind not in {"publish_refused", "subscribe_refused"}:
            self.failures += 1
        self.last = str(trouble)
        if self._is_due(key):
            _LOG.warning("%s: %s [%s %s, %d so far]", self._who, trouble, *key, self._counts[key])

    def connected(self, how: str) -> None:
        """The broker accepted; how: the way there, for the log."""
        self.connections += 1
        self._silence = {key: (since, FIRST_SILENCE_S) for key, (since, _) in self._silence.items()}
        if self._is_due(CONNECTED):
            _LOG.info("%s: connected to %s [%d so far]", self._who, how, self.connections)

    def figures(self) -> dict[str, float]:
        """Counts as `kind:reason`, for status and metrics."""
        return {f"{kind}:{reason}": float(n) for (kind, reason), n in sorted(dict(self._counts).items())}

    def _is_due(self, key: tuple[str, str]) -> bool:
        """At most once a minute, and less and less often while there is no connection."""
        now = self._clock.elapsed()
        since, length = self._silence.get(key, (float("-inf"), 0.0))
        if now - since < length:
            return False
        self._silence[key] = (now, min(max(2 * length, FIRST_SILENCE_S), LONGEST_SILENCE_S))
        return True
