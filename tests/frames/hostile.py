"""Hostile pictures, over 1,000: each with its name and the reasons it may be refused for; `MEASURED` among them where it is valid.

They reach every decoder that header.py lets through (PNG of each colour type, depth and interlacing; JPEG baseline, extended and
progressive with 1 to 4 components, restarts and sub-sampling; BMP of each header) and every kind that it must not let through.
"""

from __future__ import annotations

import random
import struct
import zlib

import cv2

from agent.frames.reasons import MISSING_REASONS
from tests.frames.pictures import (
    BMP,
    END_OF_IMAGE,
    JPEG,
    PNG,
    PNG_KINDS,
    PNG_MAGIC,
    PROGRESSIVE,
    SCAN,
    bmp,
    chunk,
    encoded,
    frame,
    huffman,
    jpeg,
    palette,
    picture,
    png,
    png_rows,
    quantisation,
    scan,
    segment,
    sized,
    whole_png,
)

MEASURED = ""
ANY = {MEASURED, *MISSING_REASONS} - {"child_died", "timeout"}
DAMAGED = {"truncated", "undecodable"}
LARGE = 40_000_000  # bytes a bomb unpacks to
SHARES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99)
FILLED = b"\x00\x00\x00\x10" * 8


def hostile():
    """All of them, in a fixed order: (name, bytes, reasons)."""
    for part in (cut_short, foreign, png_kinds, png_chunks, png_bombs, jpeg_kinds, jpeg_segments, bitmaps, flipped, random_bytes):
        for number, (data, reasons) in enumerate(part()):
            yield f"{part.__name__}[{number}]", data, reasons


def cut_short():
    for whole in (PNG, JPEG, BMP, PROGRESSIVE):
        for share in SHARES:
            yield whole[: int(len(whole) * share)], {"truncated"}
        for cut in (1, 2, 3):
            yield whole[:-cut], {"truncated"}
    for whole in (PNG, JPEG, BMP):
        for length in range(3, 27):
            yield whole[:length], {"truncated", "unknown_format"}
    yield b"", {"not_found"}
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):  # a picture that stops, made to end properly
        cut = SCAN + int((len(JPEG) - SCAN) * share)
        yield JPEG[:cut] + END_OF_IMAGE, DAMAGED
        later = PROGRESSIVE.index(b"\xff\xda")
        yield PROGRESSIVE[: later + int((len(PROGRESSIVE) - later) * share)] + END_OF_IMAGE, {MEASURED, *DAMAGED}


