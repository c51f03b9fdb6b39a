"""Alarm states as a pure table (ISA-18.2 / IEC 62682), and the book of a station's alarms.

NORM ──raise──▶ UNACK ──ack──▶ ACKED ──clear──▶ NORM                  (ACKED ──raise──▶ UNACK: another cause, a new occurrence)
                  └──clear──▶ RTNUN ──ack──▶ NORM          latching alarms go to LATCHED instead, and leave it by reset
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec

from agent.documents import AlarmDoc, Colour, EvidenceDoc, State

Signal = Literal["raise", "clear", "ack", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove", "restore"]

_UNSUPPRESSED: tuple[State, ...] = ("NORM", "UNACK", "ACKED", "RTNUN", "LATCHED")
TABLE: dict[tuple[State, Signal], State] = {
    ("NORM", "raise"): "UNACK",
    ("UNACK", "raise"): "UNACK",  # again: something else has happened since
    ("ACKED", "raise"): "UNACK",
    ("UNACK", "ack"): "ACKED",
    ("UNACK", "clear"): "RTNUN",
    ("ACKED", "clear"): "NORM",
    ("RTNUN", "ack"): "NORM",
    ("RTNUN", "raise"): "UNACK",
    ("LATCHED", "raise"): "UNACK",
    ("LATCHED", "reset"): "NORM",
    # Out of these three an alarm comes back as NORM and is raised again by evidence that still stands.
    **{(state, "shelve"): "SHLVD" for state in _UNSUPPRESSED},
    **{(state, "suppress"): "DSUPR" for state in _UNSUPPRESSED},
    **{(state, "remove"): "OOSRV" for state in _UNSUPPRESSED},
    ("SHLVD", "unshelve"): "NORM",
    ("DSUPR", "unsuppress"): "NORM",
    ("OOSRV", "restore"): "NORM",
}
LATCHING: dict[tuple[State, Signal], State] = {**TABLE, ("ACKED", "clear"): "LATCHED", ("RTNUN", "ack"): "LATCHED"}


def next_state(state: State, signal: Signal, *, latching: bool) -> State | None:
    """The state after a signal; None where the signal changes nothing in this state."""
    return (LATCHING if latching else TABLE).get((state, signal))


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm of a station between two changes."""

    alarm_id: str
    station: str
    stream: str
    code: str
    priority: Literal["info", "warning", "critical"]
    andon: Colour
    latching: bool
    state: State = "NORM"
    occurrence_id: str = ""
    raised_at: datetime | None = None
    changed_at: datetime
    part_id: str = ""
    text: str = ""
    response: str = ""
    evidence: EvidenceDoc | None = None
    incident: str = ""
    acked_by: str = ""
    words: dict[str, str] = {}  # what its text was made from
    causes: tuple[str, ...] = ()  # and the causes it names
    index: int = 0  # of the station's part at which it was raised
    since: int = -1  # it is about what began after this part

    @property
    def active(self) -> bool:
        """Whether the condition stands."""
        return self.state in ("UNACK", "ACKED")

    def document(self, transition: str) -> AlarmDoc:
        """The alarm as it is published."""
        return AlarmDoc(
            alarm_id=self.alarm_id,
            occurrence_id=self.occurrence_id,
            station=self.station,
            stream=self.stream,
            state=self.state,
            transition=transition,
            active=self.active,
            acked=self.state in ("ACKED", "LATCHED") or (self.state == "NORM" and bool(self.acked_by)),
            priority=self.priority,
            andon=self.andon,
            code=self.code,
            text=self.text,
            response=self.response,
            part_id=self.part_id,
            raised_at=self.raised_at,
            changed_at=self.changed_at,
            evidence=self.evidence,
            incident=self.incident,
            acked_by=self.acked_by,
        )


def occurrence_id(station: str, alarm_id: str, part_id: str, at: datetime) -> str:
    """Identity of one raising, from the record that raised it: gaps, ticks and restarts do not shift it."""
    raw = f"{station}\n{alarm_id}\n{part_id}\n{at.isoformat()}"
    return hashlib.blake2b(raw.encode(), digest_size=8).hexdigest()


class AlarmBook:
    """The alarms of one station by alarm_id, in the order they were first raised."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}

    def get(self, alarm_id: str) -> Alarm | None:
        """None when it was never raised."""
        return self._alarms.get(alarm_id)

    def all(self) -> tuple[Alarm, ...]:
        """Every alarm ever raised, as it stands."""
        return tuple(self._alarms.values())

    def active(self) -> tuple[Alarm, ...]:
        """Those whose condition stands."""
        return tuple(alarm for alarm in self._alarms.values() if alarm.active)

    def by_occurrence(self, occurrence: str) -> Alarm | None:
        """The alarm whose current occurrence this is."""
        return next((alarm for alarm in self._alarms.values() if alarm.occurrence_id == occurrence), None)

    def send(self, alarm: Alarm, signal: Signal, **changes: Any) -> AlarmDoc | None:
        """Apply a signal with the members it changes; the document to publish, or None where nothing changed."""
        state = next_state(alarm.state, signal, latching=alarm.latching)
        if state is None:
            return None
        changed = msgspec.structs.replace(alarm, state=state, **changes)
        self._alarms[alarm.alarm_id] = changed
        return changed.document(f"{alarm.state}→{state}")

    def reword(self, alarm: Alarm, **changes: Any) -> AlarmDoc:
        """Say a standing alarm in other words: no transition, the same occurrence."""
        self._alarms[alarm.alarm_id] = changed = msgspec.structs.replace(alarm, **changes)
        return changed.document("")

    def save(self) -> list[Any]:
        """For a checkpoint."""
        return [msgspec.to_builtins(alarm, builtin_types=(datetime,)) for alarm in self._alarms.values()]

    def load(self, saved: list[Any]) -> None:
        """From a checkpoint."""
        self._alarms = {alarm.alarm_id: alarm for alarm in msgspec.convert(saved, list[Alarm])}
