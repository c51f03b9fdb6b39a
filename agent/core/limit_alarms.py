"""What is raised when slow ageing will surely reach its limit within the horizon."""

from __future__ import annotations

from math import isinf
from typing import TYPE_CHECKING

from agent.core.ageing import DECISIONS_PER_MONTH, FAMILY
from agent.core.alarms import Alarm
from agent.core.announcement import Announcement, by_chance
from agent.documents import EvidenceDoc
from detectors.attribution import Symptom
from detectors.contract import Onset

if TYPE_CHECKING:
    from agent.core.ageing import LimitPlan
    from agent.core.phrasing import Phrasing
    from agent.records import Inspection
    from detectors.contract import Crossing
    from detectors.trend import TimeToLimit


def announcement(phrasing: Phrasing, plan: LimitPlan, found: TimeToLimit, crossing: Crossing, record: Inspection) -> Announcement:
    """What has aged for weeks is no news of now: no onset."""
    alarm = Alarm(
        alarm_id=plan.alarm_id,
        station=phrasing.station,
        stream=FAMILY,
        code="limit_near" if found.estimate > 0.0 else "limit_reached",
        priority="warning",
        andon="amber",
        latching=False,
        changed_at=record.captured_at,
    )
    evidence = EvidenceDoc(
        detector=FAMILY,
        channel=plan.spec.name,
        value=crossing.evidence,
        threshold=crossing.threshold,
        by_chance=by_chance(crossing.evidence, DECISIONS_PER_MONTH),
        records=crossing.updates,
        change=crossing.size,
        unit=plan.spec.unit,
    )
    words = {
        "what": plan.name,
        "limit": f"{plan.limit:.4g} {plan.spec.unit}",
        "days": _days(found.estimate),
        "span": f"{_days(found.earliest)}–{_days(found.latest)}",
    }
    here = Onset(crossing.at, crossing.at, crossing.at)
    return Announcement(alarm, evidence, words, record.part_id, (Symptom(FAMILY, "limit_near", here, plan.name),))


def _days(days: float) -> str:
    return "?" if isinf(days) else f"{days:.0f}"
