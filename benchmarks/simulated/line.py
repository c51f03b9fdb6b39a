"""The simulated line through the agent's own core, without broker or store: one learned station, then what happens to it.

A seed's station learns once and runs on in control for a while, once; every cause goes on from there. Frames are rendered, measured
by `detectors.channels`, and folded as the journal would fold them. What was true stays here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from agent.config.model import Config
from agent.core.effects import Effects
from agent.core.fold import Core
from agent.demo.line.causes import Cause, Change, Storyline, draw_coated
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.model import Classifier
from agent.demo.line.parts import Coil, draw_coil
from agent.demo.line.production import Audit, Audits, Line, Part
from agent.documents import AlarmDoc, IncidentDoc
from agent.ports import PartRow
from agent.records import Event, Frame, Inspected, Inspection, Model, Outcome, Told
from detectors.channels import TABLE_VERSION, Caliper, Reference
from detectors.channels.golden import Golden
from detectors.channels.measure import measure

STATION = "ST7"
BASELINE_PARTS = 2500
# Two recipes take turns while the station learns; the last of these stretches ends at LEARNED.
_TURNS = (("coated", 300), ("plain", 1100), ("coated", 200), ("plain", 950), ("coated", 100), ("plain", 350))
LEARNED = sum(parts for _, parts in _TURNS)
# Parts in control after that, the same for every cause of a seed.
QUIET_PARTS = 299
# What an engineer draws in the golden frame: both jaws, the bracket with a rim of belt, a caliper across one hole.
PART = (26, 26, 92, 76)
REFERENCE = Reference(
    fixtures=((0, 8, 24, 112), (120, 8, 24, 112)),
    part=PART,
    outline="bright",
    calipers=(Caliper("hole", (55.5, 64.5), (55.5, 86.5), 4.0, "dark", 0.3),),
)
_MONTH_S = 30 * 24 * 3600.0


class Parts:
    """What the store would answer about the one station, from a list."""

    def __init__(self) -> None:
        self.rows: list[PartRow] = []

    def part(self, _station: str, index: int) -> PartRow | None:
        return self.rows[index - 1] if 1 <= index <= len(self.rows) else None

    def part_index(self, _station: str, part_id: str, up_to: int) -> int | None:
        number = int(part_id[1:])
        return number if number <= min(up_to, len(self.rows)) else None

    def passed_between(self, _station: str, first: int, last: int) -> int:
        return sum(row.verdict == "ok" for row in self.rows[first - 1 : last])

    def boxes_between(self, _station: str, first: int, last: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.box for row in self.rows[first - 1 : last] if row.box))


def configuration() -> Config:
    """The station as its engineer would declare it: the demo's, with a budget of half a false alarm a month."""
    parts_per_month = _MONTH_S / ASSUMED.cycle_s
    station = {
        "id": STATION,
        "owner": "owner",
        "deputy": "deputy",
        "decision": "passes or rejects brackets",
        "consequence": "a cracked bracket is built in",
        "tier": 2,
        "parts_per_month": parts_per_month,
        "baseline": {"parts": BASELINE_PARTS, "steadiness": "assumed"},  # it is made to be, and three coils could not show it
        "references": [
            {
                "golden": "golden.png",
                "fixtures": [list(rect) for rect in REFERENCE.fixtures],
                "part": list(PART),
                "outline": REFERENCE.outline,
                "calipers": [
                    {
                        "name": c.name,
                        "from": c.start,
                        "to": c.end,
                        "width": c.width_px,
                        "polarity": c.tone,
                        "tolerance": c.tolerance,
                    }
                    for c in REFERENCE.calipers
                ],
            }
        ],
        "outcomes": {
            "mode": "sample",
            "delay_s": ASSUMED.audit_delay_s,
            "audits_per_month": parts_per_month * ASSUMED.audit_share,
            "confirmed": True,
        },
    }
    return Config.model_validate({"stations": [station]})


@dataclass(frozen=True, slots=True)
class Learned:
    """A station that has learned: its checkpoint, its parts, and the coil it runs on."""

    state: bytes
    rows: tuple[PartRow, ...]
    coil: Coil
    golden: Golden


