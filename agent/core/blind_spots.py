"""The blind spot: at the audits, check parts and scores of the last days, how long a rise of misses would go unnoticed."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np

from agent.config.model import StationSection
from agent.core.conditions import Finding
from agent.core.texts import number
from agent.ports import BlindSpotView
from detectors.challenge import days_until_found
from detectors.contract import FloatArray
from detectors.outcome_gap import audits_until_found

STREAM = "blind-spot"
# Rates are those of so many production days: days on which anything was made.
DAYS = 7
# What all failure modes together are called.
ALL = "escapes"
# Days the owner's tier allows where he declares none (DESIGN 6: the tier sets detection limits).
MOST_DAYS = {1: 4.0, 2: 14.0, 3: 60.0}
# Longer is said as "more than".
LONGEST = 1_000


class Audited(Protocol):
    """What is asked of the outcome side."""

    judged: int

    @property
    def claims(self) -> list[float]: ...


@dataclass(slots=True)
class Day:
    """What one production day brought. shown: presentations per failure mode; rejected: by the class the model named."""

    day: date
    parts: int = 0
    audits: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


class BlindSpots:
    """One station's. Figures change once a production day, with its first part. Mutable, deterministic."""

    def __init__(self, options: StationSection, *, audit_threshold: float, challenge_threshold: float, language: str) -> None:
        self._options = options.blind_spot
        self._audited = options.outcomes.judges
        looks = 2 if options.outcomes.finds_confirmed else 1
        self._seen = (1.0 - options.blind_spot.looks_miss) ** looks  # of the bad parts audited
        self._delay_days = options.outcomes.cohort_delay_s / 86_400.0
        self._audit_threshold, self._challenge_threshold = audit_threshold, challenge_threshold
        self._limits: dict[str, float] = {}
        for s in options.challenge_sets:
            if s.known == "defective":
                self._limits[s.failure_mode] = min(s.max_miss_rate, self._limits.get(s.failure_mode, 1.0))
        self.most_days = self._options.most_days or MOST_DAYS[options.tier or 3]
        self._language = language
        self._days: deque[Day] = deque(maxlen=DAYS)
        self._today: Day | None = None
        self._judged = 0  # audits ever, and presentations by failure mode, when the day began
        self._shown: Counter[str] = Counter()
        # By mode; NaN until a whole day was seen. Where nothing could ever find it, that is known from the start.
        self.days: dict[str, float] = dict.fromkeys((ALL, *self._limits), math.nan if self._audited or self._limits else math.inf)
        self._stands: dict[str, bool] = {}

    def inspected(
        self, at: datetime, rejected: str | None, truth: Audited, presented: Callable[[], Counter[str]], part_id: str
    ) -> list[Finding]:
        """A production part. rejected: the class it was rejected for, None where it passed. presented: by failure mode, ever."""
        found: list[Finding] = []
        if self._today is None or at.date() > self._today.day:
            if self._today is not None:
                shown = presented()
                self._today.audits, self._today.shown = max(0, truth.judged - self._judged), shown - self._shown
                self._judged, self._shown = truth.judged, shown
                self._days.append(self._today)
                self._measure(np.array(truth.claims, dtype=np.float64))
                found = self._judge(at, part_id)
            self._today = Day(at.date())
        self._today.parts += 1
        if rejected is not None:
            self._today.rejected[rejected if rejected in self._limits else ""] += 1
        return found

    def _measure(self, claims: FloatArray) -> None:
        days = len(self._days)
        parts, audits = (sum(getattr(day, name) for day in self._days) / days for name in ("parts", "audits"))
        self.days[ALL] = self._by_audits(claims, audits, self._options.escape_ppm / 1e6)
        for mode, limit in self._limits.items():
            shown = sum(day.shown[mode] for day in self._days) / days
            by_check = days_until_found(limit, self._challenge_threshold, self._options.miss_rate, shown)
            # As many of the mode are made as are rejected for it, about: that share of them would pass.
            made = sum(day.rejected[mode] for day in self._days) / days / max(1.0, parts)
            by_audit = self._by_audits(claims, audits, self._options.miss_rate * made) if made else math.inf
            self.days[mode] = min(by_check, by_audit)

    def _by_audits(self, claims: FloatArray, per_day: float, share: float) -> float:
        if not (self._audited and per_day and claims.size):
            return math.inf
        return audits_until_found(claims, self._audit_threshold, share * self._seen) / per_day + self._delay_days

    def _judge(self, at: datetime, part_id: str) -> list[Finding]:
        """Where there is anything that could find it, and enough days were seen, too long is an alarm."""
        if len(self._days) < DAYS:
            return []
        found = []
        for mode, days in self.days.items():
            bad = days > self.most_days and (self._audited or mode in self._limits)
            if bad != self._stands.get(mode, False):
                self._stands[mode] = bad
                found.append(self._finding(mode, days, at, part_id, stands=bad))
        return found

    def _finding(self, mode: str, days: float, at: datetime, part_id: str, *, stands: bool) -> Finding:
        ppm, rate = self._options.escape_ppm, 100.0 * self._options.miss_rate
        words = {
            "mode": mode,
            "size": f"{number(self._language, round(ppm))} ppm" if mode == ALL else f"{rate:g} %",
            "days": f"> {number(self._language, LONGEST)}" if days > LONGEST else f"{days:.0f}",
            "limit": f"{self.most_days:g}",
        }
        return Finding(
            alarm_id=f"blind-spot-{mode}",
            code="blind_spot",
            stands=stands,
            value=min(days, float(LONGEST)),
            limit=self.most_days,
            unit="days",
            records=len(self._days),
            since=at,
            part_id=part_id,
            words=words,
        )

    def views(self) -> tuple[BlindSpotView, ...]:
        """As shown in status and metrics."""
        rise = dict.fromkeys(self._limits, self._options.miss_rate) | {ALL: self._options.escape_ppm / 1e6}
        return tuple(BlindSpotView(mode, rise[mode], days, self.most_days, len(self._days)) for mode, days in self.days.items())

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        kept = [*self._days] + ([] if self._today is None else [self._today])
        return {
            "days": [(d.day.isoformat(), d.parts, d.audits, dict(d.shown), dict(d.rejected)) for d in kept],
            "figures": self.days,
            "plain": (self._judged, dict(self._shown), self._today is not None, self._stands),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        kept = [
            Day(date.fromisoformat(day), parts, audits, Counter(shown), Counter(rejected))
            for day, parts, audits, shown, rejected in saved["days"]
        ]
        self._judged, shown, is_open, self._stands = saved["plain"]
        self._shown = Counter(shown)
        self._today = kept.pop() if is_open else None
        self._days.extend(kept)
        self.days.update({mode: days for mode, days in saved["figures"].items() if mode in self.days})
