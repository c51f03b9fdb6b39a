"""Pictures made by hand, byte by byte: every variant of the three formats, whole ones and contradictory ones."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
CHANNELS_OF_COLOUR = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG, table 12
PNG_KINDS = [
    (colour, depth)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]
# Adam7 (PNG, figure 7): first column, first row, column step, row step of each pass.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
END_OF_IMAGE = b"\xff\xd9"


def picture(seed=1, height=240, width=320):
    return cv2.GaussianBlur(np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8), (7, 7), 2)


def encoded(kind, image, *options):
    return cv2.imencode(kind, image, list(options))[1].tobytes()


# --- PNG ----------------------------------------------------------------------------------------------------------------------


def chunk(name, body=b"", *, crc=None):
    check = zlib.crc32(name + body) if crc is None else crc
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)


def png(width, height, colour=0, *chunks, depth=8, rows=b"", interlace=0, compression=0, filtering=0):
    """`chunks` stand between header and picture, `rows` is the picture before compression."""
    sizes = struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlace)
    return PNG_MAGIC + chunk(b"IHDR", sizes) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def png_rows(width, height, colour, depth, *, interlace=0, filter_byte=0):
    """Rows of noise that fit such a header."""
    rng = np.random.default_rng([width, height, colour, depth, interlace])
    passes = ADAM7 if interlace else ((0, 0, 1, 1),)
    rows = []
    for x, y, across, down in passes:
        columns, lines = -(-(width - x) // across), -(-(height - y) // down)
        size = -(-columns * CHANNELS_OF_COLOUR[colour] * depth // 8)
        rows += [bytes((filter_byte,)) + rng.bytes(size) for _ in range(lines)]
    return b"".join(rows)


def palette(entries):
    return chunk(b"PLTE", bytes(k % 256 for k in range(3 * entries)))


def whole_png(colour, depth, *chunks, interlace=0, width=64, height=48):
    """A valid picture of this kind."""
    needed = (palette(2**depth),) if colour == 3 else ()
    rows = png_rows(width, height, colour, depth, interlace=interlace)
    return png(width, height, colour, *needed, *chunks, depth=depth, rows=rows, interlace=interlace)


# --- JPEG ---------------------------------------------------------------------------------------------------------------------


def segment(code, body=b""):
    return bytes((0xFF, code)) + struct.pack(">H", 2 + len(body)) + body


def quantisation(table=0, *, step=1, precision=0):
    return segment(0xDB, bytes((precision << 4 | table,)) + (bytes((step,)) if not precision else struct.pack(">H", step)) * 64)


def huffman(kind, table=0, *, counts=(1, *[0] * 15), symbols=b"\0"):
    """kind 0: DC, 1: AC. As given, one code: the bit 0 means the symbol 0 (no difference, end of block)."""
    return segment(0xC4, bytes((kind << 4 | table, *counts)) + symbols)


def frame(width, height, components=1, *, code=0xC0, precision=8, sampling=0x11, table=0):
    body = struct.pack(">BHHB", precision, height, width, components)
    return segment(code, body + b"".join(bytes((k + 1, sampling if k == 0 else 0x11, table)) for k in range(components)))


def scan(components=1, *, tables=0, first=0, last=63, approximation=0, names=None):
    chosen = names or range(1, components + 1)
    body = bytes((len(list(chosen)),)) + b"".join(bytes((k, tables)) for k in chosen) + bytes((first, last, approximation))
    return segment(0xDA, body)


def jpeg(width=64, height=48, components=1, *extra, code=0xC0, precision=8, sampling=0x11, body=None):
    """A grey area of one value; `extra` are segments before the frame header. With its tables a block is two bits, both 0."""
    units = -(-width // 8) * -(-height // 8) * components * ((sampling >> 4) * (sampling & 15) if components > 1 else 1)
    bits = bytes(-(-2 * units // 8)) if body is None else body
    tables = quantisation() + huffman(0) + huffman(1)
    head = frame(width, height, components, code=code, precision=precision, sampling=sampling)
    return b"\xff\xd8" + b"".join(extra) + tables + head + scan(components) + bits + END_OF_IMAGE


# --- BMP ----------------------------------------------------------------------------------------------------------------------


def bmp(width=64, height=48, *, header=40, bits=24, compression=0, planes=1, colours=0, rows=None, offset=None, table=None):
    """header: its size in bytes, by which its version is known."""
    colour_table = bytes(1024 if bits == 8 and header != 12 else 768 if bits == 8 else 0) if table is None else table
    if header == 12:
        head = struct.pack("<IHHHH", 12, width & 0xFFFF, height & 0xFFFF, planes, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, width, height, planes, bits, compression, 0, 2835, 2835, colours, 0)
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        head += (masks + bytes(124))[: header - 40] if header > 40 else masks[:12] if compression == 3 else b""
    start = 14 + len(head) + len(colour_table) if offset is None else offset
    size = (max(width, 0) * bits + 31) // 32 * 4 * abs(height)
    body = np.random.default_rng(size % 2**32).bytes(size) if rows is None else rows
    return b"BM" + struct.pack("<IHHI", (start + len(body)) & 0xFFFFFFFF, 0, 0, start) + head + colour_table + body


PNG, JPEG, BMP = (encoded(kind, picture()) for kind in (".png", ".jpg", ".bmp"))
PROGRESSIVE = encoded(".jpg", picture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
SCAN = JPEG.index(b"\xff\xda")
SIZE = JPEG.index(b"\xff\xc0") + 5


def sized(width, height):
    """A JPEG that says it has another size."""
    return JPEG[:SIZE] + struct.pack(">HH", height, width) + JPEG[SIZE + 4 :]
