"""Kill the live agent again and again at random instants, and look at what it had concluded in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.errors import StoreError
from agent.records import Inspected, Told
from agent.store.reader import Reader
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import REGISTER, line

ROOT = Path(__file__).resolve().parents[2]
PHASES = {0: "starting", 1: "starting", 2: "idle", 3: "uncommitted", 4: "committing", 5: "acknowledging", 6: "ended"}
BETWEEN_RECEIPT_AND_COMMIT = ("uncommitted", "committing")


LUMINANCE = [spec.name for spec in IMAGE_CHANNELS].index("luminance")


def darker(k, row):
    """The lamp fades by 15 % at part 1,200."""
    if k < 1200:
        return row
    row = row.copy()
    row[LUMINANCE] *= 0.85
    return row


def scenario():
    """Entries of a line that gets darker at part 1,200 and starts to pass bad parts at 2,000; in time order."""
    calm = line(3, 2000, change=darker)
    harmful = line(3, 2200, first=2000, escapes=0.12, change=darker)
    return sorted(calm + harmful, key=lambda e: getattr(e.record, "captured_at", None) or e.record.observed_at)


def record_lines(entries, *, frames: bool):
    """What a source sends: records with the frame they carry measured, or without any."""
    lines = []
    for entry in entries:
        body = json.loads(msgspec.json.encode(entry.record))
        if frames and isinstance(entry, Inspected):
            body["frame"] = json.loads(msgspec.json.encode(entry.frame))
        lines.append(json.dumps(body).encode())
    return lines


def write_config(folder: Path, tap: dict[str, object]) -> Path:
    """A configuration with one tap and nothing else that talks to the world."""

    def toml(value: object) -> str:
        return json.dumps(value)

    register = "\n".join(f"{key} = {toml(value)}" for key, value in REGISTER.items())
    source = "\n".join(f"{key} = {toml(value)}" for key, value in tap.items())
    path = folder / "line.toml"
    path.write_text(
        f"""
[agent]
state_dir = {toml(str(folder / "state"))}
commit_interval_s = 0.1
[metrics]
enabled = false
[[stations]]
id = "ST4"
{register}
parts_per_month = 100000
threshold = 0.5
[stations.baseline]
parts = 800
min_stream_parts = 300
[stations.outcomes]
mode = "sample"
delay_s = 600
audits_per_month = 10000
[[taps]]
{source}
"""
    )
    return path


def facts(state: Path):
    """What must be the same however often the agent was killed."""
    with Reader(state / "linewarden.db") as store:
        return [
            (a.alarm_id, a.occurrence_id, a.transition, a.part_id, a.evidence and a.evidence.onset, a.evidence)
            for _, a in store.alarm_events()
        ]


def journalled(state: Path) -> Counter[str]:
    """How often each record stands in the journal, by what it says."""
    found: Counter[str] = Counter()
    with Reader(state / "linewarden.db") as store:
        for _, entry in store.entries():
            if isinstance(entry, Inspected | Told):
                found[msgspec.json.encode(entry.record).decode()] += 1
    return found


@dataclass
class Kills:
    """What the kills hit."""

    phases: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0

    @property
    def mid_work(self) -> int:
        return sum(self.phases[name] for name in BETWEEN_RECEIPT_AND_COMMIT)


class Agent:
    """The live agent as a process."""

    def __init__(self, config: Path, **fault: float) -> None:
        self.phase_file = config.with_name("phase")
        with config.with_name("agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.agent_under_test", str(config), str(self.phase_file)],
                cwd=ROOT,
                env={**os.environ, "LINEWARDEN_FAULT": json.dumps(fault)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def phase(self) -> str:
        try:
            return PHASES[self.phase_file.read_bytes()[0]]
        except (OSError, IndexError):
            return "starting"

    def kill(self) -> str:
        """SIGKILL; what it was in the middle of."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        return self.phase()

    def wait_for_its_own_end(self, timeout_s: float) -> bool:
        """Whether it killed itself in time."""
        try:
            return self.process.wait(timeout_s) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> int:
        """In order; its exit code."""
        self.process.terminate()
        return self.process.wait(30)


def stored(state: Path) -> int:
    """Records committed so far."""
    try:
        with Reader(state / "linewarden.db") as store:
            return store._db.execute("SELECT count(*) FROM journal WHERE kind IN ('inspected', 'told')").fetchone()[0]
    except (StoreError, sqlite3.Error):  # no store, or no table, yet
        return 0


def counted(state: Path, name: str) -> int:
    """A durable counter, over all its labels; 0 before there is a store."""
    try:
        with Reader(state / "linewarden.db") as store:
            return sum(total for (counter, _), total in store.counters().items() if counter == name)
    except (StoreError, sqlite3.Error):
        return 0


def run_to_the_end(config: Path, records: int, timeout_s: float = 120.0) -> None:
    """One agent until everything is committed, then stopped in order."""
    agent = Agent(config)
    deadline = time.monotonic() + timeout_s
    while stored(config.with_name("state")) < records:
        assert agent.process.poll() is None, config.with_name("agent.log").read_text()
        assert time.monotonic() < deadline, f"{stored(config.with_name('state'))} of {records} records after {timeout_s} s"
        time.sleep(0.05)
    assert agent.stop() == 0, config.with_name("agent.log").read_text()


def killed_again_and_again(config: Path, records: int, kills: int, seed: int) -> Kills:
    """`kills` agents: every other one kills itself between receipt and commit, the rest are killed from outside at random instants."""
    rng = random.Random(seed)
    hit = Kills()
    start_s = _start_s(config)
    work_s = 0.4  # of work per agent; the pause per delivery spreads the records over all of them
    slow_s = 0.8 * kills * work_s / records
    for number in range(kills):
        if number % 2:
            fault = Agent(config, slow_s=slow_s, kill_at=rng.randint(1, max(1, int(work_s / slow_s))))
            if fault.wait_for_its_own_end(start_s + 4 * work_s):
                hit.phases["uncommitted"] += 1
            else:
                hit.phases[fault.kill()] += 1
        else:
            agent = Agent(config, slow_s=slow_s)
            time.sleep(rng.uniform(0.3 * start_s, start_s + work_s))
            hit.phases[agent.kill()] += 1
    run_to_the_end(config, records)
    hit.duplicates = counted(config.with_name("state"), "duplicates")
    return hit


def _start_s(config: Path) -> float:
    """How long an agent takes here until its core works."""
    began = time.monotonic()
    agent = Agent(config, kill_at=1)
    agent.wait_for_its_own_end(60)
    return time.monotonic() - began
