"""One set of challenge parts: when a check is due, whether it was good, and how many parts are at risk meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agent.config.challenges import ChallengeSection, ChallengeSetSection
from agent.core.conditions import Finding
from agent.core.texts import number
from agent.records import Inspection

STREAM = "checks"
Reason = Literal["never", "parts", "time", "changeover", "alarm", "missed"]
# Those that leave `every_parts` to be made; the others leave `grace_parts` from when they arose.
_UNHURRIED = ("never", "parts")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in production: parts of the set's recipe made by then, the station's part index, the source's time."""

    made: int
    index: int
    at: datetime


class Check:
    """The ledger of one set. A good check is `presentations` of it found in a row, no master twice where they are named.

    It speaks from its first presentation on: parts at risk are counted from there. Mutable, deterministic.
    """

    def __init__(self, options: ChallengeSetSection, plan: ChallengeSection, language: str) -> None:
        self.options = options
        self._plan = plan
        self._language = language
        self.made = 0
        self.done = self.failed = self.overdue = 0  # good checks, times it failed, times it became overdue
        self.presented = self.missed = 0
        self.good: Mark | None = None  # where the last good check began
        self.passed_at: datetime | None = None  # and when it ended
        self.last_failed = False  # whether the latest presentations held a miss that no good check has followed
        self.is_overdue = self.is_expired = False
        self._first: Mark | None = None  # the first part ever
        self._found: dict[str, Mark] = {}  # of the check that is under way
        self._due: tuple[Reason, int] | None = None  # since how many parts made

    @property
    def reason(self) -> str:
        """Why a check is due, empty when none is."""
        return "" if self._due is None else self._due[0]

    @property
    def at_risk(self) -> int:
        """Parts made since the last good check began, or ever."""
        return self.made - (0 if self.good is None else self.good.made)

    @property
    def state(self) -> str:
        """One of expired, failed, overdue, due, never, good."""
        for state, holds in (("expired", self.is_expired), ("failed", self.last_failed), ("overdue", self.is_overdue)):
            if holds:
                return state
        if self.good is None:
            return "never"
        return "good" if self._due is None else "due"

    def is_missed(self, record: Inspection) -> bool:
        """Whether a presentation was judged wrongly: a bad master passed, or a good one rejected."""
        return record.verdict == ("ok" if self.options.known == "defective" else "ng")

    def covers(self, recipe: str) -> bool:
        """Whether parts of this recipe are what the set is about."""
        return self.options.recipe in ("", recipe)

    def passed_since(self, index: int) -> bool:
        """Whether a good check began after the station's part `index` was judged."""
        return self.good is not None and self.good.index >= index and not self.last_failed

    def require(self, reason: Reason) -> None:
        """A check is due from here on; presentations from before do not count for it."""
        self._found.clear()
        if self._due is None or self._due[0] in _UNHURRIED:
            self._due = (reason, self.made)

    def inspected(self, index: int, at: datetime, part_id: str) -> list[Finding]:
        """One more part of this recipe was made: what began or ended with it."""
        self.made += 1
        if self._first is None:
            self._first = Mark(0, index, at)
        if self._due is None:
            self._due = self._arisen(at)
        found = []
        if self.is_expired_at(at) != self.is_expired:
            self.is_expired = not self.is_expired
            found.append(self._finding("check-expired", "check_parts_expired", at, part_id, stands=self.is_expired))
        if not self.is_overdue and self._due is not None and self._is_too_late(*self._due):
            self.is_overdue = True
            self.overdue += 1
            reason = self._due[0]
            code = "check_parts_overdue" if reason == "parts" else f"check_parts_overdue_{reason}"
            found.append(self._finding("check-overdue", code, at, part_id, stands=True))
        return found

    def shown(self, key: str, *, missed: bool, index: int, at: datetime) -> list[Finding]:
        """One presentation; key: which master. An expired one proves nothing: it is counted alone."""
        self.presented += 1
        self.missed += missed
        if self.is_expired_at(at):
            return []
        if missed:
            self.failed += not self.last_failed
            self.last_failed = True
            self.require("missed")
            return []
        self._found.setdefault(key, Mark(self.made, index, at))
        if len(self._found) < self.options.presentations:
            return []
        self.good = min(self._found.values(), key=lambda mark: (mark.made, mark.index))
        self.passed_at = at
        self._found.clear()
        self._due, self.last_failed = None, False
        self.done += 1
        if not self.is_overdue:
            return []
        self.is_overdue = False
        return [self._finding("check-overdue", "check_parts_overdue", at, key, stands=False)]

    def _arisen(self, at: datetime) -> tuple[Reason, int] | None:
        if self.good is None:
            return ("never", self.made)
        if self.at_risk >= self._plan.every_parts - self._plan.grace_parts:
            return ("parts", self.made)
        return ("time", self.made) if (at - self.good.at).total_seconds() >= self._plan.every_s else None

    def _is_too_late(self, reason: Reason, since: int) -> bool:
        if self.at_risk >= self._plan.every_parts:
            return True
        return reason not in _UNHURRIED and self.made - since >= max(1, self._plan.grace_parts)

    def is_expired_at(self, at: datetime) -> bool:
        """Whether its masters prove nothing any more."""
        return self.options.expires is not None and at.date() > self.options.expires

    def _finding(self, alarm: str, code: str, at: datetime, part_id: str, *, stands: bool) -> Finding:
        since = self.good or self._first
        words = {
            "parts": number(self._language, self.at_risk),
            "limit": number(self._language, self._plan.every_parts),
            "set": self.options.name,
            "count": str(self.options.presentations),
            "mode": self.options.failure_mode,
            "expired": "" if self.options.expires is None else self.options.expires.isoformat(),
        }
        return Finding(
            alarm_id=f"{alarm}-{self.options.name}",
            code=code,
            stands=stands,
            value=float(self.at_risk),
            limit=float(self._plan.every_parts),
            unit="parts",
            records=self.at_risk,
            since=at if since is None else since.at,
            part_id=part_id,
            words=words,
            colour="blue" if alarm == "check-overdue" else "amber",
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "counts": (self.made, self.done, self.failed, self.overdue, self.presented, self.missed),
            "flags": (self.last_failed, self.is_overdue, self.is_expired),
            "good": _plain(self.good),
            "passed_at": self.passed_at,
            "first": _plain(self._first),
            "found": {key: _plain(mark) for key, mark in self._found.items()},
            "due": self._due,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.made, self.done, self.failed, self.overdue, self.presented, self.missed = saved["counts"]
        self.last_failed, self.is_overdue, self.is_expired = saved["flags"]
        self.good = None if saved["good"] is None else Mark(*saved["good"])
        self.passed_at = saved["passed_at"]
        self._first = None if saved["first"] is None else Mark(*saved["first"])
        self._found = {key: Mark(*mark) for key, mark in saved["found"].items()}
        self._due = None if saved["due"] is None else (saved["due"][0], saved["due"][1])


def _plain(mark: Mark | None) -> tuple[int, int, datetime] | None:
    return None if mark is None else (mark.made, mark.index, mark.at)
