"""Question 7: logs of real classifiers with their outcomes, of the development kit: the solar-cell line, NannyML's own example.

All passed parts are verified. Baseline: the passes of the in-control log (line) or of the reference period (California).
Settings as people have them: ours one false alarm in 36,000 audits, NannyML its 3 standard deviations and chunks of 500, the rest
their defaults. Counted: alarms before the onset, and passes from it to the first alarm after that says "worse"; one that says
"better" is told apart.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import peers
from benchmarks.quality.cells import Cells
from benchmarks.quality.outcomes import FLOOR, TARGET, chunk_values
from benchmarks.quality.real import KIT

FloatArray = NDArray[np.float64]
Log = tuple[FloatArray, FloatArray]  # the model's p of passed parts, and whether they were bad
DRIFTS = ("fade", "defocus", "bump", "overexpose", "veil", "longtail")
ONSET, CHUNK = 2_500, 500
PASS_BELOW = 0.25


def run(cells: Cells, _nulls: object, _changes: object) -> None:
    """Every cell; nothing without the kit."""
    if not KIT.exists():
        print(f"left out: logs: no development kit at {KIT} (LINEWARDEN_KIT)")
        return
    found = [entry for entry in peers.load("outcome").values() if not entry.missing()]
    for log in (*DRIFTS, "california"):
        cells.measure(f"logs/{log}/ours", lambda log=log: _counted(_ours, log))
        for entry in found:
            watch = _nannyml if entry.name.startswith("nannyml") else _errors
            cells.measure(f"logs/{log}/{entry.name}", lambda log=log, w=watch, e=entry: _counted(lambda a, b: w(a, b, e), log))


def _counted(watch: Any, log: str) -> dict[str, Any]:
    if log == "california":
        reference, watched, onset = (*_california(KIT / "streams" / "nannyml_california_log.csv"), None)
    else:
        reference, _ = _line(KIT / "line", "incontrol")
        watched, onset = _line(KIT / "line", log)
    alarms, better = watch(reference, watched)
    after, praised = ([t for t in times if t >= (onset or 0)] for times in (alarms, better))
    return {
        "passes": watched[0].size,
        "onset": onset,
        "bad_share": [float(watched[1][:onset].mean()), float(watched[1][onset:].mean())] if onset else [float(watched[1].mean())],
        "alarms": len(alarms),
        "before": sum(t < (onset or 0) for t in alarms),
        "delay": after[0] - (onset or 0) + 1 if after else None,
        "says_better_after": praised[0] - (onset or 0) + 1 if praised else None,
    }


def _line(folder: Path, name: str) -> tuple[Log, int]:
    """Passes in order, and how many come before the drift begins."""
    truth = "elpv_outcomes.jsonl" if name == "incontrol" else f"elpv_{name}_outcomes.jsonl"
    bad = {row["part_id"]: row["defective"] for row in _rows(folder / truth)}
    passed = [row for row in _rows(folder / f"elpv_{name}.jsonl") if row["p_defect"] < PASS_BELOW]
    onset = sum(int(row["part_id"][-6:]) < ONSET for row in passed)
    return (np.array([row["p_defect"] for row in passed]), np.array([float(bad[row["part_id"]]) for row in passed])), onset


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _california(path: Path) -> tuple[Log, Log]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["y_pred"] == "0"]
    logs = {}
    for period in ("reference", "analysis"):
        chosen = [row for row in rows if row["partition"] == period]
        logs[period] = (np.array([float(r["y_pred_proba"]) for r in chosen]), np.array([float(r["clf_target"]) for r in chosen]))
    return logs["reference"], logs["analysis"]


def _ours(reference: Log, watched: Log) -> tuple[list[int], list[int]]:
    """Passes at which an alarm says "worse", and at which one says "better" (ours: never)."""
    from detectors.outcome_gap import OutcomeGap  # not in every peer's environment
    from detectors.outcome_gap.claim import fit_claim_map

    claims = fit_claim_map(*reference, floor=FLOOR)
    rows = np.column_stack([claims.claim(watched[0]), watched[1]])
    return [crossing.at for crossing in OutcomeGap(TARGET).update(rows, np.arange(len(rows), dtype=np.int64))], []


def _errors(reference: Log, watched: Log, entry: peers.Entry) -> tuple[list[int], list[int]]:
    peer = entry.build(entry.defaults)
    peer.learn(reference[1].tolist())
    return [t for t, bad in enumerate(watched[1].tolist()) if peer.update(bad)], []


def _nannyml(reference: Log, watched: Log, entry: peers.Entry) -> tuple[list[int], list[int]]:
    values, mean, sd = chunk_values(entry.kind, CHUNK, reference, [watched])

    def ends(chunks: NDArray[np.bool_]) -> list[int]:
        return [min((int(chunk) + 1) * CHUNK, watched[0].size) - 1 for chunk in np.flatnonzero(chunks)]

    return ends(values < mean - 3.0 * sd), ends(values > mean + 3.0 * sd)
