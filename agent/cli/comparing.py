"""Two models' results on the same frames, read, compared and shown: what `linewarden model compare`, `plan` and `show` share."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from agent.cli import console
from agent.cli.access import store
from agent.errors import AgentError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.shadow import Compared, Comparison, Flip
    from agent.side_by_side import Results

_SHOWN_FLIPS = 20
_COLUMNS = ("part_id", "truth", "old", "old_p", "new", "new_p", "recipe", "class_name")


def compared(
    station: str, new: Path, old: Path | None, outcomes: tuple[Path, ...], flips: Path | None, folder: Path
) -> tuple[Comparison, Results]:
    """The comparison, and what the new model's results are. Raises AgentError where no frame was judged by both."""
    import msgspec

    from agent.core.approved import named
    from agent.side_by_side import compare, read

    after = read(new, station)
    before = _kept(folder, station, after) if old is None else read(old, station)
    if old is not None:
        _know(folder, station, before)
    truth = {**before.truth, **after.truth}
    for path in outcomes:
        truth |= read(path, station).truth
    found, every = compare(before.judged, after.judged, truth)
    if not found.all.frames:
        hint = (
            f"{new} has {len(after.judged)} results of {station}, the other {len(before.judged)}: same part_id, view and position?"
        )
        raise AgentError("no frame was judged by both", hint=hint)
    for results, file in ((before, old), (after, new)):
        if results.refused:
            console.note(f"{file}: {results.refused} line(s) are no records")
    if flips is not None:
        _write(flips, every)
    models = ("" if one.model is None else named(one.model) for one in (before, after))
    old_model, new_model = models
    return (
        msgspec.structs.replace(found, old_model=old_model, new_model=new_model, old_sha256=before.sha256, new_sha256=after.sha256),
        after,
    )


def _kept(folder: Path, station: str, wanted: Results) -> Results:
    """What the store has of these parts; the view is the one the new results name, since the store keeps the leading one's."""
    from agent.side_by_side import Results, of_part
    from agent.store.lookup import Sought

    found = Results()
    with store(folder) as kept:
        for part_id, view, position in wanted.judged:
            rows = [row for row in kept.lookup.parts(Sought(serial=part_id, station=station)) if row.position == position]
            if rows:
                key, judged = of_part(rows[-1], view)
                found.judged[key] = judged
            for told in kept.lookup.outcomes(part_id, station):
                found.truth[part_id] = told.defective
    return found


def _know(folder: Path, station: str, results: Results) -> None:
    """What the store knows these parts turned out to be, where there is a store."""
    from agent.errors import StoreError

    try:
        kept = store(folder)
    except StoreError:
        return
    with kept:
        for part_id, _, _ in results.judged:
            for told in kept.lookup.outcomes(part_id, station):
                results.truth.setdefault(part_id, told.defective)


def _write(path: Path, flips: list[Flip]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(flip, column) for column in _COLUMNS] for flip in flips)


def show(found: Comparison) -> None:
    """The counts and the first flips, as tables."""
    titles = ("recipe", "class", "frames", "agree", "ok→ng", "ng→ok", "flips 95 %", "p")
    known = ("known bad: missed", "known good: rejected", "mended / broken (p)")
    rows = [_row(one, "all" if one is found.all else one.recipe) for one in (found.all, *found.groups)]
    console.table(f"{found.old_model or 'old'} and {found.new_model or 'new'} on the same frames", (*titles, *known), rows)
    if found.only_old or found.only_new:
        console.note(f"judged by one alone: {found.only_old} by the old, {found.only_new} by the new")
    flips = [
        (
            flip.part_id,
            flip.truth or "?",
            f"{flip.old} {_p(flip.old_p)}",
            f"{flip.new} {_p(flip.new_p)}",
            flip.recipe,
            flip.class_name,
        )
        for flip in found.flips[:_SHOWN_FLIPS]
    ]
    if flips:
        console.table("Flips", ("part", "truth", "old", "new", "recipe", "class"), flips)
    left = found.all.ok_to_ng + found.all.ng_to_ok - len(flips)
    if left > 0:
        console.note(f"{left} more flips: --flips FILE lists them all")


def _row(one: Compared, recipe: str) -> tuple[str, ...]:
    flips = one.ok_to_ng + one.ng_to_ok
    return (
        recipe,
        one.class_name,
        str(one.frames),
        str(one.frames - flips),
        str(one.ok_to_ng),
        str(one.ng_to_ok),
        f"{100 * one.flips_low:.2g} to {100 * one.flips_high:.2g} %",
        f"{one.p:.2g}",
        f"{one.old_missed} → {one.new_missed} of {one.bad}" if one.bad else "none known",
        f"{one.old_overkill} → {one.new_overkill} of {one.good}" if one.good else "none known",
        f"{one.mended} / {one.broken} ({one.truth_p:.2g})",
    )


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
