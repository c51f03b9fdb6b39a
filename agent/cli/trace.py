"""`linewarden trace`."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import console
from agent.cli.access import again, agent_options, state_folder, store
from agent.cli.moments import Moment, instant, zone_of

if TYPE_CHECKING:
    from agent.documents import TraceDoc
    from agent.store.lookup import Sought
    from agent.store.reader import Reader

_SHOWN = 200


@click.command("trace", short_help="What is known of a part: by serial, box or time.")
@click.argument("serial", required=False)
@click.option("--box", default="", help="Parts that went into this box (each time the box was filled).")
@click.option("--from", "since", type=Moment(), help="Parts captured from then on: 2026-03-02T06:00, or with a zone.")
@click.option("--to", "until", type=Moment(), help="Parts captured up to then.")
@click.option("--station", default="", help="Of this station alone.")
@click.option("--position", default=None, help="Of this position (cavity, nest) alone.")
@click.option("--limit", type=click.IntRange(min=0), default=_SHOWN, show_default=True, help="Show so many parts; 0: all.")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print the parts as JSON.")
def trace(
    serial: str | None,
    box: str,
    since: datetime | None,
    until: datetime | None,
    station: str,
    position: str | None,
    limit: int,
    config_file: Path | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """What is known of the part SERIAL: verdict and the model's claim, what alarmed and was held then, what it turned out to be.

    \b
    linewarden trace A-000123                      one serial
    linewarden trace 'A-0001*'                     all serials that begin so
    linewarden trace --box 881 --station ST4       no serial, but the box
    linewarden trace --from 2026-03-02T06:00 --to 2026-03-02T06:10 --position nest-2
                                                   no serial and no box, but the time and the nest

    Times without a zone are those of the alarm texts (agent.timezone; UTC with --state-dir). Reads the store; no agent need run.
    Exit code 1 when nothing is found.
    """
    if not (serial or box or since or until):
        raise click.UsageError("name a serial, --box, or --from and --to")
    from agent.store.lookup import Sought

    folder, zone = state_folder(config_file, state_dir), zone_of(config_file, state_dir)
    first, last = (None if at is None else zone(at) for at in (since, until))
    sought = Sought(serial or "", box, first, last, station, position)
    with store(folder) as kept:
        found = list(islice(kept.trace(sought), limit + 1 if limit else None))
        if not found:
            _nothing(kept, sought)
            return 1
    more = limit and len(found) > limit
    found = found[:limit] if limit else found
    if as_json:
        console.out_json(found)
    elif len(found) == 1:
        _show(found[0])
    else:
        _list(found)
    if more:
        console.warning("trace", f"more than {limit} parts fit", "narrow it by --station, --box, --from and --to, or --limit 0")
    held = next((hold.incident for part in found for hold in part.holds if hold.disposition == "open"), None)
    if held is not None:
        console.next_step(f"linewarden hold show {held}{again(config_file, state_dir)}")
    return 0


def _nothing(kept: Reader, sought: Sought) -> None:
    """Say what there is instead."""
    names = [name for name in kept.lookup.stations().values() if sought.station in ("", name)]
    spans = [(name, span) for name in names if (span := kept.lookup.kept(name)) is not None]
    if not spans:
        console.error("no such part: no part is kept", "check --state-dir and --station")
        return
    shown = "; ".join(
        f"{name} {first.part_id} ({instant(first.captured_at)}) to {last.part_id} ({instant(last.captured_at)})"
        for name, (first, last) in spans
    )
    console.error("no such part", f"kept are: {shown}")


def _show(part: TraceDoc) -> None:
    """One part, a fact a line."""
    rows = [
        ("part", f"{part.part_id}, number {part.index} of {part.station}"),
        ("captured", instant(part.captured_at)),
        ("verdict", part.verdict),
        ("claim", "" if part.claim is None else f"{part.claim:.3g} defective, by the model"),
        ("model", part.model),
        ("recipe", part.recipe),
        ("position", part.position),
        ("lot", part.lot),
        ("box", part.box),
    ]
    rows += [("alarm", f"{'stood' if a.stood else 'raised later, may have begun by then'}: {a.text}") for a in part.alarms]
    rows += [("outcome", _told(part, n)) for n in range(len(part.outcomes))]
    rows += [("hold", f"{h.incident}: {h.disposition}{f' by {h.role}, {h.reason}' if h.role else ''}") for h in part.holds]
    console.table("Part", ("what", "value"), [row for row in rows if row[1]])


def _told(part: TraceDoc, n: int) -> str:
    told = part.outcomes[n]
    kind = f" ({told.defect_class})" if told.defect_class else ""
    return f"{'defective' if told.defective else 'good'}{kind}, {told.source}, {instant(told.observed_at)}"


def _list(found: list[TraceDoc]) -> None:
    members = ("part", "station", "captured", "verdict", "claim", "recipe", "position", "lot", "box", "alarms", "outcome", "hold")
    rows = [
        (
            part.part_id,
            part.station,
            instant(part.captured_at),
            part.verdict,
            "" if part.claim is None else f"{part.claim:.3g}",
            part.recipe,
            part.position,
            part.lot,
            part.box,
            ", ".join(dict.fromkeys(a.alarm_id if a.stood else f"({a.alarm_id})" for a in part.alarms)),
            "" if not part.outcomes else "defective" if part.outcomes[-1].defective else "good",
            ", ".join(f"{h.incident} {h.disposition}" for h in part.holds),
        )
        for part in found
    ]
    console.table("Parts", members, rows)
