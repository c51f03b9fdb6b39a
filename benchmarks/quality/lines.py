"""Question 5: a line of 300 channels at one false alarm in 100,000 parts: how long until the line's first alarm, whatever changes?

Baseline of 2,000 parts, 100 in control, then the change on all channels or on one; delay to the first alarm of any channel, over
lines without an alarm before. Charts have limits that keep the same budget on independent normal parts with known parameters,
which on a baseline of 2,000 and on other streams they do not (question 1).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from benchmarks.quality.cells import Cells
from benchmarks.quality.false_alarms import CHANNELS, PARTS, limits
from benchmarks.quality.scenarios import Change, Null, Source

LINES, BASELINE, WARM_UP, PATIENCE, PIECE = 20, 2_000, 100, 10_000, 250
CASES = (
    ("iid", "one-of-300"),
    ("iid", "all-of-300"),
    ("factor", "all-of-300"),
    ("iid", "ramp-1"),
    ("iid", "ramp-5"),
    ("iid", "spread-15"),
    ("iid", "spread-2"),
    ("iid", "spread-half"),
    ("iid", "periodic-1"),
)


def run(cells: Cells, nulls: dict[str, Null], changes: dict[str, Change]) -> None:
    """Every cell."""
    for null, change in CASES:
        cells.measure(f"lines/{null}/{change}", lambda null=null, change=change: cell(nulls[null], changes[change]))


def cell(null: Null, change: Change) -> dict[str, Any]:
    """Delays of all detectors on the same lines."""
    from benchmarks.quality import ours  # not in every peer's environment

    delays: dict[str, list[float]] = {}
    for repeat in range(LINES):
        source = Source(null, CHANNELS, repeat)
        x, _ = source.take(BASELINE)
        monitor = ours.Monitor(_baseline(null, repeat), CHANNELS, CHANNELS * PARTS)
        made = limits(CHANNELS * PARTS)
        for chart, _limit in made.values():
            chart.learn(x)
        x, runs = source.take(WARM_UP)
        waiting = {name for name, (chart, limit) in made.items() if not (chart.statistic(x) >= limit).any()}
        if not monitor.watch(x, runs):
            waiting.add("ours")
        for name in waiting:
            delays.setdefault(name, []).append(math.inf)
        since = 0
        while waiting and since < PATIENCE:
            x, runs = source.take(PIECE)
            x = change.apply(x, since)
            found = {}
            if "ours" in waiting and (crossings := monitor.watch(x, runs)):
                found["ours"] = crossings[0][1].at - WARM_UP + 1
            for name in waiting - {"ours"}:
                chart, limit = made[name]
                rows = np.flatnonzero((chart.statistic(x) >= limit).any(axis=1))
                if rows.size:
                    found[name] = since + int(rows[0]) + 1
            for name, delay in found.items():
                delays[name][-1] = delay
            waiting -= set(found)
            since += PIECE
    return {"scenario": null.name, "change": change.name, "lines": LINES, "delays": {k: _summary(v) for k, v in delays.items()}}


@cache
def _baseline(null: Null, repeat: int) -> Any:
    """Phase I of one line: the same whatever changes later."""
    from benchmarks.quality import ours

    x, runs = Source(null, CHANNELS, repeat).take(BASELINE)
    return ours.learned(x, runs, CHANNELS * PARTS, steadiness="assumed").baseline  # as it is


def _summary(delays: list[float]) -> dict[str, Any]:
    return {"median": float(np.median(delays)), "missed": sum(map(math.isinf, delays)), "lines": len(delays)}
