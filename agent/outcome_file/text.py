"""How a file is written: its encoding, and what separates its cells."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

# Looked at to guess; a file that changes later is refused line by line.
HEAD_BYTES = 1 << 18
DELIMITERS = (";", ",", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def head_of(file: Path) -> bytes:
    """The bytes that are looked at."""
    with file.open("rb") as raw:
        return raw.read(HEAD_BYTES)


def guess_encoding(head: bytes) -> str:
    """By its byte order mark, else UTF-16 by its zeros, else UTF-8 where it is that, else cp932 (Japanese) or cp1252 (western).

    In cp932 most lead bytes and many trail bytes lie at 0x80 to 0x9F, where western text has next to nothing.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head[:512]:
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    if _is(head, "utf-8"):
        return "utf-8"
    high = [byte for byte in head if byte >= 0x80]
    is_japanese = 4 * sum(byte <= 0x9F for byte in high) >= len(high)
    return "cp932" if is_japanese and _is(head, "cp932") else "cp1252"


def decoded(head: bytes, encoding: str) -> str:
    """The head as text, its last, perhaps torn line left out."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    if len(head) < HEAD_BYTES:
        return text
    return text[: text.rfind("\n") + 1]


def guess_delimiter(head: str) -> str:
    """What an Excel `sep=` line says, else the one that cuts most of the first lines into equally many (two or more) cells."""
    first = head.lstrip("\ufeff").splitlines()[:1]
    if first and first[0].lower().startswith("sep=") and len(first[0].strip()) == 5:
        return first[0].strip()[4]
    lines = [line for line in head.splitlines()[:50] if line.strip()]
    best, most = ",", (0, 0)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        usual = max(set(widths), key=lambda w: (widths.count(w), w), default=0)
        score = (widths.count(usual), usual) if usual > 1 else (0, 0)
        if score > most:
            best, most = delimiter, score
    return best


def _is(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return False
    return True
