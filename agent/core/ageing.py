"""Slow ageing towards an engineer's limits: means of production days, the time left, and an alarm when it is surely short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from agent.ports import LimitView
from agent.records import Inspection
from detectors.channels import ChannelSpec
from detectors.contract import Crossing
from detectors.trend import BLOCK_DAYS, TimeToLimit, Trend

FAMILY = "trend"
# A decision comes with every fifth production day, and a month has at most 31.
DECISIONS_PER_MONTH = 31.0 / BLOCK_DAYS
# A day with fewer frames of a channel than this has no mean, and one without any mean is no production day; nor is a date that a
# record or two name by mistake.
MIN_DAY_FRAMES = 25
# An alarm has returned when a later decision brings less than this share of the threshold (the advise tier, METHODS 1).
ADVISE_SHARE = 1 / 20


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """One limit: of which channel of which parts, and how it is tested. recipe: None for parts of every recipe."""

    name: str
    spec: ChannelSpec
    view: str
    recipe: str | None
    limit: float
    direction: int  # +1: above it is too late
    horizon: float  # production days
    threshold: float  # c
    steps: frozenset[str]  # events
    renewals: frozenset[str]

    @property
    def key(self) -> tuple[str, ...]:
        """Whose days these are, whatever the limit."""
        return (self.name, self.spec.name, self.view, "" if self.recipe is None else f"={self.recipe}")

    @property
    def alarm_id(self) -> str:
        """Of its alarm."""
        return f"limit-{self.name}"

    @property
    def decays(self) -> bool:
        """Whether it is an intensity that may die away exponentially."""
        return self.spec.transform == "log" and self.direction < 0 and self.limit > 0.0


class _Day:
    """Sums of one date."""

    def __init__(self, on: date, count: int) -> None:
        self.on = on
        self.sums, self.frames = [0.0] * count, [0] * count
        self.last = 0  # index of its last part

    def save(self) -> tuple[str, list[float], list[int], int]:
        return (self.on.isoformat(), self.sums, self.frames, self.last)

    @classmethod
    def of(cls, saved: tuple[str, list[float], list[int], int]) -> _Day:
        day = cls(date.fromisoformat(saved[0]), len(saved[1]))
        day.sums, day.frames, day.last = list(saved[1]), list(saved[2]), saved[3]
        return day


class Ageing:
    """The limits of one station. Mutable, deterministic to the bit."""

    def __init__(self, plans: tuple[LimitPlan, ...], zone: ZoneInfo) -> None:
        self.plans = plans
        self._zone = zone
        self._trend = Trend(
            np.array([plan.limit for plan in plans], dtype=np.float64),
            np.array([plan.direction for plan in plans], dtype=np.int64),
            np.array([plan.horizon for plan in plans], dtype=np.float64),
            np.array([plan.threshold for plan in plans], dtype=np.float64),
            np.array([plan.decays for plan in plans], dtype=np.bool_),
        )
        self._open: _Day | None = None
        self._next: _Day | None = None  # another date, until enough frames say that it is one
        self.days = 0  # production days closed
        self._stands = [False] * len(plans)
        self._found: list[TimeToLimit] | None = None  # worked out once a day

    # --- what is folded -----------------------------------------------------------------------------------------------------

    def observe(self, record: Inspection, values: Mapping[str, float | None], index: int) -> list[Crossing]:
        """Take the channels of one frame, by name; crossings when a production day is over with it."""
        mine = [
            (k, float(value))
            for k, plan in enumerate(self.plans)
            if plan.view == record.view
            and plan.recipe in (None, record.recipe)
            and (value := values.get(plan.spec.name)) is not None
            and not isnan(value)
        ]
        if not mine:
            return []
        day = self._day_of(record.captured_at.astimezone(self._zone).date())
        for k, value in mine:
            day.sums[k] += value
            day.frames[k] += 1
        day.last = index
        if day is self._next and max(day.frames) >= MIN_DAY_FRAMES:
            return self._close(day)
        return []

    def happened(self, kind: str) -> None:
        """An event at the station. The day until then is given up: it was another level."""
        renewed = [k for k, plan in enumerate(self.plans) if kind in plan.renewals]
        stepped = [k for k, plan in enumerate(self.plans) if kind in plan.steps]
        for k in (*renewed, *stepped):
            for day in (self._open, self._next):
                if day is not None:
                    day.sums[k], day.frames[k] = 0.0, 0
        for k in stepped:
            self._trend.step(k)
        for k in renewed:
            self._trend.forget(k)
            self._stands[k] = False
        if renewed or stepped:
            self._found = None

    def stands(self, alarm_id: str) -> bool | None:
        """Whether the alarm of a limit still stands; None where it is none of these."""
        return next((self._stands[k] for k, plan in enumerate(self.plans) if plan.alarm_id == alarm_id), None)

    def _day_of(self, on: date) -> _Day:
        count = len(self.plans)
        if self._open is None:
            self._open = _Day(on, count)
        if on == self._open.on:
            return self._open
        if self._next is None or self._next.on != on:
            self._next = _Day(on, count)
        return self._next

    def _close(self, begun: _Day) -> list[Crossing]:
        """The open day is over, `begun` goes on."""
        over, self._open, self._next = self._open, begun, None
        assert over is not None
        means = [total / n if n >= MIN_DAY_FRAMES else np.nan for total, n in zip(over.sums, over.frames, strict=True)]
        row = np.array([means], dtype=np.float64)
        row[0, [plan.decays and not value > 0.0 for plan, value in zip(self.plans, means, strict=True)]] = np.nan
        if np.isnan(row).all():
            return []
        self.days += 1
        self._found = None
        crossings = self._trend.update(row, np.array([over.last], dtype=np.int64))
        evidence = self._trend.evidence
        for k, plan in enumerate(self.plans):  # 0: no decision since it was raised
            self._stands[k] &= not 0.0 < evidence[k] < ADVISE_SHARE * plan.threshold
        for crossing in crossings:
            self._stands[crossing.column] = True
        return crossings

    # --- what is said and shown ---------------------------------------------------------------------------------------------

    def time_to_limit(self, k: int) -> TimeToLimit:
        """As it stood when the last production day was over."""
        if self._found is None:
            self._found = [self._trend.time_to_limit(j) for j in range(len(self.plans))]
        return self._found[k]

    def views(self) -> Iterator[LimitView]:
        """As shown in status and metrics."""
        evidence = self._trend.evidence.tolist()
        for k, plan in enumerate(self.plans):
            found = self.time_to_limit(k)
            yield LimitView(
                limit=plan.name,
                view=plan.view,
                recipe=plan.recipe,
                channel=plan.spec.name,
                unit=plan.spec.unit,
                value=plan.limit,
                beyond="above" if plan.direction > 0 else "below",
                horizon_days=plan.horizon,
                production_days=self.days,
                slope=found.slope,
                days=found.estimate,
                earliest=found.earliest,
                latest=found.latest,
                more_days=found.more_days,
                is_informative=found.is_informative,
                is_due=found.is_informative and found.earliest < plan.horizon,
                evidence=evidence[k],
                threshold=plan.threshold,
            )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "keys": [plan.key for plan in self.plans],
            "trend": dict(self._trend.save()),
            "days": [None if day is None else day.save() for day in (self._open, self._next)],
            "plain": (self.days, self._stands),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint. A limit that was not there, or was of another channel, begins with this day; the others go on."""
        keys, mine = [list(key) for key in saved["keys"]], [list(plan.key) for plan in self.plans]
        kept = [(k, keys.index(key)) for k, key in enumerate(mine) if key in keys]
        state = self._trend.save()
        for name, array in saved["trend"].items():
            if name == "day":
                state[name] = array
            else:
                for k, before in kept:
                    state[name][k] = array[before]
        self._trend.load(state)
        if keys == mine:
            self._open, self._next = (None if day is None else _Day.of(day) for day in saved["days"])
        self.days, stands = saved["plain"]
        for k, before in kept:
            self._stands[k] = stands[before]
