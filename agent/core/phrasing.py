"""How one station's alarms are phrased: its name, its language, parts by their id, times as its clock on the wall shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.core.causes import RESPONSES, say_blind_shortly, say_causes
from agent.core.texts import names_a_cause, say
from agent.documents import OnsetDoc

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.core.incidents import Named
    from agent.core.parts import PartsInFront
    from detectors.contract import Onset


class Phrasing:
    """What the alarms of one station are worded with."""

    def __init__(self, options: StationSection, parts: PartsInFront, *, language: str, zone: ZoneInfo) -> None:
        self.options = options
        self.language = language
        self._parts = parts
        self._zone = zone

    @property
    def station(self) -> str:
        """Its name."""
        return self.options.id

    def say(
        self, code: str, words: dict[str, str], named: Named, silence: tuple[tuple[str, ...], frozenset[str]]
    ) -> tuple[str, str]:
        """Text, and what to do: about the cause where one stands out, else about what was seen. silence: as `Incidents` has it."""
        facts = {
            "st": self.station,
            "cause": say_causes(self.language, named.causes, both=named.both),
            "blind": say_blind_shortly(self.language, *silence),
        }
        text, response = say(self.language, code, {**facts, **words})
        if len(named.causes) == 1 and names_a_cause(code):
            response = RESPONSES[self.language][named.causes[0]]
        return text, response

    def onset(self, onset: Onset) -> OnsetDoc:
        """An onset by part and time."""
        rows = [self._parts.part(self.station, max(1, i)) for i in (onset.estimate, onset.earliest, onset.latest)]
        ids = ["" if row is None else row.part_id for row in rows]
        times = [None if row is None else row.captured_at for row in rows]
        return OnsetDoc(ids[0], times[0], ids[1], times[1], ids[2], times[2])

    def hold(self, first: int, now: datetime) -> dict[str, str]:
        """When and with which part a hold from index `first` on begins."""
        row = self._parts.part(self.station, first)
        return {
            "hold": self.clock(None if row is None else row.captured_at, now),
            "part": "the start" if row is None else row.part_id,
        }

    def clock(self, at: datetime | None, now: datetime) -> str:
        """Hours and minutes, with the day where it is not today's."""
        if at is None:
            return "?"
        local, today = at.astimezone(self._zone), now.astimezone(self._zone)
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d.%m. %H:%M}"
