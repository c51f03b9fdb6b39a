"""One picture per question, with matplotlib, the same bytes each time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
import matplotlib.pyplot as plt

from benchmarks.quality import outcomes, scenarios
from benchmarks.quality.cells import Cells
from benchmarks.quality.delay import PEER_CHANNELS, STEPS, STREAMS, TARGET
from benchmarks.quality.matched import Point, curves

LIBRARIES: dict[str, dict[str, Any]] = {
    name: {"color": color, "marker": marker, "alpha": 0.8}
    for name, color, marker in (
        ("river-adwin", "tab:red", "^"),
        ("river-pagehinkley", "tab:green", "v"),
        ("river-kswin", "tab:purple", "<"),
        ("frouros-cusum", "tab:brown", ">"),
        ("alibi-cvm", "tab:pink", "D"),
        ("river-ddm", "tab:red", "^"),
        ("river-hddm-w", "tab:purple", "<"),
        ("frouros-ecdd", "tab:brown", ">"),
        ("nannyml-realised", "tab:green", "v"),
        ("nannyml-cbpe", "tab:cyan", "D"),
    )
}

mpl.rcParams.update({"svg.hashsalt": "linewarden", "font.size": 8, "svg.fonttype": "none"})


def write(cells: Cells, folder: Path) -> None:
    """Every picture whose cells are there."""
    folder.mkdir(parents=True, exist_ok=True)
    found = curves(cells)
    for stream in STREAMS:
        libraries = {n: p for n, p in found.get((stream, "2000"), {}).items() if n.split("-")[0] in PEER_CHANNELS}
        for baseline in ("10000", "2000"):
            detectors = libraries | found.get((stream, baseline), {})
            if "ours" in detectors and any(n.startswith("cusum") for n in detectors):
                _delays(
                    detectors, f"{stream}, {int(baseline):,} parts learned (slow libraries 2,000)", folder / f"delay-{stream}.svg"
                )
                break
    outcome = {(c["claim"], c["cell"].split("/")[-1]): c["points"] for c in cells.read("outcomes")}
    if outcome:
        _audits(outcome, folder / "outcomes.svg")
    for question, value in (("defaults", "per_100000"), ("false-alarms", "alarms")):
        if dots := [(c["cell"].split("/"), c[value]) for c in cells.read(question)]:
            _dots(question, dots, folder / f"{question}.svg")


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    print(path)


def _delays(detectors: dict[str, list[Point]], title: str, path: Path) -> None:
    figure, axes = plt.subplots(2, 3, layout="constrained", figsize=(9.5, 5.8))
    for axis, step in zip(axes.flat, STEPS, strict=True):
        for name, points in detectors.items():
            kind = name.split("-")[0]
            shown = _shown(points, step)
            if not shown:
                continue
            x, y = zip(*shown, strict=True)
            if name == "ours":
                axis.plot(x, y, "k-o", lw=2, ms=3, label="ours", zorder=5)
            elif kind in PEER_CHANNELS:
                axis.plot(x, y, ls="", ms=3, label=name, **LIBRARIES[name])
            else:
                label = {"cusum-0.5": "CUSUMs", "ewma-0.1": "EWMAs", "shewhart": "Shewhart, zone rules"}.get(name)
                color = {"cusum": "tab:blue", "ewma": "tab:orange"}.get(kind, "tab:gray")
                axis.plot(x, y, "-", lw=0.5, color=color, zorder=1, label=label)
        axis.axvline(1e5 / TARGET, color="lightgray", lw=0.8, zorder=0)
        axis.set(xscale="log", yscale="log", title=step, xlabel="false alarms per 100,000 parts", ylabel="delay, parts")
    _legend(figure, axes)
    figure.suptitle(f"Delay against false alarms: {title}")
    _save(figure, path)


def _shown(points: list[Point], change: str) -> list[tuple[float, float]]:
    """False alarms per 100,000 and delay of every limit or setting that has both."""
    found = sorted((1e5 / p["arl0"], p["delays"][change]["mean"]) for p in points if change in p["delays"])
    return [(x, y) for x, y in found if not math.isnan(y)]


def _legend(figure: plt.Figure, axes: np.ndarray) -> None:
    """One for all of its panels, below them."""
    handles: dict[str, Any] = {}
    for axis in axes.flat:
        handles |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), fontsize=6, loc="outside lower center", ncols=6)


def _audits(outcome: dict[tuple[str, str], list[Point]], path: Path) -> None:
    changes = [name for name in outcomes.load() if name != "honest"]
    figure, axes = plt.subplots(1, len(changes), layout="constrained", figsize=(10, 3.8))
    for axis, change in zip(axes.flat, changes, strict=True):
        for (claim, name), points in outcome.items():
            shown = _shown(points, change)
            if not shown or claim == "learned":
                continue
            x, y = zip(*shown, strict=True)
            if claim == "none":
                series = next(library for library in LIBRARIES if name.startswith(library))
                axis.plot(x, y, ls="", ms=3, label=series, **LIBRARIES[series])
            else:
                style = {"color": "k", "marker": "o", "ms": 3, "lw": 2} if name == "ours" else {"lw": 1}
                axis.plot(x, y, label=name, **style)
        axis.axvline(1e5 / outcomes.TARGET, color="lightgray", lw=0.8, zorder=0)
        axis.set(xscale="log", yscale="log", title=change, xlabel="false alarms per 100,000 audits", ylabel="delay, audits")
    _legend(figure, axes)
    figure.suptitle("Audits until an alarm against false alarms, exact claims; points: every setting and chunk size of a library")
    _save(figure, path)


def _dots(question: str, dots: list[tuple[list[str], Any]], path: Path) -> None:
    order = [name for name in scenarios.load()[0] if any(parts[1] == name for parts, _ in dots)]
    figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for series in dict.fromkeys(" ".join(parts[2:]) for parts, _ in dots):
        values = {
            parts[1]: sum(v) if isinstance(v, list) else v for parts, v in dots if " ".join(parts[2:]) == series and v is not None
        }
        label = f"ours, baseline {series}" if question == "false-alarms" else series
        at = [order.index(name) for name in values]
        style = {"color": "k", "marker": "s", "ms": 6} if series == "ours" else {"ms": 4, **LIBRARIES.get(series, {"marker": "o"})}
        axis.plot(list(values.values()), at, ls="", label=label, **(style | ({"color": "lightgray"} if "fires" in series else {})))
    if question == "false-alarms":
        axis.axvline(10, color="gray", lw=0.8)
        axis.set_title("the line: 10 alarms are allowed", fontsize=8)
    axis.set_xscale("symlog", linthresh=1)
    axis.set_yticks(range(len(order)), order)
    whole = question == "false-alarms"
    axis.set_xlabel("alarms in 10 × 100,000 parts of the line" if whole else "alarms per 100,000 parts in control")
    figure.legend(fontsize=6, loc="outside right center")
    _save(figure, path)
