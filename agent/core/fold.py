"""The fold: one entry in, its effects out; the same entries give the same effects on one build and CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from agent.config.model import Config
from agent.core.commands import execute
from agent.core.effects import CoreView, Effects
from agent.core.parts import PartsInFront
from agent.core.state import pack, unpack
from agent.core.station import Station
from agent.documents import CommandResultDoc, GapDoc
from agent.errors import CommandRefused, StoreError
from agent.messages import message
from agent.ports import History, Origin
from agent.records import Commanded, Entry, Event, Feedback, Gap, Inspected, Outcome, Tick, Told
from detectors.errors import DetectorError

# Changes when a checkpoint of an older build can no longer be continued; the journal is then folded from its start.
STATE_VERSION = 14
# Ticks are journalled at most this often.
TICK_S = 10.0


class Core:
    """All stations' state. Single-threaded; reads no clock; asks the store only through `history`."""

    def __init__(self, config: Config, history: History) -> None:
        self._parts = PartsInFront(history)
        zone = ZoneInfo(config.agent.timezone)
        digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
        self._stations = {
            options.id: Station(options, self._parts, language=config.agent.language, zone=zone, config_sha256=digest)
            for options in config.stations
        }

    def begin_after(self, origins: Mapping[str, Origin]) -> None:
        """Number parts and incidents on from here: the journal to be folded no longer begins where the stations did."""
        for name, origin in origins.items():
            if name in self._stations:
                self._stations[name].begin_after(origin)

    def fold(self, entry: Entry) -> Effects:
        """Fold one journalled entry. Never raises for anything an entry may contain."""
        effects = Effects()
        self._parts.begin()
        match entry:
            case Inspected() | Told():
                self._fold_record(entry, effects)
            case Commanded():
                effects.urgent = True
                effects.messages.append(message(self._command(entry, effects)))
            case Tick(wall=wall, elapsed_s=elapsed_s):
                for station in self._stations.values():
                    station.waited(elapsed_s, wall, effects)
            case Gap(stopped_at=stopped_at, started_at=started_at):
                if stopped_at is not None:
                    gaps = (GapDoc(name, "agent_stopped", stopped_at, started_at, None) for name in self._stations)
                    effects.messages.extend(message(gap) for gap in gaps)
        return effects

    def _fold_record(self, entry: Inspected | Told, effects: Effects) -> None:
        record = entry.record
        if isinstance(record, Outcome):
            effects.outcomes.append(record)
        if isinstance(record, Outcome) and not record.station:
            stations = list(self._stations.values())
        elif record.station in self._stations:
            stations = [self._stations[record.station]]
        else:
            effects.counts.append(("unknown_station", type(record).__name__.lower(), 1))
            effects.became = "unknown_station"
            return
        for station in stations:
            match entry:
                case Inspected():
                    station.inspected(entry, effects)
                case Told(record=Outcome() as outcome):
                    became = station.told(outcome, effects)
                    if effects.became in ("", "not_configured", "undeclared_source", "early", "unmatched"):
                        effects.became = became  # of the station that has the part, where none is named
                case Told(record=Event() as event):
                    station.happened(event, effects)
                case Told(record=Feedback() as feedback):
                    effects.became = station.noticed(feedback, effects)

    def _command(self, entry: Commanded, effects: Effects) -> CommandResultDoc:
        command = entry.record
        try:
            station, at = self._addressed(entry)
            detail = execute(station, command, at, effects)
        except CommandRefused as refusal:
            return CommandResultDoc(command.request_id, command.verb, accepted=False, detail=str(refusal), hint=refusal.hint)
        return CommandResultDoc(command.request_id, command.verb, accepted=True, detail=detail)

    def _addressed(self, entry: Commanded) -> tuple[Station, datetime]:
        """The station a command is for, and its time there. Raises CommandRefused."""
        command = entry.record
        if command.expires_at is not None and entry.received_at is not None and entry.received_at > command.expires_at:
            raise CommandRefused("the command has expired")
        if command.verb == "ack":
            occurrence = command.target.get("occurrence_id", "")
            found = (s for s in self._stations.values() if occurrence and s.book.by_occurrence(occurrence) is not None)
            station = next(found, None)
            if station is None:
                raise CommandRefused(f"no alarm has the occurrence {occurrence or '(none named)'}", hint="see `linewarden alarms`")
        elif command.verb in ("dispose", "close_incident", "respond"):
            incident = command.target.get("incident", "")
            station = next((s for s in self._stations.values() if s.incidents.get(incident) is not None), None)
            if station is None:
                raise CommandRefused(f"no incident {incident or '(none named)'} is open", hint="see `linewarden incident list`")
        else:
            name = command.target.get("station", "")
            station = self._stations.get(name)
            if station is None:
                raise CommandRefused(f"no station {name or '(none named)'}", hint=f"one of: {', '.join(self._stations)}")
        at = station.last_captured_at or entry.received_at
        if at is None:
            raise CommandRefused("nothing was inspected yet")
        return station, at

    def tick_due(self, since_s: float) -> bool:
        """Whether something waits for time to pass; since_s: seconds since the last tick."""
        return since_s >= TICK_S and any(station.waits_for_time for station in self._stations.values())

    def view(self) -> CoreView:
        """The state as it may be shown."""
        stations = self._stations.values()
        incidents = tuple(doc for station in stations for doc in station.incidents.documents())
        return CoreView(
            stations=tuple(station.view() for station in stations),
            alarms=tuple(alarm.document("") for station in stations for alarm in station.book.all()),
            incidents=incidents,
            holds=tuple(doc.hold for doc in incidents if doc.hold is not None),
        )

    def save(self) -> bytes:
        """The whole state, for a checkpoint."""
        return pack({"version": STATE_VERSION, "stations": {name: station.save() for name, station in self._stations.items()}})

    def load(self, state: bytes) -> None:
        """Continue from a checkpoint of the same configuration and build. Raises StoreError when it is not one."""
        saved = unpack(state)
        if not isinstance(saved, dict) or saved.get("version") != STATE_VERSION:
            raise StoreError("the checkpoint is of another version")
        try:
            for name, station in saved["stations"].items():
                if name in self._stations:
                    self._stations[name].load(station)
        except (DetectorError, msgspec.ValidationError, LookupError, TypeError, ValueError) as error:
            raise StoreError(f"the checkpoint does not fit this build: {error}") from error
