"""Is the likely cause the cause? A confusion table over simulated causes, sizes and seeds, through the agent's own core.

    python -m benchmarks.simulated.attribution --set development --out F
    python -m benchmarks.simulated.attribution --set held-out --out F

One station a seed learns from 2,950 parts; every run goes on from there, the cause comes 300 parts later, and the incident is read
400 parts after the first alarm (where none comes, 1,500 parts after the onset; 2,500 for what only truth can show). Every frame is
rendered, measured and folded; audits are a quarter of the passed parts, an hour later. Rows: what was true. Columns: the incident's
first cause.

The rules were written on `development` (sizes 2 and 3 of each sweep), without segment_dark and fixture_wear, and frozen in commit
4f05be7 before `held-out` was first run (sizes 1 and 4, other seeds, both causes never simulated before). That first score, on
seed 11, is the honest one: 21 of 26 first, 26 of 26 within two. One revision answered it (one-sided light, blur) and was scored on
seed 12, new to it in seed alone: 26 of 26. Both before the spread tests were merged.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from agent.demo.line.causes import Cause, Storyline, draw_change
from agent.demo.line.magnitudes import SWEEPS
from agent.demo.line.production import captured_at
from agent.records import Event
from benchmarks.simulated.line import LEARNED, STATION, Said, Station, learned

ONSET = LEARNED + 300
SETTLED_PARTS = 400
PATIENCE_PARTS = 1_500
TRUTH_PATIENCE_PARTS = 2_500
HELD_OUT_CAUSES = (Cause.SEGMENT_DARK, Cause.FIXTURE_WEAR)

# What the agent should say; None: nothing, or for the coil nothing worse than material.
EXPECTED: dict[Cause, str | None] = {
    Cause.LAMP_DIMMING: "lamp",
    Cause.SEGMENT_DARK: "lamp_segment",
    Cause.DIRTY_WINDOW: "window",
    Cause.DEFOCUS: "focus",
    Cause.CAMERA_BUMP: "camera",
    Cause.FIXTURE_WEAR: "fixture",
    Cause.TOOL_WEAR: "tool",
    Cause.NEW_LOT: "material",
    Cause.NEW_DEFECT: "new_defect",
    Cause.MODEL_SWAPPED: "model",
    Cause.THRESHOLD_EDITED: "threshold",
}
NOTHING = (Cause.HARMLESS_COIL, Cause.RECIPE_CHANGEOVER)
# Told in two ways: the plant says that it changed the lot or the tool, or says nothing.
PAIRS = (
    (Cause.LAMP_DIMMING, Cause.CAMERA_BUMP),
    (Cause.DIRTY_WINDOW, Cause.DEFOCUS),
    (Cause.NEW_LOT, Cause.CAMERA_BUMP),
    (Cause.MODEL_SWAPPED, Cause.LAMP_DIMMING),
    (Cause.TOOL_WEAR, Cause.LAMP_DIMMING),
    (Cause.THRESHOLD_EDITED, Cause.DEFOCUS),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One run: its true causes, the place of their sizes in their sweeps, the seed."""

    causes: tuple[Cause, ...]
    size: int
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was said. first: causes at the first alarm; ranked: at the end, with shares; delay: parts from onset to first alarm."""

    case: Case
    sizes: tuple[float, ...]
    raised: tuple[str, ...]
    delay: int | None
    first: tuple[str, ...]
    ranked: tuple[tuple[str, float], ...]
    harm: str
    held: int
    blind: tuple[str, ...]
    escaped: int
    codes: tuple[str, ...]


def cases(chosen: str, count: int) -> list[Case]:
    """The development or the held-out runs."""
    held_out = chosen == "held-out"
    seeds = tuple(range(11, 11 + count) if held_out else range(1, 1 + count))
    found = []
    for cause in (*EXPECTED, *NOTHING):
        if not held_out and cause in HELD_OUT_CAUSES:
            continue
        sizes = len(SWEEPS[cause].sizes)
        places = (0, 3) if held_out else (1, 2)
        if cause in HELD_OUT_CAUSES:
            places = (0, 1, 2, 3)
        found += [Case((cause,), k, seed) for seed in seeds for k in sorted({min(k, sizes - 1) for k in places})]
    return found + [Case(pair, 3 if held_out else 2, seed) for seed in seeds for pair in PAIRS]


def run(case: Case) -> Result:
    """One case."""
    base = learned(case.seed)
    rng = np.random.default_rng([case.seed, case.size, *(list(Cause).index(cause) for cause in case.causes)])
    changes = [draw_change(cause, SWEEPS[cause].sizes[case.size], ONSET, rng) for cause in case.causes]
    truth_only = set(case.causes) <= {Cause.NEW_DEFECT, Cause.THRESHOLD_EDITED}
    last = ONSET + (TRUTH_PATIENCE_PARTS if truth_only else PATIENCE_PARTS)
    station = Station(case.seed, base)

    def enough(said: Said, made: int) -> bool:
        at = next((at for at, alarm in said.alarms if alarm.transition.endswith("UNACK")), None)
        return at is not None and made >= at + SETTLED_PARTS

    station.run(Storyline(base.coil, ONSET - 1))
    if Cause.HARMLESS_COIL in case.causes:
        station.tell(Event(STATION, "lot", captured_at(ONSET) - timedelta(seconds=30), "C4712"))
    station.run(Storyline(base.coil, last, changes), enough)
    said = station.said
    raised = [(at, alarm) for at, alarm in said.alarms if alarm.transition.endswith("UNACK")]
    delay = raised[0][0] - ONSET if raised else None
    firsts = [doc for at, doc in said.incidents if raised and at <= raised[0][0] and doc.alarms]
    final = said.incidents[-1][1] if said.incidents else None
    return Result(
        case=case,
        sizes=tuple(change.size for change in changes),
        raised=tuple(f"{alarm.alarm_id}:{alarm.code}" for _, alarm in raised),
        delay=delay,
        first=tuple(cause.cause for cause in firsts[-1].causes) if firsts else (),
        ranked=() if final is None else tuple((cause.cause, cause.share) for cause in final.causes),
        harm="unknown" if final is None else final.harm,
        held=0 if final is None or final.hold is None else final.hold.parts,
        blind=() if final is None else final.blind,
        escaped=said.escaped,
        codes=() if final is None else tuple(sign.code for sign in final.signs),
    )


def report(results: Sequence[Result]) -> str:
    """The confusion table and what is asked of it, as text."""
    singles = [r for r in results if len(r.case.causes) == 1 and r.case.causes[0] in EXPECTED]
    answers = [answer for answer in EXPECTED.values() if answer is not None]
    lines = [f"{'true cause':<18}" + "".join(f"{answer[:9]:>10}" for answer in answers) + f"{'none':>10}"]
    for cause in dict.fromkeys(r.case.causes[0] for r in singles):
        said = Counter(r.ranked[0][0] if r.ranked else "none" for r in singles if r.case.causes[0] is cause)
        lines.append(f"{cause:<18}" + "".join(f"{said[answer] or '':>10}" for answer in (*answers, "none")))
    found = [r for r in singles if r.ranked]
    for name, chosen in (("all", singles), ("noticed", found)):
        for depth in (1, 2):
            right = sum(EXPECTED[r.case.causes[0]] in [cause for cause, _ in r.ranked[:depth]] for r in chosen)
            lines.append(f"{name}: within the first {depth}: {right} of {len(chosen)} ({right / max(1, len(chosen)):.1%})")
    early = sum(bool(r.first) and r.first[0] == EXPECTED[r.case.causes[0]] for r in found)
    lines.append(f"right already at the first alarm: {early} of {len(found)}")
    for r in results:
        if r.case.causes[0] in NOTHING:
            said = f"raised {list(r.raised)}, harm {r.harm}, held {r.held}, {[f'{c} {s:.2f}' for c, s in r.ranked]}"
            lines.append(f"{r.case.causes[0]} {r.sizes[0]:g} seed {r.case.seed}: {said}")
    for r in results:
        if len(r.case.causes) == 2:
            wanted = {EXPECTED[cause] for cause in r.case.causes}
            top = [cause for cause, _ in r.ranked]
            both = "both" if wanted <= set(top[:2]) else "one" if wanted & set(top[:2]) else "NONE"
            lines.append(f"two at once {'+'.join(r.case.causes)} seed {r.case.seed}: {both} of them in {top}")
    lines += [
        f"new_defect {r.sizes[0]:g} seed {r.case.seed}: raised {list(r.raised)}, harm {r.harm}, blind {list(r.blind)}"
        for r in singles
        if r.case.causes[0] is Cause.NEW_DEFECT
    ]
    extra = Counter(sum(1 for alarm in r.raised if alarm.split(":")[0] == r.raised[0].split(":")[0]) for r in found)
    lines.append(f"annunciations of the first alarm's own id per single cause: {dict(sorted(extra.items()))}")
    for r in singles:
        if not r.ranked or r.ranked[0][0] != EXPECTED[r.case.causes[0]]:
            said = [f"{c} {s:.2f}" for c, s in r.ranked] or "nothing"
            lines.append(f"  wrong: {r.case.causes[0]} {r.sizes[0]:g} seed {r.case.seed}: {said}; saw {list(r.codes)}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated.attribution", description=__doc__.split("\n")[0])
    parser.add_argument("--set", choices=["development", "held-out"], required=True, dest="chosen")
    parser.add_argument("--only", default="", help="causes by name, with commas")
    parser.add_argument("--seeds", type=int, default=2, help="how many of the set's seeds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="results as JSON")
    options = parser.parse_args(arguments)
    only = {name for name in options.only.split(",") if name}
    chosen = [case for case in cases(options.chosen, options.seeds) if not only or set(case.causes) <= only]
    with ProcessPoolExecutor(options.processes) as pool:
        results = list(pool.map(run, chosen, chunksize=1))
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(result) for result in results], indent=1))
    print(report(results))


if __name__ == "__main__":
    main()
