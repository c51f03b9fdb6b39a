"""The big table: which alarms the agent's own fold raises on every drift of the kit, at every audit share.

    python -m benchmarks.kit.table --seeds 1 --out /tmp/kit-table.json
    python -m benchmarks.kit.table --seeds 20 --drift overexpose --share 0.05 --out ...   # one cell of it, many seeds

Each run starts from the same armed baseline (a checkpoint taken after the first 4,000 in-control parts). Scenario ids:
kit-DRIFT-SHARE. An in-control run is the monitored 4,000 parts, reshuffled by seed. Delays are counted in parts from the true
onset: `judged` to the part whose audit raised the alarm, `said` to the part the line had reached by then, since an audit is judged
when its cohort is mature. The fold is the real one, the store a dictionary.

Of runs that hold parts: `audits needed`, re-checked passes from the onset to the one that raised it; `held`, passed parts in the
hold when it was said (it starts at the last informative verification, else at arming, so that it has parts of before); `escaped`,
bad parts passed from the onset until then, and how many of them are in the hold. Truth is joined here, afterwards.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.config.model import Config
from agent.core.effects import Effects
from agent.core.fold import Core
from agent.documents import AlarmDoc, HoldDoc
from agent.ports import PartRow
from agent.records import Inspected, Inspection, Told, decode
from benchmarks.kit.extend import BASELINE_PARTS, ONSET, PITCH, STATION, Parts, audited, baseline, extended, monitored, records
from benchmarks.kit.source import DRIFTS, Kit, find

SHARES = (0.02, 0.05, 0.20, 1.0)
PARTS_PER_MONTH = 28_800 * 30
MONTHLY_BUDGET, OUTCOME_SHARE = 0.5, 0.2


@dataclass(frozen=True, slots=True)
class Raised:
    """One alarm raised in one run; parts counted from the true onset (from the first part in control)."""

    alarm_id: str
    code: str
    judged: int
    said: int
    onset: int | None  # estimated, by part
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """What one run held when it was first said. audits: re-checked passes from the onset to the one that raised it."""

    audits: int
    held: int
    escaped: int
    escaped_held: int


class Parted:
    """The store's answers about parts, from a dictionary."""

    def __init__(self, rows: dict[int, PartRow] | None = None) -> None:
        self.rows: dict[int, PartRow] = dict(rows or {})
        self._index = {row.part_id: row.index for row in self.rows.values()}

    def record(self, effects: Effects) -> None:
        """Keep the parts of a fold's effects."""
        for row in effects.parts:
            self.rows[row.index] = row
            self._index[row.part_id] = row.index

    def part(self, station: str, index: int) -> PartRow | None:  # noqa: ARG002  one station
        return self.rows.get(index)

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:  # noqa: ARG002
        index = self._index.get(part_id)
        return index if index is not None and index <= up_to else None

    def passed_between(self, station: str, first: int, last: int) -> int:  # noqa: ARG002
        return sum(self.rows[i].verdict == "ok" for i in range(first, last + 1) if i in self.rows)

    def boxes_between(self, station: str, first: int, last: int) -> tuple[str, ...]:  # noqa: ARG002
        rows = [self.rows[i] for i in range(first, last + 1) if i in self.rows]
        return tuple(dict.fromkeys(row.box for row in rows if row.box))


def configuration(share: float, pass_share: float) -> Config:
    """The station as it would be configured for this audit share of passes."""
    station = {
        "id": STATION,
        "owner": "kit",
        "deputy": "kit",
        "decision": "ships the cell",
        "consequence": "field failure",
        "tier": 3,
        "parts_per_month": PARTS_PER_MONTH,
        "false_alarms_per_month": MONTHLY_BUDGET,
        "outcome_share": OUTCOME_SHARE,
        "threshold": 0.25,
        "baseline": {"parts": BASELINE_PARTS},
        "outcomes": {
            "mode": "census" if share == 1.0 else "sample",
            "delay_s": 28_800,
            "audits_per_month": math.ceil(PARTS_PER_MONTH * pass_share * share),
        },
    }
    return Config.model_validate({"stations": [station]})


def folded(core: Core, history: Parted, rows: Iterable[dict[str, Any]]) -> tuple[list[AlarmDoc], HoldDoc | None]:
    """Alarms of these records, in order, and what was held when the first hold was said."""
    alarms: list[AlarmDoc] = []
    held: HoldDoc | None = None
    for row in rows:
        record, frame = decode(json.dumps(row).encode())
        entry = Inspected(record, frame) if isinstance(record, Inspection) else Told(record)  # type: ignore[arg-type]
        effects = core.fold(entry)
        history.record(effects)
        alarms += effects.alarms
        held = held or next((doc.hold for doc in effects.incidents if doc.hold is not None), None)
    return alarms, held


