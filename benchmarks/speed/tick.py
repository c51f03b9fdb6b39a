"""The whole tick, raw values to compared evidence, of 1 to 1,024 channels, one row a call, on one thread.

    python -m benchmarks.speed.tick [--json OUT]

Scenario ids: tick4k-K (learned from 4,000 rows, as is the default, in 40 runs; transform, AR residual, normal score, then bets,
fold and comparison of level and spread, of one row of K channels, as the agent watches a stream) and tick4k-256-runs (in 20 runs,
too few to tell of every channel whether runs differ, so that some are watched within and between runs); beside it the physical
limit (one copy of what a tick must read and write, in the same run) and what a tick allocates at most and keeps (bytes).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
from pathlib import Path

import numpy as np

from agent.core.watch import Watch
from benchmarks.speed.targets import TICK_US, beside
from detectors.baseline import fit
from detectors.level_shift import detector as level_shift
from detectors.spread_shift import detector as spread_shift

CHANNELS = (1, 4, 16, 64, 256, 1024)
ROWS = 4000  # learned from, then watched
REPEATS = 7


class Ticks:
    """A monitor of K channels, a third of each transform, AR(1), and rows to feed it."""

    def __init__(self, channels: int, run_rows: int = 100) -> None:
        rng = np.random.default_rng(1)
        x = rng.standard_normal((ROWS, channels))
        for t in range(1, ROWS):
            x[t] += 0.4 * x[t - 1]
        self.raw = x.copy()
        self.raw[:, 1::3] = np.exp(0.1 * x[:, 1::3])
        self.raw[:, 2::3] = 1.0 / (1.0 + np.exp(-x[:, 2::3]))
        kinds = [("none", "log", "logit")[k % 3] for k in range(channels)]
        thresholds = np.full(channels, 1e9)
        tolerances = np.full(channels, 0.02)
        baseline = fit(self.raw, np.arange(ROWS) // run_rows, transforms=kinds, tolerances=tolerances, thresholds=thresholds)
        self.by_runs = int(baseline.by_runs.sum())
        self._watch = Watch(baseline, thresholds)

    def one(self, t: int) -> None:
        """One tick."""
        self._watch.observe(self.raw[t : t + 1], new_run=False, index=t)

    def us(self) -> float:
        """Processor time of a tick, microseconds: median over passes."""
        passes = []
        for _ in range(REPEATS):
            start = time.process_time()
            for t in range(ROWS):
                self.one(t)
            passes.append((time.process_time() - start) / ROWS * 1e6)
        return statistics.median(passes)

    def allocated(self) -> tuple[int, int]:
        """Bytes: the most one tick has at once, and what a thousand ticks leave behind."""
        most = 0
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for t in range(1000):
                here = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                self.one(t)
                most = max(most, tracemalloc.get_traced_memory()[1] - here)
            return most, tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()


def limit_us(channels: int, loops: int = 20_000) -> float:
    """A copy of what a tick cannot do without: read and write the evidence of every bet, (bets, K) float64, microseconds."""
    evidence = np.ones((level_shift.BETS + spread_shift.BETS, channels))
    target = np.empty_like(evidence)
    passes = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(loops):
            np.copyto(target, evidence)
        passes.append((time.process_time() - start) / loops * 1e6)
    return statistics.median(passes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    for channels in CHANNELS:
        ticks = Ticks(channels)
        us, limit = ticks.us(), limit_us(channels)
        most, kept = ticks.allocated()
        result[f"tick4k-{channels}"] = {"us": us, "limit_us": limit, "allocated_bytes": most, "kept_bytes": kept}
        target = beside(us, TICK_US) if channels == 256 else ""
        print(
            f"tick4k-{channels}: {us:.1f} us, {us / channels * 1e3:.0f} ns a channel, {us / limit:.0f} x a copy of its evidence;"
            f" at most {most / 1e3:.1f} kB allocated at once, {kept} bytes kept after 1,000 {target}"
        )
    runs = Ticks(256, run_rows=200)
    result["tick4k-256-runs"] = {"us": runs.us(), "by_runs": runs.by_runs}
    print(
        f"tick4k-256-runs: {result['tick4k-256-runs']['us']:.1f} us, {runs.by_runs} of 256 channels watched within and between runs"
    )
    growth = result["tick4k-1024"]["us"] / result["tick4k-256"]["us"]
    print(f"four times the channels: {growth:.1f} x the time")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
