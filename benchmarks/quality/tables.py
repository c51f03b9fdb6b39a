"""The measured cells as one Markdown table and one plot per question."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import delay, outcomes, scenarios
from benchmarks.quality.cells import Cells
from benchmarks.quality.delay import STEPS, STREAMS
from benchmarks.quality.false_alarms import PARTS

Point = dict[str, Any]
SLACK = 0.9  # a library's setting keeps the rate when its estimated run length is at least this share of the target


def write(folder: Path) -> None:
    """tables.md and the plots, into the folder of the results; what was not measured is left out."""
    cells = Cells(folder)
    parts = [false_alarms(cells), delays(cells), audits(cells), defaults(cells), lines(cells), real(cells), logs(cells)]
    (folder / "tables.md").write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    print(f"{folder / 'tables.md'}")
    try:
        from benchmarks.quality import plots
    except ImportError as error:
        print(f"no plots: {error}; make bench-quality")
        return
    plots.write(cells, folder)


def _markdown(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head, rows = list(head), [list(row) for row in rows]
    if not rows:
        return ""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(value) for value in row) + " |" for row in rows])


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def false_alarms(cells: Cells) -> str:
    """Alarms and refusals per scenario and baseline."""
    found = {(cell["scenario"], cell["baseline"], cell["steadiness"]): cell for cell in cells.read("false-alarms")}
    columns = sorted({(size, steadiness) for _, size, steadiness in found})
    rows = []
    for name, null in scenarios.load()[0].items():
        here = [found.get((name, *column)) for column in columns]
        measured = next((cell for cell in here if cell), None)
        if measured is None:
            continue
        beside = " / ".join(f"{count:,}" for count in measured["charts_first_repeat"].values())
        row = [
            _alarms(cell) if cell else "–" if column[1] == "assumed" else "not run"
            for cell, column in zip(here, columns, strict=True)
        ]
        rows.append([name + (" (varies slowly)" if null.refuse else ""), *row, f"{beside} ({measured['baseline']:,})"])
    head = [
        "null stream",
        *(f"{size:,}" + (", steadiness assumed" if steadiness == "assumed" else "") for size, steadiness in columns),
        "Shewhart / CUSUM 0.5 / EWMA 0.1, first repeat (baseline)",
    ]
    return _markdown(
        "False alarms of ours by parts learned, 300 channels, 10 × 100,000 parts (channels refused at the gate)", head, rows
    )


def _alarms(cell: Point) -> str:
    total, channels = sum(cell["alarms"]), cell["channels"] * len(cell["refused"])
    shown = f"**{total:,}**" if total > 4 else f"{total:,}"
    said = [f"{sum(cell['refused']) / channels:.1%} refused"]
    between, within = sum(cell["by_runs"]) - sum(cell["within_alone"]), sum(cell["within_alone"])
    said += [f"{between / channels:.0%} within and between runs"] if between else []
    said += [f"{within / channels:.0%} within runs alone"] if within else []
    stopped = "" if cell["parts"] >= PARTS else f" in {cell['parts']:,} parts, then stopped"
    return f"{shown}{stopped} ({', '.join(said)})"


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


def delays(cells: Cells) -> str:
    """Delay at the target, beside the best chart tuned for the very shift and beside each library."""
    found, tables = curves(cells), []
    for (stream, baseline), detectors in sorted(found.items()):
        if "ours" not in detectors or math.isnan(textbook(detectors, "step-1", delay.TARGET)[0]):
            continue
        rows = []
        for step in STEPS:
            ours = at_run_length(detectors["ours"], step, delay.TARGET)
            best, name = textbook(detectors, step, delay.TARGET)
            ratio = ours / best
            limit = 1.35 if step == "step-3" else 1.2
            shown = f"{ratio:.2f}" if ratio <= limit or step == "step-025" else f"**{ratio:.2f}**"
            rows.append([step, _short(ours), f"{_short(best)} ({name})", shown])
        title = f"Delay at one false alarm in 20,000 parts a channel, {stream}, baseline {baseline}"
        tables.append(_markdown(title, ["change", "ours", "best chart of all tuned", "ratio"], rows))
    for stream in STREAMS:
        detectors = found.get((stream, str(delay.PEER_BASELINE)), {})
        ours = detectors.get("ours", [])
        libraries = {n: p for n, p in detectors.items() if n.split("-")[0] in delay.PEER_CHANNELS}
        rows = []
        for name, points in libraries.items():
            row: list[object] = [name]
            for step in STEPS:
                setting = quickest(points, step, delay.TARGET)
                arl0 = delay.TARGET
                if setting is None:
                    reached = [p for p in points if step in p["delays"]]
                    setting = max(reached, key=lambda p: p["arl0"]) if reached else None
                    arl0 = setting["arl0"] if setting else math.nan
                if setting is None:
                    row.append("–")
                    continue
                mine = at_run_length(ours, step, arl0) if ours else math.nan
                note = "" if arl0 == delay.TARGET else f" at ARL0 {_short(arl0)}"
                missed = setting["delays"][step]["missed"]
                miss = f", {missed} of {setting['delays'][step]['channels']} never" if missed else ""
                row.append(f"{_short(setting['delays'][step]['mean'])}{miss} (ours {_short(mine)}{note})")
            rows.append(row)
        title = f"Library peers, best setting for each change at the same rate, {stream}, baseline 2,000"
        tables.append(_markdown(title, ["peer", *STEPS], rows))
    return "\n\n".join(table for table in tables if table)


def audits(cells: Cells) -> str:
    """Audits until an alarm at the target."""
    changes = [name for name in outcomes.load() if name != "honest"]
    rows, ours = [], {}
    found = sorted(cells.read("outcomes"), key=lambda cell: (cell["claim"], "ours" not in cell["cell"]))
    for cell in found:
        name, claim, points = cell["cell"].split("/")[-1], cell["claim"], cell["points"]
        row: list[object] = [name, claim]
        for change in changes:
            if claim == "none" and not name.startswith("nannyml"):
                setting = quickest([_as_channels(p) for p in points], change, outcomes.TARGET)
                value = setting["delays"][change]["mean"] if setting else math.nan
            elif name.startswith("nannyml"):
                value = _best_chunks(points, change)
            else:
                value = at_run_length(points, change, outcomes.TARGET)
            if name == "ours":
                ours[claim, change] = value
            base = ours.get((claim if claim != "none" else "learned", change), math.nan)
            row.append(f"{_short(value)}" + ("" if name == "ours" else f" (×{value / base:.2f})"))
        rows.append(row)
        if name == "ours":
            at = [p for p in points if p["setting"]["limit"] == outcomes.TARGET]
            if at:
                values = [_short(at[0]["delays"][change]["mean"]) for change in changes]
                rows.append([f"ours, guaranteed c = 36,000 (realised 1 in {_short(at[0]['arl0'])})", claim, *values])
    title = "Audits until an alarm, at one false alarm in 36,000 audits (× ours at the same claim; without one, ours learned)"
    return _markdown(title, ["detector", "claim", *changes], rows)


def _as_channels(point: Point) -> Point:
    return point | {"delays": {name: d | {"channels": d["columns"]} for name, d in point["delays"].items()}}


def _best_chunks(points: list[Point], change: str) -> float:
    sizes = {p["setting"]["chunk_size"] for p in points}
    values = []
    for size in sizes:
        kept = [p for p in points if p["setting"]["chunk_size"] == size and p["arl0"] >= SLACK * outcomes.TARGET]
        values += [p["delays"][change]["mean"] for p in kept if p["delays"][change]["columns"]]
    return min(values, default=math.nan)


def defaults(cells: Cells) -> str:
    """Alarms per 100,000 parts in control, as people set things."""
    found: dict[str, dict[str, Point]] = {}
    for cell in cells.read("defaults"):
        _, null, name = cell["cell"].split("/")
        found.setdefault(name, {})[null] = cell
    nulls = [name for name in scenarios.load()[0] if any(name in row for row in found.values())]
    ordered = sorted(found.items(), key=lambda item: item[0] != "ours")
    rows = [[name, *(_rate(row.get(null)) for null in nulls)] for name, row in ordered]
    return _markdown("Alarms per 100,000 parts in control on one channel, as people set things", ["detector", *nulls], rows)


def _rate(cell: Point | None) -> str:
    if cell is None:
        return "not run"
    if cell["per_100000"] is None:
        return "all refused"
    watched = cell["channels"] * cell["parts"]
    shown = _short(cell["per_100000"]) if cell["alarms"] else f"≤ {_short(3.0 / watched * 1e5)}"
    return shown + (f" ({cell['refused']} of {cell['of']} refused)" if cell.get("refused") else "")


def lines(cells: Cells) -> str:
    """Median parts to a line's first alarm."""
    rows = []
    for cell in cells.read("lines"):
        names = ("ours", "Shewhart", "CUSUM 0.5", "EWMA 0.1")
        row = [f"{cell['scenario']}, {cell['change']}"]
        for name in names:
            one = cell["delays"].get(name)
            row.append("–" if one is None else _short(one["median"]) + (f" ({one['missed']} never)" if one["missed"] else ""))
        rows.append(row)
    title = "Median parts until a line of 300 channels alarms, one false alarm in 100,000 parts of the line"
    return _markdown(title, ["stream, change", "ours", "Shewhart", "CUSUM 0.5", "EWMA 0.1"], rows)


