"""Before and after on one page: the pictures of an incident side by side, each with its histogram. One SVG, whole in itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from agent.documents import AlarmDoc, IncidentDoc
    from agent.ports import PictureRow

_WIDTH, _GAP, _TOP, _LINE, _HISTOGRAM = 360, 24, 28, 18, 90
_INK, _BEFORE, _AFTER, _PALE = "#1a1a1a", "#3b6ea5", "#c77700", "#d8d8d8"
SOURCES = {"golden": "golden frame", "baseline": "as the baseline was learned", "alarm": "at an alarm"}


def place_of(row: PictureRow) -> str:
    """Where a picture was taken, in words."""
    return ", ".join(f"{name} {value}" for name in ("view", "position", "recipe") if (value := getattr(row, name)))


def caption(row: PictureRow) -> tuple[str, str]:
    """What a picture shows, and of which part."""
    part = f"part {row.part_id}, {row.taken_at:%Y-%m-%d %H:%M:%S} UTC" if row.part_id else f"frame sha256 {row.of_sha256[:16]}…"
    return f"{row.moment}: {SOURCES[row.source]}", part


def file_name(incident: str, number: int, row: PictureRow) -> str:
    """Of one picture among those exported."""
    where = "-".join(filter(None, (row.view, row.position, row.recipe)))
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in where)
    return f"{incident}-{number:02d}-{row.moment}-{safe}.jpg"


def page(incident: IncidentDoc, alarms: Sequence[AlarmDoc], pictures: Sequence[PictureRow]) -> str:
    """The page; a row a place. Histograms count the pixels of the whole frame; in those of after, before is a line."""
    rows = [list(found) for _, found in groupby(pictures, key=place_of)]
    drawn: list[str] = []
    top = _TOP
    for text in (f"{incident.incident} at {incident.station}: before and after", *(alarm.text for alarm in alarms[:4])):
        drawn.append(_text(_GAP, top, text, bold=top == _TOP))
        top += _LINE
    for found in rows:
        top += _LINE
        drawn.append(_text(_GAP, top, place_of(found[0]), bold=True))
        top += _LINE
        height = max(round(_WIDTH * row.height / row.width) for row in found)
        before = next((row for row in found if row.moment == "before"), None)
        for k, row in enumerate(found):
            drawn += _picture(_GAP + k * (_WIDTH + _GAP), top, height, row, before)
        top += 2 * _LINE + height + _HISTOGRAM + _LINE
    width = _GAP + max((len(found) for found in rows), default=1) * (_WIDTH + _GAP)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}">'
    back = f'<rect width="{width}" height="{top}" fill="white"/>'
    return "\n".join([head, f'<g font-family="sans-serif" font-size="12" fill="{_INK}">', back, *drawn, "</g>", "</svg>"]) + "\n"


def _picture(x: int, top: int, height: int, row: PictureRow, before: PictureRow | None) -> Iterator[str]:
    for k, text in enumerate(caption(row)):
        yield _text(x, top + k * _LINE, text)
    y, own = top + _LINE + 8, round(_WIDTH * row.height / row.width)
    body = base64.b64encode(row.body).decode()
    yield f'<image x="{x}" y="{y}" width="{_WIDTH}" height="{own}" href="data:image/jpeg;base64,{body}"/>'
    base = y + height + 8 + _HISTOGRAM
    tallest = max(max(_shares(one)) for one in (row, before) if one is not None) or 1.0
    colour = _BEFORE if row.moment == "before" else _AFTER
    step = _WIDTH / len(row.histogram)
    for k, share in enumerate(_shares(row)):
        high = _HISTOGRAM * share / tallest
        yield f'<rect x="{x + k * step:.1f}" y="{base - high:.1f}" width="{step:.1f}" height="{high:.1f}" fill="{colour}"/>'
    if before is not None and row is not before:
        points = " ".join(
            f"{x + (k + 0.5) * step:.1f},{base - _HISTOGRAM * s / tallest:.1f}" for k, s in enumerate(_shares(before))
        )
        yield f'<polyline points="{points}" fill="none" stroke="{_BEFORE}" stroke-width="1.5"/>'
    yield f'<line x1="{x}" y1="{base}" x2="{x + _WIDTH}" y2="{base}" stroke="{_PALE}"/>'
    yield _text(x, base + 12, "dark") + _text(x + _WIDTH, base + 12, "bright", end=True)


def _shares(row: PictureRow) -> list[float]:
    """Square roots of shares: what is rare shows beside what is not."""
    total = sum(row.histogram) or 1
    return [(count / total) ** 0.5 for count in row.histogram]


def _text(x: float, y: float, text: str, *, bold: bool = False, end: bool = False) -> str:
    style = (' font-weight="bold"' if bold else "") + (' text-anchor="end"' if end else "")
    plain = "".join(c if c.isprintable() else "�" for c in text)
    return f'<text x="{x}" y="{y}"{style}>{escape(plain)}</text>'
