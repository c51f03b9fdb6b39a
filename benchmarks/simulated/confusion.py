"""What is asked of attribution, counted: the confusion table, hits with Wilson intervals, pairs, harm and silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.simulated.intervals import counted

if TYPE_CHECKING:
    from agent.demo.line.causes import Cause
    from benchmarks.simulated.attribution import Result


def report(results: Sequence[Result], expected: Mapping[Cause, str], harmless: Collection[Cause]) -> str:
    """All of it, as Markdown."""
    singles = [r for r in results if len(r.case.causes) == 1 and r.case.causes[0] in expected]
    lines = [*_confusion(singles, expected), ""]
    noticed = [r for r in singles if r.ranked]
    for name, chosen in (("single causes", singles), ("of these, noticed", noticed)):
        for depth in (1, 2):
            hits = sum(expected[r.case.causes[0]] in [cause for cause, _ in r.ranked[:depth]] for r in chosen)
            lines.append(f"- {name}, right within the first {depth}: {counted(hits, len(chosen))}")
    early = sum(bool(r.first) and r.first[0] == expected[r.case.causes[0]] for r in noticed)
    lines.append(f"- right already at the first alarm: {counted(early, len(noticed))}")
    lines.append(f"- a second cause named where there is none: {counted(sum(r.both for r in noticed), len(noticed))}")
    lines += _pairs([r for r in results if len(r.case.causes) == 2], expected)
    lines += _harm(results, harmless)
    lines += [
        f"- wrong: {r.case.causes[0]} {r.case.sizes[0]:g} seed {r.case.seed}: {list(r.ranked)}; saw {list(r.signs)}"
        for r in singles
        if not r.ranked or r.ranked[0][0] != expected[r.case.causes[0]]
    ]
    return "\n".join(lines)


def _confusion(singles: Sequence[Result], expected: Mapping[Cause, str]) -> list[str]:
    answers = (*dict.fromkeys(expected.values()), "none")
    lines = ["| true cause | " + " | ".join(answers) + " |", "|---|" + "---|" * len(answers)]
    for cause in dict.fromkeys(r.case.causes[0] for r in singles):
        said = Counter(r.ranked[0][0] if r.ranked else "none" for r in singles if r.case.causes[0] == cause)
        lines.append(f"| {cause} | " + " | ".join(str(said[answer] or "") for answer in answers) + " |")
    return lines


def _pairs(pairs: Sequence[Result], expected: Mapping[Cause, str]) -> list[str]:
    right = [{expected[cause] for cause in r.case.causes} <= {cause for cause, _ in r.ranked[:2]} for r in pairs]
    said = [both and r.both for both, r in zip(right, pairs, strict=True)]
    lines = [f"- two causes, both within the first two: {counted(sum(right), len(pairs))}; and said to be both: {sum(said)}"]
    return lines + [
        f"- not both: {'+'.join(r.case.causes)} {r.case.lag} parts apart, seed {r.case.seed}: {list(r.ranked)}; saw {list(r.signs)}"
        for good, r in zip(said, pairs, strict=True)
        if not good
    ]


def _harm(results: Sequence[Result], harmless: Collection[Cause]) -> list[str]:
    """Harmless things raise no harm; harm that no pixel shows is seen by truth alone, which then says what was blind."""
    lines = []
    for cause in harmless:
        runs = [r for r in results if r.case.causes == (cause,)]
        silent, harm = sum(not r.raised for r in runs), sum(r.harm == "shown" or r.held > 0 for r in runs)
        lines.append(f"- {cause}: {len(runs)} runs, {silent} silent, {harm} with harm or a hold")
    defects = [r for r in results if r.case.causes == ("new_defect",) and r.raised]
    alone = sum(all(alarm.startswith("bad-parts-passed") for alarm in r.raised) for r in defects)
    named = sum(r.harm == "shown" and {"lighting", "scores"} <= set(r.blind) for r in defects)
    lines.append(f"- new_defect: {len(defects)} noticed, {alone} by outcomes alone, {named} say that picture and scores were blind")
    return lines