class Armed:
    """The agent after its baseline, at one audit share; every run continues a copy of it."""

    def __init__(self, kit: Kit, share: float) -> None:
        self.kit, self.share = kit, share
        learned = baseline(kit)
        self._config = configuration(share, float(learned.passed.mean()))
        self._history = Parted()
        core = Core(self._config, self._history)
        self.early = folded(core, self._history, records(learned, 1.0, 0))[0]
        self._state = core.save()
        self.threshold = core.view().stations[0].outcome_threshold

    def run(self, drift: str, seed: int) -> tuple[list[Raised], int, Hold | None]:
        """Alarms raised in one run, how many audits were judged, and what was held."""
        if drift == "incontrol":
            parts, onset = monitored(self.kit, seed or None), 0
        else:
            parts, onset = extended(self.kit, drift, seed), ONSET
        history = Parted(self._history.rows)
        core = Core(self._config, history)
        core.load(self._state)
        docs, held = folded(core, history, records(parts, self.share, seed))
        index = {part_id: k for k, part_id in enumerate(parts.part_ids)}
        raised = [_raised(doc, parts, index, onset) for doc in docs if doc.transition in ("NORM→UNACK", "RTNUN→UNACK")]
        drawn = audited(parts, self.share, seed) & parts.passed
        blue = next((alarm for alarm in raised if alarm.code == "bad_parts_passed"), None)
        hold = None if held is None or blue is None else _hold(held, blue, parts, drawn, len(self._history.rows), onset)
        return raised, core.view().stations[0].audits_judged, hold


def _raised(doc: AlarmDoc, parts: Parts, index: dict[str, int], onset: int) -> Raised:
    estimated = None if doc.evidence is None or doc.evidence.onset is None else index.get(doc.evidence.onset.part_id)
    return Raised(
        alarm_id=doc.alarm_id,
        code=doc.code,
        judged=index.get(doc.part_id, -1) - onset,
        said=_reached(parts, doc.raised_at) - onset,
        onset=None if estimated is None else estimated - onset,
        text=doc.text,
    )


def _hold(held: HoldDoc, blue: Raised, parts: Parts, drawn: NDArray[np.bool_], before: int, onset: int) -> Hold:
    """before: parts of the baseline, which have the station's first indices."""
    index = np.arange(len(parts.part_ids))
    escaped = parts.passed & parts.defective & (index >= onset) & (index <= onset + blue.said)
    inside = (index + before + 1 >= held.from_index) & (index + before + 1 <= held.to_index)
    return Hold(
        audits=int(drawn[onset : onset + blue.judged + 1].sum()),
        held=held.parts,
        escaped=int(escaped.sum()),
        escaped_held=int((escaped & inside).sum()),
    )


def _reached(parts: Parts, at: datetime | None) -> int:
    return -1 if at is None else int((at - parts.captured_at[0]) / PITCH)


def summary(runs: Sequence[dict[str, Any]]) -> str:
    """One line per scenario: each alarm, in how many runs, at which median delay; and what was held."""
    names = list(dict.fromkeys(alarm["code"] for run in runs for alarm in run["alarms"]))
    cells = []
    for name in names:
        firsts = [next((a for a in run["alarms"] if a["code"] == name), None) for run in runs]
        found = sorted((a for a in firsts if a is not None), key=lambda a: int(a["judged"]))
        middle = found[len(found) // 2]
        cells.append(f"{name} {len(found)}/{len(runs)} judged {middle['judged']} said {middle['said']} onset {middle['onset']}")
    judged = sum(run["audits_judged"] for run in runs) // len(runs)
    held = [run["hold"] for run in runs if run["hold"] is not None]
    return f"{runs[0]['id']:22} audits {judged:6d} | {_held(held, len(runs))} | " + ("; ".join(cells) or "no alarm")


def _held(holds: Sequence[dict[str, int]], runs: int) -> str:
    if not holds:
        return f"hold 0/{runs}"
    audits, parts = (sorted(hold[name] for hold in holds)[len(holds) // 2] for name in ("audits", "held"))
    escaped, inside = (sum(hold[name] for hold in holds) for name in ("escaped", "escaped_held"))
    return f"hold {len(holds)}/{runs}: audits needed {audits}, held {parts}, escaped held {inside} of {escaped}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kit.table", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1, help="runs per scenario")
    parser.add_argument("--first-seed", type=int, default=0, help="0 leaves the in-control parts in their order")
    parser.add_argument("--drift", action="append", choices=["incontrol", *DRIFTS])
    parser.add_argument("--share", action="append", type=float, choices=SHARES)
    parser.add_argument("--out", type=Path, required=True, help="results as JSON, outside the repository")
    options = parser.parse_args(arguments)
    kit, results = find(), []
    for share in options.share or SHARES:
        armed = Armed(kit, share)
        if armed.early:
            sys.exit(f"alarms during the baseline: {[doc.code for doc in armed.early]}")
        for drift in options.drift or ("incontrol", *DRIFTS):
            runs = []
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                raised, judged, hold = armed.run(drift, seed)
                run = {"id": f"kit-{drift}-{share:g}", "seed": seed, "audits_judged": judged}
                run |= {"hold": None if hold is None else asdict(hold), "alarms": [asdict(a) for a in raised]}
                runs.append(run)
            print(summary(runs), flush=True)
            results += runs
    options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
