"""`linewarden feedback`: report something seen at the line in three taps, and read what became of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click

from agent.cli import console
from agent.cli.access import again, agent_options, connect, snapshot, state_folder
from agent.cli.moments import Moment, zone_of
from agent.errors import AgentError
from agent.records import Saw

SAW: dict[Saw, str] = {
    "bad_passed": "a bad part was passed",
    "good_rejected": "a good part was rejected",
    "looks_different": "parts or pictures look different",
    "other": "something else",
}
_NOW = "now"


@click.group("feedback", invoke_without_command=True, short_help="Report what you saw at the line; read the answer.")
@click.pass_context
@agent_options
@click.option("--station", default="", help="Where.")
@click.option("--part", default="", help="The part, by its id; `now` for those made just now.")
@click.option("--saw", type=click.Choice(get_args(Saw)), default=None, help="What was wrong.")
@click.option("--at", type=Moment(), default=None, help="When, if it is some time ago. Default: the latest part's time.")
@click.option("--note", default="", help="In your own words; quality reads it.")
@click.option("--by", default="", envvar="LINEWARDEN_BY", help="A pseudonym; it keeps you from being asked to judge it again.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
def feedback(
    context: click.Context,
    config_file: Path | None,
    state_dir: Path | None,
    station: str,
    part: str,
    saw: Saw | None,
    at: datetime | None,
    note: str,
    by: str,
    as_json: bool,
) -> int:
    """Report what you saw at the line.

    \b
    linewarden feedback                                              three taps: station, part or now, what was wrong
    linewarden feedback --station ST4 --part A-000042 --saw bad_passed
    linewarden feedback --station ST4 --part now --saw looks_different --note "shiny edge"
    linewarden feedback list ST4                                     what became of it

    \b
    bad_passed       a bad part was passed
    good_rejected    a good part was rejected
    looks_different  parts or pictures look different
    other            something else

    The part, or the latest ones made, is looked at again by somebody who sees neither score nor verdict, nor that it was
    reported. You are answered by a deadline, over MQTT and in the list. A report counts in no rate, and nothing is ever counted by
    who reported or who looked.

    Exit codes: 0 taken, 1 no agent, no such station, or no part was made about then, 2 wrong usage.
    """
    if context.invoked_subcommand is not None:
        return 0
    folder = state_folder(config_file, state_dir)
    stations = {s["station"]: s for s in snapshot(folder)["stations"]}
    is_asked = sys.stdin.isatty() and not as_json
    if not is_asked and not (station and part and saw):
        raise click.UsageError("name --station, --part (an id, or now) and --saw; without a terminal nothing is asked")
    station = station or (_tap("Which station?", {name: name for name in stations}) if len(stations) > 1 else next(iter(stations)))
    if station not in stations:
        raise AgentError(f"no station {station}", hint=f"one of: {', '.join(stations)}")
    part = part or _part()
    saw = saw or _tap("What was wrong?", SAW)
    zoned = None if at is None else zone_of(config_file, state_dir)(at)
    word, name = _report(folder, stations[station], part=part, saw=saw, at=zoned, note=note, by=by)
    shown = _find(folder, name)
    if as_json:
        console.out_json({"feedback": name, "became": word, **({} if shown is None else shown["document"])})
    else:
        console.out(console.plain(shown["document"]["text"] if shown is not None else word))
    console.next_step(f"linewarden feedback show {name}{again(config_file, state_dir)}")
    return 1 if word == "no_part" else 0


def _report(
    folder: Path, station: dict[str, Any], *, part: str, saw: Saw, at: datetime | None, note: str, by: str
) -> tuple[str, str]:
    """Send it; what it became, in a word, and its name. Raises AgentError."""
    import msgspec

    from agent.records import Feedback, report_name
    from agent.runtime.clock import SystemClock

    seen = at or station["last_captured_at"] or SystemClock().now()
    body = {"type": "feedback", "station": station["station"], "saw": saw, "at": seen, "note": note, "by": by}
    body["part_id"] = "" if part == _NOW else part
    try:
        record = msgspec.convert(body, Feedback, strict=False)
    except msgspec.ValidationError as error:
        raise AgentError(f"not a report: {error}") from error
    client = connect(folder)
    try:
        answer = client.ask({"ask": "submit", "records": [msgspec.json.encode(record).decode()]})
    finally:
        client.close()
    refused = next((message for _, _, message in answer["refused"]), None)
    if refused is not None:
        raise AgentError(f"not taken: {refused}")
    return next((word for word, numbers in answer["became"].items() if numbers), ""), report_name(record)


def _part() -> str:
    """The second tap."""
    said: str = click.prompt("Which part? Its id, or Enter for those made just now", default=_NOW, show_default=False, err=True)
    return said.strip() or _NOW


def _tap(question: str, choices: dict[Any, str]) -> Any:
    """One tap: a number."""
    for number, words in enumerate(choices.values(), 1):
        click.echo(f"  {number}  {words}", err=True)
    number = click.prompt(question, type=click.IntRange(1, len(choices)), err=True)
    return list(choices)[number - 1]


@feedback.command("list", short_help="Reports and their answers.")
@click.argument("station", required=False)
@agent_options
@click.option("--open", "only_open", is_flag=True, help="Only those that are not answered.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def reports(station: str | None, config_file: Path | None, state_dir: Path | None, only_open: bool, as_json: bool) -> int:
    """Reports of STATION (of all, when none is named), oldest first: the open ones, and the latest that ended.

    \b
    linewarden feedback list ST4 --open
    linewarden feedback list --json | jq -r '.[] | select(.state == "overdue") | .feedback'
    """
    found = [
        {**one["document"], "note": one["note"]}
        for s in snapshot(state_folder(config_file, state_dir))["stations"]
        if station in (None, s["station"])
        for one in s["feedback"]["reports"]
    ]
    found = [one for one in found if not only_open or one["state"] != "answered"]
    if as_json:
        console.out_json(found)
        return 0
    if not found:
        console.note("nothing was reported")
        return 0
    console.table("Reports", ("report", "station", "seen", "what", "part", "state", "answer"), [_row(one) for one in found])
    console.next_step(f"linewarden feedback show {found[-1]['feedback']}{again(config_file, state_dir)}")
    return 0


@feedback.command("show", short_help="One report: what came of it, and by when.")
@click.argument("report")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(report: str, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """What became of REPORT, as it was named when it was taken.

    \b
    linewarden feedback show 4f1c22ab90
    """
    found = _find(state_folder(config_file, state_dir), report)
    if found is None:
        raise AgentError(f"no report {report}", hint="`linewarden feedback list` shows the open ones and the latest that ended")
    document = {**found["document"], "note": found["note"]}
    if as_json:
        console.out_json(document)
        return 0
    console.out(console.plain(document["text"]))
    for label, member in (("seen", "at"), ("state", "state"), ("until", "due_at"), ("incident", "incident"), ("note", "note")):
        if document.get(member):
            console.out(console.plain(f"  {label:<9} {document[member]}"))
    if document.get("parts"):
        console.out(console.plain(f"  {'parts':<9} {', '.join(document['parts'])}"))
    return 0


def _find(folder: Path, name: str) -> dict[str, Any] | None:
    found = (one for s in snapshot(folder)["stations"] for one in s["feedback"]["reports"])
    return next((one for one in found if one["document"]["feedback"] == name), None)


def _row(one: dict[str, Any]) -> Sequence[str]:
    seen = str(one["at"]).replace("T", " ").split(".")[0].removesuffix("Z")
    return (one["feedback"], one["station"], seen, one["saw"], one.get("part_id", ""), one["state"], one["answer"])
