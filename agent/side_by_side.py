"""Two models on the same frames, side by side: where they differ, whether by more than chance, who is right where it is known."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.errors import RecordRefused
from agent.records import MAX_RECORD_BYTES, Inspection, Model, Outcome, decode
from agent.shadow import MOST_FLIPS, MOST_GROUPS, Compared, Comparison, Flip
from detectors.estimate import mcnemar, share

if TYPE_CHECKING:
    from agent.ports import PartRow

Key = tuple[str, str, str]  # part, view, position: one frame's part


@dataclass(frozen=True, slots=True)
class Judged:
    """One model's word on one part."""

    verdict: Literal["ok", "ng"]
    p: float | None
    recipe: str
    class_name: str


@dataclass(slots=True)
class Results:
    """What one model said. refused: lines that are no inspections. models: the identities the records name, each once."""

    judged: dict[Key, Judged] = field(default_factory=dict)
    truth: dict[str, bool] = field(default_factory=dict)  # of outcomes among the lines: defective, by part
    models: dict[Model, None] = field(default_factory=dict)
    refused: int = 0
    sha256: str = ""

    @property
    def model(self) -> Model | None:
        """The one model they name; None where they name none, or several."""
        return next(iter(self.models)) if len(self.models) == 1 else None


def read(path: Path, station: str) -> Results:
    """A file of JSON lines: inspections of a station, and outcomes. Of a part judged twice the later stands."""
    results, digest = Results(), hashlib.sha256()
    with path.open("rb") as file:
        while line := file.readline(MAX_RECORD_BYTES + 1):
            digest.update(line)
            if line.strip():
                _take(line, station, results)
    results.sha256 = digest.hexdigest()
    return results


def _take(line: bytes, station: str, results: Results) -> None:
    try:
        record, _ = decode(line, {"station": station})
    except RecordRefused:
        results.refused += 1
        return
    if isinstance(record, Inspection) and record.station == station:
        key = record.part_id, record.view, record.position
        results.judged[key] = Judged(record.verdict, record.p_defect, record.recipe, record.class_name)
        if record.model is not None:
            results.models[record.model] = None
    elif isinstance(record, Outcome) and record.station in ("", station):
        results.truth[record.part_id] = record.defective


def of_part(row: PartRow, view: str) -> tuple[Key, Judged]:
    """A part as the store keeps it: verdict, and the claim to three figures."""
    verdict: Literal["ok", "ng"] = "ok" if row.verdict == "ok" else "ng"
    return (row.part_id, view, row.position), Judged(verdict, row.p_defect, row.recipe, "")


def compare(old: Mapping[Key, Judged], new: Mapping[Key, Judged], truth: Mapping[str, bool]) -> tuple[Comparison, list[Flip]]:
    """The comparison, of all and by recipe and class (largest groups first), and every flip: those of known truth first.

    truth: part → defective, of those somebody looked at. They were seldom chosen evenly, so that counts of them are no rates.
    """
    both = [key for key in old if key in new]
    groups: defaultdict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in both:
        groups[new[key].recipe or old[key].recipe, old[key].class_name or new[key].class_name].append(key)
    rows = [_count(recipe, name, keys, old, new, truth) for (recipe, name), keys in sorted(groups.items())]
    rows.sort(key=lambda row: -row.frames)
    flips = [_flip(key, old[key], new[key], truth) for key in both if old[key].verdict != new[key].verdict]
    flips.sort(key=lambda flip: (flip.truth == "", flip.truth == flip.new, flip.part_id))
    return (
        Comparison(
            all=_count("", "", both, old, new, truth),
            groups=tuple(rows[:MOST_GROUPS]) if len(rows) > 1 else (),
            flips=tuple(flips[:MOST_FLIPS]),
            only_old=len(old) - len(both),
            only_new=len(new) - len(both),
        ),
        flips,
    )


def _flip(key: Key, old: Judged, new: Judged, truth: Mapping[str, bool]) -> Flip:
    known = truth.get(key[0])
    return Flip(
        part_id=key[0],
        old=old.verdict,
        new=new.verdict,
        old_p=old.p,
        new_p=new.p,
        recipe=new.recipe or old.recipe,
        class_name=old.class_name or new.class_name,
        truth="" if known is None else "ng" if known else "ok",
    )


def _count(
    recipe: str,
    class_name: str,
    keys: Iterable[Key],
    old: Mapping[Key, Judged],
    new: Mapping[Key, Judged],
    truth: Mapping[str, bool],
) -> Compared:
    frames = ok_to_ng = ng_to_ok = 0
    known = {True: [0, 0, 0], False: [0, 0, 0]}  # defective → how many, of which the old and the new one judged wrongly
    mended = broken = 0
    for key in keys:
        before, after = old[key].verdict, new[key].verdict
        frames += 1
        ok_to_ng += before == "ok" != after
        ng_to_ok += before == "ng" != after
        if key[0] in truth:
            defective = truth[key[0]]
            right = "ng" if defective else "ok"
            wrong = before != right, after != right
            known[defective][0] += 1
            known[defective][1] += wrong[0]
            known[defective][2] += wrong[1]
            mended += wrong == (True, False)
            broken += wrong == (False, True)
    low, high = share(ok_to_ng + ng_to_ok, frames)
    return Compared(
        recipe,
        class_name,
        frames,
        ok_to_ng,
        ng_to_ok,
        mcnemar(ok_to_ng, ng_to_ok).p,
        low,
        high,
        bad=known[True][0],
        old_missed=known[True][1],
        new_missed=known[True][2],
        good=known[False][0],
        old_overkill=known[False][1],
        new_overkill=known[False][2],
        mended=mended,
        broken=broken,
        truth_p=mcnemar(mended, broken).p,
    )
