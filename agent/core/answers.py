"""Are audits answered, finds looked at again, and outcomes in time? Shares of the latest ones; outside the false-alarm budget."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from agent.core.conditions import Condition, Finding

STREAM = "audits"
# METHODS 3: more audits unanswered, or outcomes late, is itself an alarm: what is missing may not be missing by chance.
MOST_UNANSWERED, MOST_LATE = 0.05, 0.02
# Judged over so many of the latest, once there are enough that one more or less is not a per cent of them or two.
REQUESTS, LEAST_REQUESTS = 200, 40
OUTCOMES, LEAST_OUTCOMES = 500, 100
# Over when so many in a row came with the share within its limit.
BACK = 20


class Answers:
    """The shares of one station. Mutable, deterministic."""

    def __init__(self) -> None:
        self._missed: deque[bool] = deque(maxlen=REQUESTS)
        self._late: deque[bool] = deque(maxlen=OUTCOMES)
        self._unanswered = Condition(1, BACK)
        self._lateness = Condition(1, BACK)
        self._unseen = Condition(1, 1)  # a find that nobody looked at again

    @property
    def unanswered(self) -> float:
        """Share of the latest requests that were not answered in time; 0 before the first."""
        return sum(self._missed) / max(1, len(self._missed))

    @property
    def late(self) -> float:
        """Share of the latest outcomes that came after their part was judged."""
        return sum(self._late) / max(1, len(self._late))

    def settled(self, *, missed: bool, at: datetime, part_id: str) -> list[Finding]:
        """A request for a drawn part ended."""
        self._missed.append(missed)
        bad = len(self._missed) >= LEAST_REQUESTS and self.unanswered > MOST_UNANSWERED
        if not self._unanswered.observe(bad=bad, at=at, part_id=part_id):
            return []
        words = {"count": str(sum(self._missed)), "window": str(len(self._missed))}
        return [_finding("audits-unanswered", self._unanswered, self.unanswered, MOST_UNANSWERED, len(self._missed), words)]

    def looked_again(self, *, missed: bool, at: datetime, part_id: str) -> list[Finding]:
        """The second look at a find was made, or missed: one alone is an alarm, since what it would say counts."""
        if not self._unseen.observe(bad=missed, at=at, part_id=part_id):
            return []
        return [_finding("find-unconfirmed", self._unseen, 1.0, 0.0, 1, {"part": part_id})]

    def told(self, *, late: bool, at: datetime, part_id: str) -> list[Finding]:
        """An outcome came, in time or after its part had been judged without it."""
        self._late.append(late)
        bad = len(self._late) >= LEAST_OUTCOMES and self.late > MOST_LATE
        if not self._lateness.observe(bad=bad, at=at, part_id=part_id):
            return []
        words = {"count": str(sum(self._late)), "window": str(len(self._late))}
        return [_finding("outcomes-late", self._lateness, self.late, MOST_LATE, len(self._late), words)]

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "missed": list(self._missed),
            "late": list(self._late),
            "conditions": [condition.save() for condition in self._conditions()],
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._missed.extend(saved["missed"])
        self._late.extend(saved["late"])
        for condition, state in zip(self._conditions(), saved["conditions"], strict=True):
            condition.load(state)

    def _conditions(self) -> tuple[Condition, ...]:
        return (self._unanswered, self._lateness, self._unseen)


def _finding(alarm: str, condition: Condition, value: float, limit: float, records: int, words: dict[str, str]) -> Finding:
    at, part_id = condition.since or (None, "")
    return Finding(
        alarm_id=alarm,
        code=alarm.replace("-", "_"),
        stands=condition.stands,
        value=value,
        limit=limit,
        unit="share",
        records=records,
        since=at,
        part_id=part_id,
        words=words,
    )
