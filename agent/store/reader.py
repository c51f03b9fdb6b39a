"""Questions to a store that may or may not have an agent: read-only, for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agent.documents import AlarmDoc, IncidentDoc, ModelChangeDoc, TraceDoc
from agent.ports import PartRow, PictureRow
from agent.records import Entry, Inspected
from agent.store import pictures, schema
from agent.store.body import unpack_entry
from agent.store.held import Held
from agent.store.lookup import Lookup, Sought
from agent.store.standing import Standing
from agent.store.times import from_micros

_ALARM = msgspec.json.Decoder(AlarmDoc)
_LATEST = 100  # records looked through for a model's name
_CHANGE = msgspec.json.Decoder(ModelChangeDoc)
_INCIDENT = msgspec.json.Decoder(IncidentDoc)


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One fitted baseline as it was kept."""

    station: str
    stream: str
    at: datetime
    body: bytes


class Reader:
    """A read-only look at the store; a context manager. Raises StoreError when there is none."""

    def __init__(self, path: Path) -> None:
        self._db = schema.connect_reader(path)
        self.lookup = Lookup(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def alarms(self) -> list[AlarmDoc]:
        """Each alarm as it stands."""
        return [_ALARM.decode(body) for (body,) in self._db.execute("SELECT body FROM alarms ORDER BY alarm_id")]

    def alarm_events(self, after: int = 0) -> Iterator[tuple[int, AlarmDoc]]:
        """Every transition kept, in order, with its row."""
        for row, body in self._db.execute("SELECT id, body FROM alarm_events WHERE id > ? ORDER BY id", (after,)):
            yield int(row), _ALARM.decode(body)

    def raised(self, occurrences: Sequence[str]) -> list[AlarmDoc]:
        """These occurrences as they were raised, with their evidence; without those no longer kept."""
        found = (
            self._db.execute("SELECT body FROM alarm_events WHERE occurrence_id = ? ORDER BY id LIMIT 1", (one,)).fetchone()
            for one in occurrences
        )
        return [_ALARM.decode(row[0]) for row in found if row is not None]

    def incidents(self) -> list[IncidentDoc]:
        """All kept, oldest first."""
        return [_INCIDENT.decode(body) for (body,) in self._db.execute("SELECT body FROM incidents ORDER BY opened_at")]

    def incident(self, incident: str) -> IncidentDoc | None:
        """One of them."""
        row = self._db.execute("SELECT body FROM incidents WHERE incident = ?", (incident,)).fetchone()
        return None if row is None else _INCIDENT.decode(row[0])

    def model_changes(self, station: str = "") -> list[ModelChangeDoc]:
        """Models as they were planned and as they were approved, oldest first; of all stations when none is named."""
        rows = self._db.execute("SELECT body FROM model_changes WHERE ? IN ('', station) ORDER BY id", (station,))
        return [_CHANGE.decode(body) for (body,) in rows]

    def pictures(self, incident: str) -> list[PictureRow]:
        """Those an incident keeps, place by place, of before first."""
        return list(pictures.of_incident(self._db, incident))

    def trace(self, sought: Sought) -> Iterator[TraceDoc]:
        """Every part that fits, with all that is known of it."""
        standing, held = Standing(self._db), self.held()
        for part in self.lookup.parts(sought):
            yield TraceDoc(
                part_id=part.part_id,
                station=part.station,
                index=part.index,
                captured_at=part.captured_at,
                verdict=part.verdict,
                claim=part.p_defect,
                recipe=part.recipe,
                position=part.position,
                lot=part.lot,
                box=part.box,
                model=part.model,
                alarms=standing.at(part.station, part.captured_at),
                outcomes=self.lookup.outcomes(part.part_id, part.station),
                holds=held.of(part),
            )

    def held(self) -> Held:
        """The holds kept."""
        return Held(self._db)

    def part_index(self, station: str, part_id: str) -> int | None:
        """Index of the latest inspection of this part."""
        return max((part.index for part in self.lookup.parts(Sought(serial=part_id, station=station))), default=None)

    def passed_parts(self, station: str, first: int, last: int) -> Iterator[PartRow]:
        """The hold list: parts with verdict ok and first <= index <= last."""
        return (part for part in self.lookup.between(station, first, last) if part.verdict == "ok")

    def baselines(self, station: str = "") -> Iterator[BaselineRow]:
        """Every baseline kept, oldest first; of all stations when none is named."""
        rows = self._db.execute("SELECT station, stream, at, body FROM baselines WHERE ? IN ('', station) ORDER BY id", (station,))
        for name, stream, at, body in rows:
            yield BaselineRow(name, stream, from_micros(at), body)

    def entries(self, after: int = 0) -> Iterator[tuple[int, Entry]]:
        """The journal in order."""
        for seq, body in self._db.execute("SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq", (after,)):
            yield int(seq), unpack_entry(body)

    def last_entry_at(self) -> datetime | None:
        """Time of the newest journal entry by the agent's clock; None in an empty store."""
        row = self._db.execute("SELECT at FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else from_micros(row[0])

    def model_sha256(self, station: str) -> str:
        """SHA-256 of the model that the station's latest records name; empty when none of them does."""
        rows = self._db.execute(
            "SELECT j.body FROM journal j JOIN names n ON n.id = j.station WHERE n.name = ? AND j.kind = 'inspected'"
            " ORDER BY j.seq DESC LIMIT ?",
            (station, _LATEST),
        )
        for (body,) in rows:
            entry = unpack_entry(body)
            if isinstance(entry, Inspected) and entry.record.model is not None and entry.record.model.sha256:
                return entry.record.model.sha256
        return ""

    def problem(self) -> str:
        """What keeps the store from being read, empty when nothing does. A look, not a check of every page."""
        try:
            self.counters()
            self.last_entry_at()
        except schema.DatabaseError as error:
            return str(error)
        return ""

    def counters(self) -> dict[tuple[str, str], int]:
        """Durable totals by (counter, labels)."""
        return {(counter, labels): total for counter, labels, total in self._db.execute("SELECT * FROM counters")}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