@dataclass(slots=True)
class Said:
    """What the agent said of one run, in order, and what was true of its parts."""

    alarms: list[tuple[int, AlarmDoc]] = field(default_factory=list)  # with the part it was said at
    incidents: list[tuple[int, IncidentDoc]] = field(default_factory=list)  # likewise
    parts: int = 0
    escaped: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A line in the middle of its story: all that the next part depends on, and what was said so far."""

    state: bytes
    rows: tuple[PartRow, ...]
    draws: Mapping[str, Any]
    audits: Audits
    said: Said


class Station:
    """The core of one station with the line before it."""

    def __init__(self, seed: int, learned: Learned | None = None) -> None:
        self._rng = np.random.default_rng([seed, 0 if learned is None else 1])
        self._classifier = _classifier()
        self.history = Parts()
        self.core = Core(configuration(), self.history)
        self._audits = Audits(np.random.default_rng([seed, 2]), LEARNED if learned is None else 0)
        self.said = Said()
        self._made = 0
        self.golden: Golden | None = None if learned is None else learned.golden
        if learned is not None:
            self.history.rows = list(learned.rows)
            self._made = len(learned.rows)
            self.core.load(learned.state)

    def run(self, world: Storyline, enough: Callable[[Said, int], bool] = lambda _said, _made: False) -> None:
        """Make, photograph, judge, audit and report parts until the world ends, or what was said by a part is enough."""
        line = Line(world, self._classifier, self._rng, made=self._made)
        while batch := line.make():
            for part in batch:
                for audit in self._audits.due(part.captured_at):
                    self._fold(_outcome(audit))
                if self.golden is None:  # the first part made stands for the golden one
                    self.golden = Golden(part.frame, REFERENCE)
                self._fold(_inspected(part, self.golden))
                self._audits.draw(part)
                self.said.parts += 1
                self.said.escaped += part.escaped
            self._made = batch[-1].number
            if enough(self.said, self._made):
                break

    def snapshot(self) -> Snapshot:
        """Where the line and its station stand now."""
        return Snapshot(
            self.core.save(),
            tuple(self.history.rows),
            self._rng.bit_generator.state,
            copy.deepcopy(self._audits),
            copy.deepcopy(self.said),
        )

    def go_on_from(self, snapshot: Snapshot) -> None:
        """Stand where a station of the same seed stood, to the bit."""
        self.core.load(snapshot.state)
        self.history.rows, self._made = list(snapshot.rows), len(snapshot.rows)
        self._rng.bit_generator.state = snapshot.draws
        self._audits, self.said = copy.deepcopy(snapshot.audits), copy.deepcopy(snapshot.said)

    def tell(self, event: Event) -> None:
        """Something the plant tells."""
        self._fold(Told(event))

    def _fold(self, entry: Inspected | Told) -> None:
        effects: Effects = self.core.fold(entry)
        self.history.rows.extend(effects.parts)
        self.said.alarms += [(len(self.history.rows), alarm) for alarm in effects.alarms]
        self.said.incidents += [(len(self.history.rows), incident) for incident in effects.incidents]


@lru_cache(maxsize=1)
def _classifier() -> Classifier:
    cv2.setNumThreads(1)
    return Classifier()


@lru_cache(maxsize=8)
def learned(seed: int) -> Learned:
    """The station of a seed, after its baseline on two recipes."""
    rng = np.random.default_rng([seed, 3])
    plain, coated = draw_coil("C4711", rng), draw_coated(rng)
    station = Station(seed)
    made = 0
    for kind, parts in _TURNS:
        made += parts
        changes = () if kind == "plain" else (Change(Cause.RECIPE_CHANGEOVER, 1, 1.0, coil=coated),)
        station.run(Storyline(plain, made, changes))
    states = {
        stream.stream: stream.state
        for stream in station.core.view().stations[0].streams
        if not stream.stream.startswith(("rates/", "novelty/"))  # those learn longer
    }
    assert set(states.values()) == {"armed"}, states
    assert not station.said.alarms, station.said.alarms
    assert station.golden is not None
    return Learned(station.core.save(), tuple(station.history.rows), plain, station.golden)


@lru_cache(maxsize=8)
def settled(seed: int) -> Snapshot:
    """The station of a seed after `QUIET_PARTS` more parts in control."""
    base = learned(seed)
    station = Station(seed, base)
    station.run(Storyline(base.coil, LEARNED + QUIET_PARTS))
    return station.snapshot()


def _inspected(part: Part, golden: Golden) -> Inspected:
    model = part.model
    record = Inspection(
        part_id=part.part_id,
        station=STATION,
        captured_at=part.captured_at,
        verdict="ok" if part.passed else "ng",
        p_defect=part.p_defect,
        recipe=part.recipe,
        model=Model(model.name, model.version, model.sha256, "onnxruntime", model.threshold),
        context={"lot": part.coil},
        sequence=part.number,
    )
    values = tuple(None if value != value else value for value in measure(part.frame, golden).tolist())
    return Inspected(record, Frame(values, TABLE_VERSION, reference="jaws"))


def _outcome(audit: Audit) -> Told:
    return Told(
        Outcome(
            part_id=audit.part.part_id,
            station=STATION,
            defective=audit.part.is_defective,
            observed_at=audit.observed_at,
            source="audit",
            inclusion_probability=audit.probability,
            confirmed=True,
        )
    )
