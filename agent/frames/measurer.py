"""The parent's side: frames measured by one child process, whatever they contain."""

from __future__ import annotations

import math
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import agent
from agent.errors import ChildDied, ChildTimedOut
from agent.frames import wire
from agent.records import Frame
from agent.runtime.child import Child
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION

if TYPE_CHECKING:
    from agent.config.model import FramesSection
    from agent.frames.reasons import MissingReason
    from agent.ports import Measurer
    from agent.runtime.threads import Pulse


class FrameMeasurer:
    """Implements `agent.ports.Measurer`; safe to call from several threads, one frame at a time.

    The child is started at the first frame, killed when a frame takes longer than the limit, and started again at the next.
    """

    def __init__(self, limits: FramesSection) -> None:
        """limits: the configuration's frame limits."""
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

    def measure(self, image: bytes, path: str, frames_dir: str) -> Frame:
        """The frame's channels, or `missing` with one of `agent.frames.reasons.MISSING_REASONS`.

        image: inline bytes, or empty and `path` below `frames_dir`. Bounded by frames.timeout_s plus the start of a child.
        """
        result = self._result(image, path, frames_dir)
        if isinstance(result, str):
            return Frame(table=TABLE_VERSION, missing=result)
        # NaN is the table's "not measurable"; it is null in the journal.
        return Frame(values=tuple(None if math.isnan(value) else value for value in result), table=TABLE_VERSION)

    def close(self) -> None:
        """End the child; frames after this are missing as child_died."""
        with self._lock:
            self._child.close()

    def _result(self, image: bytes, path: str, frames_dir: str) -> tuple[float, ...] | MissingReason:
        if len(image) > self._max_bytes:
            return "too_large"
        if not image and not (path and frames_dir):
            return "not_found"
        request = wire.inline_request(image) if image else wire.file_request(str(Path(frames_dir).absolute()), path)
        with self._lock:
            try:
                answer = self._child.exchange(request, self._timeout_s)
            except ChildTimedOut:
                return "timeout"
            except ChildDied:
                return "child_died"
            result = wire.read_answer(answer, len(IMAGE_CHANNELS))
            if result is None:
                self._child.kill()
                return "child_died"
            return result


class MeasurerInTime:
    """The measurer as one tap has it: the wait for the child, which has its time limits, is no silence of the tap's worker."""

    def __init__(self, measurer: Measurer, pulse: Pulse) -> None:
        self._measurer = measurer
        self._pulse = pulse

    def measure(self, image: bytes, path: str, frames_dir: str) -> Frame:
        """See `agent.ports.Measurer`."""
        with self._pulse.waiting():
            return self._measurer.measure(image, path, frames_dir)

    def close(self) -> None:
        """Nothing: the measurer is everybody's."""


def _environment() -> dict[str, str]:
    """Nothing of the agent's own environment but where its libraries are: it may hold secrets, and the child reads hostile data."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    packages = str(Path(agent.__file__).parent.parent)
    # One thread each: thread pools reserve address space, which is limited.
    return {**kept, "PYTHONPATH": packages, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
