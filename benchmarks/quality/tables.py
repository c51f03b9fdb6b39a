"""The measured cells of each question as Markdown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from benchmarks.quality import delay, outcomes, scenarios
from benchmarks.quality.cells import Cells
from benchmarks.quality.delay import STEPS, STREAMS
from benchmarks.quality.false_alarms import PARTS
from benchmarks.quality.matched import Point, at_run_length, curves, quickest, textbook


def _markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head, rows = list(head), [list(row) for row in rows]
    if not rows:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
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
    seconds = [
        sum(cell.get("processor_seconds", math.nan) for (*_, size, kind), cell in found.items() if (size, kind) == column)
        for column in columns
    ]
    rows.append(["processor seconds, all cells", *(f"{value:,.0f}" for value in seconds), f"{sum(seconds):,.0f} in all"])
    return _markdown(head, rows)


def _alarms(cell: Point) -> str:
    total, channels = sum(cell["alarms"]), cell["channels"] * len(cell["refused"])
    shown = f"**{total:,}**" if total > 4 else f"{total:,}"
    said = [f"{sum(cell['refused']) / channels:.1%} refused"]
    between, within = sum(cell["by_runs"]) - sum(cell["within_alone"]), sum(cell["within_alone"])
    said += [f"{between / channels:.0%} within and between runs"] if between else []
    said += [f"{within / channels:.0%} within runs alone"] if within else []
    stopped = "" if cell["parts"] >= PARTS else f" in {cell['parts']:,} parts, then stopped"
    return f"{shown}{stopped} ({', '.join(said)})"


def delays(cells: Cells) -> str:
    """Delay at the target beside the best chart tuned for the very shift."""
    found, rows = curves(cells), []
    order = (("iid", "known"), ("iid", "10000"), ("ar-05", "10000"), ("iid", "2000"), ("ar-05", "2000"))
    for stream, baseline in order:
        detectors = found.get((stream, baseline), {})
        if "ours" not in detectors or math.isnan(textbook(detectors, "step-1", delay.TARGET)[0]):
            continue
        mine: list[object] = [f"{stream}, {baseline if baseline == 'known' else f'{int(baseline):,} learned'}", "ours"]
        best: list[object] = ["", "best chart"]
        for step in STEPS:
            ours, (chart, name) = at_run_length(detectors["ours"], step, delay.TARGET), textbook(detectors, step, delay.TARGET)
            ratio, limit = ours / chart, 1.35 if step == "step-3" else 1.2
            times = f"×{ratio:.2f}" if ratio <= limit or step == "step-025" else f"**×{ratio:.2f}**"
            mine.append(f"{_short(ours)} ({times})")
            best.append(f"{_short(chart)} ({name})")
        rows += [mine, best]
    return _markdown(["stream, parameters", "detector", *STEPS], rows)


def libraries(cells: Cells) -> str:
    """Delay at the target beside each library's best setting for each change, or at the rate it can keep."""
    found, rows = curves(cells), []
    watched = {cell["cell"]: cell["channels"] for cell in cells.read("delay")}
    for baseline, stream in itertools.product(delay.PEER_BASELINES, STREAMS):
        detectors = found.get((stream, str(baseline)), {})
        peers = {n: p for n, p in detectors.items() if n.split("-")[0] in delay.PEER_CHANNELS}
        if "ours" not in detectors or not peers:
            continue
        ours = detectors["ours"]
        rows.append(
            [f"{stream}, {baseline:,}", "ours", "900", *(_short(at_run_length(ours, step, delay.TARGET)) for step in STEPS)]
        )
        for name, points in sorted(peers.items()):
            rows.append(["", name, watched[f"delay/{stream}/{baseline}/{name}"], *(_beside(points, ours, step) for step in STEPS)])
    return _markdown(["stream, learned", "detector", "channels", *STEPS], rows)


