"""What is told of one condition: its alarm, the evidence, the words, and which parts it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.core.alarms import Alarm
from agent.core.holds import Containment
from agent.documents import EvidenceDoc
from detectors.attribution import Symptom


@dataclass(frozen=True, slots=True)
class Announcement:
    """Put together where it was found, for the annunciator.

    part_id: of the part at which it is raised. symptoms: what attribution learns of it. first: the part and time that name the
    occurrence, where it is not the part at which it is raised.
    """

    alarm: Alarm
    evidence: EvidenceDoc
    words: dict[str, str]
    part_id: str
    symptoms: tuple[Symptom, ...] = ()
    first: tuple[str, datetime] | None = None
    hold: Containment | None = None


def by_chance(evidence: float, updates_per_month: float) -> str:
    """How seldom this channel's evidence reaches so far in control (METHODS 1: at most T/c false alarms in T updates)."""
    months = evidence / updates_per_month
    return f"once in {months:,.0f} months of this channel" if months >= 2 else f"once in {months:.1f} months of this channel"
