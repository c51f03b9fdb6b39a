"""`linewarden outcome import`: what parts turned out to be, from a file, in batches to the running agent."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, connect, state_folder
from agent.errors import AgentError, RecordRefused

_BATCH = 500
_TRUE = {"1", "true", "yes", "y", "ng", "defective"}
_FALSE = {"0", "false", "no", "n", "ok", "good"}


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not taken."""

    line: int
    reason: str
    message: str


@click.group("outcome", short_help="Import what parts turned out to be.")
def outcome() -> None:
    """What parts turned out to be."""


@outcome.command("import", short_help="Import outcomes from JSON lines or CSV.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@agent_options
@click.option("--station", default="", help="Station of lines that name none.")
@click.option("--source", default="", help="Source of lines that name none, e.g. audit, final_test.")
@click.option("--check", is_flag=True, help="Only look for lines that would be refused; needs no agent.")
@click.option("--json", "as_json", is_flag=True, help="Print {accepted, refused} as JSON.")
def import_file(
    file: Path, config_file: Path | None, state_dir: Path | None, station: str, source: str, check: bool, as_json: bool
) -> int:
    """Import the outcomes in FILE: JSON lines, or CSV with a header (by its name, *.csv).

    \b
    linewarden outcome import audits.jsonl --source audit
    linewarden outcome import final_test.csv --station ST4

    \b
    A CSV has the columns part_id, defective (true/false, 1/0, yes/no) and observed_at (2026-03-01T06:00:00Z), and may have
    station, source, defect_class, inclusion_probability, confirmed and reviewer.

    Lines that cannot be used are reported by number and reason, and the exit code is 1; the rest is imported. Importing a file
    again has no effect: known outcomes are ignored.
    """
    defaults = {key: value for key, value in (("station", station), ("source", source)) if value}
    refused: list[RefusedLine] = []
    rows = _csv_rows(file) if file.suffix.lower() == ".csv" else _json_rows(file)
    good = _readable(rows, defaults, refused)
    accepted = sum(1 for _ in good) if check else _send(good, state_folder(config_file, state_dir), refused)
    refused.sort(key=lambda line: line.line)
    if as_json:
        console.out_json({"accepted": accepted, "refused": [asdict(line) for line in refused]})
    else:
        for line in refused:
            console.out(f"{file}:{line.line}: {line.reason}: {line.message}")
        console.note(f"{accepted} outcome(s) {'usable' if check else 'imported'}, {len(refused)} line(s) refused")
    if not check and accepted:
        console.next_step(f"linewarden status{again(config_file, state_dir)}   (audits are judged as they mature)")
    return 1 if refused else 0


def _json_rows(file: Path) -> Iterator[tuple[int, str]]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def _csv_rows(file: Path) -> Iterator[tuple[int, str]]:
    """Each row as the JSON it stands for; empty cells are left out."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.DictReader(text)
        if not {"part_id", "defective", "observed_at"} <= set(reader.fieldnames or ()):
            header = ", ".join(reader.fieldnames or ()) or "nothing"
            raise AgentError(
                f"header must name part_id, defective and observed_at, got {header}", hint="separate the columns with commas"
            )
        for row in reader:
            yield reader.line_num, json.dumps({key: _cell(key, value) for key, value in row.items() if key and value})


def _cell(key: str, value: str) -> Any:
    """A cell as its member's type; text that is not of it stays text, and is refused with the schema's words."""
    word = value.strip()
    if key in ("defective", "confirmed"):
        return True if word.lower() in _TRUE else False if word.lower() in _FALSE else word
    if key == "inclusion_probability":
        try:
            return float(word)
        except ValueError:
            return word
    return word


def _readable(rows: Iterator[tuple[int, str]], defaults: dict[str, str], refused: list[RefusedLine]) -> Iterator[tuple[int, str]]:
    """Rows that hold an outcome, with the defaults in them; the others go to `refused`."""
    import msgspec

    from agent.records import Outcome, decode

    for number, raw in rows:
        try:
            record, _ = decode(raw.encode(), {**defaults, "type": "outcome"})
        except RecordRefused as refusal:
            refused.append(RefusedLine(number, refusal.reason, str(refusal)))
            continue
        if isinstance(record, Outcome):
            yield number, msgspec.json.encode(record).decode()
        else:
            refused.append(RefusedLine(number, "not_an_outcome", f"expected an outcome, got {type(record).__name__.lower()}"))


def _send(rows: Iterator[tuple[int, str]], folder: Path, refused: list[RefusedLine]) -> int:
    client = connect(folder)
    accepted = 0
    try:
        with console.progress("importing", None) as advance:
            while batch := list(islice(rows, _BATCH)):
                answer = client.ask({"ask": "submit", "records": [raw for _, raw in batch]})
                accepted += int(answer["accepted"])
                refused += [RefusedLine(batch[index][0], reason, message) for index, reason, message in answer["refused"]]
                advance(len(batch))
    finally:
        client.close()
    return accepted