def _beside(points: list[Point], ours: list[Point], step: str) -> str:
    """A library's delay and how many times ours it is; bold where it is the quicker one."""
    setting, note = quickest(points, step, delay.TARGET), ""
    arl0 = delay.TARGET
    if setting is None:  # keeps no such rate: at the best it keeps
        reached = [p for p in points if step in p["delays"]]
        if not reached:
            return "–"
        setting = max(reached, key=lambda p: p["arl0"])
        arl0 = setting["arl0"]
        note = f" at 1 in {_short(arl0)}"
    found = setting["delays"][step]
    ratio = found["mean"] / at_run_length(ours, step, arl0)
    missed = f", {found['missed']} of {found['channels']} never" if found["missed"] else ""
    times = "" if math.isnan(ratio) else f" (×{ratio:.2f})" if ratio >= 1.0 else f" (**×{ratio:.2f}**)"
    return f"{_short(found['mean'])} ± {_short(found['se'])}{times}{note}{missed}"


def audits(cells: Cells) -> str:
    """Audits until an alarm at the target."""
    changes = [name for name in outcomes.load() if name != "honest"]
    rows, ours = [], {}
    found = sorted(cells.read("outcomes"), key=lambda cell: (cell["claim"], "ours" not in cell["cell"]))
    for cell in found:
        name, claim, points = cell["cell"].split("/")[-1], cell["claim"], cell["points"]
        if claim == "learned" and name.startswith("bernoulli"):
            continue  # knows no claim: as beside the exact one
        if name == "ours":
            ours |= {(claim, change): at_run_length(points, change, outcomes.TARGET) for change in changes}
        base = "learned" if claim == "none" else claim
        rows.append([name, claim, *(_audits(points, change, claim, ours.get((base, change), math.nan)) for change in changes)])
    return _markdown(["detector", "claim", *changes], rows)


def _audits(points: list[Point], change: str, claim: str, ours: float) -> str:
    """Audits a detector takes at the target, and how many times ours these are; bold where it is the quicker one."""
    if claim != "none":  # has a limit
        value, lost = at_run_length(points, change, outcomes.TARGET), ""
    else:
        best = quickest([_as_channels(p) for p in points], change, outcomes.TARGET)
        if best is None:
            return "keeps no such rate"
        one = best["delays"][change]
        value, lost = one["mean"], f", {one['missed']} of {one['columns']} never" if one["missed"] else ""
        if one["missed"] == one["columns"]:
            return f"none of {one['columns']} found"
    ratio = value / ours
    times = "" if ratio == 1.0 else f" (×{ratio:.2f})" if ratio > 1.0 else f" (**×{ratio:.2f}**)"
    return f"{_short(value)}{times}{lost}"


def _as_channels(point: Point) -> Point:
    return point | {"delays": {name: d | {"channels": d["columns"]} for name, d in point["delays"].items()}}


def defaults(cells: Cells) -> str:
    """Alarms per 100,000 parts in control, as people set things."""
    found: dict[str, dict[str, Point]] = {}
    for cell in cells.read("defaults"):
        _, null, name = cell["cell"].split("/")
        found.setdefault(name, {})[null] = cell
    nulls = [name for name in scenarios.load()[0] if any(name in row for row in found.values())]
    ordered = sorted(found.items(), key=lambda item: item[0] != "ours")
    rows = [[name, *(_rate(row.get(null)) for null in nulls)] for name, row in ordered]
    return _markdown(["detector", *nulls], rows)


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
    return _markdown(["stream, change", "ours", "Shewhart", "CUSUM 0.5", "EWMA 0.1"], rows)


def real(cells: Cells) -> str:
    """What happened on the kit's streams."""
    rows = []
    for cell in cells.read("real"):
        skip = {"cell", "seconds", "processor_seconds", "measured_with", "refused"}
        refused = cell.get("refused", 0)
        count = refused if isinstance(refused, int) else sum(bool(reason) for reason in refused)
        what = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in cell.items() if key not in skip)
        rows.append([*cell["cell"].split("/")[1:], what, count])
    return _markdown(["stream", "detector", "what", "channels refused"], rows)


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
    return _markdown(head, rows)
