"""The channel spaces of a station: which frames enter them, what single novel parts become, and until when their alarm stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.core.candidates import Candidates
from agent.core.novelty import ALARM, KIND, MAX_SPACES, Space
from agent.core.shares import OffDelay, Shift
from agent.records import Inspection
from detectors.contract import FloatArray
from detectors.novelty import BLOCK


class Spaces:
    """By stream name, one per view, position, recipe and reference; alarms are by view. Mutable, deterministic to the bit."""

    def __init__(self, build: Callable[[str], Space], leading_view: str) -> None:
        self._build = build
        self._leading = leading_view
        self.by_name: dict[str, Space] = {}
        self.candidates = Candidates()
        self._stands: dict[str, OffDelay] = {}  # by alarm

    def of(self, name: str) -> Space | None:
        """The space of this name; None where there are as many as may be."""
        if name not in self.by_name and len(self.by_name) < MAX_SPACES:
            self.by_name[name] = self._build(name)
        return self.by_name.get(name)

    def observe(self, space: Space, row: FloatArray, record: Inspection, index: int) -> Shift | None:
        """Take one frame's channels, (C,): a novel part is a candidate; too many of them are a shift."""
        candidate, crossing = space.observe(row, index=index, part_id=record.part_id)
        if candidate is not None:
            self.candidates.add(candidate)
        if crossing is None:
            return None
        alarm_id = ALARM if record.view == self._leading else f"{record.view}-{ALARM}"
        self._stands.setdefault(alarm_id, OffDelay()).crossed(crossing, BLOCK)
        return space.shift(crossing, alarm_id)

    def stands(self, alarm_id: str, index: int) -> bool | None:
        """Whether an alarm still stands at part `index`; None where it was none of these."""
        stands = self._stands.get(alarm_id)
        return None if stands is None else stands.stands(index)

    def learn_anew(self, target: str) -> list[str]:
        """A person accepted the present state of a stream as normal: a space of the same frames is learned anew too; which were."""
        own = [name for name in self.by_name if _is_of(name, target)]
        for name in own:
            self.by_name[name] = self._build(name)
        return own

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "spaces": {name: space.save() for name, space in self.by_name.items()},
            "candidates": self.candidates.save(),
            "stands": {alarm_id: stands.save() for alarm_id, stands in self._stands.items()},
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, space in saved["spaces"].items():
            fresh = self._build(name)
            if len(fresh.specs) == space["plain"][-1]:  # else of a reference that is drawn otherwise now: it comes no more
                fresh.load(space)
                self.by_name[name] = fresh
        self.candidates.load(saved["candidates"])
        for alarm_id, until in saved["stands"].items():
            self._stands.setdefault(alarm_id, OffDelay()).load(until)


def _is_of(space: str, target: str) -> bool:
    """Whether a space is the stream accepted, or made of its channels."""
    kind, _, place = target.partition("/")
    own = space.partition("/")[2]
    return own.rpartition("/")[0] == place if kind == "imaging" else kind in (KIND, "part") and own == place