def foreign():
    """Other formats, of which OpenCV could read many."""
    heads = [b"II*\0", b"MM\0*", b"II+\0", b"GIF87a", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8X", b"v/1\x01"]
    heads += [b"#?RADIANCE\n", b"P%d\n64 48\n255\n" % 1, *(b"P%d\n64 48\n255\n" % k for k in range(2, 8)), b"Pf\n64 48\n-1.0\n"]
    heads += [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"\0\0\0\x1cftypavif", b"\0\0\0\x1cftypheic", b"\xff\x0a", b"qoif"]
    heads += [
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\x59\xa6\x6a\x95",
        b"8BPS\0\x01",
        b"\0\0\x01\0",
        b"\0\0\x02\0",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
    ]
    heads += [b"\x7fELF\x02\x01", b"\x1f\x8b\x08", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"#!/bin/sh\n", b"\xfe\xff\0B\0M"]
    heads += [b"part,verdict\nP1,ok\n", b"{}", b"\0", b" " + PNG_MAGIC, b"\xff\xd9\xff", b"\x8aMNG\r\n\x1a\n", b"\x8bJNG\r\n\x1a\n"]
    for head in heads:
        yield head + bytes(200), {"unknown_format"}
    yield b"BM a memo that begins like a bitmap", {"unknown_format"}
    yield PNG_MAGIC + JPEG, DAMAGED
    yield JPEG[:2] + PNG, {"unknown_format", "undecodable"}
    yield b"BM" + PNG, {"unknown_format"}


# --- PNG ----------------------------------------------------------------------------------------------------------------------


def png_kinds():
    """Each colour type, depth and interlacing: whole, stopping, overlong, with a wrong filter, and cut."""
    for colour, depth in PNG_KINDS:
        for interlace in (0, 1):
            whole = whole_png(colour, depth, interlace=interlace)
            yield whole, {MEASURED}
            for share in (0.3, 0.7, 0.97):
                yield whole[: int(len(whole) * share)], {"truncated"}
            rows = png_rows(64, 48, colour, depth, interlace=interlace)
            needed = (palette(2**depth),) if colour == 3 else ()
            given = {"depth": depth, "interlace": interlace}
            yield png(64, 48, colour, *needed, rows=rows[: len(rows) // 2], **given), {"undecodable"}
            yield png(64, 48, colour, *needed, rows=rows + bytes(5000), **given), ANY
            bad = png_rows(64, 48, colour, depth, interlace=interlace, filter_byte=77)
            yield png(64, 48, colour, *needed, rows=bad, **given), {"undecodable"}
            yield png(4000, 3000, colour, *needed, rows=rows, **given), {"undecodable"}
            yield png(60_000, 50_000, colour, *needed, rows=rows, **given), {"too_many_pixels"}
            yield png(31, 48, colour, *needed, rows=rows, **given), {"too_small"}
    for depth in (0, 3, 5, 7, 9, 15, 17, 32, 64, 255):
        yield png(64, 48, 0, depth=depth, rows=bytes(9000)), {"undecodable"}
    for colour in (1, 5, 7, 8, 64, 255):
        yield png(64, 48, colour, rows=bytes(20_000)), {"undecodable"}
    for colour, depth in ((2, 1), (2, 4), (3, 16), (4, 4), (6, 2)):
        yield png(64, 48, colour, palette(16), depth=depth, rows=bytes(20_000)), {"undecodable"}
    for wrong in ({"interlace": 2}, {"interlace": 255}, {"compression": 1}, {"filtering": 1}, {"filtering": 64}):
        yield png(64, 48, rows=bytes(65 * 48), **wrong), {"undecodable"}
    for width, height in ((0, 0), (0, 64), (64, 0), (2**31, 1), (2**32 - 1, 2**32 - 1), (2**31 - 1, 2**31 - 1), (10_001, 5_000)):
        yield png(width, height, rows=bytes(100)), {"undecodable", "too_many_pixels"}
    for width, height in ((1_000_001, 49), (49, 1_000_001), (32, 1_500_000)):  # few pixels, sides beyond the decoders' own limits
        yield png(width, height, rows=bytes(100)), {"undecodable"}


def png_chunks():
    """Chunks that are damaged, misplaced, repeated or lie."""
    rows = bytes(65 * 48)
    body = PNG[len(PNG_MAGIC) :]
    head, rest = body[:25], body[25:]
    yield PNG_MAGIC + rest, {"undecodable"}
    yield PNG_MAGIC + head + head + rest, {"undecodable"}
    yield PNG_MAGIC + chunk(b"IEND"), {"undecodable"}
    yield PNG_MAGIC + head + chunk(b"IEND"), {"undecodable"}
    yield PNG_MAGIC + head + chunk(b"IDAT") + chunk(b"IEND"), {"undecodable"}
    yield PNG.replace(b"IEND", b"XEND"), {"truncated"}
    yield PNG.replace(b"IDAT", b"IDAX"), {"undecodable"}
    for length in (0, 12, 14, 26):
        yield PNG_MAGIC + chunk(b"IHDR", head[8:21].ljust(length, b"\0")[:length]) + rest, {"undecodable"}
    for length in (0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFF4, len(PNG)):
        yield PNG_MAGIC + head + struct.pack(">I", length) + b"tEXt" + rest, DAMAGED
    yield PNG_MAGIC + chunk(b"IHDR", head[8:21], crc=0) + rest, {"undecodable"}
    packed = zlib.compress(rows)
    for crc in (0, 0xFFFF_FFFF):
        yield png(64, 48, 0, chunk(b"IDAT", packed, crc=crc), rows=b""), ANY
    for name in (
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"sBIT",
        b"tRNS",
        b"bKGD",
        b"hIST",
        b"pHYs",
        b"sPLT",
        b"tIME",
        b"tEXt",
        b"zTXt",
    ):
        for content in (b"", b"\xff", bytes(4), b"\xff" * 32, b"a\0\0" + b"\x55" * 400):
            yield png(64, 48, 2, chunk(name, content), rows=bytes(193 * 48)), {MEASURED, "undecodable"}
    for name in (
        b"iTXt",
        b"eXIf",
        b"cICP",
        b"mDCV",
        b"cLLI",
        b"oFFs",
        b"pCAL",
        b"sCAL",
        b"sTER",
        b"fcTL",
        b"fdAT",
        b"vpAg",
        b"CgBI",
    ):
        for content in (b"", b"\xff" * 26, b"II*\0" + b"\xff" * 40):
            yield png(64, 48, 2, chunk(name, content), rows=bytes(193 * 48)), {MEASURED, "undecodable"}
    for name in (b"XXXX", b"IDaT", b"\0\0\0\0", b"\xff\xff\xff\xff"):  # critical and unknown
        yield png(64, 48, 0, chunk(name, bytes(10)), rows=rows), {MEASURED, "undecodable"}
    yield png(64, 48, 0, chunk(b"acTL", bytes(8)), rows=rows), {"unknown_format"}
    yield png(64, 48, 0, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), rows=rows), {"unknown_format"}
    indexed = bytes((0, *[255] * 64)) * 48  # indices beyond the palette
    for colours in ((), (palette(0),), (palette(1),), (palette(257),), (chunk(b"PLTE", bytes(7)),), (palette(4), palette(4))):
        yield png(64, 48, 3, *colours, rows=indexed), {MEASURED, "undecodable"}
    yield png(64, 48, 3, palette(4), chunk(b"tRNS", bytes(300)), rows=indexed), {MEASURED, "undecodable"}
    split = [chunk(b"IDAT", packed[k : k + 1]) for k in range(len(packed))]
    yield png(64, 48, 0, *split[:-1], chunk(b"tEXt", b"a\0b"), split[-1], rows=b""), {MEASURED, "undecodable"}
    for stream in (
        b"",
        b"\x78",
        b"\x78\x9c",
        b"\x78\x9c\x07",
        bytes(50),
        b"\x78\x9c" + b"\xff" * 200,
        packed[:-4] + bytes(4),
        packed[2:],
    ):
        yield PNG_MAGIC + head + chunk(b"IDAT", stream) + chunk(b"IEND"), {"undecodable"}


def png_bombs():
    """Small files that unpack to much, or are long lists."""
    rows = bytes(65 * 48)
    much = zlib.compress(bytes(LARGE), 9)
    valid_or_not = {MEASURED, "undecodable", "out_of_memory"}
    yield png(64, 48, 0, rows=bytes(LARGE)), valid_or_not
    for name, head in ((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")):
        yield png(64, 48, 0, chunk(name, head + much), rows=rows), valid_or_not
        yield png(64, 48, 0, *[chunk(name, head + much)] * 20, rows=rows), valid_or_not
    yield png(64, 48, 0, chunk(b"tEXt", b"k\0" + bytes(9_000_000)), rows=rows), valid_or_not
    yield (
        png(64, 48, 0, chunk(b"eXIf", b"II*\0\x08\0\0\0" + b"\xff\xff" + b"\0\1\0\4\xff\xff\xff\xff\x08\0\0\0" * 5000), rows=rows),
        valid_or_not,
    )
    yield (
        png(64, 48, 0, chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\x08"), rows=rows),
        valid_or_not,
    )  # a directory that is its own next
    yield png(64, 48, 0, chunk(b"sPLT", b"k\0\x10" + bytes(5_000_000)), rows=rows), valid_or_not
    yield png(64, 48, 0, *[chunk(b"tEXt", b"a\0b")] * 2000, rows=rows), {"undecodable"}
    yield png(64, 48, 0, *[chunk(b"tEXt", b"a\0b")] * 900, rows=rows), valid_or_not
    yield png(64, 48, 0, *[chunk(b"IDAT")] * 110_000, rows=rows), {"undecodable"}
    for colour, depth in ((0, 8), (2, 16), (6, 16), (3, 8)):
        for width, height in ((65_000, 65_000), (60_000, 2_000), (10_001, 10_000), (7_100, 7_050)):
            yield png(width, height, colour, depth=depth), {"too_many_pixels"}
        yield png(6000, 6000, colour, *[palette(256)] * (colour == 3), depth=depth), {"undecodable", "out_of_memory"}
    yield png(7000, 7000, 0, rows=bytes(7001 * 10)), {"undecodable"}


# --- JPEG ---------------------------------------------------------------------------------------------------------------------


def jpeg_kinds():
    """Each frame type, component count, sampling and precision, with the sizes it may lie about."""
    for code in range(0xC0, 0xD0):
        if code not in (0xC4, 0xC8, 0xCC):  # tables and a reserved code, not frames
            is_huffman = code in (0xC0, 0xC1, 0xC2)
            for components in (1, 3, 4):  # 4: CMYK
                data = jpeg(64, 48, components, code=code)
                yield data, {MEASURED, "undecodable"} if is_huffman else {"unknown_format"}
                yield (
                    jpeg(65_000, 60_000, components, code=code, body=FILLED),
                    {"too_many_pixels" if is_huffman else "unknown_format"},
                )
    for components in (0, 2, 5, 10, 255):
        yield jpeg(64, 48, components, body=FILLED), {"undecodable", MEASURED}
    for precision in (0, 1, 2, 7, 9, 10, 12, 16, 255):
        yield jpeg(precision=precision), {"unknown_format"}
    for sampling in (0x00, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 0x33, 0x50, 0xFF):
        for components in (1, 3, 4):
            yield jpeg(64, 48, components, sampling=sampling), {MEASURED, "undecodable", "truncated"}
    for width, height in ((0, 48), (64, 0), (0, 0)):
        yield jpeg(width, height, body=FILLED), {"undecodable"}
    for width, height in ((31, 48), (64, 31), (1, 1)):
        yield jpeg(width, height), {"too_small"}
    for width, height in (
        (65_535, 65_535),
        (60_000, 2_000),
        (65_535, 32),
        (32, 65_535),
        (10_001, 10_000),
        (7_000, 7_000),
        (3_000, 3_000),
    ):
        yield sized(width, height), {"too_many_pixels", *DAMAGED}
        yield jpeg(width, height, 4, body=FILLED), {"too_many_pixels", *DAMAGED}
    for quality, options in ((1, ()), (5, (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)), (40, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)), (100, ())):
        for image in (picture(4, 96, 128), cv2.merge([picture(k, 96, 128) for k in (5, 6, 7)])):
            whole = encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, quality, *options)
            yield whole, {MEASURED}
            at = whole.rindex(b"\xff\xda")
            yield whole[:at] + END_OF_IMAGE, {*DAMAGED, MEASURED}
            for share in SHARES:
                yield whole[: int(len(whole) * share)], {"truncated"}
            yield whole[: at + 10] + bytes(40) + whole[at + 50 :], {MEASURED, *DAMAGED}
            yield whole[: at + 10] + b"\xff\x00" * 30 + whole[at + 70 :], {MEASURED, *DAMAGED}
            for restart in (0xD0, 0xD3, 0xD7):
                yield whole[: at + 40] + bytes((0xFF, restart)) + whole[at + 40 :], {MEASURED, *DAMAGED}


def jpeg_segments():
    """Segments that are missing, repeated, too long, or carry bombs and loops."""
    tables, head, bits = quantisation() + huffman(0) + huffman(1), frame(64, 48), bytes(12) + END_OF_IMAGE
    start = b"\xff\xd8"
    for pieces in (
        (head, scan(), bits),
        (tables, scan(), bits),
        (tables, head, END_OF_IMAGE),
        (quantisation(), head, scan(), bits),
        (huffman(0), huffman(1), head, scan(), bits),
        (tables, head, head, scan(), bits),
        (tables, head, scan(), bits[:-2], scan(), bits),
        (scan(), tables, head, bits),
        (tables, head, scan(names=[9]), bits),
        (tables, head, scan(names=[1, 1]), bits),
        (tables, head, scan(names=range(1, 6)), bits),
        (tables, head, scan(tables=0x33), bits),
        (tables, head, scan(tables=0xFF), bits),
        (tables, head, scan(first=63, last=0), bits),
        (tables, frame(64, 48, code=0xC2), scan(first=0, last=0, approximation=0xFF), bits),
        (tables, frame(64, 48, code=0xC2), scan(first=64, last=255), bits),
        (tables, frame(64, 48, table=3), scan(), bits),
        (tables, frame(64, 48, table=255), scan(), bits),
        (quantisation(step=0), huffman(0), huffman(1), head, scan(), bits),
        (quantisation(precision=1, step=0xFFFF), huffman(0), huffman(1), head, scan(), bits),
        (quantisation(table=15), tables, head, scan(), bits),
        (huffman(0, 15), tables, head, scan(), bits),
        (quantisation(), huffman(0, counts=(255,) * 16), huffman(1), head, scan(), bits),
        (quantisation(), huffman(0, counts=(3, *[0] * 15), symbols=b"\0\1\2"), huffman(1), head, scan(), bits),
        (quantisation(), huffman(0, symbols=b"\xff"), huffman(1), head, scan(), bits),
        (quantisation(), huffman(0), huffman(1, symbols=b"\xff"), head, scan(), bits),
        (segment(0xC8), tables, head, scan(), bits),
        (segment(0xCC, b"\0\0"), tables, head, scan(), bits),
        (segment(0xDC, b"\0\x40"), tables, head, scan(), bits),
        (segment(0xDD, b"\0\1"), tables, head, scan(), bits),
        (segment(0xDD, b"\xff\xff"), tables, head, scan(), bits),
        (segment(0xDD), tables, head, scan(), bits),
        (b"\xff\x01", tables, head, scan(), bits),
        (b"\xff\xd8", tables, head, scan(), bits),
        (b"\0", tables, head, scan(), bits),
        (b"\xff\xe1\x00\x01", tables, head, scan(), bits),
        (b"\xff\xe1\x00\x00", tables, head, scan(), bits),
    ):
        yield start + b"".join(pieces), {MEASURED, "unknown_format", *DAMAGED}
    exifs = [
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\0\0\0\0\0\x08",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0\0\0\6\0\0\0" * 5000,
    ]
    exifs += [b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes((way, 0, 0, 0)) for way in range(10)]
    for exif in exifs:
        yield jpeg(64, 48, 1, segment(0xE1, b"Exif\0\0" + exif)), {MEASURED}
    for code in (*range(0xE0, 0xF0), 0xFE):
        yield jpeg(64, 48, 1, segment(code, bytes(65_533))), {MEASURED}
        yield jpeg(64, 48, 3, segment(code, b"\xff" * 300)), {MEASURED}
    for transform in (0, 1, 2, 255):
        yield jpeg(64, 48, 4, segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,)))), {MEASURED, "undecodable"}
    yield jpeg(64, 48, 1, *[segment(0xE2, b"ICC_PROFILE\0" + bytes((k, 255)) + bytes(60_000)) for k in range(1, 256)]), {MEASURED}
    yield jpeg(64, 48, 1, *[segment(0xE1)] * 9_000), {MEASURED}
    yield start + b"\xff\xe1\x00\x02" * 20_000, {"undecodable"}
    yield start + b"\xff\xe1\xff\xff", {"truncated"}
    yield start + b"\xff" * 2_000_000, {"truncated"}
    yield JPEG[:SCAN] + PROGRESSIVE[PROGRESSIVE.index(b"\xff\xda") : -2] * 200 + END_OF_IMAGE, {"undecodable"}
    late = PROGRESSIVE.index(b"\xff\xda")
    body = PROGRESSIVE[late:-2]
    yield PROGRESSIVE[:late] + body * 9 + END_OF_IMAGE, {MEASURED, *DAMAGED}  # every scan again, below the limit
    yield JPEG[:2] + JPEG[2:SCAN] + JPEG[2:], {"undecodable"}  # two frame headers


