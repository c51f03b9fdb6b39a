"""What is made, shown and looked at in a simulated history, and when; all of it drawn before, as none of it depends on the agent.

Except for the draw of the audits, which is the agent's: it rests on ids, scores and counts alone while nothing tightens it, and so
is foretold here for whole histories at once (`draw`), as `Audits` makes it part by part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.core.audits import REMEMBERED
from agent.demo.line.magnitudes import AUDITED, SOURCED

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
START = datetime(2026, 1, 5, tzinfo=UTC)
DAY_S = 86_400.0
HOUR_S = 3_600.0
MODE = "crack"
PER_MINUTE = 28.0
ROUNDS_S = (6.0 * HOUR_S + 600.0, 14.0 * HOUR_S + 600.0, 22.0 * HOUR_S + 600.0)  # ten minutes into each shift


@dataclass(frozen=True)
class World:
    """A line, what goes wrong on it, and the people around it. Times in days from the start."""

    days: float = 60.0
    fault_day: float = 10.0  # it comes at a random time of this day
    defective: float = 0.002
    missed: float = 0.02
    missed_after: float = 0.2
    commissioning: int = 12_000  # first parts, whose passes are all looked at where they are labelled
    labelled: bool = True  # they are
    challenges: int = 15  # presentations a day
    false_finds: float = AUDITED.false_finds
    second_look: bool = True
    said_confirmed: bool = False  # finds are reported as confirmed though nobody looked again
    outcomes_until: float = np.inf  # nothing is told from this day on
    volume: tuple[float, float] = (1.0, 1.0)  # share of PER_MINUTE made on the first and, exponentially, on the last day
    by_score: bool = False  # defective with the probability the score says (METHODS 3), instead of the mode above
    rejects_alone: bool = False  # nobody audits passes; every reject is looked at again
    bad_median_h: float = AUDITED.bad_median_h
    good_median_h: float = AUDITED.good_median_h
    answer_limit_h: float = AUDITED.answer_limit_h
    cohort_h: float = AUDITED.cohort_h


class Policy(NamedTuple):
    """What the audit planner is configured to: share of passes, share of these near the threshold, on from this day."""

    fraction: float = 0.02
    near_share: float = 0.3
    from_day: float = 0.0


@dataclass(frozen=True)
class Parts:
    """Everything made, in order. Index k here is part k + 1 of the station."""

    at_s: Floats
    p: Floats
    ok: Bools
    bad: Bools
    fault_s: float
    passed: NDArray[np.int64]  # passes among the first k parts, (N + 1,)

    @property
    def count(self) -> int:
        return self.at_s.size

    def at(self, k: int) -> datetime:
        """When part k was captured."""
        return moment(self.at_s[k])

    def made_by(self, at_s: float) -> int:
        """How many parts were captured by then."""
        return int(np.searchsorted(self.at_s, at_s, side="right"))


def moment(seconds: float) -> datetime:
    """As records name it: to the millisecond."""
    return START + timedelta(milliseconds=round(1e3 * float(seconds)))


def make(world: World, rng: np.random.Generator) -> Parts:
    """The parts of a history, with the score each was given and what each is."""
    pitch, first, growth = 60.0 / PER_MINUTE, world.volume[0], np.log(world.volume[1] / world.volume[0])
    total = first * world.days * DAY_S / pitch * (np.expm1(growth) / growth if growth else 1.0)
    k = np.arange(1, int(total) + 1)
    days = np.log1p(k / total * np.expm1(growth)) / growth * world.days if growth else k / total * world.days
    at_s = np.round(days * DAY_S, 3)
    fault_s = (world.fault_day + rng.random()) * DAY_S
    near = rng.random(k.size) < AUDITED.near_share_of_parts
    p = np.where(near, rng.beta(2.0, 38.0, k.size), rng.beta(0.5, 2500.0, k.size))
    if world.by_score:
        bad, ok = rng.random(k.size) < p, p < AUDITED.threshold
    else:
        bad = rng.random(k.size) < world.defective
        slipped = bad & (rng.random(k.size) < np.where(at_s < fault_s, world.missed, world.missed_after))
        p[slipped] = np.minimum(p[slipped], 0.99 * AUDITED.threshold)  # as confident as any pass
        p[bad & ~slipped] = 0.9
        ok = p < AUDITED.threshold
    return Parts(at_s, p, ok, bad, fault_s, np.concatenate([[0], np.cumsum(ok)]))


# --- the draw -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """Who is asked for. passes, near: what the planner remembers before part k; expected: the sum of chances before it."""

    drawn: Bools
    passes: NDArray[np.int64]
    near: NDArray[np.int64]
    expected: Floats


def draw(parts: Parts, policies: list[Policy], near_from: float, least: float, uniform: Floats) -> Draw:
    """The planner's draw of every part, at once: its own arithmetic, in its own order."""
    k = np.flatnonzero(parts.ok)
    is_near = parts.p[k] >= near_from * AUDITED.threshold
    began = np.array([policy.from_day * DAY_S for policy in policies])
    which = np.searchsorted(began, parts.at_s[k], side="left") - 1  # in force for what is made after
    fraction = np.array([policy.fraction for policy in policies])[which]
    share = np.array([policy.near_share for policy in policies])[which]
    passes, nears = np.zeros(k.size + 1, np.int64), np.zeros(k.size + 1, np.int64)
    first = 0
    while first < k.size:  # from one halving to the next
        last = min(k.size, first + REMEMBERED - int(passes[first]))
        passes[first : last + 1] = passes[first] + np.arange(last - first + 1)
        nears[first + 1 : last + 1] = nears[first] + np.cumsum(is_near[first:last])
        if passes[last] >= REMEMBERED:
            passes[last], nears[last] = passes[last] // 2, nears[last] // 2
        first = last
    near = (nears[:-1] + 1.0) / (passes[:-1] + 20.0)
    of_near = np.minimum(1.0, fraction * share / near)
    of_confident = (fraction - near * of_near) / (1.0 - near)
    chance = np.minimum(1.0, np.maximum(least, np.where(is_near, of_near, of_confident)))
    drawn = np.zeros(parts.count, np.bool_)
    drawn[k] = uniform[k] < chance
    at = parts.passed[:-1]  # passes before part k
    return Draw(drawn, passes[at], nears[at], np.concatenate([[0.0], np.cumsum(chance)])[at])


