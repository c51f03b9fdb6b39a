"""The engine per channel-update against River's ADWIN and PageHinkley, in one run on one thread.

    python -m benchmarks.speed.engine [--json OUT]

Scenario ids: engine-256 and engine-1024 (bets, evidence, comparison and the memory an onset needs), with 500 rows a call, as a
baseline is judged, and with one row a call, as the agent folds, of level_shift, and of spread_shift as a multiple of it; adwin
and pagehinkley (River, one Python object per channel, at its defaults).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import river
from river.drift import ADWIN, PageHinkley

from benchmarks.speed.targets import ADWIN_RATIO, at_least
from detectors.level_shift import LevelShift
from detectors.spread_shift import SpreadShift

REPEATS = 7


def median_us(call, updates: int) -> float:
    """Microseconds of processor time per update, which other programs do not lengthen: median over repeats of a whole pass."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append((time.process_time() - start) / updates * 1e6)
    return statistics.median(times)


def engine(channels: int, batch: int, rows: int = 2000, *, kind=LevelShift) -> float:
    """Microseconds per row of the detector alone, `batch` rows a call."""
    rng = np.random.default_rng(channels)
    z = rng.standard_normal((rows, channels))
    at = np.arange(rows, dtype=np.int64)
    allowed = (0.1, 0.05) if kind is LevelShift else (0.95, 1.05)
    detector = kind(*(np.full(channels, value) for value in (*allowed, 1e9)))

    def once():
        for t in range(0, rows, batch):
            detector.update(z[t : t + batch], at[t : t + batch])

    return median_us(once, rows)


def peer(kind, updates: int = 20_000) -> float:
    """Microseconds per update of one River detector."""
    values = np.random.default_rng(3).standard_normal(updates).tolist()

    def once():
        detector = kind()
        for value in values:
            detector.update(value)

    return median_us(once, updates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    page_hinkley = peer(PageHinkley)
    result = {"river": river.__version__, "pagehinkley_ns": page_hinkley * 1e3}
    print(f"River {river.__version__}: PageHinkley {page_hinkley * 1e3:.0f} ns per update")
    for channels in (32, 256, 1024):
        for batch in (500, 1):
            spread = engine(channels, batch, kind=SpreadShift)
            adwin, row = peer(ADWIN), engine(channels, batch)  # next to each other: the machine's clock moves
            each = row / channels * 1e3
            ratio = adwin * 1e3 / each
            result[f"engine_{channels}_by_{batch}"] = {
                "row_us": row,
                "spread_row_us": spread,
                "channel_ns": each,
                "adwin_ns": adwin * 1e3,
                "adwin_ratio": ratio,
            }
            target = f" {at_least(ratio, ADWIN_RATIO[channels])}" if batch > 1 and channels in ADWIN_RATIO else ""
            by = f"{batch} rows a call" if batch > 1 else "one row a call"
            print(
                f"engine-{channels}, {by}: {row:.1f} us a row, {each:.0f} ns a channel,"
                f" {ratio:.1f} x cheaper than ADWIN at {adwin * 1e3:.0f} ns{target}; spread_shift {spread / row:.2f} x as long"
            )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
