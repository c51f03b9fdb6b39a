"""Delays of the measured cells read off at one and the same false-alarm rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.quality.cells import Cells

Point = dict[str, Any]
SLACK = 0.9  # a library's setting keeps the rate when its estimated run length is at least this share of the target


def at_run_length(points: list[Point], change: str, arl0: float) -> float:
    """Delay at this ARL0 on the curve of a detector with a limit, log-log between the points around it; NaN outside."""
    usable = sorted((p["arl0"], p["delays"][change]["mean"]) for p in points if change in p["delays"])
    if not usable or not usable[0][0] * 0.97 <= arl0 <= usable[-1][0] * 1.03:
        return math.nan
    x, y = np.log([a for a, _ in usable]), np.log([d for _, d in usable])
    return float(np.exp(np.interp(math.log(arl0), x, y)))


def quickest(points: list[Point], change: str, arl0: float) -> Point | None:
    """The setting of a library that finds the change first, among those that keep the rate; None where none does."""
    kept = [p for p in points if p["arl0"] >= SLACK * arl0 and change in p["delays"] and p["delays"][change]["channels"]]
    return min(kept, key=lambda p: p["delays"][change]["mean"]) if kept else None


def curves(cells: Cells) -> dict[tuple[str, str], dict[str, list[Point]]]:
    """(stream, baseline) -> detector -> points."""
    found: dict[tuple[str, str], dict[str, list[Point]]] = {}
    for cell in cells.read("delay"):
        _, stream, baseline, name = cell["cell"].split("/")
        found.setdefault((stream, baseline), {})[name] = cell["points"]
    return found


def textbook(detectors: dict[str, list[Point]], change: str, arl0: float) -> tuple[float, str]:
    """The quickest chart for this change at this ARL0, and which it is."""
    charts = {n: p for n, p in detectors.items() if n.split("-")[0] in {"shewhart", "western", "cusum", "ewma"}}
    delays = {name: at_run_length(points, change, arl0) for name, points in charts.items()}
    delays = {name: value for name, value in delays.items() if not math.isnan(value)}
    return min((value, name) for name, value in delays.items()) if delays else (math.nan, "none")
