"""What one folded entry brings about: everything here is committed in the entry's own transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agent.documents import AlarmDoc, HoldDoc, IncidentDoc, ModelChangeDoc, OutMessage
from agent.ports import DispositionRow, PartRow, StationView
from agent.records import Outcome


@dataclass(frozen=True, slots=True)
class FittedBaseline:
    """A baseline put in force, or refused: its arrays and report as bytes, kept for evidence."""

    station: str
    stream: str
    at: datetime
    body: bytes


@dataclass(slots=True)
class Effects:
    """Collected during one fold, in order."""

    parts: list[PartRow] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    dispositions: list[DispositionRow] = field(default_factory=list)
    alarms: list[AlarmDoc] = field(default_factory=list)
    incidents: list[IncidentDoc] = field(default_factory=list)
    models: list[ModelChangeDoc] = field(default_factory=list)
    baselines: list[FittedBaseline] = field(default_factory=list)
    messages: list[OutMessage] = field(default_factory=list)
    counts: list[tuple[str, str, int]] = field(default_factory=list)  # (counter, labels, by)
    urgent: bool = False  # an alarm or a command: commit at once
    became: str = ""  # an outcome: what the stations made of it, in a word


@dataclass(frozen=True, slots=True)
class CoreView:
    """The core's part of a Snapshot."""

    stations: tuple[StationView, ...]
    alarms: tuple[AlarmDoc, ...]
    incidents: tuple[IncidentDoc, ...]
    holds: tuple[HoldDoc, ...]
