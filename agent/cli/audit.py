"""`linewarden audit plan` and `linewarden audit list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, state_folder, stations
from agent.cli.moments import instant


@click.group("audit", short_help="Re-checks: what is drawn, what is to be done.")
def audit() -> None:
    """Re-checks of passed parts: how they are drawn, which are open, how they were answered."""


@audit.command("plan", short_help="How parts are drawn, and how requests were answered.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print plan and counts as JSON.")
def plan(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """How re-checks are drawn at STATION (at all, when none is named), and how they were answered.

    \b
    linewarden audit plan
    linewarden audit plan ST4 --json | jq '.[0].audits.counts'

    Each passed part has a known chance to be drawn, set before the draw from score and past alone. `drawn` should be near
    `expected`, the sum of these chances. Parts asked for by how they look are counted apart and enter no rate.
    """
    shown = stations(state_folder(config_file, state_dir), station)
    if as_json:
        console.out_json(
            [{"station": s["station"], "audits": {k: v for k, v in s["audits"].items() if k != "requests"}} for s in shown]
        )
        return 0
    rows = [(s["station"], *_plan_row(s["audits"])) for s in shown]
    titles = ("station", "mode", "chance now", "drawn of expected", "open", "unanswered", "late outcomes", "finds confirmed")
    console.table("Audits", titles, rows)
    if any(s["audits"]["waiting"] for s in shown):
        console.next_step(f"linewarden audit list{again(config_file, state_dir)}")
    return 0


@audit.command("list", short_help="The parts to re-check now, to be printed.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print the requests as published over MQTT, as JSON.")
def requests(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """The parts of STATION to re-check, soonest deadline first. It names neither score nor verdict: the reviewer judges blind.

    \b
    linewarden audit list ST4 | lp
    linewarden audit list --json | jq -r '.[] | select(.box == "881") | .part_id'

    Answer with `linewarden outcome import`, or over MQTT. A bad one is asked for again: it counts after a second look.
    """
    shown = stations(state_folder(config_file, state_dir), station)
    found = sorted((r for s in shown for r in s["audits"]["requests"]), key=lambda r: (r["deadline"], r["part_id"]))
    if as_json:
        console.out_json(found)
        return 0
    if not found:
        console.note("nothing to re-check")
        return 0
    rows = [
        (instant(r["deadline"]), r["station"], r["part_id"], r["box"], r["position"], instant(r["captured_at"]), r["reason"])
        for r in found
    ]
    console.table("To re-check", ("until", "station", "part", "box", "position", "made", "reason"), rows)
    hidden = sum(s["audits"]["waiting"] for s in shown) - len(found)
    if hidden:
        console.note(f"{hidden} more are open; all of them went out over MQTT")
    console.next_step(f"linewarden outcome import FILE --source audit{again(config_file, state_dir)}")
    return 0


def _plan_row(a: dict[str, Any]) -> tuple[str, ...]:
    counts = a["counts"]
    tightened = " (tightened)" if a["tightened"] else ""
    looked = counts.get("finds_confirmed", 0) + counts.get("finds_not_confirmed", 0)
    return (
        a["mode"],
        f"{100 * a['probability']:.2g} %{tightened}",
        f"{counts.get('sampled', 0)} of {a['expected']:.0f}",
        str(a["waiting"]),
        f"{100 * a['unanswered_share']:.1f} %",
        f"{100 * a['late_share']:.1f} %",
        f"{counts.get('finds_confirmed', 0)} of {looked}",
    )
