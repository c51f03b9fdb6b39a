"""A child process as such: whatever it does, the parent gets an error of a known kind, and in time."""

from __future__ import annotations

import os
import sys
import time

import pytest

from agent.errors import ChildDied, ChildTimedOut
from agent.runtime import child as module
from agent.runtime.child import Child

READY = b"os.write(1, b'\\0\\0\\0\\1R'); "
READ = b"os.read(0, 100); "


def child(body, command=None):
    program = f"import os, time; {body.decode()}"
    return Child(command or (sys.executable, "-I", "-S", "-c", program), {}, b"R", 100)


def test_an_answer_comes_back():
    c = child(READY + READ + b"os.write(1, b'\\0\\0\\0\\2hi'); time.sleep(60)")
    assert c.exchange(b"question", 10.0) == b"hi"
    assert c.pid is not None
    c.close()
    assert c.pid is None


@pytest.mark.parametrize(
    "body",
    [
        b"pass",  # ends before it is ready
        b"os.write(1, b'\\0\\0\\0\\1X'); time.sleep(60)",  # says something else
        READY + READ,  # ends instead of answering
        READY + READ + b"os.write(1, b'\\0\\0\\0\\x50half'); ",  # ends within its answer
        READY + READ + b"os.write(1, b'\\xff\\xff\\xff\\xff'); time.sleep(60)",  # threatens with 4 GB
    ],
)
def test_a_child_that_ends_or_misbehaves_is_a_dead_child(body):
    c = child(body)
    with pytest.raises(ChildDied):
        c.exchange(b"question", 10.0)
    assert c.pid is None
    c.close()


@pytest.mark.parametrize(
    "body",
    [
        READY + b"time.sleep(60)",  # neither reads nor answers
        READY + READ + b"os.write(1, b'\\0\\0\\0\\x05ha'); time.sleep(60)",  # stops within its answer
        READY
        + READ
        + b"[(os.write(1, b), time.sleep(0.2)) for b in (b'\\0', b'\\0', b'\\0', b'\\x64') + (b'x',) * 100]",  # trickles
    ],
)
def test_a_late_child_is_killed_in_time_however_it_is_late(body):
    c = child(body)
    before = time.monotonic()
    with pytest.raises(ChildTimedOut, match=r"longer than 0\.5 s"):
        c.exchange(bytes(4_000_000), 0.5)
    assert time.monotonic() - before < 5.0
    assert c.pid is None
    c.close()


def test_a_command_that_cannot_start_is_not_tried_for_every_frame(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    c = child(b"", ("/nonexistent/program",))
    with pytest.raises(ChildDied, match="cannot be started"):
        c.exchange(b"", 1.0)
    with pytest.raises(ChildDied, match="within the last 5 s"):
        c.exchange(b"", 1.0)
    now[0] += 5.0
    with pytest.raises(ChildDied, match="cannot be started"):
        c.exchange(b"", 1.0)
    c.close()


def test_a_closed_child_stays_closed_and_is_reaped():
    c = child(READY + READ + b"os.write(1, b'\\0\\0\\0\\2hi'); time.sleep(60)")
    c.exchange(b"", 10.0)
    pid = c.pid
    c.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ChildDied, match="closed"):
        c.exchange(b"", 10.0)