# --- BMP ----------------------------------------------------------------------------------------------------------------------


def bitmaps():
    """Each header, depth and direction; offsets, sizes and palettes that lie."""
    for header in (12, 40, 52, 56, 108, 124):
        for bits in (8, 24, 32):
            for height in (48, -48) if header != 12 else (48,):
                whole = bmp(64, height, header=header, bits=bits)
                yield whole, {MEASURED, "undecodable"}
                for share in (0.3, 0.9):
                    yield whole[: int(len(whole) * share)], {"truncated"}
                yield whole[:-1], {"truncated"}
                yield (
                    bmp(60_000, height * 600 if header != 12 else 60_000, header=header, bits=bits, rows=bytes(100)),
                    {"truncated"},
                )
        for bits in (0, 1, 2, 4, 16, 48, 64, 65_535):
            yield bmp(header=header, bits=bits, rows=bytes(9000)), {"unknown_format"}
        yield bmp(header=header, planes=0), {"undecodable"}
        yield bmp(header=header, planes=2), {"undecodable"}
        yield bmp(31, 48, header=header), {"too_small"}
        for offset in (0, 14, 25, 2**31 - 1, 2**32 - 1):
            yield bmp(header=header, offset=offset), DAMAGED
    for header in (0, 11, 13, 16, 39, 41, 64, 125, 2**31, 2**32 - 1):
        yield BMP[:14] + struct.pack("<I", header) + BMP[18:], {"unknown_format"}
    for compression in (1, 2, 3, 4, 5, 6, 11, 2**31):
        for bits in (8, 24, 32):
            yield bmp(bits=bits, compression=compression), {MEASURED, "unknown_format", "undecodable"}
    for width, height in (
        (0, 48),
        (-64, 48),
        (64, 0),
        (2**31 - 1, 2**31 - 1),
        (2**31 - 1, 1),
        (1, -(2**31)),
        (64, -(2**31)),
        (-(2**31), 64),
    ):
        yield bmp(width, height, rows=bytes(9000)), DAMAGED
    for colours in (1, 255, 256, 257, 65_536, 2**31, 2**32 - 1):
        yield bmp(bits=8, colours=colours), {MEASURED, "undecodable"}
        yield bmp(bits=8, colours=colours, table=b""), {MEASURED, "undecodable"}
    for masks in (bytes(12), b"\xff" * 12, struct.pack("<III", 1, 2, 4), struct.pack("<III", 0xFFFFFFFF, 0, 0)):
        yield bmp(bits=32, compression=3, table=masks), {MEASURED, "undecodable"}
    yield bmp(10_000, 10_000, bits=8, rows=bytes(100_000_000 // 2)), {"truncated"}


# --- chance -------------------------------------------------------------------------------------------------------------------


def flipped():
    """One to eight bits of a good picture turned."""
    rng = random.Random(21)
    whole = [
        PNG,
        JPEG,
        BMP,
        PROGRESSIVE,
        *(whole_png(c, d, interlace=1) for c, d in PNG_KINDS),
        jpeg(64, 48, 3),
        jpeg(64, 48, 4),
        bmp(bits=8),
    ]
    for given in whole:
        for _ in range(12):
            data = bytearray(given)
            for _ in range(rng.randrange(1, 9)):
                data[rng.randrange(min(len(data), rng.choice((64, 400, 1 << 20))))] ^= 1 << rng.randrange(8)
            yield bytes(data), ANY


def random_bytes():
    rng = random.Random(20)
    for _ in range(40):
        yield rng.randbytes(rng.randrange(4, 4000)), {"unknown_format", "truncated"}
    for magic in (PNG_MAGIC, PNG_MAGIC + PNG[8:33], b"\xff\xd8\xff", JPEG[:SCAN], b"BM", BMP[:54]):
        for _ in range(10):
            yield magic + rng.randbytes(rng.randrange(64, 4000)), ANY
