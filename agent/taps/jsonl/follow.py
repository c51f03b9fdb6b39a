"""Follow mode: lines as they are appended, across rotation, from exactly where the last commit stood."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from agent.intake import Intake
from agent.ports import Delivery, Inbox, PlugInContext, Refused, StopSignal
from agent.taps.jsonl.files import is_marked, matching, rotated
from agent.taps.jsonl.lines import Line, LineReader, head_checksum
from agent.taps.jsonl.options import Options
from agent.taps.jsonl.position import Mark, Position


class _Tail:
    """One open file and how far it was read. path: under which it is known, wherever it was moved to since."""

    def __init__(self, path: str, file: BinaryIO, offset: int) -> None:
        self.path = path
        self.file = file
        self.inode = os.fstat(file.fileno()).st_ino
        self.reader = LineReader(file, offset)
        self.head_at = -1
        self.head = 0
        self.moved_since: float | None = None  # monotonic seconds: when its path was first seen to name another file

    def mark(self) -> Mark:
        covered = min(self.reader.offset, 256)
        if covered != self.head_at:
            self.head_at, self.head = covered, head_checksum(self.file, covered)
        return Mark(self.path, self.inode, self.reader.offset, self.head)

    def close(self) -> None:
        self.file.close()


class FollowTap:
    """Tails files; positions are committed with the records, so a restart continues at the next line."""

    finite = False

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock = context.clock
        self._intake = Intake.of(options, context.measurer, trusted=options.trusted)
        self._records = 0
        self._refused = 0
        self._waiting_bytes = 0
        self._last_record_at = ""
        self._reached: str | None = None  # position last handed over

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:
        """Deliver new lines until `stop`; run again in the same process, it goes on behind what it handed over."""
        session = _Following(self, inbox, self._reached or position, stop)
        try:
            while not stop.is_set():
                if not session.poll():
                    stop.wait(self._options.poll_s)
        finally:
            session.close()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Nothing to do: a file keeps its lines, the committed position is the acknowledgement."""

    def health(self) -> dict[str, float | str]:
        """records, refused, bytes not read yet, and when the last line came."""
        return {
            "connected": 1.0,
            "records": float(self._records),
            "refused": float(self._refused),
            "waiting_bytes": float(self._waiting_bytes),
            "last_record_at": self._last_record_at,
        }

    def hand_over(self, line: Line, position: Position, tail: _Tail, inbox: Inbox, stop: StopSignal) -> bool:
        """One line to the core; False when stopped first (the line is then read again later)."""
        position.set(tail.mark())
        if line.raw is None:
            refusal = Refused("too_large", f"line of {tail.path} ending at byte {line.end} is longer than a record may be")
            return self.put(refusal, position, inbox, stop)
        if not line.raw.strip():
            return True
        item, frame = self._intake.measure(*self._intake.read(line.raw))
        now = self._clock.now()
        return self._put(Delivery(self.name, item, frame, now, position.text()), inbox, stop)

    def put(self, refusal: Refused, position: Position, inbox: Inbox, stop: StopSignal) -> bool:
        """A refusal that belongs to the file, not to one record."""
        return self._put(Delivery(self.name, refusal, None, self._clock.now(), position.text()), inbox, stop)

    def _put(self, delivery: Delivery, inbox: Inbox, stop: StopSignal) -> bool:
        if not inbox.put(delivery, stop):
            return False
        self._reached = delivery.position
        self._last_record_at = delivery.received_at.isoformat()
        if isinstance(delivery.item, Refused):
            self._refused += 1
        else:
            self._records += 1
        return True

    def saw_waiting(self, waiting_bytes: int) -> None:
        """Bytes behind the last complete line, over all files."""
        self._waiting_bytes = waiting_bytes


