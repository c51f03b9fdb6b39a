"""Judged parts of one recipe and month, counted so that rates with bounds can be made of them, and put together by adding."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from detectors.contract import FloatArray
from detectors.estimate import Tally

Road = Literal["census", "audits"]
Sight = tuple[str, ...]  # failure modes that could have been seen; empty: all
Look = tuple[Road, int, Sight]  # by which road a passed part was looked at, step of its chance over the least, what was seen
# A chance is kept as a multiple of the least one any passed part had then, rounded up to a power of this: bounds widen by as much
# where multiples occur, and tallies stay small whatever the planner does.
STEP = 2.0 ** (1.0 / 32.0)
MOST_STEPS = 512
# The chance a tally is told for the least multiple; others lie above it, and only their ratio has a say.
FLOOR = STEP**-MOST_STEPS


def step_of(chance: float, least: float) -> int:
    """How many steps a chance lies above the least one, rounded up."""
    return min(MOST_STEPS, max(0, math.ceil(math.log(chance / least) / math.log(STEP) - 1e-9)))


@dataclass(slots=True)
class Looked:
    """What the looks of one road show of one failure mode (or of all): a tally with its bounds' widening, and plain sums."""

    tally: Tally
    widening: float
    standing: float  # sum of 1/chance: parts the looks stand for
    found: float  # of these, bad

    @property
    def audited(self) -> int:
        """Parts looked at."""
        return int(self.tally.audited.sum())

    @property
    def bad(self) -> int:
        """Of these, bad."""
        return int(self.tally.bad.sum())

    @property
    def estimate(self) -> float:
        """Share of bad ones, each standing for 1/chance of them (Hájek 1971); NaN without looks."""
        return self.found / self.standing if self.standing else math.nan


@dataclass(slots=True)
class Counts:
    """Sums over judged parts. Finds are by failure mode, "" where none was named."""

    passed: int = 0
    rejected: int = 0
    good_rejects: int = 0  # of those told
    unanswered: int = 0  # drawn, and nothing said that counts
    unknown_chance: int = 0  # passed parts told of that nobody drew
    unconfirmed: int = 0  # finds that no second look confirmed
    claimed: tuple[int, float] = (0, 0.0)  # passed parts with a claim, and the sum of their claims
    bad_rejects: Counter[str] = field(default_factory=Counter)
    looks: Counter[Look] = field(default_factory=Counter)
    finds: Counter[tuple[Look, str]] = field(default_factory=Counter)
    standing: dict[tuple[Road, Sight], float] = field(default_factory=dict)
    found: dict[tuple[Road, Sight, str], float] = field(default_factory=dict)

    @property
    def rechecked(self) -> int:
        """Rejects told of."""
        return self.good_rejects + self.bad_rejects.total()

    @property
    def modes(self) -> set[str]:
        """Failure modes of what was found, passed or rejected."""
        return {mode for _, mode in self.finds} | set(self.bad_rejects)

    def look(self, road: Road, step: int, sight: Sight, chance: float, mode: str | None) -> None:
        """A passed part was looked at; mode: of a bad one, None for a good one."""
        self.looks[road, step, sight] += 1
        self.standing[road, sight] = self.standing.get((road, sight), 0.0) + 1.0 / chance
        if mode is not None:
            self.finds[(road, step, sight), mode] += 1
            self.found[road, sight, mode] = self.found.get((road, sight, mode), 0.0) + 1.0 / chance

    def looked(self, mode: str, *, unnamed: bool = False) -> tuple[Road, Looked]:
        """What shows the rate of a failure mode ("": of all): a census that sees it, else the audits that do.

        unnamed: count finds without a mode as of this one.
        """
        for road in ("census", "audits"):
            if any(by == road and _sees(sight, mode) for by, _, sight in self.looks):
                return road, self._looked(road, mode, unnamed=unnamed)
        return "audits", self._looked("audits", mode, unnamed=unnamed)

    def _looked(self, road: Road, mode: str, *, unnamed: bool) -> Looked:
        steps: Counter[int] = Counter()
        bad: Counter[int] = Counter()
        for (by, step, sight), count in self.looks.items():
            if by == road and _sees(sight, mode):
                steps[step] += count
        for ((by, step, sight), of), count in self.finds.items():
            if by == road and _sees(sight, mode) and _is_of(of, mode, unnamed=unnamed):
                bad[step] += count
        order = sorted(steps)
        tally = Tally(
            np.minimum(1.0, FLOOR * STEP ** np.array(order, dtype=np.float64)), _vector(steps, order), _vector(bad, order)
        )
        standing = sum(total for (by, sight), total in self.standing.items() if by == road and _sees(sight, mode))
        found = sum(
            total
            for (by, sight, of), total in self.found.items()
            if by == road and _sees(sight, mode) and _is_of(of, mode, unnamed=unnamed)
        )
        return Looked(tally, STEP if len(order) > 1 or order[:1] > [0] else 1.0, standing, found)

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        (n, p), (m, q) = self.claimed, other.claimed
        return Counts(
            self.passed + other.passed,
            self.rejected + other.rejected,
            self.good_rejects + other.good_rejects,
            self.unanswered + other.unanswered,
            self.unknown_chance + other.unknown_chance,
            self.unconfirmed + other.unconfirmed,
            (n + m, p + q),
            self.bad_rejects + other.bad_rejects,
            self.looks + other.looks,
            self.finds + other.finds,
            _sum(self.standing, other.standing),
            _sum(self.found, other.found),
        )

    def copy(self) -> Counts:
        """As it stands."""
        return self + Counts()

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        plain = (self.passed, self.rejected, self.good_rejects, self.unanswered, self.unknown_chance, self.unconfirmed)
        finds = [(look, mode, n) for (look, mode), n in self.finds.items()]
        sums = [(*key, total) for key, total in self.standing.items()], [(*key, total) for key, total in self.found.items()]
        return (plain, self.claimed, dict(self.bad_rejects), list(self.looks.items()), finds, *sums)

    @classmethod
    def load(cls, saved: list[Any]) -> Self:
        """From a checkpoint."""
        plain, claimed, bad_rejects, looks, finds, standing, found = saved
        passed, rejected, good_rejects, unanswered, unknown_chance, unconfirmed = plain
        return cls(
            passed,
            rejected,
            good_rejects,
            unanswered,
            unknown_chance,
            unconfirmed,
            claimed=(claimed[0], claimed[1]),
            bad_rejects=Counter(bad_rejects),
            looks=Counter({_look(look): n for look, n in looks}),
            finds=Counter({(_look(look), mode): n for look, mode, n in finds}),
            standing={(road, tuple(sight)): total for road, sight, total in standing},
            found={(road, tuple(sight), mode): total for road, sight, mode, total in found},
        )


def _look(saved: list[Any]) -> Look:
    road, step, sight = saved
    return road, step, tuple(sight)


def _sees(sight: Sight, mode: str) -> bool:
    """Whether looks of this sight tell of a failure mode; of all together only those do that see all."""
    return not sight or (mode in sight if mode else False)


def _is_of(found: str, mode: str, *, unnamed: bool) -> bool:
    return not mode or found == mode or (unnamed and not found)


def _sum(one: dict[Any, float], other: dict[Any, float]) -> dict[Any, float]:
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in {**one, **other}}


def _vector(counts: Counter[int], order: list[int]) -> FloatArray:
    return np.array([counts[step] for step in order], dtype=np.float64)
