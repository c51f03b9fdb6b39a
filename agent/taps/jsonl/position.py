"""Where reading stopped: per file its path, inode, offset and a checksum of its beginning, as one JSON text."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct


class Mark(Struct, frozen=True, omit_defaults=True):
    """How far one file was read. head: CRC of its first bytes before offset. at: event time reached, in replay."""

    path: str
    inode: int
    offset: int
    head: int
    at: datetime | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Mark])


class Position:
    """The marks of all files being read; only a changed mark is encoded again."""

    def __init__(self, text: str | None) -> None:
        self.marks: dict[str, Mark] = {}
        self._encoded: dict[str, bytes] = {}
        for mark in self._decode(text):
            self.set(mark)

    @staticmethod
    def _decode(text: str | None) -> list[Mark]:
        if not text:
            return []
        try:
            return _DECODER.decode(text)
        except msgspec.DecodeError:  # another tap's position under this name: start over, duplicates are recognised
            return []

    def set(self, mark: Mark) -> None:
        """This file was read up to here."""
        self.marks[mark.path] = mark
        self._encoded[mark.path] = _ENCODER.encode(mark)

    def forget(self, path: str) -> None:
        """The file is gone."""
        self.marks.pop(path, None)
        self._encoded.pop(path, None)

    def text(self) -> str:
        """What a Delivery carries."""
        return (b"[" + b",".join(self._encoded.values()) + b"]").decode()
