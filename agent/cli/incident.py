"""`linewarden incident list`, `show`, `done` and `close`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, state_folder, store
from agent.cli.moments import instant
from agent.errors import CommandRefused
from agent.taxonomy import FOUND, VERDICTS

if TYPE_CHECKING:
    from agent.documents import AlarmDoc, IncidentDoc
    from agent.ports import PictureRow
    from agent.store.reader import Reader


@click.group("incident", short_help="What happened, what was done about it, and how it was closed.")
def incident() -> None:
    """What happened: the alarms of one cause, what likely caused it, what was held, what was done, and how it was closed."""


@incident.command("list", short_help="Incidents, open ones alone or all.")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@click.option("--station", default="", help="Of this station alone.")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print the incident documents as JSON.")
def list_all(every: bool, station: str, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """The incidents that are not closed, oldest first.

    \b
    linewarden incident list
    linewarden incident list --all --json | jq '.[].closing'

    state: going on (alarms stand), over (they have returned; it waits for the owner's verdict), closed.
    """
    with store(state_folder(config_file, state_dir)) as kept:
        found = [one for one in kept.incidents() if station in ("", one.station) and (every or one.open)]
    if as_json:
        console.out_json(found)
        return 0
    if not found:
        console.note("no incidents" if every else "no open incidents")
        return 0
    rows = [
        (
            one.incident,
            _state(one),
            instant(one.opened_at),
            str(len(one.alarms)),
            ", ".join(f"{cause.text} ({cause.likelihood})" for cause in one.causes[:2]),
            one.harm.replace("_", " "),
            "" if one.hold is None else f"{one.hold.undecided} of {one.hold.parts}",
            "" if one.closing is None else f"{one.closing.verdict}: {one.closing.cause}",
        )
        for one in found
    ]
    console.table("Incidents", ("incident", "state", "opened", "alarms", "causes", "harm", "held, open", "closed as"), rows)
    console.next_step(f"linewarden incident show {found[-1].incident}{again(config_file, state_dir)}")
    return 0


@incident.command("show", short_help="One incident with everything known of it.")
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--8d", "eight_d", is_flag=True, help="Its facts in the order of an 8D report.")
@click.option(
    "--pictures",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write its pictures here, and one page of before and after.",
)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with its alarms as they were raised.")
def show(
    incident_id: str, eight_d: bool, folder: Path | None, config_file: Path | None, state_dir: Path | None, as_json: bool
) -> int:
    """INCIDENT: its alarms and their evidence, what changed since when, ranked causes, the response plan and what was done.

    \b
    linewarden incident show ST4-0007
    linewarden incident show ST4-0007 --8d > 8d.txt
    linewarden incident show ST4-0007 --8d --json
    linewarden incident show ST4-0007 --pictures evidence/

    Model, configuration, channels and events are as they were when it was opened. Reads the store; no agent need run.
    """
    from agent import eight_d as report

    with store(state_folder(config_file, state_dir)) as kept:
        one = _found(kept, incident_id)
        alarms, pictures = kept.raised(one.alarms), kept.pictures(incident_id)
    if folder is not None:
        _export(one, alarms, pictures, folder)
    if as_json:
        shown = report.as_json(one, alarms, pictures)
        console.out_json(shown if eight_d else {"incident": one, "alarms": alarms, "pictures": shown["pictures"]})
        return 0
    if eight_d:
        console.out(console.plain(report.as_text(one, alarms, pictures)))
        return 0
    _show(one, alarms, pictures)
    if one.hold is not None and one.hold.undecided:
        console.next_step(f"linewarden hold show {incident_id}{again(config_file, state_dir)}")
    elif one.over_at is not None and one.open:
        console.next_step(
            f"linewarden incident close {incident_id} --verdict real --cause lamp --effectiveness WHAT --by OWNER --role owner"
        )
    return 0


@incident.command("done", short_help="Note what was done about an incident.")
@click.argument("incident_id", metavar="INCIDENT")
@click.argument("step", required=False)
@agent_options
@person_options
def done(
    incident_id: str, step: str | None, config_file: Path | None, state_dir: Path | None, by: str, role: str, reason: str
) -> int:
    """STEP of the response plan was done about INCIDENT, by which role; without STEP, what --reason says.

    \b
    linewarden incident done ST4-0007 2 --by kaya --role maintenance --reason "lamp replaced"
    linewarden incident done ST4-0007 --by anna --reason "told the next shift"

    The role and the time are kept with the incident, never who it was.
    """
    target = {"incident": incident_id, **({"step": step} if step else {})}
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "respond", by=by, role=role, reason=reason, target=target))
    console.next_step(f"linewarden incident show {incident_id}{again(config_file, state_dir)}")
    return 0


@incident.command("close", short_help="The owner's verdict, once what was done has been checked.")
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--verdict", type=click.Choice(VERDICTS), required=True, help="Whether anything was wrong on the line.")
@click.option("--cause", type=click.Choice(tuple(FOUND)), required=True, help="What it turned out to be.")
@click.option("--effectiveness", required=True, help="What was checked afterwards, and what it showed.")
@agent_options
@person_options
def close(
    incident_id: str,
    verdict: str,
    cause: str,
    effectiveness: str,
    config_file: Path | None,
    state_dir: Path | None,
    by: str,
    role: str,
    reason: str,
) -> int:
    """Close INCIDENT: what it was, and how it was checked that what was done has worked.

    \b
    linewarden incident close ST4-0007 --verdict real --cause lamp \\
        --effectiveness "set B, 15 of 15 found, 200 parts re-checked good" --by "A. Example, quality engineer" --role owner

    The owner signs, or the deputy, with the name the station's section has. Its alarms must have returned and every held part must
    be disposed of. harmless: nothing was wrong; it counts as a false alarm beside the budget.
    """
    target = {"incident": incident_id, "verdict": verdict, "cause": cause, "effectiveness": effectiveness}
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "close_incident", by=by, role=role, reason=reason, target=target))
    console.next_step(f"linewarden status{again(config_file, state_dir)}   (false alarms beside their budget)")
    return 0


def _found(kept: Reader, incident_id: str) -> IncidentDoc:
    one = kept.incident(incident_id)
    if one is None:
        raise CommandRefused(f"no incident {incident_id}", hint="`linewarden incident list --all` has them")
    return one


def _state(one: IncidentDoc) -> str:
    return "closed" if not one.open else "going on" if one.over_at is None else "over"


def _export(one: IncidentDoc, alarms: list[AlarmDoc], pictures: list[PictureRow], folder: Path) -> None:
    from agent.before_after import file_name, page

    if not pictures:
        console.note("no pictures are kept of it: it was opened without frames, or they have expired")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(pictures, start=1):
        (folder / file_name(one.incident, number, row)).write_bytes(row.body)
    (folder / f"{one.incident}.svg").write_text(page(one, alarms, pictures), encoding="utf-8")
    console.note(f"{len(pictures)} picture(s) and {folder / one.incident}.svg")


def _show(one: IncidentDoc, alarms: list[AlarmDoc], pictures: list[PictureRow]) -> None:
    from agent.eight_d import sections

    console.out(f"{one.incident} at {one.station}: {_state(one)}")
    for title, facts in sections(one, alarms, pictures):
        console.out(title.partition(" ")[2])
        for fact in facts:
            console.out(f"  {console.plain(fact)}")
    if one.frozen is not None and one.frozen.readings:
        rows = [(r.stream, r.channel, f"{r.evidence:.3g} / {r.threshold:.3g}", str(r.updates)) for r in one.frozen.readings]
        console.table("Channels when it was opened", ("stream", "channel", "evidence / threshold", "updates"), rows)
