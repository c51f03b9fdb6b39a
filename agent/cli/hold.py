"""`linewarden hold show` and `linewarden hold dispose`."""

from __future__ import annotations

import csv
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, snapshot, state_folder, store
from agent.cli.moments import Moment, instant, zone_of
from agent.errors import AgentError, CommandRefused, NotRunning

if TYPE_CHECKING:
    from agent.documents import HoldDoc
    from agent.store.held import Held, Suspect

_SHOWN = 20
_COLUMNS = ("rank", "part_id", "captured_at", "box", "recipe", "position", "lot", "claim", "onset", "found_bad", "disposition")


@click.group("hold", short_help="What must not ship, and what became of it.")
def hold() -> None:
    """What must not ship: the parts passed since the last check that was good for what is wrong, and what became of each."""


@hold.command("show", short_help="Holds, or one of them by box and by suspicion.")
@click.argument("incident", required=False)
@click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write every held part to this file.")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print the hold documents as JSON, one hold with its boxes.")
def show(incident: str | None, file: Path | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """The holds; with INCIDENT one of them: its boxes and the parts to look at first.

    \b
    linewarden hold show                          every hold
    linewarden hold show ST4-0007                 its boxes, and the most suspect parts
    linewarden hold show ST4-0007 --csv hold.csv  the whole list, the most suspect first

    Parts are ordered by suspicion: found bad, made after the change, while it began (column onset: within), before it; boxes in
    which something was found bad first, then by the model's claim. Reads the store, and asks the agent where one runs how far a
    hold has grown.
    """
    folder = state_folder(config_file, state_dir)
    with store(folder) as kept:
        held = kept.held()
        held.holds.update(_live(folder))
        if incident is None:
            return _list(list(held.holds.values()), as_json)
        one = held.holds.get(incident)
        if one is None:
            raise CommandRefused(f"{incident} holds nothing", hint=f"holds: {', '.join(held.holds) or 'none'}")
        if file is not None:
            return _write(held, one, file)
        boxes = [{"box": name, **counts} for name, counts in held.boxes(one)]
        if as_json:
            import msgspec

            console.out_json({**msgspec.to_builtins(one), "boxes": boxes})
            return 0
        _show(one, boxes, list(islice(held.by_suspicion(one), _SHOWN)))
    if one.undecided:
        console.next_step(
            f"linewarden hold dispose {incident} sorted --box B --reason WHY --by YOU --role quality{again(config_file, state_dir)}"
        )
    return 0


@hold.command("dispose", short_help="Say what became of held parts.")
@click.argument("incident")
@click.argument("kind", type=click.Choice(["released", "sorted", "scrapped"]))
@click.option(
    "--parts", "parts_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Ids, one a line, or a CSV."
)
@click.option("--box", default="", help="The held parts in this box.")
@click.option("--from", "since", type=Moment(), help="The held parts captured from then on.")
@click.option("--to", "until", type=Moment(), help="The held parts captured up to then.")
@click.option("--all", "every", is_flag=True, help="Every part that is still open.")
@click.option("--rest", is_flag=True, help="Only those still open, instead of refusing when some are disposed of.")
@click.option(
    "--found-bad",
    "bad_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ids found bad: they are scrapped.",
)
@agent_options
@person_options
def dispose(
    incident: str,
    kind: str,
    parts_file: Path | None,
    box: str,
    since: datetime | None,
    until: datetime | None,
    every: bool,
    rest: bool,
    bad_file: Path | None,
    config_file: Path | None,
    state_dir: Path | None,
    by: str,
    role: str,
    reason: str,
) -> int:
    """Say that held parts of INCIDENT were released, sorted (all looked at, these are good) or scrapped, and why.

    \b
    linewarden hold dispose ST4-0007 sorted --box 881 --found-bad bad.txt --reason "100 % check" --by kaya --role quality
    linewarden hold dispose ST4-0007 scrapped --parts scrap.csv --reason "cracked" --by kaya --role quality
    linewarden hold dispose ST4-0007 released --all --reason "check parts good" --by meier --role owner

    Quality, deputy and owner may. A part is disposed of once; a reason is needed. The sums always close: held = released + sorted +
    scrapped + open. FILE has one part id a line, or is a CSV with a column part_id (as `hold show --csv` writes).
    """
    ways = [parts_file is not None, bool(box), since is not None or until is not None, every]
    if sum(ways) > 1 or not (any(ways) or bad_file):
        raise click.UsageError("name the parts one way: --parts, --box, --from and --to, or --all")
    target: dict[str, str] = {"incident": incident, "kind": kind}
    zone = zone_of(config_file, state_dir)
    target |= {"box": box} if box else {}
    target |= {name: zone(at).isoformat() for name, at in (("from", since), ("to", until)) if at is not None}
    target |= {"all": "yes"} if every else {}
    target |= {"rest": "yes"} if rest else {}
    parts = _ids(parts_file) if parts_file else ()
    bad = _ids(bad_file) if bad_file else ()
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "dispose", by=by, role=role, reason=reason, target=target, parts=parts, found_bad=bad))
    console.next_step(f"linewarden hold show {incident}{again(config_file, state_dir)}")
    return 0


