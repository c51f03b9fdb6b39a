"""`linewarden outcome import`: what parts turned out to be, from a file, in batches to the running agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.cli import console
from agent.cli.access import again, agent_options, state_folder
from agent.cli.importing import Tally, look, send
from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.config.mapping import MappingSection
    from agent.outcome_file.rows import OutcomeFile, Reading

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_PREVIEW = 5


@click.group("outcome", short_help="Import what parts turned out to be.")
def outcome() -> None:
    """What parts turned out to be."""


def _reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the file is written; each overrides the mapping, which overrides what the file tells."""
    for option in reversed(
        (
            click.option("--mapping", default="", help="A [[mappings]] section of the configuration, by its name."),
            click.option("--column", "columns", multiple=True, metavar="MEMBER=TITLE", help="A column; several joined by +."),
            click.option("--good", multiple=True, metavar="WORD", help="A word for a good part, besides those known."),
            click.option("--defective", multiple=True, metavar="WORD", help="A word for a defective part."),
            click.option("--delimiter", default="", help="Between the cells of a row."),
            click.option("--decimal", type=click.Choice([".", ","]), default=None, help="Decimal sign."),
            click.option("--encoding", default="", help="For example utf-8, cp932, cp1252, utf-16."),
            click.option("--dates", type=click.Choice(["ymd", "dmy", "mdy"]), default=None, help="Order in dates of numbers."),
            click.option("--timezone", default="", help="Zone of times that name none; the agent's, else UTC."),
            click.option("--station", default="", help="Station of rows that name none."),
            click.option("--source", default="", help="Source of rows that name none, e.g. audit, final_test."),
        )
    ):
        command = option(command)
    return command