class _Following:
    """One run of the tap: its open files."""

    def __init__(self, tap: FollowTap, inbox: Inbox, position: str | None, stop: StopSignal) -> None:
        self._tap = tap
        self._options = tap._options  # noqa: SLF001 - the two are one subject
        self._clock = tap._clock  # noqa: SLF001
        self._inbox = inbox
        self._stop = stop
        self._position = Position(position)
        self._tails: dict[str, _Tail] = {}
        self._first = position is None and self._options.start == "end"

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def poll(self) -> bool:
        """Read what there is; False when there was nothing."""
        paths = matching(self._options.paths)
        for path in list(self._position.marks):
            if path not in paths and path not in self._tails:
                self._leave(path)
        progress = False
        for path in dict.fromkeys([*paths, *self._tails]):
            tail = self._tails.get(path) or self._open(path)
            if tail is not None:
                grew = self._drain(tail)
                progress |= self._follow_rotation(tail, grew=grew) or grew
            if self._stop.is_set():
                return True
        self._first = False
        self._tap.saw_waiting(sum(self._size(t) - t.reader.offset for t in self._tails.values()))
        return progress

    def _open(self, path: str) -> _Tail | None:
        mark = self._position.marks.get(path)
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - closed with its tail
        except OSError:
            return None
        if mark is None or is_marked(file, mark):
            offset = mark.offset if mark else os.fstat(file.fileno()).st_size if self._first else 0
            tail = _Tail(path, file, offset)
        else:
            file.close()
            tail = self._reopen(mark)
        self._tails[path] = tail
        self._position.set(tail.mark())
        return tail

    def _reopen(self, mark: Mark) -> _Tail:
        """Another file is at the path: the marked one under its new name if it is still there, else the new one from its start."""
        elsewhere = rotated(mark)
        if elsewhere is not None:
            return _Tail(mark.path, Path(elsewhere).open("rb"), mark.offset)
        tail = _Tail(mark.path, Path(mark.path).open("rb"), 0)  # noqa: SIM115
        self._position.set(tail.mark())
        why = f"{mark.path} was replaced or cut; what followed byte {mark.offset} of the earlier file could not be read"
        self._tap.put(Refused("rotated_away", why), self._position, self._inbox, self._stop)
        return tail

    def _leave(self, path: str) -> None:
        """A file with a mark that no pattern finds any more: finish it where it was moved to, or let it go."""
        mark = self._position.marks[path]
        elsewhere = rotated(mark)
        if elsewhere is None:
            self._position.forget(path)
            return
        self._tails[path] = _Tail(path, Path(elsewhere).open("rb"), mark.offset)  # noqa: SIM115

    def _drain(self, tail: _Tail) -> bool:
        progress = False
        if self._size(tail) < tail.reader.offset:  # cut in place (copytruncate): all that was there had been read
            tail.reader = LineReader(tail.file, 0)
        while not self._stop.is_set() and (line := tail.reader.next_line()) is not None:
            progress = True
            if not self._tap.hand_over(line, self._position, tail, self._inbox, self._stop):
                break
        return progress

    def _follow_rotation(self, tail: _Tail, *, grew: bool) -> bool:
        """Go to the new file once the moved one has been quiet for the grace time."""
        if self._names_itself(tail):
            tail.moved_since = None
            return False
        now = self._clock.elapsed()
        if tail.moved_since is None or grew:
            tail.moved_since = now
        if now - tail.moved_since < self._options.rotation_grace_s or self._stop.is_set():
            return False
        line = tail.reader.last_line()
        if line is not None and not self._tap.hand_over(line, self._position, tail, self._inbox, self._stop):
            return True
        tail.close()
        del self._tails[tail.path]
        self._position.forget(tail.path)
        return True

    @staticmethod
    def _names_itself(tail: _Tail) -> bool:
        try:
            return Path(tail.path).stat().st_ino == tail.inode
        except OSError:
            return False

    @staticmethod
    def _size(tail: _Tail) -> int:
        return os.fstat(tail.file.fileno()).st_size
