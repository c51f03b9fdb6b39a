"""One simulated history: records into the agent in order of time, what it said, and the truth joined afterwards."""
# ruff: noqa: SLF001  the hash is the agent's own

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from agent.config.model import Config
from agent.core.audits import Audits
from benchmarks.simulated.sixty.production import (
    DAY_S,
    HOUR_S,
    Draw,
    Floats,
    Look,
    Parts,
    Policy,
    Shown,
    World,
    draw,
    looks,
    make,
    shown,
)
from benchmarks.simulated.sixty.station import Heard, Quick, Road, Said, Whole, configuration, inspection

NEAR_FROM, LEAST = 0.5, 0.001  # the audit planner's defaults


@dataclass(frozen=True)
class Script:
    """Everything that will happen, in order of time. Both roads play the same one."""

    world: World
    parts: Parts
    draw: Draw
    looks: list[Look]
    silent: list[int]
    shown: list[Shown]
    uniform: Floats | None
    policies: list[Policy]

    def visited(self) -> list[int]:
        """The parts the quick road folds."""
        parts, drawn = self.parts, np.flatnonzero(self.draw.drawn)
        found = np.unique(np.array([look.k for look in self.looks if look.defective], dtype=np.int64))
        due = _next(
            parts, parts.at_s[found] + self.world.cohort_h * HOUR_S, "left"
        )  # a good one is judged with the next that is folded
        missed = _next(parts, parts.at_s[np.array(self.silent, dtype=np.int64)] + self.world.answer_limit_h * HOUR_S, "right")
        mornings = _next(parts, np.arange(self.world.days) * DAY_S, "left")
        after = _next(parts, np.array([one.at_s for one in self.shown]), "right")
        rejected = np.flatnonzero(~parts.ok)
        learned = np.arange(min(parts.count, self.world.commissioning + 2))
        every = np.concatenate([drawn, due, missed, mornings, after, rejected, learned, [parts.count - 1]])
        return np.unique(every[every < parts.count]).tolist()


def _next(parts: Parts, at_s: np.ndarray, side: str) -> np.ndarray:
    return np.searchsorted(parts.at_s, at_s, side=side)  # type: ignore[call-overload,no-any-return]


def script(world: World, policies: list[Policy], seed: int, *, hashed: bool = False, config: Config | None = None) -> Script:
    """The history of a seed. hashed: audits are drawn by the agent's own hash, which takes longer than all the rest."""
    rng = np.random.default_rng([seed, 60])
    parts = make(world, rng)
    uniform = rng.random(parts.count)
    if hashed:
        uniform = _hashed(parts, config or configuration(world, policies[0]))
    if world.rejects_alone:
        uniform[:] = 1.0  # nobody is drawn
    drawn = draw(parts, policies, NEAR_FROM, LEAST, uniform)
    told, silent = looks(world, parts, drawn.drawn, rng)
    masters = shown(world, parts, np.random.default_rng([seed, 61]))
    return Script(world, parts, drawn, told, silent.tolist(), masters, None if hashed else uniform, policies)


def _hashed(parts: Parts, config: Config) -> np.ndarray:
    audits = Audits(config.stations[0], ZoneInfo("UTC"))
    return np.array([audits._uniform(inspection(parts, k)) for k in range(parts.count)])


@dataclass
class Played:
    """A history after it was played, or as far as it was. at_fault: what was claimed and found by then, of how many audits."""

    script: Script
    road: Road
    at_fault: tuple[float, float, int] = (0.0, 0.0, 0)
    promised: dict[str, float] = field(default_factory=dict)  # by the blind spot, on the day of the fault
    index: int = 0  # parts made when it ended

    def raised(self, alarm: str, *, after: int = 0) -> Said | None:
        """The first raising of an alarm once more than so many parts were made."""
        found = (a for a in self.road.heard.alarms if a.is_raised and a.document.alarm_id == alarm and a.index > after)
        return next(found, None)

    @property
    def fault(self) -> int:
        """Parts made when the fault came."""
        return self.script.parts.made_by(self.script.parts.fault_s)

    def days(self, said: Said) -> float:
        """From the fault to when something was said: the capture of the last part by then."""
        parts = self.script.parts
        return float(parts.at_s[said.index - 1] - parts.fault_s) / DAY_S


End = Callable[[Heard], bool]


def play(
    script: Script,
    road: Road,
    *,
    enough: End = lambda _heard: False,
    configs: list[tuple[float, Config]] | None = None,
    daily: Callable[[float, Road], None] | None = None,
) -> Played:
    """Give a road the whole script, or until it has said enough. configs: put in force at these days. daily: each morning."""
    parts, played = script.parts, Played(script, road)

    def at_fault() -> None:
        truth = road.station.truth
        played.at_fault = (truth.claimed, float(truth.found), truth.judged)
        played.promised = dict(road.station.blind_spots.days)

    happenings: list[tuple[float, int, Callable[[], None]]] = [(parts.fault_s, 0, at_fault)]
    happenings += [(day * DAY_S, 1, partial(road.configure, config)) for day, config in configs or []]
    if daily is not None:
        happenings += [(day * DAY_S + 1.0, 2, partial(daily, day, road)) for day in range(1, int(script.world.days))]
    happenings += [(look.at_s, 3, partial(road.tell, look)) for look in script.looks]
    happenings += [(one.at_s, 4, partial(road.show, one)) for one in script.shown]
    happenings.sort(key=lambda happening: happening[:2])
    last = float(parts.at_s[-1])
    for at_s, _, happen in happenings:
        if at_s > last:
            break
        road.reach(parts.made_by(at_s) - 1)
        happen()
        if enough(road.heard):
            break
    else:
        road.reach(parts.count - 1)
    played.index = road.station.index
    return played


def quick(script: Script, config: Config) -> Quick:
    """The quick road for a script."""
    return Quick(config, script.parts, script.draw, script.visited(), script.uniform)


def whole(script: Script, config: Config) -> Whole:
    """The whole core; only for scripts drawn by the agent's hash."""
    assert script.uniform is None
    return Whole(config, script.parts)
