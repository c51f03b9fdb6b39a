"""`linewarden ack`."""

from __future__ import annotations

from pathlib import Path

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, snapshot, state_folder
from agent.errors import CommandRefused


@click.command("ack", short_help="Acknowledge an alarm.")
@click.argument("occurrence")
@agent_options
@person_options
def ack(occurrence: str, config_file: Path | None, state_dir: Path | None, by: str, role: str, reason: str) -> int:
    """Acknowledge the alarm occurrence OCCURRENCE: seen, not solved. The beginning of its id will do.

    \b
    linewarden alarms
    linewarden ack 7f3a --by anna --role quality --reason "cleaning the window"
    """
    folder = state_folder(config_file, state_dir)
    target = {"occurrence_id": _whole(occurrence, [alarm["occurrence_id"] for alarm in snapshot(folder)["alarms"]])}
    console.out(command(folder, "ack", by=by, role=role, reason=reason, target=target))
    console.next_step(f"linewarden alarms{again(config_file, state_dir)}   (it stands until its cause is gone)")
    return 0


def _whole(beginning: str, occurrences: list[str]) -> str:
    found = [occurrence for occurrence in occurrences if occurrence.startswith(beginning)]
    if beginning in found:
        return beginning
    if len(found) == 1:
        return found[0]
    what = "names no alarm" if not found else f"names {len(found)} alarms"
    raise CommandRefused(f"{beginning!r} {what}", hint="`linewarden alarms` lists the occurrences")
