"""The live agent with faults at named seams; only for tests. A server that forks agents, so that a start costs no imports.

`python -m tests.crash.agent_under_test`: JSON lines on standard input, an answer a line.
{"start": CONFIG, "phase": FILE, "fault": {…}} → its pid, {"poll": pid} → its exit code (negative: the signal) or null.
FILE gets one byte, kept by the kernel when the process is killed: what the core thread was in the middle of.
fault: {"slow_s": pause per delivery, "kill_at": deliveries taken, the last one not yet committed, after which it kills itself,
"kill_unacknowledged": commits with something to acknowledge, after which, not acknowledged yet, it kills itself}.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time
import traceback
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
        descriptor = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(descriptor, 1)
        os.close(descriptor)

    def set(self, phase: int) -> None:
        self._map[0] = phase


def arm(phase: Phase, fault: dict[str, float]) -> None:
    """Put the seams around the core thread's steps."""
    take, commit, acknowledge = Engine._take, Engine._commit, Engine._acknowledge
    taken = committed = 0

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
        nonlocal committed
        if self._due:
            phase.set(ACKNOWLEDGING)
            committed += 1
            if committed == fault.get("kill_unacknowledged"):
                os.kill(os.getpid(), signal.SIGKILL)
            acknowledge(self)
            phase.set(UNCOMMITTED if self._pending else IDLE)

    Engine._take, Engine._commit, Engine._acknowledge = slow_take, marked_commit, marked_acknowledge


def work(config_file: str, phase_file: str, fault: dict[str, float]) -> None:
    """An agent as `linewarden run` has it, until it is stopped or killed."""
    phase = Phase(phase_file)
    phase.set(STARTING)
    arm(phase, fault)
    config = load(Path(config_file), PlugIns())
    config = config.model_copy(update={"agent": config.agent.model_copy(update={"checkpoint_interval_s": CHECKPOINT_S})})
    stop = StopEvent()
    app = build(config, SystemClock())
    with stopped_by_signals(stop):
        app.run(stop)
    phase.set(ENDED)


def started(request: dict[str, object]) -> int:
    """The pid of a new agent; its output goes to agent.log beside its configuration."""
    pid = os.fork()
    if pid:
        return pid
    try:
        log = os.open(Path(request["start"]).with_name("agent.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        work(request["start"], request["phase"], request["fault"])
        os._exit(0)
    except BaseException:  # noqa: BLE001  a forked child must not return into the server
        traceback.print_exc()
        os._exit(1)


def serve() -> None:
    """Answer until standard input ends."""
    ended: dict[int, int] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = started(request)
        else:
            pid = request["poll"]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(pid)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    for plug_in in ("jsonl", "mqtt"):
        PlugIns().module("taps", plug_in)
    serve()
