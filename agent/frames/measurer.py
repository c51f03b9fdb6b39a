"""The parent's side: frames measured by one child process, whatever they contain."""

from __future__ import annotations

import math
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import agent
from agent.config.drawing import drawn
from agent.config.references import chosen as chosen_section
from agent.errors import ChildDied, ChildTimedOut
from agent.frames import wire
from agent.frames.recent import Recent, Shot
from agent.frames.reference import Chosen, choose
from agent.ports import NOWHERE, Place
from agent.records import Frame
from agent.runtime.child import Child
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION, reference_channels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.config.model import FramesSection, StationSection
    from agent.frames.reasons import MissingReason
    from agent.ports import Measurer
    from agent.runtime.threads import Pulse


class FrameMeasurer:
    """Implements `agent.ports.Measurer`; safe to call from several threads, one frame at a time.

    The child is started at the first frame, killed when a frame takes longer than the limit, and started again at the next.
    """

    def __init__(self, limits: FramesSection, stations: Sequence[StationSection] = (), *, recent: Recent | None = None) -> None:
        """limits: the configuration's frame limits. stations: for the references of their views. recent: is told of every frame."""
        self._recent = recent
        self._references = {station.id: station.references for station in stations if station.references}
        self._chosen: dict[tuple[str, str, str], Chosen] = {}  # by station, view and the reference's recipe
        self._timeout_s = limits.timeout_s
        self._max_bytes = int(limits.max_mb * 1_000_000)
        self._lock = threading.Lock()
        numbers = (self._max_bytes, int(limits.max_megapixels * 1_000_000), limits.memory_mb << 20, os.getpid())
        self._child = Child(
            (sys.executable, "-P", "-s", "-B", "-m", "agent.frames.child", *map(str, numbers)),
            _environment(),
            wire.READY,
            wire.MAX_ANSWER_BYTES,
        )

    @property
    def pid(self) -> int | None:
        """Process id of the child, for its memory figures; None while there is none."""
        return self._child.pid

    @property
    def starts(self) -> int:
        """How often a child was started; more than once means that frames killed it."""
        return self._child.starts

    def measure(self, image: bytes, path: str, frames_dir: str, place: Place = NOWHERE) -> Frame:
        """The frame's channels, or `missing` with one of `agent.frames.reasons.MISSING_REASONS`.

        image: inline bytes, or empty and `path` below `frames_dir`. place: whose reference it is compared with. Bounded by
        frames.timeout_s plus the start of a child.
        """
        chosen = self._reference(place)
        result = self._result(image, path, frames_dir, chosen)
        if self._recent is not None and place.part_id:
            self._recent.note(Shot(place, image, path, frames_dir))
        if isinstance(result, str):
            return Frame(table=TABLE_VERSION, missing=result)
        # NaN is the table's "not measurable"; it is null in the journal.
        values = tuple(None if math.isnan(value) else value for value in result)
        is_compared = chosen is not None and len(values) > len(IMAGE_CHANNELS)
        return Frame(values=values, table=TABLE_VERSION, reference=chosen.digest if chosen is not None and is_compared else "")

    def _reference(self, place: Place) -> Chosen | None:
        """The reference in force, its golden frame as it was when first needed; None where there is none or it cannot be read."""
        station, view, recipe = place[:3]
        section = chosen_section(self._references.get(station, []), view, recipe)
        if section is None:
            return None
        key = station, view, section.recipe
        with self._lock:
            if key not in self._chosen:
                found = choose(section.golden, drawn(section), self._max_bytes)
                if isinstance(found, str):
                    return None
                self._chosen[key] = found
            return self._chosen[key]

    def picture(self, shot: Shot) -> wire.Picture | None:
        """This frame, small enough to be kept; None where it cannot be shown (any more)."""
        if not shot.image and not (shot.path and shot.frames_dir):
            return None
        folder = str(Path(shot.frames_dir).absolute())
        return self._shown(wire.inline_request(shot.image) if shot.image else wire.file_request(folder, shot.path))

    def golden(self, place: Place) -> wire.Picture | None:
        """The golden frame of a place, as it was when its reference came into force; None where there is none, or another."""
        chosen = self._reference(place)
        if chosen is None:
            return None
        path = Path(chosen.golden)
        shown = self._shown(wire.file_request(str(path.parent), path.name))
        return shown if shown is not None and shown.of_sha256 == chosen.sha256 else None

    def _shown(self, request: bytes) -> wire.Picture | None:
        with self._lock:
            try:
                return wire.read_picture(self._child.exchange(wire.picture_request(request), self._timeout_s))
            except (ChildTimedOut, ChildDied):
                return None

    def close(self) -> None:
        """End the child; frames after this are missing as child_died."""
        with self._lock:
            self._child.close()

    def _result(self, image: bytes, path: str, frames_dir: str, chosen: Chosen | None) -> tuple[float, ...] | MissingReason:
        if len(image) > self._max_bytes:
            return "too_large"
        if not image and not (path and frames_dir):
            return "not_found"
        reference = b"" if chosen is None else chosen.encoded
        folder = str(Path(frames_dir).absolute())
        request = wire.inline_request(image, reference) if image else wire.file_request(folder, path, reference)
        count = len(IMAGE_CHANNELS)
        more = 0 if chosen is None else len(reference_channels(chosen.drawn))
        with self._lock:
            try:
                answer = self._child.exchange(request, self._timeout_s)
            except ChildTimedOut:
                return "timeout"
            except ChildDied:
                return "child_died"
            result = wire.read_answer(answer, count, count + more)
            if result is None:
                self._child.kill()
                return "child_died"
            return result


class MeasurerInTime:
    """The measurer as one tap has it: the wait for the child, which has its time limits, is no silence of the tap's worker."""

    def __init__(self, measurer: Measurer, pulse: Pulse) -> None:
        self._measurer = measurer
        self._pulse = pulse

    def measure(self, image: bytes, path: str, frames_dir: str, place: Place = NOWHERE) -> Frame:
        """See `agent.ports.Measurer`."""
        with self._pulse.waiting():
            return self._measurer.measure(image, path, frames_dir, place)

    def close(self) -> None:
        """Nothing: the measurer is everybody's."""


def _environment() -> dict[str, str]:
    """Nothing of the agent's own environment but where its libraries are: it may hold secrets, and the child reads hostile data."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    packages = str(Path(agent.__file__).parent.parent)
    # One thread each: thread pools reserve address space, which is limited.
    return {**kept, "PYTHONPATH": packages, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
