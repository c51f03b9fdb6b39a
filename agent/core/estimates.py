"""Estimates of one station: judged parts and check parts, counted by recipe and production month."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.config.model import StationSection
from agent.core.counts import Counts, step_of
from agent.core.curve import Curve
from agent.core.ledger import Pending

# Recipes and failure modes kept apart; what comes beyond is counted under OTHER.
MAX_RECIPES, MAX_MODES = 64, 32
OTHER = "other"
# Months older than those kept, as one.
EARLIER = "earlier"
# Figures are made anew when so much more was looked at: a fiftieth.
FRESH = 50


@dataclass(slots=True)
class Cell:
    """One recipe in one month: what was counted, and the counts that figures rest on, so that these change seldom."""

    counts: Counts = field(default_factory=Counts)
    shown: Counts = field(default_factory=Counts)
    version: int = 0
    next: int = 1  # figures are due when so many parts were looked at

    def looked(self, *, found: bool) -> bool:
        """One part more was looked at; whether what is shown is new. found: a bad one that had passed, which is shown at once."""
        total = self.counts.looks.total() + self.counts.rechecked
        is_due = found or total >= self.next
        if is_due:
            self.shown, self.version = self.counts.copy(), self.version + 1
            self.next = total + max(1, total // FRESH)
        return is_due

    def take(self, other: Cell) -> None:
        """Another one's parts too."""
        self.counts, self.shown = self.counts + other.counts, self.shown + other.shown
        self.version += 1
        self.next += other.next


class Estimates:
    """Counts only; `figures` makes rates of them. Mutable, deterministic: a function of the parts in the order they are judged."""

    def __init__(self, options: StationSection, zone: ZoneInfo) -> None:
        self._zone = zone
        self._kept = options.estimates.months
        declared = [s.failure_mode for s in options.challenge_sets if s.known == "defective"]
        declared += [mode for source in options.outcomes.told_by for mode in source.failure_modes]
        self._modes: list[str] = list(dict.fromkeys(declared))[:MAX_MODES]
        self._recipes: list[str] = []
        self._least = 1.0  # chance that any outcome named, where another than our planner draws
        self.months: dict[str, dict[str, Cell]] = {}  # by month and recipe
        self._curves: dict[str, Curve] = {}  # by month
        self.curves: dict[str, Curve] = {}  # the same as they were when the month's figures were last due
        self.presented: dict[str, Counter[tuple[str, str, bool]]] = {}  # by month: failure mode, known state, missed?

    def month_of(self, at: datetime) -> str:
        """The production month a part belongs to, as in 2026-11; older ones than are kept are one."""
        local = at.astimezone(self._zone)
        month = f"{local.year:04d}-{local.month:02d}"
        if month in self.months or month in self.presented:
            return month
        named = sorted((self.months.keys() | self.presented.keys()) - {EARLIER})
        if len(named) < self._kept:
            return month
        if month < named[0]:
            return EARLIER
        self._put_away(named[0])
        return month

    def _put_away(self, month: str) -> None:
        """Add a month to the earlier ones."""
        for recipe, cell in self.months.pop(month, {}).items():
            self.months.setdefault(EARLIER, {}).setdefault(recipe, Cell()).take(cell)
        if month in self.presented:
            self.presented[EARLIER] = self.presented.get(EARLIER, Counter()) + self.presented.pop(month)
        for curves in (self._curves, self.curves):
            if month in curves:
                curves.setdefault(EARLIER, Curve()).take(curves.pop(month))

    def matured(self, part: Pending) -> None:
        """A part is judged: what it was is known by now, or never."""
        month = self.month_of(part.captured_at)
        cells = self.months.setdefault(month, {})
        recipe = _within(self._recipes, part.recipe, MAX_RECIPES)
        cell = cells.get(recipe)
        if cell is None:
            cell = cells[recipe] = Cell()
        counts, said = cell.counts, part.said
        if part.defective is not None and not said.is_sure:
            counts.unconfirmed += 1
        mode = None
        if part.defective:
            mode = part.mode and _within(self._modes, part.mode, MAX_MODES)
        curve = self._curves.get(month)
        if curve is None:
            curve = self._curves[month] = Curve()
        if not part.passed:
            counts.rejected += 1
            if said.is_sure:
                if mode is None:
                    counts.good_rejects += 1
                else:
                    counts.bad_rejects[mode] += 1
            curve.rejected(part.p_defect, known=said.is_sure, bad=mode is not None)
        else:
            counts.passed += 1
            if not math.isnan(part.p_defect):
                n, total = counts.claimed
                counts.claimed = (n + 1, total + part.p_defect)
            self._passed(part, mode, counts, curve)
        if said.is_sure and cell.looked(found=part.passed and mode is not None):
            self.curves[month] = curve.copy()

    def _passed(self, part: Pending, mode: str | None, counts: Counts, curve: Curve) -> None:
        """A passed part: looked at by a census, drawn for an audit, told of by others, or not known."""
        said = part.said
        told = said.is_sure and said.told is not None
        chance = part.chance if part.least else said.chance
        if said.is_sure and said.silent is not None:
            counts.look("census", 0, said.silent, 1.0, mode)
            curve.looked("census", 0, 1.0, part.p_defect, bad=mode is not None)
        if chance > 0.0 and told:
            assert said.told is not None
            self._least = min(self._least, chance)
            step = step_of(chance, part.least or self._least)
            counts.look("audits", step, said.told, chance, mode)
            curve.looked("audits", step, chance, part.p_defect, bad=mode is not None)
        elif chance > 0.0:
            counts.unanswered += 1
        elif told and said.silent is None:
            counts.unknown_chance += 1

    def shown(self, mode: str, known: str, at: datetime, *, missed: bool) -> None:
        """A check part was presented."""
        name = _within(self._modes, mode, MAX_MODES)
        self.presented.setdefault(self.month_of(at), Counter())[name, known, missed] += 1

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "months": [
                (month, recipe, cell.counts.save(), cell.shown.save(), cell.version, cell.next)
                for month, cells in self.months.items()
                for recipe, cell in cells.items()
            ],
            "curves": [[(month, curve.save()) for month, curve in curves.items()] for curves in (self._curves, self.curves)],
            "presented": [(month, *key, n) for month, shown in self.presented.items() for key, n in shown.items()],
            "plain": (self._modes, self._recipes, self._least),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for month, recipe, counts, shown, version, due in saved["months"]:
            self.months.setdefault(month, {})[recipe] = Cell(Counts.load(counts), Counts.load(shown), version, due)
        self._curves, self.curves = ({month: Curve.load(curve) for month, curve in curves} for curves in saved["curves"])
        for month, mode, known, missed, n in saved["presented"]:
            self.presented.setdefault(month, Counter())[mode, known, missed] = n
        modes, self._recipes, self._least = saved["plain"]
        self._modes = list(dict.fromkeys([*self._modes, *modes]))[:MAX_MODES]


def _within(known: list[str], name: str, most: int) -> str:
    """The name where it is one of the first so many, else OTHER."""
    if name in known:
        return name
    if len(known) >= most:
        return OTHER
    known.append(name)
    return name
