"""Format and size of a picture from its header, and whether the file is whole, before any decoder sees it.

Formats: PNG (W3C PNG, third edition), JPEG (ITU-T T.81: baseline, extended and progressive Huffman), BMP (uncompressed). TIFF is
refused: its directories can point anywhere and the decoders behind it are many.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

from agent.frames.reasons import MissingReason


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says it is; both sides at least 1."""

    kind: Literal["png", "jpeg", "bmp"]
    width: int
    height: int


_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_BMP = b"BM"

_MAX_CHUNKS = 100_000  # 512 MB in libpng's usual IDAT of 8 kB is 65,536
_MAX_SIDE_CHUNKS = 1_000  # every other chunk; libpng itself keeps at most 1,000
_MAX_SEGMENTS = 10_000
_MAX_SCANS = 100  # progressive encoders write about 10; each one makes a decoder walk the whole picture

_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
# Within a scan, FF 00 is a stuffed byte, FF D0 to FF D7 are restarts and FF FF is filling; anything else ends it.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_NOT_FILLING = re.compile(rb"[^\xff]", re.DOTALL)


def read_header(data: bytes) -> Header | MissingReason:
    """The picture's header, or the reason to refuse it: unknown_format, truncated or undecodable."""
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(_JPEG):
        return _jpeg(data)
    if (
        data.startswith(_BMP)
        and len(data) >= 6
        and (len(data) < 18 or struct.unpack_from("<I", data, 14)[0] in (12, 40, 52, 56, 108, 124))
    ):
        return _bmp(data)
    begins_like_one = any(data and magic.startswith(data) for magic in (_PNG, _JPEG, _BMP))
    return "truncated" if begins_like_one else "unknown_format"


def _png(data: bytes) -> Header | MissingReason:
    header: Header | None = None
    position, chunks, side_chunks = len(_PNG), 0, 0
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if length > 0x7FFF_FFFF or (header is None) != (name == b"IHDR"):
            return "undecodable"
        if position + 12 + length > len(data):
            break
        if header is None:
            width, height = struct.unpack_from(">II", data, position + 8)
            if length != 13 or width == 0 or height == 0:
                return "undecodable"
            header = Header("png", width, height)
        elif name == b"IEND":
            return header
        elif name == b"acTL":  # an animation
            return "unknown_format"
        chunks += 1
        side_chunks += name != b"IDAT"
        if chunks > _MAX_CHUNKS or side_chunks > _MAX_SIDE_CHUNKS:
            return "undecodable"
        position += 12 + length
    return "truncated"


def _jpeg(data: bytes) -> Header | MissingReason:  # noqa: PLR0911, PLR0912, C901 - one marker grammar, one reason per way to break it
    header: Header | None = None
    position, scans = 2, 0
    for _ in range(_MAX_SEGMENTS):
        if position >= len(data):
            return "truncated"
        code_at = _NOT_FILLING.search(data, position)
        if data[position] != 0xFF:
            return "undecodable"
        if code_at is None:
            return "truncated"
        code, position = data[code_at.start()], code_at.end()
        if code == _END_OF_IMAGE:
            return header if header is not None and scans else "undecodable"
        if position + 2 > len(data):
            return "truncated"
        (length,) = struct.unpack_from(">H", data, position)
        if code <= 0x01 or 0xD0 <= code <= 0xD8 or length < 2:
            return "undecodable"
        if position + length > len(data):
            return "truncated"
        if code in _OTHER_FRAMES:
            return "unknown_format"
        if code in _HUFFMAN_FRAMES:
            if header is not None or length < 8:
                return "undecodable"
            precision, height, width = struct.unpack_from(">BHH", data, position + 2)
            if precision != 8:
                return "unknown_format"
            if width == 0 or height == 0:
                return "undecodable"
            header = Header("jpeg", width, height)
        position += length
        if code == _START_OF_SCAN:
            scans += 1
            if header is None or scans > _MAX_SCANS:
                return "undecodable"
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                return "truncated"
            position = end.start()
    return "undecodable"


def _bmp(data: bytes) -> Header | MissingReason:
    if len(data) < 26:
        return "truncated"
    offset, header_bytes = struct.unpack_from("<II", data, 10)
    if header_bytes == 12:
        width, height, planes, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    elif len(data) < 14 + header_bytes:
        return "truncated"
    else:
        width, height, planes, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if planes != 1 or width <= 0 or height == 0 or offset < 14 + header_bytes:
        return "undecodable"
    if bits not in (8, 24, 32) or compression not in (0, 3) or (compression == 3 and bits != 32):
        return "unknown_format"
    row_bytes = (width * bits + 31) // 32 * 4
    if offset + row_bytes * abs(height) > len(data):
        return "truncated"
    return Header("bmp", width, abs(height))