# --- people -------------------------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """Something told of part k."""

    at_s: float
    k: int
    defective: bool
    reviewer: str
    confirmed: bool = False


def looks(world: World, parts: Parts, drawn: Bools, rng: np.random.Generator) -> tuple[list[Look], NDArray[np.int64]]:
    """What the two reviewers tell of the parts asked for, in order; and the parts of which nobody tells anything.

    The first parts are all looked at by both together. After that one looks alone, and the other, who is told nothing, at what was
    found. Bad news comes sooner than good.
    """
    told: list[Look] = []
    silent: list[int] = []
    start = world.commissioning if world.labelled else 0
    first = np.flatnonzero(parts.ok[:start])
    seen = parts.bad[first] & (rng.random(first.size) >= AUDITED.commissioning_misses)
    told += [
        Look(float(parts.at_s[k]) + 12.0 * HOUR_S, int(k), bool(found), "both", confirmed=True)
        for k, found in zip(first, seen, strict=True)
    ]
    wanted = ~parts.ok if world.rejects_alone else drawn
    asked = np.flatnonzero(wanted[start:]) + start
    for k in asked.tolist():
        if rng.random() < AUDITED.unanswered:
            silent.append(k)
            continue
        is_bad = bool(parts.bad[k])
        reviewer = int(rng.random() < 0.5)
        found = _finds(world, rng, is_bad=is_bad)
        at = float(parts.at_s[k]) + _delay(world, rng, found=found)
        said = Look(at, k, found, f"r{reviewer}", confirmed=found and world.said_confirmed)
        told.append(said)
        if found and world.second_look and not said.confirmed and not world.rejects_alone:
            miss = SOURCED.reviewer_misses if is_bad else 1.0 - SOURCED.reviewer_false_rejects
            found = bool(rng.random() >= miss)
            told.append(Look(at + _delay(world, rng, found=True), k, found, f"r{1 - reviewer}"))
    kept = [look for look in told if look.at_s < world.outcomes_until * DAY_S]
    heard = {look.k for look in kept}
    silent += [look.k for look in told if look.k not in heard and drawn[look.k]]
    return sorted(kept), np.unique(np.array(silent, dtype=np.int64))


def _finds(world: World, rng: np.random.Generator, *, is_bad: bool) -> bool:
    return bool(rng.random() >= SOURCED.reviewer_misses) if is_bad else bool(rng.random() < world.false_finds)


def _delay(world: World, rng: np.random.Generator, *, found: bool) -> float:
    median = world.bad_median_h if found else world.good_median_h
    hours = median * np.exp(AUDITED.delay_spread * rng.standard_normal())
    return HOUR_S * min(float(hours), world.answer_limit_h - 0.1)


class Shown(NamedTuple):
    """A master put through the station."""

    at_s: float
    master: str
    missed: bool


def shown(world: World, parts: Parts, rng: np.random.Generator) -> list[Shown]:
    """The check parts of a history: the masters in turn, in one round a day or one a shift."""
    rounds = ROUNDS_S if world.challenges >= 3 * AUDITED.masters else ROUNDS_S[:1]
    found, number = [], 0
    for day in range(int(world.days)):
        for round_s in rounds:
            for turn in range(world.challenges // len(rounds)):
                at = day * DAY_S + round_s + 20.0 * turn
                missed = rng.random() < (world.missed if at < parts.fault_s else world.missed_after)
                found.append(Shown(at, f"M{number % AUDITED.masters}", bool(missed)))
                number += 1
    return found if world.challenges else []


def without_fault(world: World) -> World:
    """The same line, nothing happens to it."""
    return replace(world, missed_after=world.missed)
