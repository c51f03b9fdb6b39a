"""What is raised when channels leave their baseline, and whether that goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp
from typing import TYPE_CHECKING, get_args

from agent.core.alarms import Alarm
from agent.core.announcement import Announcement, by_chance
from agent.core.texts import FAMILIES, called
from agent.core.watch import Test
from agent.documents import EvidenceDoc
from detectors.attribution import CHANNEL_MARK, Symptom
from detectors.budget import MIN_RUN_PARTS

if TYPE_CHECKING:
    from agent.core.phrasing import Phrasing
    from agent.core.streams import Stream
    from agent.core.watch import Found
    from agent.records import Inspection
    from detectors.channels import ChannelSpec

ALARM_IDS = {
    "lighting": "picture-light",
    "optics": "picture-focus",
    "camera": "camera-moved",
    "geometry": "part-geometry",
    "material": "part-material",
    "measurements": "part-measurements",
    "scores": "model-scores",
}


def is_about(alarm: Alarm) -> bool:
    """Whether an alarm is of this subject."""
    return alarm.evidence is not None and alarm.evidence.detector in get_args(Test)


def stands(alarm: Alarm, leading_view: str, streams: Iterable[Stream]) -> bool:
    """Whether any recipe has a change of this alarm's family, view and kind that was not shown to be over."""
    return any(
        _alarm_id(stream.plan.name.split("/")[1], leading_view, family, kind) == alarm.alarm_id and stream.standing(family, kind)
        for stream in streams
        for family in ALARM_IDS
        for kind in ("level", "spread")
    )


def _alarm_id(view: str, leading_view: str, family: str, kind: str) -> str:
    """One alarm per family, view and kind: the leading view's has the plain name."""
    base = ALARM_IDS[family] if kind == "level" else f"{ALARM_IDS[family]}-{kind}"
    return base if view == leading_view else f"{view}-{base}"


def symptoms(stream: Stream, found: Iterable[Found]) -> list[Symptom]:
    """Crossings as attribution knows them."""
    return [_symptom(stream, one) for one in found]


def _symptom(stream: Stream, found: Found) -> Symptom:
    crossing, spec = found.crossing, stream.plan.specs[found.crossing.column]
    channel = f"{stream.plan.name}{CHANNEL_MARK}{spec.name}"
    if found.test == "spread_shift":
        code = "varies_more" if crossing.direction > 0 else "varies_less"
        return Symptom(spec.family, code, crossing.onset, f"spread of {channel}", test=found.test)
    tolerance = float(stream.plan.tolerances[crossing.column])
    size = stream.raw_change(found) / tolerance if tolerance > 0 else 0.0
    return Symptom(spec.family, spec.up if crossing.direction > 0 else spec.down, crossing.onset, channel, size, found.test)


def announcements(phrasing: Phrasing, stream: Stream, found: Iterable[Found], record: Inspection) -> Iterator[Announcement]:
    """The strongest first: of one family and kind it gives the alarm its words."""
    for one in sorted(found, key=lambda f: (-f.crossing.evidence / f.crossing.threshold, f.crossing.column)):
        yield _announcement(phrasing, stream, one, record)


def _announcement(phrasing: Phrasing, stream: Stream, found: Found, record: Inspection) -> Announcement:
    crossing, spec, options = found.crossing, stream.plan.specs[found.crossing.column], phrasing.options
    onset = phrasing.onset(crossing.onset)
    words = {"since": phrasing.clock(onset.at, record.captured_at), "channel": called(spec)}
    if found.test == "spread_shift":
        kind, code = "spread", "varies_more" if crossing.direction > 0 else "varies_less"
        change, unit, size = crossing.size, "times the learned spread", f"{crossing.size:.2g}"
        words["what"] = called(spec) if spec.up == "measure_larger" else FAMILIES[phrasing.language][spec.family]
    else:
        kind, code = "level", spec.up if crossing.direction > 0 else spec.down
        change, unit, size = _change(spec, stream.raw_change(found) * crossing.direction)
    alarm = Alarm(
        alarm_id=_alarm_id(record.view, options.views[0], spec.family, kind),
        station=phrasing.station,
        stream=stream.plan.name,
        code=code,
        priority="warning",
        andon="amber",
        latching=False,
        changed_at=record.captured_at,
    )
    updates = options.parts_per_month / (MIN_RUN_PARTS if found.test == "run_means" else 1)
    evidence = EvidenceDoc(
        detector=found.test,
        channel=spec.name,
        value=crossing.evidence,
        threshold=crossing.threshold,
        by_chance=by_chance(crossing.evidence, updates),
        records=crossing.updates,
        change=change,
        unit=unit,
        onset=onset,
    )
    return Announcement(alarm, evidence, {"size": size, **words}, record.part_id)


def _change(spec: ChannelSpec, change: float) -> tuple[float, str, str]:
    """A change after the transform as (figure, unit, words): percent for ratios, else the tolerance's unit."""
    if spec.transform == "log":
        percent = 100.0 * (exp(change) - 1.0)
        return percent, "%", f"{abs(percent):.0f} %" if abs(percent) >= 1.5 else f"{abs(percent):.1f} %"
    size = f"{abs(change):.2g}" if abs(change) < 99.5 else f"{abs(change):.0f}"
    return change, spec.tolerance_unit, f"{size} {spec.tolerance_unit}".rstrip()
