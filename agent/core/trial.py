"""Check parts under a planned model: per set of challenge parts, what it was shown and missed before it may judge production."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.documents import ShownDoc

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.checks import Check
    from agent.records import Inspection


@dataclass(slots=True)
class _Shown:
    """presented, missed: of the planned model. found: masters found since its last miss. before: as it was planned."""

    presented: int = 0
    missed: int = 0
    found: list[str] = field(default_factory=list)
    before: tuple[int, int] = (0, 0)


class Trial:
    """What one planned model showed on the sets of a station. Mutable, deterministic."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks
        self._shown = {name: _Shown(before=(check.presented, check.missed)) for name, check in checks.items()}

    def shown(self, name: str, record: Inspection) -> None:
        """It judged a challenge part of this set."""
        shown, missed = self._of(name), self._checks[name].is_missed(record)
        shown.presented += 1
        shown.missed += missed
        if missed:
            shown.found.clear()
        elif record.part_id not in shown.found:
            shown.found.append(record.part_id)

    def lacking(self, recipe: str | None, at: datetime) -> Iterable[str]:
        """The sets that it has not found whole, in words; of one recipe where one is named. Expired masters prove nothing."""
        for name, check in self._checks.items():
            if recipe is not None and not check.covers(recipe):
                continue
            needed, found = check.options.presentations, len(self._of(name).found)
            if check.is_expired_at(at):
                yield f"set {name} ({check.options.failure_mode}) has expired"
            elif found < needed:
                yield f"set {name} ({check.options.failure_mode}): {found} of {needed} found in a row by the planned model"

    def documents(self) -> tuple[ShownDoc, ...]:
        """Before and after, per set."""
        return tuple(
            ShownDoc(
                set=name,
                failure_mode=check.options.failure_mode,
                known=check.options.known,
                before_presented=self._of(name).before[0],
                before_missed=self._of(name).before[1],
                presented=self._of(name).presented,
                missed=self._of(name).missed,
                found=len(self._of(name).found),
                needed=check.options.presentations,
            )
            for name, check in self._checks.items()
        )

    def _of(self, name: str) -> _Shown:
        return self._shown.setdefault(name, _Shown())

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {name: (one.presented, one.missed, one.found, one.before) for name, one in self._shown.items()}

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._shown = {
            name: _Shown(presented, missed, list(found), (before[0], before[1]))
            for name, (presented, missed, found, before) in saved.items()
        }
