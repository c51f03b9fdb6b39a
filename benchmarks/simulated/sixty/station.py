"""The agent's station in a simulated history, on two roads that are given the same records and must say the same.

`Whole` folds every record through `agent.core.fold.Core`. `Quick` drives the same `Station` object, and folds only the records that
can change anything about truth: parts drawn for an audit, rejected or labelled, the first of a day, the first after a check, and
those at which an outcome falls due or a request is missed. Passes in between are counted, not folded. On the quick road no score,
picture or verdict is watched (nothing on it is ever at advise for them), and nobody checks that results arrive, outcomes apart.
"""
# ruff: noqa: SLF001  the quick road stands in for Station's own fold, and keeps its counters

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from zoneinfo import ZoneInfo

from agent.config.model import Config
from agent.core import blind_spots, checks, feed
from agent.core.effects import Effects
from agent.core.fold import Core
from agent.core.parts import PartsInFront
from agent.core.station import Station
from agent.demo.line.magnitudes import AUDITED
from agent.documents import AlarmDoc
from agent.ports import PartRow
from agent.records import Inspected, Inspection, Outcome, Told
from benchmarks.simulated.sixty.production import DAY_S, MODE, Draw, Floats, Look, Parts, Policy, Shown, World, moment

STATION = "ST1"
PART_DIGITS = 8


def part_id(k: int) -> str:
    return f"P{k + 1:0{PART_DIGITS}d}"


def configuration(world: World, policy: Policy, *, declared_ppm: float | None = None, parts_per_day: float = 40_320.0) -> Config:
    """The station as its engineer would declare it."""
    per_month = parts_per_day * 30.44
    outcomes: dict[str, object] = {"audits_per_month": per_month * policy.fraction, "max_escape_ppm": declared_ppm}
    if world.rejects_alone:
        outcomes["sources"] = [{"name": "audit", "kind": "recheck", "delay_s": world.cohort_h * 3600.0}]
    else:
        confirmed = world.second_look or world.said_confirmed
        outcomes |= {"mode": "sample", "delay_s": world.cohort_h * 3600.0, "confirmed": confirmed}
    station = {
        "id": STATION,
        "owner": "owner",
        "deputy": "deputy",
        "decision": "passes or rejects",
        "consequence": "a cracked part is built in",
        "tier": 2,
        "parts_per_month": per_month,
        "threshold": AUDITED.threshold,
        "baseline": {"parts": world.commissioning, "arming": "after_acceptance"},  # truth alone is judged
        "outcomes": outcomes,
        "audits": {
            "mode": "off" if world.rejects_alone else "fraction",
            "fraction": policy.fraction,
            "near_share": policy.near_share,
            "tightened": 1.0,
            "deadline_s": world.answer_limit_h * 3600.0,
        },
        "challenge_sets": [_set(world)] if world.challenges else [],
        "challenge": {
            "presentations_per_month": max(1.0, world.challenges * 30.44),
            "every_parts": 200_000,
            "every_s": 10.0 * DAY_S,  # they are shown as planned: overdue checks are another subject
            "grace_parts": 100_000,
        },
        "blind_spot": {"miss_rate": min(0.99, world.missed_after), "escape_ppm": 1e6 * world.defective * world.missed_after},
        "feed": {"outcome_silence_s": DAY_S},
    }
    return Config.model_validate({"stations": [station]})


def _set(world: World) -> dict[str, object]:
    masters = [f"M{n}" for n in range(AUDITED.masters)]
    return {"name": "masters", "failure_mode": MODE, "parts": masters, "max_miss_rate": world.missed}


class Store:
    """What the store would answer, from the parts as they were made."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def part(self, _station: str, index: int) -> PartRow | None:
        k = index - 1
        if not 0 <= k < self._parts.count:
            return None
        verdict = "ok" if self._parts.ok[k] else "ng"
        return PartRow(STATION, index, part_id(k), self._parts.at(k), verdict, "", "", float(self._parts.p[k]))

    def part_index(self, _station: str, part_id: str, up_to: int) -> int | None:
        index = int(part_id[1:]) if part_id[0] == "P" else 0
        return index if 1 <= index <= up_to else None

    def passed_between(self, _station: str, first: int, last: int) -> int:
        return int(self._parts.passed[last] - self._parts.passed[first - 1]) if last >= first else 0

    def boxes_between(self, _station: str, _first: int, _last: int) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Said:
    """An alarm that was raised or returned, and the station's last part by then."""

    index: int
    document: AlarmDoc

    @property
    def is_raised(self) -> bool:
        return self.document.transition.endswith("→UNACK")


@dataclass
class Heard:
    """What a road said so far."""

    alarms: list[Said] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)  # the requests as they were sent

    def take(self, effects: Effects, index: int) -> None:
        self.alarms += [Said(index, document) for document in effects.alarms]
        self.asked += [message.payload for message in effects.messages if message.kind == "audit"]


class Road(Protocol):
    """Records of one history into the agent, in order of time."""

    heard: Heard
    station: Station

    def reach(self, k: int) -> None:
        """Every part up to k was made."""
        ...

    def tell(self, look: Look) -> None: ...

    def show(self, shown: Shown) -> None: ...

    def configure(self, config: Config) -> None:
        """The agent is started anew with another configuration, from its checkpoint."""
        ...


