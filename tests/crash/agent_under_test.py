"""The live agent with faults at named seams; only for tests, run as `python -m tests.crash.agent_under_test CONFIG PHASE_FILE`.

PHASE_FILE gets one byte, kept by the kernel when the process is killed: what the core thread was in the middle of.
LINEWARDEN_FAULT: JSON {"slow_s": pause per delivery, "kill_at": deliveries taken, not yet committed, after which it kills itself}.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time
from pathlib import Path

from agent.app import build
from agent.config.load import load
from agent.plugins import PlugIns
from agent.runtime.clock import SystemClock
from agent.runtime.engine import Engine
from agent.runtime.signals import stopped_by_signals
from agent.runtime.threads import StopEvent

STARTING, IDLE, UNCOMMITTED, COMMITTING, ACKNOWLEDGING, ENDED = range(1, 7)
CHECKPOINT_S = 0.4  # so that runs of a second start from checkpoints too


class Phase:
    """One byte in a file that outlives the process."""

    def __init__(self, path: str) -> None:
        Path(path).write_bytes(b"\0")
        descriptor = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(descriptor, 1)
        os.close(descriptor)

    def set(self, phase: int) -> None:
        self._map[0] = phase


def arm(phase: Phase, fault: dict[str, float]) -> None:
    """Put the seams around the core thread's steps."""
    take, commit, acknowledge = Engine._take, Engine._commit, Engine._acknowledge
    taken = 0

    def slow_take(self, delivery):
        nonlocal taken
        phase.set(UNCOMMITTED)
        take(self, delivery)
        taken += 1
        if taken == fault.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(fault.get("slow_s", 0.0))

    def marked_commit(self):
        phase.set(COMMITTING)
        commit(self)
        phase.set(IDLE)

    def marked_acknowledge(self):
        if self._due:
            phase.set(ACKNOWLEDGING)
            acknowledge(self)
            phase.set(UNCOMMITTED if self._pending else IDLE)

    Engine._take, Engine._commit, Engine._acknowledge = slow_take, marked_commit, marked_acknowledge


def main(config_file: str, phase_file: str) -> None:
    phase = Phase(phase_file)
    phase.set(STARTING)
    arm(phase, json.loads(os.environ.get("LINEWARDEN_FAULT", "{}")))
    config = load(Path(config_file), PlugIns())
    config = config.model_copy(update={"agent": config.agent.model_copy(update={"checkpoint_interval_s": CHECKPOINT_S})})
    stop = StopEvent()
    app = build(config, SystemClock())
    with stopped_by_signals(stop):
        app.run(stop)
    phase.set(ENDED)


if __name__ == "__main__":
    main(*sys.argv[1:])
