"""The vision tool's own measurements of one station: the declared ones as rows of streams; they learn in groups.

A place (view, position, recipe) has one stream of all its declared measurements. Those that are not measured while it learns
(a name that appears later, or is declared later) are a further stream once they come, and learn while the others are watched.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.config.measurements import LARGEST, MeasurementSection
from agent.core.absent import Absent, over
from agent.core.conditions import Finding
from agent.core.plans import Plans
from agent.core.streams import Stream, StreamPlan
from agent.core.texts import called
from agent.ports import MeasurementView
from agent.records import Inspection
from detectors.channels import ChannelSpec
from detectors.contract import FloatArray, IntArray

KIND = "measured"
MAX_PLACES = 64
Identity = tuple[str, str, str]  # name, unit, transform: what makes a value comparable with those learned


@dataclass(slots=True)
class _Group:
    name: str  # of its stream
    columns: IntArray


@dataclass(slots=True)
class _Place:
    where: tuple[str, str, str]  # view, position, recipe
    specs: tuple[ChannelSpec, ...]
    lowest: FloatArray
    highest: FloatArray
    names: tuple[str, ...]
    absent: Absent
    free: IntArray  # columns in no group
    groups: list[_Group] = field(default_factory=list)


class Measured:
    """Rows of measurements by stream. Mutable, deterministic."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._places: dict[tuple[str, str, str], _Place] = {}
        self._over: list[str] = []  # alarms of places where nothing is declared any more

    def take(self, record: Inspection, prefix: str, counters: Counter[str]) -> tuple[list[tuple[str, FloatArray]], list[Finding]]:
        """Stream and row, NaN = not measured, of each group of which the record measures anything; and what no longer comes.

        prefix: of the alarms of its view and position.
        """
        rows, findings = self._take(record, prefix, counters)
        if self._over:
            findings += [over(alarm_id) for alarm_id in self._over]
            self._over = []
        return rows, findings

    def _take(self, record: Inspection, prefix: str, counters: Counter[str]) -> tuple[list[tuple[str, FloatArray]], list[Finding]]:
        where = (record.view, record.position, record.recipe)
        place = self._places.get(where)
        if place is None and not self._plans.measured(record.view, record.recipe):
            return [], []
        if place is None:
            if len(self._places) >= MAX_PLACES:
                counters["too_many_streams"] += 1
                return [], []
            place = self._places[where] = self._new_place(where)
        told = record.measurements
        values = np.array([told.get(name, np.nan) for name in place.names])
        outside = (values < place.lowest) | (values > place.highest)
        if outside.any():
            counters["measurements_implausible"] += int(np.count_nonzero(outside))
            values[outside] = np.nan
        known = ~np.isnan(values)
        if known[place.free].any():
            place.groups.append(_Group(_free_name(place), place.free))
            place.free = place.free[:0]
        rows = [(group.name, values[group.columns]) for group in place.groups if known[group.columns].any()]
        return rows, place.absent.judge(known, record, prefix)

    def waiting(self) -> tuple[MeasurementView, ...]:
        """What is declared for a place and does not come there, or hardly."""
        names = dict.fromkeys((place.where[0], place.names[k]) for place in self._places.values() for k in place.free)
        return tuple(MeasurementView(view, name, "declared, not received") for view, name in names)

    def plan(self, name: str) -> StreamPlan:
        """The plan of a stream of measurements."""
        place, group = self._of(name)
        return self._plans.of(name, tuple(place.specs[k] for k in group.columns))

    def settle(self, name: str, stream: Stream) -> bool:
        """A stream has learned enough: what was hardly measured leaves it, to learn once it comes. False where nothing stays."""
        place, group = self._of(name)
        kept = stream.measured_enough()
        place.free = np.union1d(place.free, np.delete(group.columns, kept))
        group.columns = group.columns[kept]
        stream.narrow(kept)
        if kept.size == 0:
            place.groups.remove(group)
        return kept.size > 0

    def _of(self, name: str) -> tuple[_Place, _Group]:
        return next((p, g) for p in self._places.values() for g in p.groups if g.name == name)

    def _new_place(self, where: tuple[str, str, str]) -> _Place:
        sections = tuple(self._plans.measured(where[0], where[2]).values())
        specs = tuple(_channel(section) for section in sections)
        names = tuple(section.name for section in sections)
        return _Place(
            where=where,
            specs=specs,
            lowest=np.array([-LARGEST if s.lowest is None else s.lowest for s in sections]),
            highest=np.array([LARGEST if s.highest is None else s.highest for s in sections]),
            names=names,
            absent=Absent(names, tuple(called(spec) for spec in specs)),
            free=np.arange(len(sections)),
        )

    def save(self) -> tuple[list[str], list[Any]]:
        """For a checkpoint."""
        places = [
            (
                place.where,
                [(group.name, [_identity(place.specs[k]) for k in group.columns]) for group in place.groups],
                place.absent.save(),
            )
            for place in self._places.values()
        ]
        return self._over, places

    def load(self, saved: tuple[list[str], list[Any]]) -> None:
        """From a checkpoint. A group with anything that is declared otherwise now is forgotten: its values do not compare."""
        self._over = list(saved[0])
        for where, groups, absent in saved[1]:
            view, position, recipe = where
            if not self._plans.measured(view, recipe):
                self._over += [absent[1]] if absent[1] else []
                continue
            place = self._places[view, position, recipe] = self._new_place((view, position, recipe))
            place.absent.load(absent)
            column = {_identity(spec): k for k, spec in enumerate(place.specs)}
            for name, members in groups:
                identities: list[Identity] = [(member[0], member[1], member[2]) for member in members]
                if all(identity in column for identity in identities):
                    place.groups.append(_Group(name, np.array([column[identity] for identity in identities])))
            taken = [group.columns for group in place.groups]
            place.free = np.setdiff1d(place.free, np.concatenate(taken)) if taken else place.free

    def has(self, name: str) -> bool:
        """Whether there is such a stream."""
        return any(group.name == name for place in self._places.values() for group in place.groups)


def _identity(spec: ChannelSpec) -> Identity:
    return (spec.name, spec.unit, spec.transform)


def _free_name(place: _Place) -> str:
    """measured/view/position/recipe, else the first of measured-2/…, measured-3/… that no group has."""
    names = {group.name for group in place.groups}
    kinds = (KIND, *(f"{KIND}-{k}" for k in range(2, len(names) + 2)))
    return next(name for kind in kinds if (name := "/".join((kind, *place.where))) not in names)


def _channel(section: MeasurementSection) -> ChannelSpec:
    """A declared measurement as a channel."""
    units = {"none": section.unit, "log": "ln", "logit": "ln odds"}
    return ChannelSpec(
        name=section.name,
        family="measurements",
        unit=section.unit,
        meaning="measured by the vision tool",
        transform=section.transform,
        tolerance=section.tolerance,
        tolerance_unit=units[section.transform],
        up="measure_larger",
        down="measure_smaller",
        label=section.label,
    )
