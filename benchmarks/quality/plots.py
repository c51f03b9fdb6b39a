"""One picture per question, with matplotlib, the same bytes each time."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

from benchmarks.quality import outcomes, scenarios
from benchmarks.quality.cells import Cells
from benchmarks.quality.delay import PEER_CHANNELS, STEPS, STREAMS, TARGET
from benchmarks.quality.matched import curves

mpl.rcParams.update({"svg.hashsalt": "linewarden", "font.size": 8, "svg.fonttype": "none"})


def write(cells: Cells, folder: Path) -> None:
    """Every picture whose cells are there."""
    found = curves(cells)
    for stream in STREAMS:
        for baseline in ("10000", "2000", "known"):
            detectors = found.get((stream, baseline), {})
            detectors |= {n: p for n, p in found.get((stream, "2000"), {}).items() if n.split("-")[0] in PEER_CHANNELS}
            if "ours" in detectors and any(n.startswith("cusum") for n in detectors):
                _delays(detectors, f"{stream}, baseline {baseline}", folder / f"delay-{stream}.svg")
                break
    outcome = {(c["claim"], c["cell"].split("/")[-1]): c["points"] for c in cells.read("outcomes")}
    if outcome:
        _audits(outcome, folder / "outcomes.svg")
    for question, value in (("defaults", "per_100000"), ("false-alarms", "alarms")):
        if dots := [(c["cell"].split("/"), c[value]) for c in cells.read(question)]:
            _dots(question, dots, folder / f"{question}.svg")


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    print(path)


def _delays(detectors: dict[str, list[dict]], title: str, path: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(9.5, 5.6))
    for axis, step in zip(axes.flat, STEPS, strict=True):
        for name, points in detectors.items():
            kind = name.split("-")[0]
            shown = sorted((1e5 / p["arl0"], p["delays"][step]["mean"]) for p in points if step in p["delays"])
            shown = [(x, y) for x, y in shown if not math.isnan(y)]
            if not shown:
                continue
            x, y = zip(*shown, strict=True)
            if name == "ours":
                axis.plot(x, y, "k-o", lw=2, ms=3, label="ours", zorder=5)
            elif kind in PEER_CHANNELS:
                axis.plot(x, y, ".", ms=4, label=name)
            else:
                axis.plot(x, y, "-", lw=0.5, color={"cusum": "tab:blue", "ewma": "tab:orange"}.get(kind, "tab:gray"), zorder=1)
        axis.axvline(1e5 / TARGET, color="lightgray", lw=0.8)
        axis.set(xscale="log", yscale="log", title=step, xlabel="false alarms per 100,000 parts", ylabel="delay, parts")
    axes.flat[0].legend(fontsize=6)
    figure.suptitle(f"Delay against false alarms, {title}; thin: CUSUM (blue), EWMA (orange) of all tunings, Shewhart (grey)")
    _save(figure, path)


def _audits(outcome: dict[tuple[str, str], list[dict]], path: Path) -> None:
    changes = [name for name in outcomes.load() if name != "honest"]
    figure, axes = plt.subplots(1, len(changes), figsize=(10, 3.4))
    for axis, change in zip(axes.flat, changes, strict=True):
        for (claim, name), points in outcome.items():
            shown = sorted((1e5 / p["arl0"], p["delays"][change]["mean"]) for p in points if change in p["delays"])
            shown = [(x, y) for x, y in shown if not math.isnan(y)]
            if not shown or claim == "learned":
                continue
            x, y = zip(*shown, strict=True)
            style = {"k-o": name == "ours", "-": claim == "exact", ".": claim == "none"}
            axis.plot(x, y, next(s for s, use in style.items() if use), ms=3, lw=2 if name == "ours" else 1, label=name)
        axis.set(xscale="log", yscale="log", title=change, xlabel="false alarms per 100,000 audits", ylabel="delay, audits")
    axes.flat[0].legend(fontsize=5)
    _save(figure, path)


def _dots(question: str, dots: list[tuple[list[str], float | list[int] | None]], path: Path) -> None:
    order = [name for name in scenarios.load()[0] if any(parts[1] == name for parts, _ in dots)]
    figure, axis = plt.subplots(figsize=(7.5, 4.2))
    for series in dict.fromkeys(" ".join(parts[2:]) for parts, _ in dots):
        values = {
            parts[1]: sum(v) if isinstance(v, list) else v for parts, v in dots if " ".join(parts[2:]) == series and v is not None
        }
        label = f"ours, baseline {series}" if question == "false-alarms" else series
        heavy = series == "ours"
        at = [order.index(name) for name in values]
        axis.plot(list(values.values()), at, "ks" if heavy else "o", ms=6 if heavy else 4, label=label)
    if question == "false-alarms":
        axis.axvline(10, color="gray", lw=0.8)
        axis.text(10, -0.6, "budget", fontsize=6, ha="center")
    axis.set_xscale("symlog", linthresh=1)
    axis.set_yticks(range(len(order)), order)
    whole = question == "false-alarms"
    axis.set_xlabel("alarms in 10 × 100,000 parts of the line" if whole else "alarms per 100,000 parts in control")
    axis.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)
