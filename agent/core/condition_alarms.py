"""What is raised when a deterministic condition begins: outside the false-alarm budget, never by chance."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent.core.alarms import Alarm
from agent.core.announcement import Announcement
from agent.documents import EvidenceDoc, OnsetDoc
from detectors.attribution import Symptom
from detectors.contract import Onset

if TYPE_CHECKING:
    from agent.core.conditions import Finding
    from agent.core.phrasing import Phrasing


def announcement(phrasing: Phrasing, finding: Finding, stream: str, part_id: str, at: datetime, index: int) -> Announcement:
    """At part `part_id`, or, where nothing arrives, at time `at`. index: of the station's latest part."""
    alarm = Alarm(
        alarm_id=finding.alarm_id,
        station=phrasing.station,
        stream=stream,
        code=finding.code,
        priority=finding.priority,
        andon=finding.colour,
        latching=False,
        changed_at=at,
    )
    evidence = EvidenceDoc(
        detector=stream,
        channel=finding.code,
        value=finding.value,
        threshold=finding.limit,
        by_chance="",
        records=finding.records,
        unit=finding.unit,
        onset=OnsetDoc(finding.part_id, finding.since, finding.part_id, finding.since, finding.part_id, finding.since),
    )
    words = {"since": phrasing.clock(finding.since, at), **finding.words}
    symptoms = (Symptom(stream, finding.code, Onset(index, index, index)),)
    # What first showed it names the occurrence: a tick, which raises silence, comes at another time in every run.
    return Announcement(alarm, evidence, words, part_id, symptoms, first=(finding.part_id, finding.since or at))