@outcome.command("import", short_help="Import outcomes from CSV or JSON lines.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@agent_options
@_reading_options
@click.option("--dry-run", "--check", "dry_run", is_flag=True, help="Only show how rows would be read; needs no agent.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write every line that is not plainly taken here.")
@click.option("--json", "as_json", is_flag=True, help="Print the sums and the first refused lines as JSON.")
def import_file(
    file: Path,
    config_file: Path | None,
    state_dir: Path | None,
    dry_run: bool,
    report: Path | None,
    as_json: bool,
    **reading: Any,
) -> int:
    """Import the outcomes in FILE: CSV as plants have it, or JSON lines.

    \b
    linewarden outcome import audits.jsonl --source audit
    linewarden outcome import final_test.csv --station ST4 --dry-run
    linewarden outcome import EOL.csv --column part_id=Seriennr --column "observed_at=Datum + Uhrzeit" --good GUT --report lines.csv

    \b
    Encoding, separator, columns and the order of dates are told from the file and printed before they are used; where they cannot
    be told, nothing is imported. A CSV needs columns for the part (part_id; without serials made_at, box or sequence), the
    verdict (defective) and the time it was found (observed_at), and may have station, source, defect_class,
    inclusion_probability, confirmed and reviewer.

    Lines that cannot be used are reported by number and reason; the rest is imported, in batches that are kept once answered.
    Ctrl-C ends it between two of them. Importing a file again has no effect: known outcomes are ignored.

    Exit codes: 0 every line was taken or known, 1 some were refused or the agent cannot be reached, 2 wrong usage, 130 Ctrl-C.
    """
    from agent.outcome_file.rows import OutcomeFile

    outcomes = OutcomeFile(file, _reading(config_file, **reading))
    for line in outcomes.describe():
        console.note(f"{file}: {line}")
    with Tally(report) as tally:
        try:
            if dry_run:
                _preview(outcomes)
                look(outcomes, tally)
            else:
                send(outcomes, state_folder(config_file, state_dir), tally)
        except KeyboardInterrupt:
            tally.was_interrupted = True
        except AgentError as error:
            if tally.lines == 0:
                raise
            tally.failure = error
    _say(file, tally, report, dry_run=dry_run, as_json=as_json)
    if tally.failure is not None:
        raise tally.failure
    if tally.was_interrupted:
        return _INTERRUPTED
    if not dry_run and tally.taken:
        console.next_step(f"linewarden status{again(config_file, state_dir)}   (outcomes are judged as they mature)")
    return 1 if tally.refused else 0


def _say(file: Path, tally: Tally, report: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """The result: refused lines on standard output, sums beside it."""
    if as_json:
        shown = [asdict(line) for line in tally.shown]
        sums = {"accepted": tally.taken, "known": tally.known, "refused_lines": tally.refused, "interrupted": tally.was_interrupted}
        console.out_json({**sums, "became": dict(tally.became), "reasons": dict(tally.reasons), "refused": shown})
    else:
        for line in tally.shown:
            console.out(console.plain(f"{file}:{line.line}: {line.reason}: {line.message}"))
        if tally.refused > len(tally.shown):
            rest = tally.refused - len(tally.shown)
            console.out(f"{file}: {rest} more: " + ("see the report" if report else "--report FILE lists them all"))
    known = f", {tally.known} known already" if tally.known else ""
    console.note(f"{tally.taken} outcome(s) {'usable' if dry_run else 'imported'}{known}, {tally.refused} line(s) refused")
    if tally.became and not dry_run:
        console.note("of these " + ", ".join(f"{count} {word}" for word, count in sorted(tally.became.items())))
    if tally.was_interrupted:
        console.note(f"stopped after line {tally.last_line}: what was imported is kept; import the file again to go on")


def _preview(outcomes: OutcomeFile) -> None:
    """The first rows as they are read."""
    import msgspec

    shown = 0
    for row in outcomes.rows():
        if row.outcome is not None:
            console.note(f"  line {row.line}: {msgspec.json.encode(row.outcome).decode()}")
            shown += 1
        if shown == _PREVIEW or row.line > 1_000:
            break


def _reading(
    config_file: Path | None,
    *,
    mapping: str,
    columns: tuple[str, ...],
    good: tuple[str, ...],
    defective: tuple[str, ...],
    timezone: str,
    station: str,
    source: str,
    **options: Any,
) -> Reading:
    """What options and mapping say. Raises AgentError, ConfigError."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from agent.outcome_file.rows import Reading

    declared, zone_of_agent = _declared(config_file, mapping)
    given = declared.model_dump() if declared is not None else {}
    chosen = {name: value or given.get(name) or None for name, value in options.items()}
    try:
        zone = ZoneInfo(timezone or given.get("timezone") or zone_of_agent)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AgentError(f"expected a zone name like Europe/Berlin, got {timezone!r}") from error
    defaults = {"station": station or given.get("station"), "source": source or given.get("source")}
    return Reading(
        columns={**given.get("columns", {}), **dict(_column(text) for text in columns)},
        good=(*given.get("good", ()), *good),
        defective=(*given.get("defective", ()), *defective),
        delimiter={"\\t": "\t", "tab": "\t"}.get(chosen["delimiter"] or "", chosen["delimiter"] or ""),
        decimal=chosen["decimal"] or "",
        encoding=chosen["encoding"] or "",
        dates=chosen["dates"],
        zone=zone,
        defaults={name: value for name, value in defaults.items() if value},
    )


def _declared(config_file: Path | None, name: str) -> tuple[MappingSection | None, str]:
    """The mapping of this name, and the agent's time zone."""
    if config_file is None:
        if name:
            raise AgentError(f"no configuration to look for the mapping {name!r} in", hint="name it with --config")
        return None, "UTC"
    from agent.config.load import load
    from agent.plugins import PlugIns

    config = load(config_file, PlugIns())
    if not name:
        return None, config.agent.timezone
    found = next((section for section in config.mappings if section.name == name), None)
    if found is None:
        known = ", ".join(section.name for section in config.mappings) or "none"
        raise AgentError(f"no mapping {name!r} in {config_file}", hint=f"there is: {known}")
    return found, config.agent.timezone


def _column(text: str) -> tuple[str, str]:
    from agent.config.mapping import Member

    member, equals, title = text.partition("=")
    if not equals or member not in get_args(Member) or not title:
        raise click.BadParameter(f"expected MEMBER=TITLE, got {text!r}; members: {', '.join(get_args(Member))}")
    return member, title
