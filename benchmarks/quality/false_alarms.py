"""Question 1: how often does our monitor alarm on a line of 300 channels on which nothing happens, and what does its gate refuse?

Budget: one false alarm in 100,000 parts for the line, so every channel's threshold is 300 x 100,000. Ten repeats of 100,000 parts
per cell, each with a baseline of its own. Every crossing of every test (level, spread, run means) counts, also of an alarm that
stands already. Refused channels are not watched, and so have no alarms. `assumed`: on the word that the stream is steady (those
that are), which is what 500 parts need to be watched at all. Beside it, on the first repeat, three charts whose limits keep the
same budget on independent normal parts with known mean and sd.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy.special import ndtri

from benchmarks.quality import charts
from benchmarks.quality.cells import Cells
from benchmarks.quality.ours import learned, side_by_side
from benchmarks.quality.scenarios import Null, Source
from detectors.baseline import Steadiness

CHANNELS, PARTS, REPEATS, BASELINES = 300, 100_000, 10, (500, 2_000, 10_000)
PIECE = 2_000
HOPELESS = 1_000  # alarms a line after which no more is watched: the cell has failed, and crossings cost time


def run(cells: Cells, nulls: dict[str, Null], *, repeats: int = REPEATS, parts: int = PARTS, channels: int = CHANNELS) -> None:
    """Every cell, small baselines first."""
    for baseline in BASELINES:
        for null in nulls.values():
            for steadiness in ("shown", "assumed") if baseline == BASELINES[0] and not null.refuse else ("shown",):
                cells.measure(
                    f"false-alarms/{null.name}/{baseline}" + ("" if steadiness == "shown" else "/assumed"),
                    lambda null=null, baseline=baseline, steadiness=steadiness: cell(
                        null, baseline, repeats=repeats, parts=parts, channels=channels, steadiness=steadiness
                    ),
                )


def cell(null: Null, baseline: int, *, repeats: int, parts: int, channels: int, steadiness: Steadiness = "shown") -> dict[str, Any]:
    """Alarms and refused channels of every repeat. The repeats' lines are watched side by side, which is twice as quick."""
    threshold = channels * PARTS
    sources = [Source(null, channels, repeat) for repeat in range(repeats)]
    first = [source.take(baseline) for source in sources]
    monitors = [learned(x, runs, threshold, steadiness=steadiness) for x, runs in first]
    watched = [monitor.watched for monitor in monitors]
    begins = np.cumsum([0, *(rows.size for rows in watched)])
    lines = side_by_side(monitors, threshold) if begins[-1] else None
    beside = limits(threshold)
    for chart, _limit in beside.values():
        chart.learn(first[0][0])
    counts, alarms, tests, columns = dict.fromkeys(beside, 0), np.zeros(repeats, np.int64), Counter[str](), set[int]()
    for _ in range(parts // PIECE):
        taken = [source.take(PIECE) for source in (sources if lines else sources[:1])]
        for name, (chart, limit) in beside.items():
            counts[name] += chart.alarms(taken[0][0], limit)
        if lines is None:
            continue
        x = np.concatenate([rows[:, of] for (rows, _), of in zip(taken, watched, strict=True)], axis=1)
        found = lines.watch(x, taken[0][1])
        for test, crossing in found:
            alarms[np.searchsorted(begins, crossing.column, side="right") - 1] += 1
            columns.add(crossing.column)
            tests[test] += 1
        if alarms.sum() > HOPELESS * repeats:
            break
    return {
        "scenario": null.name,
        "baseline": baseline,
        "steadiness": steadiness,
        "channels": channels,
        "parts": lines.rows if lines else parts,
        "alarms": alarms.tolist(),
        "channels_that_alarmed": len(columns),
        "refused": [monitor.refused for monitor in monitors],
        "by_runs": [monitor.by_runs for monitor in monitors],
        "within_alone": [monitor.within_alone for monitor in monitors],
        "alarms_by_test": dict(tests),
        "should_be_refused": null.refuse,
        "charts_first_repeat": counts,
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