def inspection(parts: Parts, k: int) -> Inspection:
    """The record of part k: the verdict, the score, and what it was rejected for."""
    ok = bool(parts.ok[k])
    return Inspection(part_id(k), STATION, parts.at(k), "ok" if ok else "ng", float(parts.p[k]), class_name="" if ok else MODE)


def outcome(look: Look) -> Outcome:
    return Outcome(
        part_id(look.k),
        look.defective,
        moment(look.at_s),
        STATION,
        source="audit",
        defect_class=MODE if look.defective else "",
        confirmed=look.confirmed,
        reviewer=look.reviewer,
        inclusion_probability=1.0 if look.reviewer == "both" else None,
    )


def master(shown: Shown) -> Inspection:
    return Inspection(
        shown.master, STATION, moment(shown.at_s), "ok" if shown.missed else "ng", class_name="" if shown.missed else MODE
    )


class Whole:
    """Every record through the core."""

    def __init__(self, config: Config, parts: Parts) -> None:
        self._parts, self._made = parts, 0
        self._store = Store(parts)
        self.core = Core(config, self._store)
        self.heard = Heard()

    @property
    def station(self) -> Station:
        return self.core._stations[STATION]

    def reach(self, k: int) -> None:
        for each in range(self._made, k + 1):
            self._fold(Inspected(inspection(self._parts, each)))
        self._made = max(self._made, k + 1)

    def tell(self, look: Look) -> None:
        self._fold(Told(outcome(look)))

    def show(self, shown: Shown) -> None:
        self._fold(Inspected(master(shown)))

    def configure(self, config: Config) -> None:
        saved = self.core.save()
        self.core = Core(config, self._store)
        self.core.load(saved)

    def _fold(self, entry: Inspected | Told) -> None:
        self.heard.take(self.core.fold(entry), self.station.index)


class Quick:
    """The same station without most of its passes. visited: which parts are folded; chosen: the planner's draw of all of them."""

    def __init__(self, config: Config, parts: Parts, chosen: Draw, visited: list[int], uniform: Floats | None) -> None:
        self._parts, self._draw = parts, chosen
        self._visited, self._next = visited, 0
        self._uniform = uniform
        self._before = PartsInFront(Store(parts))
        self._zone = ZoneInfo(config.agent.timezone)
        self.station = self._new(config)
        self.heard = Heard()
        self._fed_s = 0.0  # how far the feed was told that production went on

    def _new(self, config: Config) -> Station:
        station = Station(config.stations[0], self._before, language="en", zone=self._zone)
        uniform = self._uniform
        if uniform is not None:  # drawn from a generator instead of the hash, which is the slowest thing of all
            station.verification.audits._uniform = lambda record: float(uniform[int(record.part_id[1:]) - 1])  # type: ignore[method-assign]
        return station

    def reach(self, k: int) -> None:
        while self._next < len(self._visited) and self._visited[self._next] <= k:
            self._visit(self._visited[self._next])
            self._next += 1
        self._pass(k + 1)

    def tell(self, look: Look) -> None:
        effects = self._begin()
        self.station.told(outcome(look), effects)
        self.heard.take(effects, self.station.index)

    def show(self, shown: Shown) -> None:
        effects = self._begin()
        self.station._is_apart(master(shown), effects)
        self.heard.take(effects, self.station.index)

    def configure(self, config: Config) -> None:
        saved, self.station = self.station.save(), self._new(config)
        self.station.load(saved)

    def _begin(self) -> Effects:
        self._before.begin()
        return Effects()

    def _pass(self, count: int) -> None:
        """Parts up to the count-th were made; none of those not visited was rejected, drawn or labelled."""
        station, more = self.station, count - self.station.index
        if more <= 0:
            return
        station.index = count
        station._tallies["passed"] += more
        if station.blind_spots._today is not None:
            station.blind_spots._today.parts += more
        for check in station.challenges.checks.values():
            check.made += more
        if station.incidents.current is not None:
            station.incidents.grow(count)

    def _visit(self, k: int) -> None:
        """One part folded: what `Station._fold_part` does about truth, in its order."""
        self._pass(k)
        station, effects, record = self.station, self._begin(), inspection(self._parts, k)
        station.index = k + 1
        row = station._row(record)
        self._before.add(row)
        station._tallies["passed" if record.verdict == "ok" else "rejected"] += 1
        station.last_captured_at = record.captured_at
        audits = station.verification.audits
        audits._passes, audits._near = int(self._draw.passes[k]), int(self._draw.near[k])
        audits.expected = float(self._draw.expected[k])
        drawn = audits.counts["sampled"]
        station.verification.inspected(record, row, station._identify(record, effects), effects)
        assert not audits.is_on or audits.counts["sampled"] - drawn == self._draw.drawn[k], k
        elapsed, self._fed_s = float(self._parts.at_s[k]) - self._fed_s, float(self._parts.at_s[k])
        stopped = station._feed._waits_for_outcome(record.captured_at, record.part_id, elapsed)
        station.annunciator.find(stopped, feed.STREAM, record.part_id, record.captured_at, effects)
        due = station.challenges.inspected(record, station.index)
        station.annunciator.find(due, checks.STREAM, record.part_id, record.captured_at, effects)
        station.verification.reached(record.captured_at, station.index, effects)
        blind = station._blind(record)
        station.annunciator.find(blind, blind_spots.STREAM, record.part_id, record.captured_at, effects)
        station.annunciator.part_done(record, effects)
        self.heard.take(effects, station.index)
