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


ONE_SOURCE = """
[stations.outcomes]
mode = "sample"
delay_s = 600
audits_per_month = 10000
"""


def write_config(folder: Path, tap: dict[str, object], station: str = ONE_SOURCE) -> Path:
    """A configuration with one tap and nothing else that talks to the world. station: how the truth about its parts comes."""

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
steadiness = "assumed"
{station}
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


class Agents:
    """The server that starts agents; a context manager."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.agent_under_test"],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(10)

    def ask(self, **request):
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def start(self, config: Path, **fault: float) -> Agent:
        return Agent(self, config, fault)


class Agent:
    """The live agent as a process."""

    def __init__(self, agents: Agents, config: Path, fault: dict[str, float]) -> None:
        self._agents = agents
        self._phase_file = config.with_name("phase")
        self._log = config.with_name("agent.log")
        self._phase_file.write_bytes(b"\0")
        self._pid = agents.ask(start=str(config), phase=str(self._phase_file), fault=fault)

    def phase(self) -> str:
        return PHASES[self._phase_file.read_bytes()[0]]

    def exit_code(self, timeout_s: float = 0.0) -> int | None:
        """None while it runs."""
        deadline = time.monotonic() + timeout_s
        while (code := self._agents.ask(poll=self._pid)) is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return code

    def signal(self, number: int) -> None:
        """To a process that has not been waited for, so that its number is still its own."""
        if self.exit_code() is None:
            os.kill(self._pid, number)

    def kill(self) -> str:
        """SIGKILL; what it was in the middle of."""
        self.signal(signal.SIGKILL)
        assert self.exit_code(10) == -signal.SIGKILL, self.log()
        return self.phase()

    def stop(self) -> None:
        """In order."""
        self.signal(signal.SIGTERM)
        assert self.exit_code(30) == 0, self.log()

    def log(self) -> str:
        return self._log.read_text()


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


def run_to_the_end(agents: Agents, config: Path, records: int, timeout_s: float = 120.0) -> None:
    """One agent until everything is committed, then stopped in order."""
    agent = agents.start(config)
    deadline = time.monotonic() + timeout_s
    while (there := stored(config.with_name("state"))) < records:
        assert agent.exit_code() is None, agent.log()
        assert time.monotonic() < deadline, f"{there} of {records} records after {timeout_s} s"
        time.sleep(0.05)
    agent.stop()


def killed_again_and_again(agents: Agents, config: Path, records: int, kills: int, seed: int) -> Kills:
    """`kills` agents: half are killed from outside at any instant; the others kill themselves between receipt and
    commit, every fourth between commit and acknowledgement.
    """
    rng = random.Random(seed)
    hit = Kills()
    start_s = start_up_s(agents, config)
    hit.phases["uncommitted"] += 1
    work_s = 0.4  # of work per agent; the pause per delivery spreads the records over all of them
    slow_s = 0.8 * kills * work_s / records
    for number in range(kills - 1):
        if number % 8 == 7:  # needs receipts: without them it goes on, and is killed below
            agent = agents.start(config, slow_s=slow_s, kill_unacknowledged=rng.randint(1, 3))
            agent.exit_code(start_s + work_s)
        elif number % 2:
            agent = agents.start(config, slow_s=slow_s, kill_at=rng.randint(1, max(1, int(work_s / slow_s))))
            agent.exit_code(start_s + 4 * work_s)
        else:
            agent = agents.start(config, slow_s=slow_s)
            time.sleep(rng.uniform(0.0, start_s + work_s))
        hit.phases[agent.kill()] += 1
    run_to_the_end(agents, config, records)
    hit.duplicates = counted(config.with_name("state"), "duplicates")
    return hit


def start_up_s(agents: Agents, config: Path) -> float:
    """How long an agent takes here until its core works; it kills itself at its first delivery."""
    began = time.monotonic()
    agent = agents.start(config, kill_at=1)
    assert agent.exit_code(60) == -signal.SIGKILL, agent.log()
    return time.monotonic() - began
