"""Longer drifts: a shipped drift log carried on at full strength, as records for `linewarden replay`.

    python -m benchmarks.kit.extend overexpose --seed 0 --share 0.05 --out /tmp/kit-drifts

writes `baseline.jsonl` (the first 4,000 in-control parts, every label) and `overexpose-0-0.05.jsonl` (the drift's shipped
5,000 parts, then the script's own draws of held-out cells up to 30,000), each in order of arrival and closed by an event `clock` at
the last outcome plus its delay. Replay them one after the other. Outcomes: every reject, and passes drawn with probability
`share` before their outcome is known; a pass's outcome carries that inclusion probability. Frames are attached as channels measured
on the degraded pixels; the records name no image, since the logs name the undegraded one.

`incontrol` writes the monitored 4,000 in-control parts, reshuffled by the seed, a day later than they were: the baseline's last
outcome must have come before they begin.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.kit.source import DRIFTS, PASS_BELOW, Kit, find
from detectors.channels import TABLE_VERSION
from detectors.contract import FloatArray

BASELINE_PARTS = 4_000
PARTS = 30_000
ONSET = 2_500
STATION = "EL-01"
DELAY = timedelta(hours=8)  # outcomes come 1 to 8 hours after capture (line/README.md)
PITCH = timedelta(seconds=3)
SHIFTS = "CAB"  # 22-06, 06-14, 14-22 UTC
LOT_PARTS = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """Inspected parts with their truth, in order; frames (N, C) are measured channels."""

    part_ids: Sequence[str]
    captured_at: Sequence[datetime]
    recipes: Sequence[str]
    p: FloatArray
    frames: FloatArray
    defective: NDArray[np.bool_]
    observed_at: Sequence[datetime]

    @property
    def passed(self) -> NDArray[np.bool_]:
        """Which parts the station passed."""
        return self.p < PASS_BELOW

    def take(self, order: NDArray[np.int64], *, later: timedelta = timedelta(0)) -> Parts:
        """The parts `order` names, a stretch of these or a reshuffle of one, at that stretch's names and times."""
        rows = [int(i) for i in order]
        waits = [self.observed_at[i] - self.captured_at[i] for i in rows]
        times = [at + later for at in self.captured_at[min(rows) : min(rows) + len(rows)]]
        return Parts(
            part_ids=list(self.part_ids[min(rows) : min(rows) + len(rows)]),
            captured_at=times,
            recipes=[self.recipes[i] for i in rows],
            p=self.p[order],
            frames=self.frames[order],
            defective=self.defective[order],
            observed_at=[at + wait for at, wait in zip(times, waits, strict=True)],
        )


def shipped(kit: Kit, name: str) -> Parts:
    """A shipped log as it is."""
    log = kit.log(name)
    return Parts(log.part_ids, log.captured_at, log.recipes, log.p, kit.shipped_frames(name), log.defective, log.observed_at)


def extended(kit: Kit, name: str, seed: int, parts: int = PARTS) -> Parts:
    """A shipped drift log, then cells drawn with replacement at full strength up to `parts` parts.

    longtail goes on at its final share of poly cells under the recipe "mono"; its pixels are undegraded.
    """
    head = shipped(kit, name)
    more = parts - len(head.part_ids)
    generator = np.random.default_rng([seed, DRIFTS.index(name)])
    poly = np.array([row["recipe"] == "poly" for row in kit.heldout])
    truth = np.array([row["defective"] == "1" for row in kit.heldout])
    if name == "longtail":
        wanted = generator.random(more) < kit.specs[name]["final_poly_share"]
        drawn_poly, drawn_mono = generator.choice(np.flatnonzero(poly), more), generator.choice(np.flatnonzero(~poly), more)
        cell = np.where(wanted, drawn_poly, drawn_mono)
        recipes = ["mono"] * more
    else:
        cell = generator.integers(0, len(kit.heldout), more)
        recipes = [kit.heldout[i]["recipe"] for i in cell]
    cells = kit.cells(name)
    draw = generator.integers(0, cells.p.shape[0], more)
    prefix = head.part_ids[0].rsplit("-", 1)[0]
    times = [head.captured_at[-1] + PITCH * (i + 1) for i in range(more)]
    waits = generator.uniform(1.0, 8.0, more)
    return Parts(
        part_ids=[*head.part_ids, *(f"{prefix}-{len(head.part_ids) + i:06d}" for i in range(more))],
        captured_at=[*head.captured_at, *times],
        recipes=[*head.recipes, *recipes],
        p=np.concatenate([head.p, cells.p[draw, cell]]),
        frames=np.concatenate([head.frames, cells.frames[draw, cell]]),
        defective=np.concatenate([head.defective, truth[cell]]),
        observed_at=[*head.observed_at, *(at + timedelta(hours=float(wait)) for at, wait in zip(times, waits, strict=True))],
    )


