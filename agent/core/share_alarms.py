"""What is raised when a share of the parts (rejected, of a class, novel) has left what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.alarms import Alarm
from agent.core.announcement import Announcement, by_chance
from agent.core.texts import CLASSES
from agent.documents import EvidenceDoc
from detectors.attribution import Symptom

if TYPE_CHECKING:
    from agent.core.phrasing import Phrasing
    from agent.core.shares import Shift
    from agent.records import Inspection


def announcement(phrasing: Phrasing, shift: Shift, record: Inspection) -> Announcement:
    """At the part with which the share crossed."""
    crossing = shift.crossing
    onset = phrasing.onset(crossing.onset)
    alarm = Alarm(
        alarm_id=shift.alarm_id,
        station=phrasing.station,
        stream=shift.stream,
        code=shift.code,
        priority="warning",
        andon="amber",
        latching=False,
        changed_at=record.captured_at,
    )
    evidence = EvidenceDoc(
        detector=shift.detector,
        channel=shift.channel,
        value=crossing.evidence,
        threshold=crossing.threshold,
        by_chance=by_chance(crossing.evidence, shift.updates_per_month),
        records=crossing.updates,
        change=100.0 * crossing.size,
        unit="% of parts",
        onset=onset,
    )
    words = {
        "size": _percent(shift.was + crossing.size),
        "was": _percent(shift.was),
        "since": phrasing.clock(onset.at, record.captured_at),
        **{name: CLASSES[phrasing.language].get(word, word) for name, word in shift.words.items()},
    }
    symptoms = (Symptom(shift.family, shift.code, crossing.onset, shift.channel),)
    return Announcement(alarm, evidence, words, record.part_id, symptoms)


def _percent(share: float) -> str:
    percent = 100.0 * share
    return f"{percent:.1f} %" if percent >= 0.95 or percent == 0.0 else f"{percent:.2g} %"
