"""Measurements that no longer come: counted in records of their place, judged from the twentieth value on, outside the budget."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from agent.core.conditions import Condition, Finding
from agent.records import Inspection
from detectors.contract import BoolArray

# A name is expected once it came so often; it is missing after so many records, and as many times its usual interval.
KNOWN_VALUES = 20
LEAST_RECORDS, INTERVALS = 50, 20
BACK_RECORDS = 3
CODE = "measurements_missing"


class Absent:
    """The measurements of one view, position and recipe. Mutable, deterministic."""

    def __init__(self, names: tuple[str, ...], called: tuple[str, ...]) -> None:
        """called: each name as an alarm says it."""
        self._names, self._called = names, called
        self._condition = Condition(1, BACK_RECORDS)
        self.standing = ""  # the alarm that stands
        self._values = np.zeros(len(names), np.int64)
        self._records = np.zeros(len(names), np.int64)  # from a name's first value to its last
        self._run = np.zeros(len(names), np.int64)  # since its last value
        self._since: list[tuple[datetime, str] | None] = [None] * len(names)  # the first record of that run

    def judge(self, known: BoolArray, record: Inspection, prefix: str) -> list[Finding]:
        """What began or ended with this record. known: (N,), which names it measures; prefix: of the alarm of its place."""
        expected = self._values > 0
        self._records += np.where(known, self._run + 1, 0)
        self._values += known
        self._run = np.where(known | ~expected, 0, self._run + 1)
        for k in np.flatnonzero(self._run == 1):
            self._since[k] = (record.captured_at, record.part_id)
        usual = self._records / np.maximum(self._values, 1)
        limits = np.maximum(LEAST_RECORDS, INTERVALS * usual)
        missing = np.flatnonzero((self._run >= limits) & (self._values >= KNOWN_VALUES))
        if not self._condition.observe(bad=missing.size > 0, at=record.captured_at, part_id=record.part_id):
            return []
        if not self._condition.stands:
            ended, self.standing = over(self.standing), ""
            return [ended]
        self.standing = f"{prefix}measurements-missing"
        return [self._finding(missing.tolist(), limits, int(np.count_nonzero(expected)))]

    def _finding(self, missing: list[int], limits: Any, expected: int) -> Finding:
        first = missing[0]
        at, part_id = self._since[first] or (None, "")
        return Finding(
            alarm_id=self.standing,
            code=CODE,
            stands=True,
            value=float(self._run[first]),
            limit=float(limits[first]),
            unit="records in a row",
            records=int(self._run[first]),
            since=at,
            part_id=part_id,
            words={"channel": self._called[first], "count": str(len(missing)), "window": str(expected)},
        )

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        each = zip(self._values.tolist(), self._records.tolist(), self._run.tolist(), self._since, strict=True)
        return (self._condition.save(), self.standing, dict(zip(self._names, each, strict=True)))

    def load(self, saved: tuple[Any, ...]) -> None:
        """From a checkpoint; names that were not declared then start anew."""
        self._condition.load(saved[0])
        self.standing = saved[1]
        for k, name in enumerate(self._names):
            if name in saved[2]:
                self._values[k], self._records[k], self._run[k], since = saved[2][name]
                self._since[k] = None if since is None else (since[0], since[1])


def over(alarm_id: str) -> Finding:
    """Nothing is missing any more."""
    return Finding(alarm_id, CODE, stands=False)
