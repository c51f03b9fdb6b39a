"""`linewarden challenge plan` and `linewarden challenge record`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, state_folder, stations
from agent.cli.moments import instant


@click.group("challenge", short_help="Check parts: what is due, and recording a run.")
def challenge() -> None:
    """Check parts (masters of known state): when they are due, what they showed."""


@challenge.command("plan", short_help="Which check parts are due, overdue, good.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print every set with its counts as JSON.")
def plan(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """The sets of check parts of STATION (of all, when none is named): what is due and why, how many parts are at risk meanwhile.

    \b
    linewarden challenge plan
    linewarden challenge plan ST4 --json | jq '.[].challenges[] | select(.state != "good")'

    A check is good when every part of the set was found in a row. It speaks from its first part on: parts at risk are counted from
    there. `missed` are good parts' verdicts on bad masters (or the other way round), over all presentations.
    """
    shown = stations(state_folder(config_file, state_dir), station)
    if as_json:
        console.out_json([{name: s[name] for name in ("station", "correctness", "challenges")} for s in shown])
        return 0
    rows = [(s["station"], *_row(c)) for s in shown for c in s["challenges"]]
    if not rows:
        console.note("no check parts are configured: add [[stations.challenge_sets]]; until then correctness is unverified")
        return 0
    titles = (
        "station",
        "set",
        "failure mode",
        "state",
        "due because",
        "parts at risk",
        "last good check",
        "done / overdue",
        "missed",
    )
    console.table("Check parts", titles, rows)
    due = [(s["station"], c["set"]) for s in shown for c in s["challenges"] if c["reason"] and c["state"] != "expired"]
    if due:
        console.next_step(f"run the parts of set {due[0][1]} through {due[0][0]}{again(config_file, state_dir)}")
    return 0


@challenge.command("record", short_help="Say that check parts come, or what a run showed.")
@click.argument("station")
@click.argument("set_name", metavar="[SET]", required=False, default="")
@click.option(
    "--window-s", type=click.FloatRange(min=0, min_open=True), help="The next inspections within so many seconds are of SET."
)
@click.option("--parts", type=click.IntRange(min=1), help="How many of them, with --window-s; as many as SET has where not given.")
@click.option("--found", type=click.IntRange(min=0), help="Told by hand: so many were found (bad ones rejected, good ones passed).")
@click.option("--missed", type=click.IntRange(min=0), help="Told by hand: so many were not.")
@agent_options
@person_options
def record(
    station: str,
    set_name: str,
    window_s: float | None,
    parts: int | None,
    found: int | None,
    missed: int | None,
    config_file: Path | None,
    state_dir: Path | None,
    by: str,
    role: str,
    reason: str,
) -> int:
    """Record a run of the check parts SET at STATION. Not needed where the records name the masters or are marked "challenge".

    \b
    linewarden challenge record ST4 holes-B --window-s 120 --by anna             they come now; clear the line first
    linewarden challenge record ST4 holes-B --found 5 --missed 0 --by anna       they were run; this is what happened

    In a window every inspection is taken for a check part and enters no statistic; it closes after as many as the set has.
    """
    by_hand = found is not None or missed is not None
    if by_hand == (window_s is not None):
        raise click.UsageError("give either --window-s, or --found and --missed")
    target = {"station": station, **({"set": set_name} if set_name else {})}
    if window_s is not None:
        from agent.runtime.clock import SystemClock

        target |= {"window_s": f"{window_s:g}", "at": SystemClock().now().isoformat(), **({"parts": str(parts)} if parts else {})}
    else:
        target |= {"found": str(found or 0), "missed": str(missed or 0)}
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "record_challenge", by=by, role=role, reason=reason, target=target))
    console.next_step(f"linewarden challenge plan {station}{again(config_file, state_dir)}")
    return 0


def _row(c: dict[str, Any]) -> tuple[str, ...]:
    passed = instant(c["passed_at"]) or "never"
    revision = f" rev. {c['revision']}" if c["revision"] else ""
    return (
        f"{c['set']}{revision}",
        c["failure_mode"] if c["known"] == "defective" else f"{c['failure_mode']} (good)",
        c["state"],
        c["reason"],
        f"{c['parts_at_risk']} of {c['limit_parts']}",
        passed,
        f"{c['done']} / {c['overdue']}",
        f"{c['missed']} of {c['presented']}",
    )
