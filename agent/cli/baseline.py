"""`linewarden baseline show` and `linewarden baseline accept`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, state_folder, stations


@click.group("baseline", short_help="Show and accept what the present is compared with.")
def baseline() -> None:
    """What the present is compared with."""


@baseline.command("show", short_help="What is watched, what is refused, what it can see.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print streams and channels as JSON.")
def show(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """Streams and channels of STATION (of all, when none is named): what is watched, what is refused and why, what it can see.

    \b
    linewarden baseline show ST4
    linewarden baseline show --json | jq '.[].channels[] | select(.refused != "")'
    """
    shown = stations(state_folder(config_file, state_dir), station)
    if as_json:
        members = ("station", "state", "streams", "channels")
        console.out_json([{name: s[name] for name in members} for s in shown])
        return 0
    for s in shown:
        console.out(f"{s['station']}: {s['state']}, correctness {s['correctness']}")
        streams = [(t["stream"], t["state"], f"{t['parts']} of {t['parts_needed']}", t["detail"]) for t in s["streams"]]
        console.table("Streams", ("stream", "state", "parts", "detail"), streams)
        channels = [(c["stream"], c["channel"], _state(c), _reach(c), _evidence(c)) for c in s["channels"]]
        console.table("Channels", ("stream", "channel", "state", "smallest shift it can see", "evidence / threshold"), channels)
        if any(t["state"] == "candidate" for t in s["streams"]):
            console.next_step(f"linewarden baseline accept {s['station']} --by NAME --role quality{again(config_file, state_dir)}")
    return 0


@baseline.command("accept", short_help="Put waiting baselines in force.")
@click.argument("station")
@click.option(
    "--stream",
    default="",
    help="One stream, or `outcomes`: learns the present state anew. `identity`: plans and approves the model that judges now.",
)
@agent_options
@person_options
def accept(station: str, stream: str, config_file: Path | None, state_dir: Path | None, by: str, role: str, reason: str) -> int:
    """Put the baselines of STATION that wait for acceptance in force. In tiers 1 and 2 a second person must accept too.

    \b
    linewarden baseline show ST4
    linewarden baseline accept ST4 --by anna --role quality --reason "first 4,000 parts audited"
    linewarden baseline accept ST4 --stream NAME --by anna --role quality     learn it anew
    """
    target = {"station": station, **({"stream": stream} if stream else {})}
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "accept_baseline", by=by, role=role, reason=reason, target=target))
    console.next_step(f"linewarden baseline show {station}{again(config_file, state_dir)}")
    return 0


def _state(channel: dict[str, Any]) -> str:
    return channel["refused"] or ", ".join(filter(None, ("watched", channel["note"])))


def _reach(channel: dict[str, Any]) -> str:
    shift = channel["smallest_shift"]
    return "" if channel["refused"] or shift is None or math.isnan(shift) else f"{shift:.3g} {channel['unit']}".rstrip()


def _evidence(channel: dict[str, Any]) -> str:
    return "" if channel["refused"] else f"{channel['evidence'] or 0.0:.3g} / {channel['threshold'] or 0.0:.3g}"