def real(cells: Cells) -> str:
    """What happened on the kit's streams."""
    rows = []
    for cell in cells.read("real"):
        skip = {"cell", "seconds", "measured_with", "refused"}
        refused = cell.get("refused", 0)
        count = refused if isinstance(refused, int) else sum(bool(reason) for reason in refused)
        what = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in cell.items() if key not in skip)
        rows.append([*cell["cell"].split("/")[1:], what, count])
    return _markdown("Real streams", ["stream", "detector", "what", "channels refused"], rows)


def logs(cells: Cells) -> str:
    """Real classifiers' logs: passes from the onset to the alarm, and alarms before it."""
    found: dict[str, dict[str, Point]] = {}
    shares: dict[str, str] = {}
    for cell in cells.read("logs"):
        _, log, name = cell["cell"].split("/")
        found.setdefault(name, {})[log] = cell
        shares[log] = " → ".join(f"{share:.1%}" for share in cell["bad_share"])
    rows = []
    for name, row in sorted(found.items(), key=lambda item: item[0] != "ours"):
        shown: list[object] = [name]
        for log in shares:
            cell = row.get(log)
            if cell is None:
                shown.append("not run")
                continue
            delay_ = "never" if cell["delay"] is None else _short(cell["delay"])
            praised = cell["says_better_after"]
            notes = [f"{cell['before']} before"] * bool(cell["before"]) + [f"says better after {praised}"] * (praised is not None)
            shown.append(delay_ + (f" ({', '.join(notes)})" if notes else ""))
        rows.append(shown)
    head = ["detector", *(f"{log}: {share} bad" for log, share in shares.items())]
    return _markdown("Logs of real classifiers: passes from the onset to the alarm (all verified; alarms before it)", head, rows)
