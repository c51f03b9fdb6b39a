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


def inline_request(image: bytes) -> bytes:
    """Measure these bytes."""
    return _INLINE + image


def file_request(folder: str, path: str) -> bytes:
    """Measure the file at `path` below `folder`."""
    encoded = folder.encode("utf-8", "surrogateescape")
    return _FILE + _LENGTH.pack(len(encoded)) + encoded + path.encode("utf-8", "surrogateescape")


def read_request(message: bytes) -> bytes | tuple[str, str]:
    """The image's bytes, or (folder, path)."""
    if message[:1] == _INLINE:
        return message[1:]
    (length,) = _LENGTH.unpack_from(message, 1)
    folder, path = message[5 : 5 + length], message[5 + length :]
    return folder.decode("utf-8", "surrogateescape"), path.decode("utf-8", "surrogateescape")


def answer(result: tuple[float, ...] | MissingReason) -> bytes:
    """The values of the image channels, or why there are none."""
    if isinstance(result, tuple):
        return struct.pack(f"<B{len(result)}d", _MEASURED, *result)
    if isinstance(result, str):
        return bytes((_MISSING, MISSING_REASONS.index(result)))
    assert_never(result)


def read_answer(message: bytes, channels: int) -> tuple[float, ...] | MissingReason | None:
    """The `channels` values or the reason; None when the message is neither."""
    if message[:1] == bytes((_MEASURED,)) and len(message) == 1 + 8 * channels:
        return struct.unpack_from(f"<{channels}d", message, 1)
    if message[:1] == bytes((_MISSING,)) and len(message) == 2 and message[1] < len(MISSING_REASONS):
        return MISSING_REASONS[message[1]]
    return None
