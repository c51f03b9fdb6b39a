"""What is raised when more bad parts pass than the model claims, and from which part on parts are held for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from agent.core.alarms import Alarm
from agent.core.announcement import Announcement, by_chance
from agent.core.holds import Containment
from agent.documents import EvidenceDoc
from detectors.attribution import Symptom

if TYPE_CHECKING:
    from agent.core.challenges import Challenges
    from agent.core.ledger import Pending
    from agent.core.phrasing import Phrasing
    from agent.core.truth import Truth
    from detectors.contract import Crossing

OUTCOME_ALARM = "bad-parts-passed"


class Verified(Protocol):
    """What is asked of the station: what it knows of its parts."""

    challenges: Challenges

    @property
    def truth(self) -> Truth: ...


def announcement(phrasing: Phrasing, station: Verified, crossing: Crossing, part: Pending, at: datetime) -> Announcement:
    """The alarm that holds parts. part: the matured audit that crossed."""
    onset = phrasing.onset(crossing.onset)
    judged, found, claimed = station.truth.since(crossing.onset.estimate)
    needed = station.truth.clean_needed(found, judged)
    first, verified = station.truth.containment(crossing.onset.earliest, needed)
    checked = station.challenges.containment(station.truth.modes_since(crossing.onset.estimate), crossing.onset.earliest - 1)
    if checked is not None and checked > first:
        first, verified = checked, True
    alarm = Alarm(
        alarm_id=OUTCOME_ALARM,
        station=phrasing.station,
        stream="outcomes",
        code="bad_parts_passed",
        priority="critical",
        andon="blue",
        latching=True,
        changed_at=at,
    )
    evidence = EvidenceDoc(
        detector="outcome_gap",
        channel="escapes",
        value=crossing.evidence,
        threshold=crossing.threshold,
        by_chance=by_chance(crossing.evidence, phrasing.options.outcomes.audits_per_month),
        records=crossing.updates,
        change=None if judged == 0 else 100.0 * (found - claimed) / judged,
        unit="escapes per 100 passed, above the claim",
        onset=onset,
    )
    words = {
        "found": str(found),
        "audits": str(judged),
        "claimed": f"{claimed:.1f}",
        **phrasing.hold(first, at),
    }
    symptoms = (Symptom("outcomes", "bad_parts_passed", crossing.onset),)
    return Announcement(alarm, evidence, words, part.part_id, symptoms, hold=Containment(first, verified, needed))
