"""Replay mode: whole files merged into one stream by event time, one line of each in memory."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agent.errors import AgentError
from agent.intake import Intake, event_time
from agent.ports import Delivery, Inbox, PlugInContext, Refused, StopSignal
from agent.records import Frame, Record
from agent.taps.jsonl.files import is_marked, matching
from agent.taps.jsonl.lines import Line, LineReader, head_checksum
from agent.taps.jsonl.options import Options
from agent.taps.jsonl.position import Mark, Position

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class _Read(NamedTuple):
    """One line read, not yet measured. at: event time, never going back within a file; order: of the files."""

    at: datetime
    order: int
    item: Record | Refused
    frame: Frame | None
    mark: Mark


class ReplayTap:
    """Reads files to their end, merged by captured_at / observed_at / at; equal times in the order of the files."""

    finite = True

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock = context.clock
        self._intake = Intake.of(options, context.measurer, trusted=options.trusted)
        self._records = 0
        self._refused = 0
        self._done = False
        self._reached: str | None = None  # position last handed over

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:
        """Deliver everything, then return. Raises AgentError when no file is there."""
        paths = matching(self._options.paths)
        if not paths:
            raise AgentError(f"no file matches {', '.join(self._options.paths)}", hint="check `paths` of the tap")
        reached = Position(self._reached or position)
        with ExitStack() as stack:
            streams = [self._lines(order, path, reached.marks.get(path), stack) for order, path in enumerate(paths)]
            for read in heapq.merge(*streams, key=lambda r: (r.at, r.order)):
                if stop.is_set():
                    return
                reached.set(read.mark)
                item, frame = self._intake.measure(read.item, read.frame)
                if not inbox.put(Delivery(self.name, item, frame, self._clock.now(), reached.text()), stop):
                    return
                self._reached = reached.text()
                if isinstance(item, Refused):
                    self._refused += 1
                else:
                    self._records += 1
        self._done = True

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Nothing to do: a file keeps its lines, the committed position is the acknowledgement."""

    def health(self) -> dict[str, float | str]:
        """records, refused and whether the end was reached."""
        return {"records": float(self._records), "refused": float(self._refused), "done": float(self._done)}

    def _lines(self, order: int, path: str, mark: Mark | None, stack: ExitStack) -> Iterator[_Read]:
        file = stack.enter_context(Path(path).open("rb"))  # noqa: SIM115 - closed by the stack
        known = mark is not None and is_marked(file, mark)
        reader = LineReader(file, mark.offset if mark and known else 0)
        at = (mark.at if mark and known else None) or _EARLIEST
        inode = os.fstat(file.fileno()).st_ino
        covered, head = -1, 0
        while (line := reader.next_line() or reader.last_line()) is not None:
            if line.raw is not None and not line.raw.strip():
                continue
            item, frame = self._read(line, path)
            at = max(at, event_time(item) or at)
            if min(line.end, 256) != covered:
                covered, head = min(line.end, 256), head_checksum(file, line.end)
            yield _Read(at, order, item, frame, Mark(path, inode, line.end, head, None if at == _EARLIEST else at))

    def _read(self, line: Line, path: str) -> tuple[Record | Refused, Frame | None]:
        if line.raw is None:
            return Refused("too_large", f"line of {path} ending at byte {line.end} is longer than a record may be"), None
        return self._intake.read(line.raw)
