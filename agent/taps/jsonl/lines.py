"""Lines of one growing file: complete ones only, each with the offset behind it, in bounded memory."""

from __future__ import annotations

import zlib
from typing import BinaryIO, NamedTuple

from agent.records import MAX_RECORD_BYTES

CHUNK_BYTES = 1 << 16
HEAD_BYTES = 256


class Line(NamedTuple):
    """One line without its end; raw None when it was longer than any record may be (skipped whole)."""

    raw: bytes | None
    end: int


class LineReader:
    """Reads lines from an offset on. A line is complete with its newline; the rest waits for it."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self.file = file
        self.offset = offset  # behind the last line handed out
        self._buffer = bytearray()
        self._searched = 0
        self._skipped = 0  # bytes of an oversized line already let go

    def next_line(self) -> Line | None:
        """The next complete line, None when there is none yet."""
        while True:
            newline = self._buffer.find(b"\n", self._searched)
            if newline >= 0:
                return self._take(newline, newline + 1)
            self._searched = len(self._buffer)
            if len(self._buffer) > MAX_RECORD_BYTES + 1:
                self._skipped += len(self._buffer)
                self._buffer.clear()
                self._searched = 0
            self.file.seek(self.offset + self._skipped + len(self._buffer))
            chunk = self.file.read(CHUNK_BYTES)
            if not chunk:
                return None
            self._buffer += chunk

    def last_line(self) -> Line | None:
        """What is left without a newline, once the file is known to grow no more."""
        left = len(self._buffer)
        return self._take(left, left) if left or self._skipped else None

    def _take(self, end: int, behind: int) -> Line:
        raw = None if self._skipped else bytes(self._buffer[:end]).rstrip(b"\r")
        self.offset += self._skipped + behind
        del self._buffer[:behind]
        self._searched = self._skipped = 0
        return Line(raw, self.offset)


def head_checksum(file: BinaryIO, offset: int) -> int:
    """CRC of the first bytes before `offset` (at most 256): tells a file from another that got its inode."""
    file.seek(0)
    return zlib.crc32(file.read(min(offset, HEAD_BYTES)))