def _ids(file: Path) -> tuple[str, ...]:
    """Part ids of a file. Raises AgentError where there is none."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        lines = [line for line in text if line.strip()]
    if lines and "part_id" in (header := next(csv.reader(lines[:1]))):
        ids = [row["part_id"].strip() for row in csv.DictReader(lines[1:], header) if row.get("part_id")]
    else:
        ids = [line.strip() for line in lines]
    if not ids:
        raise AgentError(f"{file} names no part", hint="one part id a line, or a CSV with a column part_id")
    return tuple(dict.fromkeys(ids))


def _live(folder: Path) -> dict[str, HoldDoc]:
    """The holds as the running agent has them, by incident; none without one."""
    import msgspec

    from agent.documents import HoldDoc

    try:
        shown = snapshot(folder)["holds"]
    except NotRunning:
        return {}
    return {one.incident: one for one in msgspec.convert(shown, list[HoldDoc])}


def _list(holds: list[HoldDoc], as_json: bool) -> int:
    if as_json:
        console.out_json(holds)
    elif not holds:
        console.note("nothing is or was held")
    else:
        rows = [
            (h.incident, "open" if h.open else "done", "yes" if h.grows else "no", *(str(n) for n in _sums(h)), instant(h.from_at))
            for h in holds
        ]
        console.table("Holds", ("incident", "state", "grows", "held", "released", "sorted", "scrapped", "open", "from"), rows)
    return 0


def _sums(one: HoldDoc) -> tuple[int, int, int, int, int]:
    return one.parts, one.released, one.sorted, one.scrapped, one.undecided


def _show(one: HoldDoc, boxes: list[dict[str, Any]], suspects: list[Suspect]) -> None:
    held, released, sorted_, scrapped, left = _sums(one)
    console.out(f"{one.incident} at {one.station}: {one.reason}")
    console.out(f"{held} held = {released} released + {sorted_} sorted + {scrapped} scrapped + {left} open")
    console.out(f"from {one.from_part_id} ({instant(one.from_at)}) to {one.to_part_id} ({instant(one.to_at)}), since {one.since}")
    console.out("it grows with every part" if one.grows else f"it ended: {one.ended_by}")
    if one.found_bad:
        console.out(f"{one.found_bad} found bad at sorting (sought out: no rate follows from it)")
    kinds = ("open", "released", "sorted", "scrapped")
    rows = [(b["box"] or "(none named)", *(str(b.get(kind, 0)) for kind in kinds)) for b in boxes]
    console.table("Boxes", ("box", *kinds), rows)
    console.table("Look at first", _COLUMNS, [tuple(_cells(suspect)) for suspect in suspects])


def _write(held: Held, one: HoldDoc, file: Path) -> int:
    with file.open("w", encoding="utf-8", newline="") as text, console.progress("writing", one.parts) as advance:
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        for suspect in held.by_suspicion(one):
            writer.writerow(_cells(suspect))
            advance()
    console.note(f"{one.parts} held parts in {file}")
    return 0


def _cells(suspect: Suspect) -> list[str]:
    part = suspect.part
    claim = "" if part.p_defect is None else f"{part.p_defect:.3g}"
    facts = (part.part_id, part.captured_at.isoformat(), part.box, part.recipe, part.position, part.lot, claim)
    return [str(suspect.rank), *facts, suspect.onset, "yes" if suspect.found_bad else "", suspect.disposition]
