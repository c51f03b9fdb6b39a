"""Is what should arrive arriving? Silence, missing and repeated results, clocks that differ, re-checks that stop."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from statistics import median
from typing import Any

from agent.config.model import FeedSection
from agent.core.conditions import Condition, Finding
from agent.records import Inspected

STREAM = "feed"
# A line's rhythm is known from so many parts; so many are remembered.
RHYTHM_PARTS, RHYTHM_KEPT = 20, 200
# Silence is this many times the usual pitch, if that is longer than the configured time.
PITCHES = 20
# Results that arrive again before silence, or re-checks before their stop, is over.
BACK_RESULTS = 3
# Repeated part numbers: so many among the latest, looked for among as many as are remembered.
REPEATS, REPEAT_WINDOW, IDS_KEPT = 5, 50, 1_000
# Missing results: so many, and more than this share of the latest.
MISSING, MISSING_SHARE, MISSING_WINDOW = 5, 0.01, 500
# Clocks are compared over so many results in a row, which must have come at the pace they were made.
CLOCK_RESULTS, LIVE_PACE = 10, 0.5


class Feed:
    """Feed health of one station. Mutable; a function of the entries folded, ticks among them."""

    def __init__(self, options: FeedSection) -> None:
        self._options = options
        self._silence = Condition(1, BACK_RESULTS)
        self._outcomes = Condition(1, BACK_RESULTS)
        self._repeats = Condition(1, REPEAT_WINDOW)
        self._missing = Condition(1, MISSING_WINDOW)
        self._clock = Condition(1, CLOCK_RESULTS)
        self._heard = True  # since the last tick
        self._silent_s = 0.0
        self._stopped = False  # the line said so
        self._last: tuple[datetime, str] | None = None
        self._pitches: deque[float] = deque(maxlen=RHYTHM_KEPT)
        self._ids: deque[str] = deque(maxlen=IDS_KEPT)
        self._known: dict[str, int] = {}
        self._repeated: deque[bool] = deque(maxlen=REPEAT_WINDOW)
        self._lost: deque[int] = deque(maxlen=MISSING_WINDOW)
        self._offsets: deque[tuple[float, float]] = deque(maxlen=CLOCK_RESULTS)  # seconds of capture, of arrival
        self._outcome_pitches: deque[float] = deque(maxlen=RHYTHM_KEPT)
        self._outcomes_told = 0
        self._last_outcome: tuple[datetime, str] | None = None
        self._waited_s = 0.0  # for an outcome, in production time

    @property
    def waits_for_time(self) -> bool:
        """Whether the passing of time alone would change anything."""
        return self._last is not None and not self._stopped and not self._silence.stands

    @property
    def silence_limit_s(self) -> float:
        """How long without a result is silence."""
        return max(self._options.silence_s, self._pause_s)

    @property
    def _pause_s(self) -> float:
        """A pause that is long for this line; 0 while its rhythm is not known."""
        return PITCHES * median(self._pitches) if len(self._pitches) >= RHYTHM_PARTS else 0.0

    def line_state(self, value: str) -> None:
        """The line runs or does not: an event said so."""
        self._stopped = value.strip().lower() not in ("running", "run", "production", "1", "on")
        self._silent_s = 0.0

    def heard(self) -> None:
        """A record of this station came, whatever its kind."""
        self._heard = True

    def waited(self, elapsed_s: float) -> list[Finding]:
        """A tick. What was heard since the one before came at a time nobody knows: silence is counted from this one."""
        if self._heard or self._stopped:
            self._heard, self._silent_s = False, 0.0
            return []
        self._silent_s += elapsed_s
        if self._last is None or self._silent_s < self.silence_limit_s or self._silence.stands:
            return []
        self._silence.observe(bad=True, at=self._last[0], part_id=self._last[1])
        return [self._finding("not-monitored", "no_results", self._silence, self.silence_limit_s, "s", 1)]

    def inspected(self, entry: Inspected, lost: int) -> list[Finding]:
        """A part of the leading view, with how many results before it never arrived."""
        record = entry.record
        at, part_id = record.captured_at, record.part_id
        found: list[Finding] = []
        self._heard, self._stopped = True, False
        if self._silence.observe(bad=False, at=at, part_id=part_id):
            found.append(self._finding("not-monitored", "no_results", self._silence, self.silence_limit_s, "s", 1))
        found += self._repetition(at, part_id, f"{record.position}/{part_id}")
        found += self._loss(at, part_id, lost)
        found += self._clocks(at, part_id, entry.received_at)
        pitch = 0.0 if self._last is None else (at - self._last[0]).total_seconds()
        if 0.0 < pitch < self.silence_limit_s:
            self._pitches.append(pitch)
        self._last = (at, part_id)
        found += self._waits_for_outcome(at, part_id, max(0.0, min(pitch, self._pause_s)))
        return found

    def told(self, at: datetime) -> list[Finding]:
        """An outcome."""
        if self._outcomes_told:
            self._outcome_pitches.append(self._waited_s)
        self._outcomes_told += 1
        self._waited_s = 0.0
        self._last_outcome = (at, "" if self._last is None else self._last[1])
        if self._outcomes.observe(bad=False, at=at, part_id=self._last_outcome[1]):
            return [self._finding("outcomes-stopped", "outcomes_stopped", self._outcomes, self._outcome_limit_s, "s", 1)]
        return []

    @property
    def _outcome_limit_s(self) -> float:
        return max(self._options.outcome_silence_s, PITCHES * (median(self._outcome_pitches) if self._outcome_pitches else 0.0))

    def _waits_for_outcome(self, at: datetime, part_id: str, pitch: float) -> list[Finding]:
        self._waited_s += pitch
        if self._outcomes_told < RHYTHM_PARTS or self._outcomes.stands or self._waited_s < self._outcome_limit_s:
            return []
        since, _ = self._last_outcome or (at, part_id)
        self._outcomes.observe(bad=True, at=since, part_id=part_id)
        return [self._finding("outcomes-stopped", "outcomes_stopped", self._outcomes, self._outcome_limit_s, "s", 1)]

    def _repetition(self, at: datetime, part_id: str, key: str) -> list[Finding]:
        self._repeated.append(key in self._known)
        if len(self._ids) == IDS_KEPT:
            self._known[self._ids[0]] -= 1
            if not self._known[self._ids[0]]:
                del self._known[self._ids[0]]
        self._ids.append(key)
        self._known[key] = self._known.get(key, 0) + 1
        repeats = sum(self._repeated)
        bad = repeats >= REPEATS if not self._repeats.stands else self._repeated[-1]
        if not self._repeats.observe(bad=bad, at=at, part_id=part_id):
            return []
        words = {"count": str(repeats), "window": str(len(self._repeated))}
        return [self._finding("ids-repeated", "ids_repeated", self._repeats, REPEATS, "parts", repeats, words)]

    def _loss(self, at: datetime, part_id: str, lost: int) -> list[Finding]:
        self._lost.append(lost)
        missing = sum(self._lost)
        bad = missing >= MISSING and missing > MISSING_SHARE * len(self._lost) if not self._missing.stands else lost > 0
        if not self._missing.observe(bad=bad, at=at, part_id=part_id):
            return []
        words = {"count": str(missing), "window": str(missing + len(self._lost))}
        return [self._finding("results-missing", "results_missing", self._missing, MISSING, "results", missing, words)]

    def _clocks(self, at: datetime, part_id: str, received_at: datetime | None) -> list[Finding]:
        """Source ahead, or behind while its results come at the pace they are made: a backlog comes faster."""
        if received_at is None:
            return []
        self._offsets.append((at.timestamp(), received_at.timestamp()))
        if len(self._offsets) < CLOCK_RESULTS:
            return []
        offsets = [captured - arrived for captured, arrived in self._offsets]
        limit = self._options.clock_offset_s
        made, came = (self._offsets[-1][side] - self._offsets[0][side] for side in (0, 1))
        ahead, behind = min(offsets) > limit, max(offsets) < -limit and came >= LIVE_PACE * made > 0.0
        if not self._clock.observe(bad=ahead or behind, at=at, part_id=part_id):
            return []
        offset = median(offsets)
        code = "clock_ahead" if offset > 0 else "clock_behind"
        return [self._finding("clock-differs", code, self._clock, limit, "s", CLOCK_RESULTS, {"size": _span(abs(offset))})]

    @staticmethod
    def _finding(
        alarm_id: str, code: str, condition: Condition, limit: float, unit: str, records: int, words: dict[str, str] | None = None
    ) -> Finding:
        at, part_id = condition.since or (None, "")
        blind = alarm_id == "not-monitored"
        return Finding(
            alarm_id=alarm_id,
            code=code,
            stands=condition.stands,
            value=float(limit),
            limit=float(limit),
            unit=unit,
            records=records,
            since=at,
            part_id=part_id,
            words=words or {},
            colour="white" if blind else "amber",
            priority="critical" if blind else "warning",
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "conditions": [condition.save() for condition in self._conditions()],
            "plain": (self._heard, self._silent_s, self._stopped, self._last, self._outcomes_told, self._waited_s),
            "last_outcome": self._last_outcome,
            "pitches": list(self._pitches),
            "ids": list(self._ids),
            "repeated": list(self._repeated),
            "lost": list(self._lost),
            "offsets": list(self._offsets),
            "outcome_pitches": list(self._outcome_pitches),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for condition, state in zip(self._conditions(), saved["conditions"], strict=True):
            condition.load(state)
        self._heard, self._silent_s, self._stopped, last, self._outcomes_told, self._waited_s = saved["plain"]
        self._last = None if last is None else (last[0], last[1])
        self._last_outcome = None if saved["last_outcome"] is None else (saved["last_outcome"][0], saved["last_outcome"][1])
        self._pitches.extend(saved["pitches"])
        for key in saved["ids"]:
            self._ids.append(key)
            self._known[key] = self._known.get(key, 0) + 1
        self._repeated.extend(saved["repeated"])
        self._lost.extend(saved["lost"])
        self._offsets.extend((captured, arrived) for captured, arrived in saved["offsets"])
        self._outcome_pitches.extend(saved["outcome_pitches"])

    def _conditions(self) -> tuple[Condition, ...]:
        return (self._silence, self._outcomes, self._repeats, self._missing, self._clock)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"