def audited(parts: Parts, share: float, seed: int) -> NDArray[np.bool_]:
    """Which parts are drawn for a re-check, should they pass."""
    drawn: NDArray[np.bool_] = np.random.default_rng([seed, 1]).random(len(parts.part_ids)) < share
    return drawn


def records(parts: Parts, share: float, seed: int) -> Iterator[dict[str, Any]]:
    """Records in order of arrival: inspections, the outcomes of rejects and of drawn passes, and the closing clock."""
    drawn = audited(parts, share, seed)
    arrivals: list[tuple[datetime, int, dict[str, Any]]] = []
    last = parts.captured_at[-1]
    for k, part_id in enumerate(parts.part_ids):
        at, passed = parts.captured_at[k], bool(parts.passed[k])
        arrivals.append((at, 0, _inspection(parts, k)))
        if passed and not drawn[k]:
            continue
        outcome: dict[str, Any] = {
            "type": "outcome",
            "part_id": part_id,
            "station": STATION,
            "source": "audit" if passed else "recheck",
        }
        outcome |= {"observed_at": _text(parts.observed_at[k]), "defective": bool(parts.defective[k]), "confirmed": True}
        if passed:
            outcome["inclusion_probability"] = share
        arrivals.append((parts.observed_at[k], 1, outcome))
        last = max(last, parts.observed_at[k])
    arrivals.sort(key=lambda row: row[:2])
    yield from (row[2] for row in arrivals)
    yield {"type": "event", "station": STATION, "kind": "clock", "at": _text(last + DELAY), "value": "end of log"}


def baseline(kit: Kit) -> Parts:
    """The first 4,000 in-control parts."""
    return shipped(kit, "incontrol").take(np.arange(BASELINE_PARTS))


def monitored(kit: Kit, seed: int | None) -> Parts:
    """The in-control parts after the baseline, a day later than shipped, in their order (None) or reshuffled."""
    order = np.arange(BASELINE_PARTS, 2 * BASELINE_PARTS)
    if seed is not None:
        order = np.random.default_rng([seed, 2]).permutation(order)
    return shipped(kit, "incontrol").take(order, later=timedelta(days=1))


def _inspection(parts: Parts, k: int) -> dict[str, Any]:
    at = parts.captured_at[k]
    prefix, index = parts.part_ids[k].rsplit("-", 1)
    lot = f"{prefix}-L{int(index) // LOT_PARTS + 1:03d}"
    values = [None if value != value else value for value in parts.frames[k].tolist()]
    return {
        "type": "inspection",
        "part_id": parts.part_ids[k],
        "captured_at": _text(at),
        "station": STATION,
        "recipe": parts.recipes[k],
        "p_defect": float(parts.p[k]),
        "verdict": "ok" if parts.passed[k] else "ng",
        "model": {"name": "b1c4c2d8b439", "threshold": PASS_BELOW},
        "context": {"lot": lot, "shift": SHIFTS[(at.hour + 2) // 8 % 3]},
        "frame": {"values": values, "table": TABLE_VERSION},
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Rows as JSON lines; how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
            count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kit.extend", description=__doc__.split("\n")[0])
    parser.add_argument(
        "drift", choices=[*DRIFTS, "incontrol"], help="which log; incontrol: the monitored 4,000 parts, reshuffled by --seed"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.05, help="probability with which a passed part is audited")
    parser.add_argument("--parts", type=int, default=PARTS)
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder outside the repository: the kit's licence forbids committing it"
    )
    options = parser.parse_args(arguments)
    if not 0.0 < options.share <= 1.0:
        parser.error("--share must lie in (0, 1]")
    kit = find()
    if options.out.resolve().is_relative_to(Path(__file__).resolve().parents[2]):
        parser.error("--out must lie outside the repository")
    drift = (
        monitored(kit, options.seed) if options.drift == "incontrol" else extended(kit, options.drift, options.seed, options.parts)
    )
    for name, parts, share in (
        ("baseline", baseline(kit), 1.0),
        (f"{options.drift}-{options.seed}-{options.share:g}", drift, options.share),
    ):
        path = options.out / f"{name}.jsonl"
        print(f"{path}: {write(path, records(parts, share, options.seed))} records")


if __name__ == "__main__":
    main()
