"""Does the onset interval hold the onset? On steps and ramps, for level, spread and outcomes, with seeds nothing was chosen on.

    python -m benchmarks.simulated.onset [--columns 400] [--json OUT]

Each history is in control for a while (not the same for all: 300 to 1,500 updates), then changes at once or ever further, and is
read at its first crossing. Thresholds as at a station: 3e7 for the level (epsilon 0.1, eta 5 %), 1e8 for the spread (0.94, 1.07),
36,000 for outcomes (claims of METHODS 3 at a floor of 2e-4, in audits). Held: earliest <= onset <= latest, with Wilson's 95 %
interval. A crossing before the change is counted apart, and so is a history without one within 12,000 updates.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated.intervals import counted
from detectors.contract import Onset
from detectors.level_shift import LevelShift
from detectors.outcome_gap import OutcomeGap
from detectors.spread_shift import SpreadShift

SEED = 20_261_129
ROWS = 50
PATIENCE = 12_000
FLOOR = 2e-4
Array = NDArray[np.float64]
# Of updates since the onset (0 before it), the rows that come: (generator, updates since (T, K)) -> (T, K).
Rows = Callable[[np.random.Generator, Array], Array]


@dataclass(frozen=True)
class Scenario:
    """One kind of change. rows: what is measured."""

    id: str
    detector: str
    rows: Rows


@dataclass(frozen=True)
class Told:
    """The onsets of one scenario, relative to the true one. early: crossed before it; never: not in the patience given."""

    id: str
    detector: str
    histories: int
    early: int
    never: int
    holds: int
    too_late: int  # the whole interval lies after the onset
    late: float  # share of estimates after the onset
    estimate: float  # median
    width: float  # median
    delay: float  # median, onset to crossing


def _mean(change: Callable[[Array], Array]) -> Rows:
    return lambda rng, since: rng.standard_normal(since.shape) + np.where(since > 0, change(since), 0.0)


def _spread(change: Callable[[Array], Array]) -> Rows:
    return lambda rng, since: rng.standard_normal(since.shape) * np.where(since > 0, change(since), 1.0)


SCENARIOS = (
    *(
        Scenario(f"onset-level-step-{d:g}", "level_shift", _mean(lambda s, d=d: np.full_like(s, d)))
        for d in (0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
    ),
    *(
        Scenario(f"onset-level-ramp-{d:g}", "level_shift", _mean(lambda s, d=d: s * (d / 1000)))
        for d in (0.25, 0.5, 1.0, 3.0, 10.0)
    ),
    Scenario("onset-level-ramp-1-stops-at-1", "level_shift", _mean(lambda s: np.minimum(s / 1000, 1.0))),
    *(
        Scenario(f"onset-spread-step-{d:g}", "spread_shift", _spread(lambda s, d=d: np.full_like(s, d)))
        for d in (0.5, 0.7, 1.5, 2.0, 3.0)
    ),
    *(Scenario(f"onset-spread-ramp-{d:g}", "spread_shift", _spread(lambda s, d=d: 1.0 + s * (d / 1000))) for d in (0.5, 1.0, 3.0)),
)
# Outcomes: share of passed parts bad whatever was claimed, at once or rising over so many audits.
OUTCOMES = ((0.003, 0), (0.01, 0), (0.03, 0), (0.1, 0), (0.01, 2000), (0.03, 2000), (0.03, 500))


def told(scenario: Scenario, columns: int, seed: int) -> Told:
    """Onsets of one scenario."""
    rng = np.random.default_rng([SEED, seed])
    quiet = rng.integers(300, 1500, columns)
    if scenario.detector == "level_shift":
        detector: LevelShift | SpreadShift = LevelShift(np.full(columns, 0.1), np.full(columns, 0.05), np.full(columns, 3e7))
    else:
        detector = SpreadShift(np.full(columns, 0.94), np.full(columns, 1.07), np.full(columns, 1e8))
    found: dict[int, tuple[Onset, int]] = {}
    for first in range(0, 1500 + PATIENCE, ROWS):
        at = np.arange(first, first + ROWS)
        since = (at[:, None] - quiet[None] + 1).astype(np.float64)
        for crossing in detector.update(scenario.rows(rng, since), at):
            found.setdefault(crossing.column, (crossing.onset, int(crossing.at)))
        if len(found) == columns:
            break
    return _summed(scenario.id, scenario.detector, columns, [(found.get(k), int(quiet[k])) for k in range(columns)])


def outcomes(share: float, ramp: int, histories: int, seed: int) -> Told:
    """The same for one station's audits."""
    found: list[tuple[tuple[Onset, int] | None, int]] = []
    for history in range(histories):
        rng = np.random.default_rng([SEED, seed, history])
        quiet = int(rng.integers(300, 1500))
        detector = OutcomeGap(36_000.0)
        crossed: tuple[Onset, int] | None = None
        for first in range(0, 1500 + PATIENCE, 500):
            at = np.arange(first, first + 500)
            p = np.where(rng.random(500) < 0.03, rng.beta(2.0, 38.0, 500), rng.beta(0.5, 2500.0, 500))
            since = at - quiet + 1
            extra = np.where(since > 0, share * (np.minimum(1.0, since / ramp) if ramp else 1.0), 0.0)
            bad = (rng.random(500) < p) | (rng.random(500) < extra)
            crossings = detector.update(np.column_stack([np.maximum(p, FLOOR), bad]), at)
            if crossings:
                crossed = crossings[0].onset, int(crossings[0].at)
                break
        found.append((crossed, quiet))
    name = f"onset-outcome-{'ramp' if ramp else 'step'}-{share:g}" + (f"-{ramp}" if ramp else "")
    return _summed(name, "outcome_gap", histories, found)


def _summed(name: str, detector: str, histories: int, found: list[tuple[tuple[Onset, int] | None, int]]) -> Told:
    early = sum(one is not None and one[1] < onset for one, onset in found)
    read = [(one[0], one[1], onset) for one, onset in found if one is not None and one[1] >= onset]
    median = (lambda values: float(np.median(values))) if read else (lambda _values: float("nan"))
    return Told(
        id=name,
        detector=detector,
        histories=histories,
        early=early,
        never=sum(one is None for one, _ in found),
        holds=sum(o.earliest <= onset <= o.latest for o, _, onset in read),
        too_late=sum(o.earliest > onset for o, _, onset in read),
        late=sum(o.estimate > onset for o, _, onset in read) / max(1, len(read)),
        estimate=median([o.estimate - onset for o, _, onset in read]),
        width=median([o.latest - o.earliest for o, _, _ in read]),
        delay=median([at - onset for _, at, onset in read]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=400, help="histories per scenario; a quarter of it for outcomes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    heads = (
        "scenario",
        "interval holds the onset",
        "lies after it",
        "estimate late",
        "median estimate",
        "width",
        "delay",
        "early, never",
    )
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|", flush=True)
    runs = [lambda s=s, k=k: told(s, options.columns, k) for k, s in enumerate(SCENARIOS)]
    runs += [lambda o=o, k=k: outcomes(*o, max(1, options.columns // 4), 100 + k) for k, o in enumerate(OUTCOMES)]
    for run in runs:
        t = run()
        results.append(t)
        read = t.histories - t.early - t.never
        cells = (t.id, counted(t.holds, read), str(t.too_late), f"{t.late:.0%}")
        cells += (f"{t.estimate:,.0f}", f"{t.width:,.0f}", f"{t.delay:,.0f}", f"{t.early}, {t.never}")
        print("| " + " | ".join(cells) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(t) for t in results], indent=1))


if __name__ == "__main__":
    main()
