"""A request's body into the JSON texts of its records: one object, an array of them, or one a line."""

from __future__ import annotations

import msgspec

from agent.errors import RecordRefused

_BOM = b"\xef\xbb\xbf"
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder(msgspec.Raw)


def split(body: bytes) -> list[tuple[int, bytes]]:
    """Each record's JSON with its number from 1: its line, or its place in the array.

    Raises RecordRefused with reason not_json where the body is a broken array, or holds nothing.
    """
    text = body.removeprefix(_BOM).strip()
    if not text:
        raise RecordRefused("not_json", "the body is empty")
    if text[:1] == b"[":
        try:
            return [(number, bytes(raw)) for number, raw in enumerate(_ARRAY.decode(text), 1)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordRefused("not_json", f"not a JSON array: {error}") from error
    if b"\n" not in text or _is_one(text):
        return [(1, text)]
    lines = body.removeprefix(_BOM).split(b"\n")
    return [(number, line) for number, raw in enumerate(lines, 1) if (line := raw.strip())]


def _is_one(text: bytes) -> bool:
    """Whether it is one JSON value over several lines."""
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
