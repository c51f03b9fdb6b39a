"""The demo as a user starts it: broker, agent and line as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.main import main
from agent.runtime.clock import SystemClock
from agent.runtime.processes import Companion
from agent.runtime.threads import StopEvent

COMMAND = [sys.executable, "-m", "agent.cli.main", "demo"]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "--fast", *arguments], capture_output=True, text=True, timeout=240, check=False)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *children_of(child)]
    return found


def test_the_story_holds_from_learning_to_the_hold_list() -> None:
    run = demo("--seed", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "BAD PARTS PASSED" in run.stdout
    assert "SILENT FAILURE" in run.stdout
    assert re.search(r"hold list +[\d,]+ parts up to part [\d,]+, with (\d+) of the \1 bad ones", run.stdout), run.stdout
    assert "\x1b" not in run.stdout


@pytest.mark.system
@pytest.mark.parametrize("seed", [1, 3, 5, 6])
def test_the_story_holds_on_other_seeds(seed: int) -> None:
    run = demo("--seed", str(seed))
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.system
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_fault_the_demo_is_silent(seed: int) -> None:
    run = demo("--seed", str(seed), "--no-fault")
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 alarms raised" in run.stdout


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_ends_the_demo_and_every_process_of_it(sent: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "learning from" in line:
                break
        children = children_of(process.pid)
        assert len(children) >= 2
        process.send_signal(sent)
        rest = process.stdout.read()
        assert process.wait(60) == 130, rest
    assert "broker and agent are gone" in rest
    assert all(gone(child) for child in children)


def test_the_processes_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "learning from" in line:
                break
        children = children_of(process.pid)
        process.kill()
        process.wait(10)
    clock, stop = SystemClock(), StopEvent()
    until = clock.elapsed() + 30
    while not all(gone(child) for child in children) and clock.elapsed() < until:
        stop.wait(0.05)
    assert all(gone(child) for child in children)


def test_a_companion_that_ends_early_is_seen_with_its_last_words(tmp_path: Path) -> None:
    companion = Companion([sys.executable, "-c", "print('so it goes'); raise SystemExit(3)"], tmp_path / "log")
    assert companion.has_ended(20)
    assert companion.exit_code == 3
    assert companion.tail(5) == "so it goes"
    assert companion.end(1) == 3


def test_a_companion_that_does_not_stop_when_asked_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    companion = Companion([sys.executable, "-c", stubborn], tmp_path / "log")
    stop = StopEvent()
    while companion.tail(1) != "up":
        stop.wait(0.01)
    assert companion.end(0.1) == -signal.SIGKILL


def test_a_negative_seed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["--seed", "-1"])
    assert refusal.value.code == 2
    assert "--seed must be at least 0" in capsys.readouterr().err
