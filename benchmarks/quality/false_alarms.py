"""Question 1: how often does our monitor alarm on a line of 300 channels on which nothing happens, and what does its gate refuse?

Budget: one false alarm in 100,000 parts for the line, so every channel's threshold is 300 x 100,000. Ten repeats of 100,000 parts
per cell, each with a baseline of its own. Every crossing of every test (level, spread, run means) counts, also of an alarm that
stands already. Beside it, on the first
repeat, three charts whose limits keep the same budget on independent normal parts with known mean and sd.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

from benchmarks.quality import charts
from benchmarks.quality.cells import Cells
from benchmarks.quality.ours import learned
from benchmarks.quality.scenarios import Null, Source
from detectors.contract import Crossing

CHANNELS, PARTS, REPEATS, BASELINES = 300, 100_000, 10, (500, 2_000, 10_000)
PIECE = 2_000
HOPELESS = 1_000  # alarms of one repeat after which no further one is watched: the cell has failed, and crossings cost time


def run(cells: Cells, nulls: dict[str, Null], *, repeats: int = REPEATS, parts: int = PARTS, channels: int = CHANNELS) -> None:
    """Every cell, small baselines first."""
    for baseline in BASELINES:
        for null in nulls.values():
            cells.measure(
                f"false-alarms/{null.name}/{baseline}",
                lambda null=null, baseline=baseline: cell(null, baseline, repeats=repeats, parts=parts, channels=channels),
            )


def cell(null: Null, baseline: int, *, repeats: int, parts: int, channels: int) -> dict[str, Any]:
    """Alarms and refused channels of every repeat; `watched_alarms` per repeat is on the channels the gate let pass."""
    budget = 1.0 / PARTS
    threshold = channels / budget
    alarms, refused, alarmed, by_runs = [], [], [], []
    tests: dict[str, int] = {}
    textbook = {}
    for repeat in range(repeats):
        source = Source(null, channels, repeat)
        x, runs = source.take(baseline)
        monitor = learned(x, runs, threshold)
        beside = limits(channels / budget) if repeat == 0 else {}
        for chart, _limit in beside.values():
            chart.learn(x)
        found: list[tuple[str, Crossing]] = []
        counts = dict.fromkeys(beside, 0)
        for _ in range(parts // PIECE):
            x, runs = source.take(PIECE)
            found += monitor.watch(x, runs)
            for name, (chart, limit) in beside.items():
                counts[name] += restarting(chart, x, limit)
        textbook |= counts
        alarms.append(len(found))
        alarmed.append(len({crossing.column for _, crossing in found}))
        refused.append(monitor.refused)
        by_runs.append(monitor.by_runs)
        for test, _ in found:
            tests[test] = tests.get(test, 0) + 1
        if len(found) > HOPELESS:
            break
    return {
        "scenario": null.name,
        "baseline": baseline,
        "channels": channels,
        "parts": parts,
        "alarms": alarms,
        "channels_that_alarmed": alarmed,
        "refused": refused,
        "by_runs": by_runs,
        "alarms_by_test": tests,
        "should_be_refused": null.refuse,
        "charts_first_repeat": textbook,
    }


def limits(updates: float) -> dict[str, tuple[charts.Chart, float]]:
    """Charts and limits with one false alarm in so many updates on N(0, 1).

    Shewhart's is exact. CUSUM: Siegmund's (1985) approximation, two-sided. EWMA: the Shewhart limit, which is on the safe side: its
    statistic is N(0, 1) at every row, so the chance at one row is the same and neighbours share it.
    """
    beyond = float(-ndtri(0.5 / updates))
    reference = 0.5

    def length(h: float) -> float:
        b = h + 1.166
        return (np.exp(2.0 * reference * b) - 2.0 * reference * b - 1.0) / (2.0 * reference**2) / 2.0

    low, high = 1.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if length(middle) < updates else (low, middle)
    return {
        "Shewhart": (charts.shewhart(), beyond),
        "CUSUM 0.5": (charts.cusum(0.5), high),
        "EWMA 0.1": (charts.ewma(0.1), beyond),
    }


def restarting(chart: charts.Chart, x: np.ndarray, limit: float) -> int:
    """Alarms on these rows, the chart starting anew after each."""
    alarms = 0
    for t in range(len(x)):
        over = chart.statistic(x[t : t + 1])[0] >= limit
        if over.any():
            alarms += int(over.sum())
            chart.restart(over)
    return alarms
