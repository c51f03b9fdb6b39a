"""Does the hold contain what escaped? Stations through the agent's own fold until the bad-parts alarm, truth joined afterwards.

    python -m benchmarks.simulated.containment [--histories 24] [--json OUT]

Claims p ~ 0.97 Beta(0.5, 2500) + 0.03 Beta(2, 38) and outcomes Bernoulli(p) as in METHODS 3. From a part on that the agent is not
told, a share of the passed parts is bad whatever was claimed: at once (step), or rising over 10,000 parts (ramp). The hold is the
one the incident publishes with the alarm. Scenario ids: containment-SHAPE-SHARE-AUDITED. A history ends with its alarm, or 40,000
parts after the fault; escapes of histories without an alarm are not in the shares. Target: 99 % of the escaped parts of the fault
held. Score channels learn and do not arm, for speed: they hold nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from agent.config.model import Config
from agent.core.fold import Core
from agent.records import Inspected, Inspection, Outcome, Told
from benchmarks.kit.table import Parted

STATION = "ST1"
BASELINE = 4_000
PITCH = timedelta(seconds=2)
START = datetime(2026, 1, 5, tzinfo=UTC)
DELAY_S = 3_600.0
REJECTED_ABOVE = 0.5
LIMIT_PPM = 5_000.0  # declared: 600 clean audits in a row verify it
RAMP = 10_000
PATIENCE = 40_000
SCENARIOS = (
    ("step", 0.01, 0.05),
    ("step", 0.003, 0.05),
    ("step", 0.03, 0.05),
    ("step", 0.01, 0.2),
    ("step", 0.003, 0.2),
    ("ramp", 0.01, 0.05),
    ("ramp", 0.03, 0.05),
    ("ramp", 0.01, 0.2),
    ("ramp", 0.003, 0.2),
)


@dataclass(frozen=True)
class Contained:
    """One history. escaped: bad passed parts the fault caused, until the alarm was said. held: of these, in the hold. good: good
    parts held with them. late: parts from the fault to the alarm, None where none came."""

    escaped: int
    held: int
    good: int
    passed: int  # good parts passed from the first on: what a hold of everything would have held
    late: int | None
    early: bool  # alarmed before the fault


def configuration(audited: float) -> Config:
    """A station whose passes are audited at this share."""
    return Config.model_validate(
        {
            "stations": [
                {
                    "id": STATION,
                    "owner": "o",
                    "deputy": "d",
                    "decision": "ships",
                    "consequence": "field failure",
                    "tier": 2,
                    "threshold": REJECTED_ABOVE,
                    "parts_per_month": 1_000_000,
                    "baseline": {"parts": BASELINE, "arming": "after_acceptance"},  # outcomes alone are judged
                    "outcomes": {
                        "mode": "sample",
                        "delay_s": DELAY_S,
                        "audits_per_month": 1_000_000 * audited,
                        "max_escape_ppm": LIMIT_PPM,
                    },
                }
            ]
        }
    )


def history(shape: str, share: float, audited: float, seed: int) -> Contained:
    """One station from its first part until the alarm after the fault, or until patience ends."""
    rng = np.random.default_rng(seed)
    verification = 3e6 / LIMIT_PPM / audited  # parts a clean run of audits takes
    fault = BASELINE + int(verification * rng.uniform(1.25, 2.5))
    count = fault + PATIENCE
    near = rng.random(count) < 0.03
    p = np.where(near, rng.beta(2.0, 38.0, count), rng.beta(0.5, 2500.0, count))
    since = np.arange(count) - fault
    extra = np.where(since < 0, 0.0, share * (np.minimum(1.0, since / RAMP) if shape == "ramp" else 1.0))
    caused = rng.random(count) < extra
    bad = (rng.random(count) < p) | caused
    looked_at = (rng.random(count) < audited) | (np.arange(count) < BASELINE)
    parted = Parted()
    core = Core(configuration(audited), parted)
    early, said = False, None
    for k in range(count):
        at = START + k * PITCH
        ok = p[k] <= REJECTED_ABOVE
        part = f"P{k}"
        record = Inspection(part_id=part, station=STATION, captured_at=at, verdict="ok" if ok else "ng", p_defect=float(p[k]))
        alarms = core.fold(Inspected(record))
        parted.record(alarms)
        raised = [doc for doc in alarms.alarms if "bad-parts-passed" in doc.alarm_id and doc.transition.endswith("→UNACK")]
        if raised and k < fault:
            early = True
            break
        if raised:
            said = k
            break
        if looked_at[k]:
            told = Outcome(
                part_id=part, station=STATION, defective=bool(bad[k]), observed_at=at, inclusion_probability=audited, confirmed=True
            )
            core.fold(Told(told))
    if early or said is None:
        return Contained(0, 0, 0, 0, None, early)
    hold = core.view().holds[0]
    first, last = (int(part_id[1:]) for part_id in (hold.from_part_id, hold.to_part_id))
    index = np.arange(count)
    passed = p <= REJECTED_ABOVE
    escaped = passed & caused & (index <= said)
    inside = passed & (index >= first) & (index <= last)
    return Contained(
        escaped=int(escaped.sum()),
        held=int((escaped & inside).sum()),
        good=int((inside & ~bad).sum()),
        passed=int((passed & ~bad & (index <= said)).sum()),
        late=said - fault,
        early=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=24, help="per scenario")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {}
    print(
        "| fault | audited | alarms | before it | escaped parts held | worst history | good parts held | good held per escaped |"
        " parts to the alarm |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for shape, share, audited in SCENARIOS:
        runs = [history(shape, share, audited, 1000 + seed) for seed in range(options.histories)]
        found = [run for run in runs if run.late is not None]
        escaped, held = sum(run.escaped for run in found), sum(run.held for run in found)
        worst = min((run.held / run.escaped for run in found if run.escaped), default=float("nan"))
        name = f"containment-{shape}-{share:g}-{audited:g}"
        result[name] = [asdict(run) for run in runs]
        print(
            f"| {shape} to {share:.1%} | {audited:.0%} | {len(found)} of {len(runs)} | {sum(run.early for run in runs)} |"
            f" {held / max(1, escaped):.2%} of {escaped:,} | {worst:.1%} |"
            f" {sum(run.good for run in found) / max(1, sum(run.passed for run in found)):.0%} |"
            f" {sum(run.good for run in found) / max(1, escaped):.0f} |"
            f" {np.median([run.late for run in found]) if found else float('nan'):,.0f} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
