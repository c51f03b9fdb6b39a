"""Pictures that show nothing: beyond a hard limit, or the same one again. Judged from the first frame on, before any baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.config.model import PictureSection
from agent.core.conditions import Condition, Finding
from agent.records import Inspection

# A picture is back after so many good ones.
OFF_FRAMES = 10
_UNITS = {
    "picture_frozen": "frames",
    "picture_empty": "ratio",
    "part_missing": "share of the golden part's area",
    "part_out_of_field": "px",
}


class Pictures:
    """The frames of one view and position of a station. Mutable, deterministic."""

    def __init__(self, options: PictureSection, prefix: str) -> None:
        self._options = options
        self._prefix = prefix
        self._blind = Condition(options.frames, OFF_FRAMES)
        self._frozen = Condition(options.frozen_frames - 1, OFF_FRAMES)
        self._last: tuple[float | None, ...] = ()
        self._code = ""
        self.usable = True  # whether the last frame may enter the statistics of drift

    def judge(self, values: Sequence[float | None], named: Mapping[str, float | None], record: Inspection) -> list[Finding]:
        """What began or ended with this frame. named: its values by channel; those of the part's outline where it was measured."""
        found: list[Finding] = []
        code, value, limit = self._broken(named)
        self._code = code or self._code
        if self._blind.observe(bad=bool(code), at=record.captured_at, part_id=record.part_id):
            found.append(self._finding("picture-blind", self._code, self._blind, value, limit, self._options.frames))
        again = tuple(values) == self._last
        self._last = tuple(values)
        if self._frozen.observe(bad=again and not code, at=record.captured_at, part_id=record.part_id):
            frames = self._options.frozen_frames
            found.append(self._finding("picture-frozen", "picture_frozen", self._frozen, frames, frames, frames))
        self.usable = not code and not again
        return found

    def _broken(self, named: Mapping[str, float | None]) -> tuple[str, float, float]:
        """The hard limit a frame is beyond: its code ("" none), the value and the limit."""
        options = self._options
        luminance, contrast = named.get("luminance"), named.get("contrast")
        area, margin = named.get("part_area"), named.get("part_margin")
        if luminance is not None and luminance < options.darkest:
            return "picture_black", luminance, options.darkest
        if luminance is not None and luminance > options.brightest:
            return "picture_white", luminance, options.brightest
        if contrast is not None and contrast < options.flattest:
            return "picture_empty", contrast, options.flattest
        if area is not None and area < options.least_part:
            return "part_missing", area, options.least_part
        if margin is not None and margin < options.least_margin_px:
            return "part_out_of_field", margin, options.least_margin_px
        return "", 0.0, 0.0

    def _finding(self, alarm_id: str, code: str, condition: Condition, value: float, limit: float, records: int) -> Finding:
        at, part_id = condition.since or (None, "")
        return Finding(
            alarm_id=self._prefix + alarm_id,
            code=code,
            stands=condition.stands,
            value=float(value),
            limit=float(limit),
            unit=_UNITS.get(code, "grey level"),
            records=records,
            since=at,
            part_id=part_id,
            priority="critical",
        )

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        return (self._blind.save(), self._frozen.save(), self._last, self._code, self.usable, self._prefix)

    def load(self, saved: tuple[Any, ...]) -> None:
        """From a checkpoint."""
        self._blind.load(saved[0])
        self._frozen.load(saved[1])
        self._last, self._code, self.usable, self._prefix = tuple(saved[2]), saved[3], saved[4], saved[5]
