"""Is the likely cause the cause? A confusion table over simulated causes, sizes and seeds, through the agent's own core.

    python -m benchmarks.simulated.attribution --set held-out --out F
    python -m benchmarks.simulated.attribution --set development --out F

One station a seed learns from 3,000 parts and runs on in control for 299; every run goes on from there with its cause, and the
incident is read 400 parts after the first alarm, or after the second cause (where no alarm comes, 1,200 parts after the onset,
1,000 for what must stay silent, 2,500 for what only truth can show). Every frame is rendered, measured and folded; audits are a
quarter of the passed parts, an hour later. Rows: what was true. Columns: the incident's first cause. Intervals: Wilson, 95 %.

The rules were written on `development`, which has all sets scored before in it, and frozen in commit 253c459. Only then were
sizes, seeds and pairs of a held-out set chosen and two causes added to the line that it never had: stray light and trigger
jitter. docs/causes.md has its score. It showed that clues by channel were never matched, and a rule about jitter was
changed; `held-out` has sizes and seeds chosen after that, while these two causes are no longer new to the rules.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np

from agent.demo.line.causes import Cause, Storyline, draw_change
from agent.demo.line.magnitudes import SWEEPS
from agent.demo.line.production import captured_at
from agent.records import Event
from benchmarks.simulated.confusion import report
from benchmarks.simulated.line import LEARNED, QUIET_PARTS, STATION, Said, Station, learned, settled

ONSET = LEARNED + QUIET_PARTS + 1
SETTLED_PARTS = 400
PATIENCE_PARTS = 1_200
SILENT_PARTS = 1_000
TRUTH_PATIENCE_PARTS = 2_500

# What the agent should say.
EXPECTED: dict[Cause, str] = {
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
    Cause.STRAY_LIGHT: "stray_light",
    Cause.TRIGGER_JITTER: "fixture",  # where parts come to lie: nest, clamps, feeding
}
# Nothing, or for the coil nothing worse than material.
HARMLESS = (Cause.HARMLESS_COIL, Cause.RECIPE_CHANGEOVER)


@dataclass(frozen=True, slots=True)
class Choice:
    """A set of runs. sizes: two of each cause; a seed runs both, of what the records tell themselves (identity) one. pairs: each
    with the parts between their onsets, at the larger of their sizes, on the first `pair_seeds` seeds.
    """

    seeds: tuple[int, ...]
    sizes: dict[Cause, tuple[float, float]]
    pairs: tuple[tuple[Cause, Cause, int], ...]
    pair_seeds: int


HELD_OUT = Choice(
    seeds=(41, 42, 43, 44, 45),
    sizes={
        Cause.LAMP_DIMMING: (0.07, 0.17),
        Cause.SEGMENT_DARK: (0.16, 0.45),
        Cause.DIRTY_WINDOW: (0.09, 0.23),
        Cause.DEFOCUS: (1.4, 2.1),
        Cause.CAMERA_BUMP: (2.0, 5.5),
        Cause.FIXTURE_WEAR: (1.4, 2.8),
        Cause.TOOL_WEAR: (0.55, 1.3),
        Cause.NEW_LOT: (0.06, 0.15),
        Cause.NEW_DEFECT: (0.03, 0.06),
        Cause.MODEL_SWAPPED: (0.8, 1.4),
        Cause.THRESHOLD_EDITED: (0.1, 0.65),
        Cause.STRAY_LIGHT: (0.035, 0.07),
        Cause.TRIGGER_JITTER: (1.6, 2.5),
        Cause.HARMLESS_COIL: (0.025, 0.04),
        Cause.RECIPE_CHANGEOVER: (1.0, 1.0),
    },
    pairs=(
        (Cause.LAMP_DIMMING, Cause.CAMERA_BUMP, 0),
        (Cause.DIRTY_WINDOW, Cause.DEFOCUS, 300),
        (Cause.NEW_LOT, Cause.CAMERA_BUMP, 300),
        (Cause.MODEL_SWAPPED, Cause.LAMP_DIMMING, 0),
        (Cause.TOOL_WEAR, Cause.LAMP_DIMMING, 300),
        (Cause.THRESHOLD_EDITED, Cause.DEFOCUS, 0),
        (Cause.FIXTURE_WEAR, Cause.DIRTY_WINDOW, 0),
        (Cause.DEFOCUS, Cause.NEW_LOT, 300),
    ),
    pair_seeds=3,
)
_SWEPT = {cause: SWEEPS[cause].sizes for cause in (*EXPECTED, *HARMLESS)}
DEVELOPMENT = Choice(
    seeds=(1, 2, 3),
    sizes={cause: (sizes[min(1, len(sizes) - 1)], sizes[-1]) for cause, sizes in _SWEPT.items()},
    pairs=tuple((first, second, 250 - lag) for first, second, lag in HELD_OUT.pairs[:6]),
    pair_seeds=2,
)
SETS = {"development": DEVELOPMENT, "held-out": HELD_OUT}


@dataclass(frozen=True, slots=True)
class Case:
    """One run: its true causes with their sizes, the parts between their onsets, the seed."""

    causes: tuple[Cause, ...]
    sizes: tuple[float, ...]
    lag: int
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was said. texts: of the alarms as first raised; first: causes at the first alarm; ranked: at the end, with shares;
    delay: parts from onset to first alarm.
    """

    case: Case
    raised: tuple[str, ...]
    texts: tuple[str, ...]
    delay: int | None
    first: tuple[str, ...]
    ranked: tuple[tuple[str, float], ...]
    both: bool
    harm: str
    held: int
    blind: tuple[str, ...]
    escaped: int
    signs: tuple[tuple[str, float], ...]


