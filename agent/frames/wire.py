"""What parent and child say to each other: requests and answers, each preceded by its length.

The child may have been taken over by the picture it decoded: the parent checks the length and the form of all it hears.
"""

from __future__ import annotations

import struct
from typing import assert_never

from agent.frames.reasons import MISSING_REASONS, MissingReason

READY = b"\xff"  # the child's first message
MAX_ANSWER_BYTES = 8192

_INLINE = b"\x00"
_FILE = b"\x01"
_MEASURED = 0
_MISSING = 1
_LENGTH = struct.Struct(">I")


def inline_request(image: bytes, reference: bytes = b"") -> bytes:
    """Measure these bytes. reference: what to compare them with (agent/frames/reference.py), empty for nothing."""
    return _INLINE + _LENGTH.pack(len(reference)) + reference + image


def file_request(folder: str, path: str, reference: bytes = b"") -> bytes:
    """Measure the file at `path` below `folder`."""
    encoded = folder.encode("utf-8", "surrogateescape")
    head = _FILE + _LENGTH.pack(len(reference)) + reference
    return head + _LENGTH.pack(len(encoded)) + encoded + path.encode("utf-8", "surrogateescape")


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
