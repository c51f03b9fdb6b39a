"""Dates and times as Excel and plant software write them, in the plant's time zone, to instants in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

Order = Literal["ymd", "dmy", "mdy"]

_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  (local, as the cell is; day 60 of Excel's 1900 lies before any plant)
_SERIAL = re.compile(r"[2-9]\d{4}(?:[.,]\d+)?$")
_TIME = r"(?:[ T,]+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,](\d{1,6})\d*)?)?\s*([ap])?\.?m?\.?)?$"
_NUMBERS = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})" + _TIME, re.IGNORECASE)
_NAMED = re.compile(r"(\d{1,2})[. -]+([^\W\d]{3,9})\.?[ -]+(\d{2,4})" + _TIME, re.IGNORECASE)
_KANJI = str.maketrans({"年": "/", "月": "/", "日": " ", "時": ":", "分": ":", "秒": None})
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan janv ene gen",
            "feb fev fév févr fevr",
            "mar mär mrz mars",
            "apr avr abr",
            "may mai mag",
            "jun juin giu",
            "jul juil lug",
            "aug août aou ago",
            "sep sept set",
            "oct okt ott",
            "nov",
            "dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
}


class NoInstant(ValueError):
    """A cell that is no date and time."""


def guess_order(cells: Iterable[str]) -> Order | None:
    """Whether day or month comes first where the year does not; None where these cells do not tell or disagree.

    Dots stand between day and month; of slashes and dashes, a first number above 12 is a day, a second one a month's day.
    """
    seen: set[Order] = set()
    undecided = False
    for cell in cells:
        match = _NUMBERS.match(_westernised(cell))
        if match is None or len(match[1]) == 4:
            continue
        if match[2] == "." or int(match[1]) > 12:
            seen.add("dmy")
        elif int(match[3]) > 12:
            seen.add("mdy")
        else:
            undecided = True
    if len(seen) == 1:
        return seen.pop()
    return None if seen or undecided else "ymd"


class Instants:
    """Reads the cells of one file. zone: of cells that name none. order: of numbers where the year does not come first."""

    def __init__(self, zone: tzinfo, order: Order) -> None:
        self._zone = zone
        self._day_first = order != "mdy"

    def read(self, cell: str) -> datetime:
        """The instant, in UTC. A day alone is its first moment, the hour that comes twice in autumn its first. Raises NoInstant."""
        try:
            found = datetime.fromisoformat(cell) if len(cell) > 10 else None
        except ValueError:
            found = None
        if found is None:
            found = self._local(cell)
        return self._in_utc(found) if found.tzinfo is None else found.astimezone(UTC)

    def _local(self, cell: str) -> datetime:
        if _SERIAL.match(cell):
            # Excel counts days; to the nearest millisecond, which is finer than its digits.
            return _EXCEL_EPOCH + timedelta(milliseconds=round(float(cell.replace(",", ".")) * 86_400_000))
        text = _westernised(cell)
        match = _NUMBERS.match(text)
        if match is not None:
            first, second, third = match[1], match[3], match[4]
            if len(first) > 2:
                year, month, day = first, second, third
            elif self._day_first:
                day, month, year = first, second, third
            else:
                month, day, year = first, second, third
            return _at(cell, year, int(month), day, match.groups()[4:])
        match = _NAMED.match(text)
        month_number = None if match is None else _MONTHS.get(match[2].lower()) or _MONTHS.get(match[2].lower()[:3])
        if match is None or month_number is None:
            raise NoInstant(f"expected a date and time, got {cell[:40]!r}")
        return _at(cell, match[3], month_number, match[1], match.groups()[3:])

    def _in_utc(self, local: datetime) -> datetime:
        at = local.replace(tzinfo=self._zone).astimezone(UTC)
        if at.astimezone(self._zone).replace(tzinfo=None) != local.replace(fold=0):
            raise NoInstant(f"{local:%Y-%m-%d %H:%M:%S} does not exist in {self._zone}: the clocks were put forward over it")
        return at


def _westernised(cell: str) -> str:
    return cell.translate(_KANJI).rstrip(": ") if "年" in cell else cell


def _at(cell: str, year: str, month: int, day: str, time: tuple[str | None, ...]) -> datetime:
    hour, minute, second, fraction, half = time
    hours = int(hour or 0)
    if half is not None:
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    try:
        return datetime(  # noqa: DTZ001  (local: the zone is put on by the caller)
            int(year) + (2000 if len(year) == 2 else 0),
            month,
            int(day),
            hours,
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError as error:
        raise NoInstant(f"no such date and time: {cell[:40]!r} ({error})") from error