def cases(choice: Choice) -> list[Case]:
    """The runs of a set: every cause on every seed at one of its sizes, then the pairs, then the other sizes."""
    told = (Cause.MODEL_SWAPPED, Cause.THRESHOLD_EDITED, Cause.RECIPE_CHANGEOVER)
    turns = [
        [
            Case((cause,), (sizes[(k + turn) % 2],), 0, seed)
            for k, seed in enumerate(choice.seeds)
            for cause, sizes in choice.sizes.items()
            if not (turn and cause in told)
        ]
        for turn in (0, 1)
    ]
    pairs = [
        Case((a, b), (choice.sizes[a][1], choice.sizes[b][1]), lag, seed)
        for seed in choice.seeds[: choice.pair_seeds]
        for a, b, lag in choice.pairs
    ]
    return turns[0] + pairs + turns[1]


def run(case: Case) -> Result:
    """One case."""
    base = learned(case.seed)
    rng = np.random.default_rng([case.seed, *(round(1e4 * size) for size in case.sizes), *map(list(Cause).index, case.causes)])
    onsets = (ONSET, ONSET + case.lag)
    changes = [draw_change(*one, rng) for one in zip(case.causes, case.sizes, onsets, strict=False)]
    patience = PATIENCE_PARTS
    if set(case.causes) <= set(HARMLESS):
        patience = SILENT_PARTS
    elif case.causes == (Cause.NEW_DEFECT,):
        patience = TRUTH_PATIENCE_PARTS
    station = Station(case.seed, base)
    station.go_on_from(settled(case.seed))

    def enough(said: Said, made: int) -> bool:
        at = next((at for at, alarm in said.alarms if alarm.transition.endswith("UNACK")), None)
        return at is not None and made >= max(at, ONSET + case.lag) + SETTLED_PARTS

    if Cause.HARMLESS_COIL in case.causes:
        station.tell(Event(STATION, "lot", captured_at(ONSET) - timedelta(seconds=30), "C4712"))
    station.run(Storyline(base.coil, ONSET + case.lag + patience, changes), enough)
    said = station.said
    raised = [(at, alarm) for at, alarm in said.alarms if alarm.transition.endswith("UNACK")]
    firsts = [doc for at, doc in said.incidents if raised and at <= raised[0][0] and doc.alarms]
    final = said.incidents[-1][1] if said.incidents else None
    return Result(
        case=case,
        raised=tuple(f"{alarm.alarm_id}:{alarm.code}" for _, alarm in raised),
        texts=tuple(f"{alarm.text} → {alarm.response}" for _, alarm in raised),
        delay=raised[0][0] - ONSET if raised else None,
        first=tuple(cause.cause for cause in firsts[-1].causes) if firsts else (),
        ranked=() if final is None else tuple((cause.cause, cause.share) for cause in final.causes),
        both=final is not None and final.both,
        harm="unknown" if final is None else final.harm,
        held=0 if final is None or final.hold is None else final.hold.parts,
        blind=() if final is None else final.blind,
        escaped=said.escaped,
        signs=() if final is None else tuple((sign.code, sign.size) for sign in final.signs),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated.attribution", description=__doc__.split("\n")[0])
    parser.add_argument("--set", choices=sorted(SETS), required=True, dest="chosen")
    parser.add_argument("--only", default="", help="causes by name, with commas")
    parser.add_argument("--seeds", default="", help="some of the set's seeds, with commas")
    parser.add_argument("--out", type=Path, help="results as JSON, kept after every run")
    parser.add_argument("--read", type=Path, nargs="+", default=(), help="run nothing: report what these files of --out hold")
    options = parser.parse_args(arguments)
    only = {name for name in options.only.split(",") if name}
    seeds = {int(seed) for seed in options.seeds.split(",") if seed}
    results = [result for path in options.read for result in msgspec.json.decode(path.read_bytes(), type=list[Result])]
    for case in () if options.read else cases(SETS[options.chosen]):
        if (not only or set(case.causes) <= only) and (not seeds or case.seed in seeds):
            results.append(run(case))
            if options.out is not None:
                options.out.write_text(json.dumps([asdict(result) for result in results], indent=1))
    print(report(results, EXPECTED, HARMLESS))


if __name__ == "__main__":
    main()
