"""What is raised when challenge parts of a failure mode are missed more often than declared, and when that is over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent.core.alarms import Alarm
from agent.core.announcement import Announcement, by_chance
from agent.core.holds import Containment
from agent.documents import EvidenceDoc
from detectors.attribution import Symptom

if TYPE_CHECKING:
    from agent.core.challenges import Challenges, Missed
    from agent.core.outcome_alarms import Verified
    from agent.core.phrasing import Phrasing


FAMILY = "challenge"


def stream_of(mode: str, known: str) -> str:
    """The alarm's stream: what it is about."""
    return f"{FAMILY}/{mode}/{known}"


def is_about(alarm: Alarm) -> bool:
    """Whether an alarm is of this subject."""
    return alarm.stream.startswith(f"{FAMILY}/")


def is_over(challenges: Challenges, alarm: Alarm) -> bool:
    """Whether what a standing alarm of challenge parts says has been shown to be over."""
    _, mode, known = alarm.stream.split("/")
    return (mode, known) not in challenges.modes or challenges.mode_confirmed(mode, known, alarm.index)


def announcement(phrasing: Phrasing, station: Verified, missed: Missed, part_id: str, at: datetime) -> Announcement:
    """Where bad masters passed, every part since the last informative verification of their failure mode is held."""
    crossing, holds = missed.crossing, missed.known == "defective"
    code = "check_part_missed" if holds else "check_part_rejected"
    alarm = Alarm(
        alarm_id=f"check-missed-{missed.mode}" if holds else f"check-rejected-{missed.mode}",
        station=phrasing.station,
        stream=stream_of(missed.mode, missed.known),
        code=code,
        priority="critical" if holds else "warning",
        andon="blue" if holds else "amber",
        latching=False,
        changed_at=at,
    )
    evidence = EvidenceDoc(
        detector="challenge",
        channel=missed.mode,
        value=crossing.evidence,
        threshold=crossing.threshold,
        by_chance=by_chance(crossing.evidence, phrasing.options.challenge.presentations_per_month),
        records=crossing.updates,
        change=100.0 * crossing.size,
        unit="% of presentations, above the limit",
        onset=phrasing.onset(crossing.onset),
    )
    # No masters passed: good ones rejected scrap parts, they do not ship bad ones, and show no harm.
    symptoms = (Symptom(FAMILY, code, crossing.onset),) if holds else ()
    first, verified = _containment(station, missed.mode, crossing.onset.earliest)
    words = {
        "mode": missed.mode,
        "missed": str(missed.missed),
        "shown": str(missed.shown),
        "limit": f"{100.0 * missed.limit:g} %",
        "set": ", ".join(missed.sets),
        **phrasing.hold(first, at),
    }
    hold = Containment(first, verified) if holds else None
    return Announcement(alarm, evidence, words, part_id, symptoms, hold=hold)


def _containment(station: Verified, mode: str, onset: int) -> tuple[int, bool]:
    """The part a hold starts at, and whether a verification set it: of this mode, else where the station was armed."""
    verified = station.challenges.containment([mode], onset)
    return (station.truth.armed_at or 1, False) if verified is None else (verified, True)
