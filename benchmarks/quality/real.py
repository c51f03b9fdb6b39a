"""Question 6: real streams of the development kit: NAB machine temperature, SKAB valves, electricity, SEA.

Nobody knows where a real stream is in control, so these are alarms beside labels, not rates. Each stream's first part is learned
from, the rest watched, every channel with the budget of one false alarm in 100,000 rows. What is refused at the gate is not
watched, and said.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import peers
from benchmarks.quality.cells import Cells

FloatArray = NDArray[np.float64]
KIT = Path(os.environ.get("LINEWARDEN_KIT", Path(__file__).parents[3] / "shared" / "kit"))
THRESHOLD = 100_000.0


def run(cells: Cells, _nulls: object, _changes: object) -> None:
    """Every cell; nothing without the kit."""
    if not KIT.exists():
        print(f"left out: real streams: no development kit at {KIT} (LINEWARDEN_KIT)")
        return
    streams = KIT / "streams"
    nab = streams / "nab" / "realKnownCause" / "machine_temperature_system_failure.csv"
    found = [name for name, entry in peers.load("level").items() if not entry.missing() and not entry.slow]
    detectors = ["ours", *found]
    for detector in detectors:
        cells.measure(f"real/nab-machine-temperature/{detector}", lambda detector=detector: _windows(nab, detector))
        cells.measure(f"real/skab-valve1/{detector}", lambda detector=detector: _skab(streams / "skab", detector))
        for name, path, column, learned in (
            ("sea", streams / "sea_synthetic.csv", "concept", 5_000),
            ("electricity", streams / "elec2.csv", "", 5_000),
        ):
            cells.measure(f"real/{name}/{detector}", lambda d=detector, p=path, c=column, n=learned: _columns(p, c, n, d))


def _table(path: Path, names: Iterable[str], delimiter: str = ",") -> FloatArray:
    with path.open(encoding="utf-8", newline="") as lines:
        return np.array([[float(row[name]) for name in names] for row in csv.DictReader(lines, delimiter=delimiter)])


def alarms(x: FloatArray, learned: int, detector: str) -> tuple[list[list[int]], list[str]]:
    """Rows (counted from the first) at which each channel alarms after the learned ones, and why channels are refused."""
    if detector == "ours":
        from benchmarks.quality import ours  # not in every peer's environment

        runs = np.zeros(len(x), dtype=np.int64)
        monitor = ours.learned(x[:learned], runs[:learned], THRESHOLD)
        crossings = monitor.watch(x[learned:], runs[learned:])
        refused = list(monitor.baseline.refused) if monitor.baseline else []
        return [[learned + c.at for _, c in crossings if c.column == k] for k in range(x.shape[1])], refused
    entry = peers.load("level")[detector]
    found = []
    for k in range(x.shape[1]):
        peer = entry.build(entry.defaults)
        peer.learn(x[:learned, k].tolist())
        found.append([learned + t for t, value in enumerate(x[learned:, k].tolist()) if peer.update(value)])
    return found, [""] * x.shape[1]


def _windows(path: Path, detector: str) -> dict[str, Any]:
    """Alarms inside and outside NAB's own windows; its first 15 % are the probationary part, as in NAB."""
    x = _table(path, ["value", "in_window"])
    learned = int(0.15 * len(x))
    found, refused = alarms(x[:, :1], learned, detector)
    inside = x[:, 1] == 1.0
    starts = np.flatnonzero(inside & ~np.concatenate([[False], inside[:-1]]))
    hit = {int(np.searchsorted(starts, t, side="right")) for t in found[0] if inside[t]}
    watched_windows = {int(np.searchsorted(starts, t, side="right")) for t in np.flatnonzero(inside) if t >= learned}
    return {
        "rows": len(x) - learned,
        "windows": len(watched_windows),
        "windows_hit": len(hit),
        "alarms_inside": sum(bool(inside[t]) for t in found[0]),
        "alarms_outside": sum(not inside[t] for t in found[0]),
        "refused": refused,
    }


def _skab(folder: Path, detector: str) -> dict[str, Any]:
    """Each valve experiment: learned from its first 400 rows (labelled normal); alarms before the anomaly, and the first after."""
    names = ["Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure", "Temperature", "Thermocouple", "Voltage"]
    names.append("Volume Flow RateRMS")
    files = sorted(folder.glob("valve1_*.csv"))
    before, delays, refused = 0, [], 0
    for path in files:
        rows = _table(path, [*names, "anomaly"])
        onset = int(np.flatnonzero(rows[:, -1] == 1.0)[0])
        found, reasons = alarms(np.ascontiguousarray(rows[:, :-1]), 400, detector)
        every = sorted(t for column in found for t in column)
        before += sum(t < onset for t in every)
        after = [t - onset for t in every if t >= onset]
        delays.append(after[0] if after else None)
        refused += sum(bool(reason) for reason in reasons)
    seen = [d for d in delays if d is not None]
    return {
        "experiments": len(files),
        "found": len(seen),
        "median_delay_rows": float(np.median(seen)) if seen else None,
        "alarms_before_the_anomaly": before,
        "channels": 8 * len(files),
        "refused": refused,
    }


def _columns(path: Path, concept: str, learned: int, detector: str) -> dict[str, Any]:
    """Alarms of the features; SEA's change points move the rule, not the features: an alarm there is a false one."""
    with path.open(encoding="utf-8", newline="") as lines:
        names = [name for name in next(csv.reader(lines)) if name.startswith("f")]
    x = _table(path, [*names, *([concept] if concept else [])])
    found, refused = alarms(np.ascontiguousarray(x[:, : len(names)]), learned, detector)
    return {"rows": len(x) - learned, "alarms": [len(column) for column in found], "refused": refused}
