"""Channels whose runs (lots, set-ups) differ: false alarms and delay of the run-level layer (METHODS 2.5).

`python -m benchmarks.simulated.run_level [--quick]` prints two Markdown tables.

Run means: every column is a line of its own with normal run means, standardised by a baseline of 20 to 60 runs, and watched by
level_shift at c = 20,000 and at 3,000,000, about what a station's budget gives. False alarms are multiples of the nominal one in c
runs, over the 2,000 runs after each baseline.
Parts: normal parts, runs of 200 with offsets of `tau` sd, a baseline of 4,000 parts and another 40,000 watched, as multiples of the
budget; three ways to take the offsets out. A zero is printed as "<= 3 / expected".
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from detectors.baseline import RunMeans, Standardiser, fit
from detectors.baseline.runs import unresolved_of
from detectors.level_shift import LevelShift

FloatArray = NDArray[np.float64]
THRESHOLDS = (20_000.0, 3_000_000.0)
RUN = 200
PARTS_C = 2_000.0


def times(alarms: int, expected: float) -> str:
    """Alarms as a multiple of what is allowed."""
    return f"x{alarms / expected:.2f}" if alarms else f"<= x{3.0 / expected:.2f}"


def learned(rng: np.random.Generator, runs: int, columns: int, c: float) -> tuple[FloatArray, FloatArray, LevelShift]:
    """Centre and scale of each column's run means, and its test."""
    sample = rng.standard_normal((runs, columns))
    epsilon, inflation = unresolved_of(runs)
    test = LevelShift(*(np.full(columns, value) for value in (epsilon, inflation, c)))
    return sample.mean(axis=0), sample.std(axis=0, ddof=1), test


def run_means(runs: int, c: float, columns: int, seed: int, *, tolerant: bool = True) -> tuple[int, float]:
    """(false alarms in 2,000 runs, how many are nominal) over so many baselines of `runs` runs."""
    rng = np.random.default_rng([seed, runs])
    center, scale, test = learned(rng, runs, columns, c)
    if not tolerant:
        test = LevelShift(np.zeros(columns), np.zeros(columns), np.full(columns, c))
    alarms = 0
    for t in range(0, 2_000, 50):
        alarms += len(test.update((rng.standard_normal((50, columns)) - center) / scale, np.arange(t, t + 50)))
    return alarms, 2_000 * columns / c


def delay(runs: int, c: float, columns: int, seed: int) -> float:
    """Median runs to find a shift of 1 sd."""
    rng = np.random.default_rng([seed, runs, 1])
    center, scale, test = learned(rng, runs, columns, c)
    first = np.full(columns, np.inf)
    for t in range(0, 2_000, 50):
        for crossing in test.update((rng.standard_normal((50, columns)) + 1.0 - center) / scale, np.arange(t, t + 50)):
            first[crossing.column] = min(first[crossing.column], crossing.at + 1.0)
    return float(np.median(first))


def parts(tau: float, columns: int, seed: int) -> dict[str, str]:
    """False alarms as multiples of the budget, per way to take the offsets of runs out."""
    rng = np.random.default_rng([seed, int(10 * tau), 1])

    def drawn(count: int) -> tuple[FloatArray, NDArray[np.int64]]:
        runs = np.arange(count) // RUN
        return rng.standard_normal((count, columns)) + tau * rng.standard_normal((runs[-1] + 1, columns))[runs], runs

    x, runs = drawn(4_000)
    after, later = drawn(40_000)
    starts = np.concatenate([[True], later[1:] != later[:-1]])
    at, c = np.arange(len(after)), np.full(columns, PARTS_C)
    found = {}
    raw = LevelShift(np.full(columns, 0.1), np.full(columns, 0.05), c)
    found["none: one test on all parts"] = times(
        len(raw.update((after - x.mean(axis=0)) / x.std(axis=0), at)), at.size * columns / PARTS_C
    )
    for first in (5, 20):
        naive = after.copy()
        for run in range(later[-1] + 1):
            rows = slice(run * RUN, (run + 1) * RUN)
            naive[rows] -= after[rows][:first].mean(axis=0)
            naive[rows][:first] = np.nan
        raw = LevelShift(np.full(columns, 0.1), np.full(columns, 0.05), c)
        found[f"less the mean of the run's first {first}"] = times(
            len(raw.update(naive, at)), float(np.isfinite(naive).sum()) / PARTS_C
        )
    baseline = fit(x, runs, transforms=["none"] * columns, tolerances=np.zeros(columns), thresholds=c)
    z = Standardiser(baseline).apply(after, starts)
    means = RunMeans(baseline).apply(after, starts)
    by_runs = baseline.by_runs
    z[:, ~by_runs] = np.nan
    within, between = baseline.level(c), baseline.run_means(c)
    alarms, expected = len(within.update(z, at)), float((np.isfinite(z).sum(axis=0) / within.thresholds).sum())
    found["predictive residuals"] = f"{times(alarms, expected)} ({int(by_runs.sum())} of {columns} by runs)"
    alarms, expected = len(between.update(means, at)), float((np.isfinite(means).sum(axis=0) / between.thresholds).sum())
    found["and their run means"] = times(alarms, expected)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--columns", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=42001)
    given = options.parse_args()
    print("| baseline, c | false alarms, with epsilon and eta | without | runs to find a shift of 1 sd (median) |")
    print("|---|---|---|---|")
    for c in THRESHOLDS:
        for runs in (20, 30, 60):
            tolerant = times(*run_means(runs, c, given.columns, given.seed))
            plain = times(*run_means(runs, c, given.columns // 10, given.seed, tolerant=False))
            print(f"| {runs} runs, {c:,.0f} | {tolerant} | {plain} | {delay(runs, c, 200, given.seed):.0f} |", flush=True)
    rows = {tau: parts(tau, 40, given.seed) for tau in (0.3, 1.0)}
    print("\n| offsets of runs taken out by | " + " | ".join(f"tau = {tau} sd" for tau in rows) + " |")
    print("|---|" + "---|" * len(rows))
    for name in rows[0.3]:
        print(f"| {name} | " + " | ".join(found[name] for found in rows.values()) + " |")


if __name__ == "__main__":
    main()
