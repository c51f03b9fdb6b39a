"""An outcome file, row by row, in constant memory: each row as an outcome's JSON, or why it cannot be used."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import msgspec

from agent.errors import AgentError, RecordRefused
from agent.outcome_file import text as writing
from agent.outcome_file.instants import Instants, NoInstant, Order, guess_order
from agent.outcome_file.mapping import find_header, map_columns
from agent.outcome_file.words import Words, yes_or_no
from agent.records import Outcome, decode

# Report titles that may stand before the header of a CSV, and the rows that dates are guessed from.
TITLE_ROWS, DATE_ROWS = 20, 1_000
_NOT_TEXT = "\ufffd"
_NUMBER = re.compile(r"([+-]?[\d.,]+)\s*(%?)$")
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; None and empty: told from the file. columns: member → header."""

    columns: dict[str, str] = field(default_factory=dict)
    good: tuple[str, ...] = ()
    defective: tuple[str, ...] = ()
    delimiter: str = ""
    decimal: str = ""
    encoding: str = ""
    dates: Order | None = None
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    defaults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it says (None: refused, for the reason and in the words)."""

    line: int
    outcome: Outcome | None
    reason: str = ""
    message: str = ""


class OutcomeFile:
    """One file and how it is read. Raises AgentError where that cannot be told; `describe` says it, line by line, for a person."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self._path = path
        self._defaults = {**reading.defaults, "type": "outcome"}
        self._raw: IO[bytes] | None = None
        head = writing.head_of(path)
        self.size_bytes = path.stat().st_size
        self.encoding = reading.encoding or writing.guess_encoding(head)
        try:
            text = writing.decoded(head, self.encoding)
        except LookupError as error:
            raise AgentError(f"no encoding {self.encoding!r}", hint="for example utf-8, cp932, cp1252, utf-16") from error
        self.is_json = path.suffix.lower() in (".json", ".jsonl", ".ndjson") or text.lstrip("\ufeff \r\n").startswith("{")
        if not self.is_json:
            self._take_dialect(text, reading)

    def _take_dialect(self, text: str, reading: Reading) -> None:
        self._delimiter = reading.delimiter or writing.guess_delimiter(text)
        self._decimal = reading.decimal or ("," if self._delimiter != "," else ".")
        lines = list(io.StringIO(text.lstrip("\ufeff"), newline=""))
        self._skipped = 1 if lines and lines[0].lower().startswith("sep=") else 0
        sample = _sample(lines[self._skipped :], self._delimiter)
        header = find_header(sample[:TITLE_ROWS], reading.columns)
        self._mapping = map_columns(sample[header], reading.columns)
        self._width = len(sample[header])
        self._header_row = header
        at = [_joined(row, self._mapping.columns["observed_at"]) for row in sample[header + 1 :]]
        order = reading.dates or guess_order(at)
        if order is None:
            shown = next((cell for cell in at if cell), "")
            raise AgentError(f"dates like {shown!r} may be day first or month first", hint="say which: --dates dmy or --dates mdy")
        self._order, self._zone = order, reading.zone
        self._instants = Instants(reading.zone, order)
        self._words = Words(means_defective=self._mapping.means_defective, good=reading.good, defective=reading.defective)

    def describe(self) -> list[str]:
        """What was told from the file or declared."""
        if self.is_json:
            return [f"JSON lines, {self.encoding}"]
        delimiter = {"\t": "tab"}.get(self._delimiter, self._delimiter)
        dates = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}[self._order]
        yes = {None: "is refused", True: "says defective", False: "says good"}[self._mapping.means_defective]
        return [
            f"CSV, {self.encoding}, cells separated by {delimiter}, decimal {self._decimal}, header in line {self._header_line()}",
            f"columns: {self._mapping.describe()}; a plain yes or 1 {yes}",
            f"dates: {dates}, in {self._zone} where they name no zone",
        ]

    def _header_line(self) -> int:
        return self._skipped + self._header_row + 1

    @property
    def read_bytes(self) -> int:
        """How far it is read."""
        return 0 if self._raw is None else self._raw.tell()

    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        with self._path.open("rb") as raw:
            self._raw = raw
            with io.TextIOWrapper(raw, self.encoding, errors="replace", newline="") as text:
                yield from self._json_rows(text) if self.is_json else self._csv_rows(text)
                self._raw = None

    def _json_rows(self, text: IO[str]) -> Iterator[Row]:
        for number, line in enumerate(text, start=1):
            if line.strip("\ufeff \t\r\n"):
                yield self._row(number, line.lstrip("\ufeff").encode())

    def _csv_rows(self, text: IO[str]) -> Iterator[Row]:
        for _ in range(self._skipped):
            text.readline()
        reader = csv.reader(text, delimiter=self._delimiter)
        seen = 0
        while True:
            line = self._skipped + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, None, "malformed", f"not a row: {error}")
                continue
            seen += 1
            if seen <= self._header_row + 1 or not any(cell.strip() for cell in cells):
                continue
            yield self._read_cells(line, cells)

    def _read_cells(self, line: int, cells: list[str]) -> Row:
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            return Row(line, None, "columns", f"expected {self._width} cells, got {len(cells)}")
        body: dict[str, Any] = {}
        for member, positions in self._mapping.columns.items():
            cell = _joined(cells, positions)
            if not cell:
                continue
            if _NOT_TEXT in cell:
                return Row(line, None, "not_text", f"{member} has bytes that are not {self.encoding}: {cell[:40]!r}")
            try:
                body[member] = self._value(member, cell)
            except NoInstant as error:
                return Row(line, None, "no_time", f"{member}: {error}")
            except ValueError as error:
                return Row(line, None, "no_verdict" if member == "defective" else "schema", f"{member}: {error}")
        return self._row(line, _ENCODER.encode(body))

    def _value(self, member: str, cell: str) -> object:
        """A cell as its member's type. Raises ValueError."""
        if member in ("observed_at", "made_at"):
            return self._instants.read(cell)
        if member == "defective":
            verdict = self._words.is_defective(cell)
            if verdict is None:
                raise ValueError(f"{cell[:40]!r} is no known word for good or defective; declare it with --good or --defective")
            return verdict
        if member == "confirmed":
            found = yes_or_no(cell)
            if found is None:
                raise ValueError(f"expected yes or no, got {cell[:40]!r}")
            return found
        if member == "inclusion_probability":
            return self._number(cell)
        if member == "sequence":
            return int(cell)
        return cell

    def _number(self, cell: str) -> float:
        match = _NUMBER.match(cell)
        if match is None:
            raise ValueError(f"expected a number, got {cell[:40]!r}")
        plain = match[1].replace(",", ".") if self._decimal == "," else match[1]
        return float(plain) / (100.0 if match[2] else 1.0)

    def _row(self, line: int, raw: bytes) -> Row:
        try:
            record, _ = decode(raw, self._defaults)
        except RecordRefused as refusal:
            return Row(line, None, refusal.reason, str(refusal))
        if not isinstance(record, Outcome):
            return Row(line, None, "not_an_outcome", f"expected an outcome, got {type(record).__name__.lower()}")
        return Row(line, record)


def _sample(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first rows; a row that is none is left out."""
    reader = csv.reader(iter(lines), delimiter=delimiter)
    rows: list[list[str]] = []
    while len(rows) < TITLE_ROWS + DATE_ROWS:
        try:
            rows += islice(reader, 1)
        except csv.Error:
            continue
        if reader.line_num >= len(lines):
            break
    return rows


def _joined(cells: Sequence[str], positions: tuple[int, ...]) -> str:
    return " ".join(cell for index in positions if index < len(cells) and (cell := cells[index].strip()))
