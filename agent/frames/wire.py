"""What parent and child say to each other: requests and answers, each preceded by its length.

The child may have been taken over by the picture it decoded: the parent checks the length and the form of all it hears.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import assert_never

from agent.frames.reasons import MISSING_REASONS, MissingReason

READY = b"\xff"  # the child's first message
MAX_PICTURE_BYTES = 48_000
MAX_ANSWER_BYTES = 1 << 16
GREYS = 64  # bins of a picture's histogram, four grey levels each

_INLINE = b"\x00"
_FILE = b"\x01"
_PICTURE = b"\x02"  # before either: not to be measured, to be shown
_MEASURED = 0
_MISSING = 1
_PICTURED = 2
_PICTURE_HEAD = struct.Struct(f"<HH32s{GREYS}I")
_LENGTH = struct.Struct(">I")


def inline_request(image: bytes, reference: bytes = b"") -> bytes:
    """Measure these bytes. reference: what to compare them with (agent/frames/reference.py), empty for nothing."""
    return _INLINE + _LENGTH.pack(len(reference)) + reference + image


def file_request(folder: str, path: str, reference: bytes = b"") -> bytes:
    """Measure the file at `path` below `folder`."""
    encoded = folder.encode("utf-8", "surrogateescape")
    head = _FILE + _LENGTH.pack(len(reference)) + reference
    return head + _LENGTH.pack(len(encoded)) + encoded + path.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame for people: JPEG, its size, SHA-256 of the frame it was made of, and how many pixels of that have which grey."""

    width: int
    height: int
    of_sha256: str
    histogram: tuple[int, ...]
    body: bytes


def picture_request(request: bytes) -> bytes:
    """Show what this request would measure."""
    return _PICTURE + request


def picture_asked(message: bytes) -> bytes | None:
    """The request within one for a picture; None for one to measure."""
    return message[1:] if message[:1] == _PICTURE else None


def picture_answer(picture: Picture) -> bytes:
    """The picture."""
    head = _PICTURE_HEAD.pack(picture.width, picture.height, bytes.fromhex(picture.of_sha256), *picture.histogram)
    return bytes((_PICTURED,)) + head + picture.body


def read_picture(message: bytes) -> Picture | None:
    """The picture; None where there is none, whatever the reason."""
    size = len(message) - 1 - _PICTURE_HEAD.size
    if message[:1] != bytes((_PICTURED,)) or not 0 < size <= MAX_PICTURE_BYTES:
        return None
    width, height, digest, *histogram = _PICTURE_HEAD.unpack_from(message, 1)
    return Picture(width, height, digest.hex(), tuple(histogram), message[1 + _PICTURE_HEAD.size :])


def read_request(message: bytes) -> tuple[bytes | tuple[str, str], bytes]:
    """The image's bytes, or (folder, path); and the reference."""
    (length,) = _LENGTH.unpack_from(message, 1)
    reference, rest = message[5 : 5 + length], message[5 + length :]
    if message[:1] == _INLINE:
        return rest, reference
    (length,) = _LENGTH.unpack_from(rest)
    folder, path = rest[4 : 4 + length], rest[4 + length :]
    return (folder.decode("utf-8", "surrogateescape"), path.decode("utf-8", "surrogateescape")), reference


def answer(result: tuple[float, ...] | MissingReason) -> bytes:
    """The values of the image channels, and after them those of the reference, or why there are none."""
    if isinstance(result, tuple):
        return struct.pack(f"<B{len(result)}d", _MEASURED, *result)
    if isinstance(result, str):
        return bytes((_MISSING, MISSING_REASONS.index(result)))
    assert_never(result)


def read_answer(message: bytes, *counts: int) -> tuple[float, ...] | MissingReason | None:
    """As many values as one of `counts`, or the reason; None when the message is neither."""
    count = (len(message) - 1) // 8
    if message[:1] == bytes((_MEASURED,)) and count in counts and len(message) == 1 + 8 * count:
        return struct.unpack_from(f"<{count}d", message, 1)
    if message[:1] == bytes((_MISSING,)) and len(message) == 2 and message[1] < len(MISSING_REASONS):
        return MISSING_REASONS[message[1]]
    return None
