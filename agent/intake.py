"""Intake: one raw record of a tap into what the core is handed, its frame measured in the tap's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from agent.errors import RecordRefused
from agent.ports import Measurer, Place, Refused
from agent.records import Command, Event, Feedback, Frame, Inspection, Outcome, Record, decode


class Settings(Protocol):
    """What a tap's options say of its records: station and source of those that name none, the folder of their images."""

    @property
    def station(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def frames_dir(self) -> Path | None: ...


class Intake:
    """Reads and measures records with one tap's settings.

    frames_dir: folder that image paths are relative to, empty for none. trusted: accept frames that the record carries measured.
    """

    def __init__(
        self, measurer: Measurer, *, frames_dir: str = "", defaults: Mapping[str, str] | None = None, trusted: bool = False
    ) -> None:
        self._measurer = measurer
        self._frames_dir = frames_dir
        self._defaults = {key: value for key, value in (defaults or {}).items() if value}
        self._trusted = trusted

    @classmethod
    def of(cls, options: Settings, measurer: Measurer, *, trusted: bool = False) -> Intake:
        """As a tap's options say."""
        defaults = {"station": options.station, "source": options.source}
        return cls(measurer, frames_dir=str(options.frames_dir or ""), defaults=defaults, trusted=trusted)

    def read(self, raw: bytes, extra: Mapping[str, str] | None = None) -> tuple[Record | Refused, Frame | None]:
        """The record and the frame it carried measured, or why it cannot be used. extra: defaults of this one record."""
        defaults = {**self._defaults, **(extra or {})}
        try:
            record, frame = decode(raw, defaults)
        except RecordRefused as refusal:
            return Refused(refusal.reason, str(refusal), defaults.get("station", "")), None
        if frame is not None and not self._trusted:
            why = "record carries a measured frame; this tap is not `trusted`"
            return Refused("untrusted_frame", why, getattr(record, "station", "")), None
        return record, frame

    def measure(self, record: Record | Refused, frame: Frame | None) -> tuple[Record | Refused, Frame | None]:
        """The same with its image measured and the inline bytes let go; frame None when the record names no image."""
        if not isinstance(record, Inspection) or not (record.image or record.image_inline):
            return record, frame
        if frame is None:
            place = Place(record.station, record.view, record.recipe, record.position, record.part_id, record.captured_at)
            frame = self._measurer.measure(record.image_inline, record.image, self._frames_dir, place)
        return (msgspec.structs.replace(record, image_inline=b"") if record.image_inline else record), frame


def event_time(record: Record | Refused) -> datetime | None:
    """When it happened at the source; None for commands and refusals."""
    match record:
        case Inspection(captured_at=at) | Outcome(observed_at=at) | Event(at=at) | Feedback(at=at):
            return at
        case Command() | Refused():
            return None
