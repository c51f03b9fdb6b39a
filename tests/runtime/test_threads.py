"""Supervised threads, the inbox, clocks, sd_notify and the control socket."""

import logging
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import AgentError, NotRunning
from agent.ports import Snapshot
from agent.records import Inspection
from agent.runtime.clock import ManualClock, SystemClock
from agent.runtime.control import ControlClient, ControlTap
from agent.runtime.inbox import BoundedInbox
from agent.runtime.notify import SystemdNotifier
from agent.runtime.snapshots import SnapshotBox
from agent.runtime.threads import Pulse, StopEvent, Worker
from tests.brokers import until
from tests.runtime.test_engine import delivery

T0 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("agent.runtime.threads._FIRST_PAUSE_S", 0.001)


def test_work_that_raises_is_counted_logged_once_and_run_again(impatient, caplog):
    stop, calls = StopEvent(), []

    def work(_stop):
        calls.append(1)
        if len(calls) < 4:
            raise OSError("gone")
        stop.set()

    worker = Worker("tap x", work, Pulse(stop, ManualClock(T0)), ManualClock(T0))
    with caplog.at_level(logging.ERROR):
        worker.start()
        assert worker.join(10)
    assert len(calls) == 4
    assert worker.failures == {"OSError": 3}
    assert len([r for r in caplog.records if "tap x failed" in r.message]) == 1


def test_work_that_returns_early_is_run_again_unless_it_is_finite(impatient):
    stop, calls = StopEvent(), []

    def work(_stop):
        calls.append(1)
        if len(calls) == 3:
            stop.set()

    endless = Worker("tap x", work, Pulse(stop, ManualClock(T0)), ManualClock(T0))
    endless.start()
    assert endless.join(10)
    assert endless.failures == {"EndedEarlyError": 2}
    finite = Worker("tap y", lambda _stop: None, Pulse(StopEvent(), ManualClock(T0)), ManualClock(T0), is_finite=True)
    finite.start()
    assert finite.join(10)
    assert finite.failures == {}


def test_a_fatal_error_ends_the_thread_and_is_kept():
    error = NotRunning("no")

    def work(_stop):
        raise error

    worker = Worker("core", work, Pulse(StopEvent(), ManualClock(T0)), ManualClock(T0), fatal=(NotRunning,))
    worker.start()
    assert worker.join(10)
    assert worker.error is error


def test_a_full_inbox_makes_the_tap_wait_and_a_stop_wakes_it():
    inbox, stop, results = BoundedInbox(2), StopEvent(), []
    assert inbox.put(delivery("P1"), stop)
    assert inbox.put(delivery("P2"), stop)
    thread = threading.Thread(target=lambda: results.append(inbox.put(delivery("P3"), stop)))
    thread.start()
    assert inbox.depth() == 2
    stop.set()
    thread.join(10)
    assert results == [False]
    assert [inbox.get(0.0).receipt, inbox.get(0.0).receipt, inbox.get(0.0)] == ["P1", "P2", None]


def test_a_manual_clock_moves_both_times_and_steps_only_the_wall():
    clock = ManualClock(T0)
    clock.move(5)
    clock.step(-3600)
    assert clock.now() == T0 + timedelta(seconds=5 - 3600)
    assert clock.elapsed() == 5


def test_the_notifier_reaches_a_path_and_an_abstract_address_and_is_quiet_without_one(tmp_path):
    for address in (str(tmp_path / "n"), f"\0linewarden-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(address)
            assert SystemdNotifier(address.replace("\0", "@")).send("READY=1")
            assert server.recv(100) == b"READY=1"
    assert not SystemdNotifier("").send("READY=1")
    assert not SystemdNotifier(str(tmp_path / "nobody")).send("READY=1")


def listens(path):
    """A socket file is there a moment before anybody listens on it."""
    try:
        ControlClient(path).close()
    except NotRunning:
        return False
    return True


@pytest.fixture(params=["state", "deep" * 30])
def served(tmp_path, request):
    """A control socket, in a short and in a long folder, with something that commits at once behind it."""
    folder = tmp_path / request.param
    folder.mkdir()
    inbox, stop, taken = BoundedInbox(), StopEvent(), []
    snapshot = Snapshot(T0, T0, "boot", "0.1", 7, counters={("refused", "line:schema"): 2})
    answers = {"r1": b'{"request_id":"r1","accepted":true}'}
    tap = ControlTap(folder / "c.sock", ManualClock(T0), SnapshotBox(snapshot), answers.get)

    def commit():
        while not stop.is_set():
            if (item := inbox.get(0.05)) is not None:
                taken.append(item)
                if item.receipt is not None:
                    tap.acknowledge([item.receipt])

    threads = [threading.Thread(target=tap.run, args=(inbox, None, stop)), threading.Thread(target=commit)]
    for thread in threads:
        thread.start()
    until(lambda: listens(folder / "c.sock"), what="the socket is answered")
    client = ControlClient(folder / "c.sock")
    yield client, taken, folder / "c.sock"
    client.close()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert not (folder / "c.sock").exists()


def test_the_control_socket_shows_the_snapshot_and_answers_after_the_commit(served):
    client, taken, path = served
    assert client.ask({"ask": "snapshot"})["snapshot"]["counters"] == [["refused", "line:schema", 2]]
    good = '{"part_id":"P1","station":"ST4","captured_at":"2026-03-01T06:00:00Z","verdict":"ok"}'
    assert client.ask({"ask": "submit", "records": [good, "{"]})["refused"][0][:2] == [1, "not_json"]
    assert isinstance(taken[0].item, Inspection)
    command = '{"verb":"ack","request_id":"r1","by":"meier","role":"operator"}'
    assert client.ask({"ask": "command", "record": command})["result"]["accepted"]
    assert path.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    "request_", [{"ask": "sing"}, {"ask": "command"}, {"ask": "command", "record": "{}"}, {"ask": "submit", "records": 3}]
)
def test_a_bad_request_is_answered_with_what_is_wrong_and_the_next_one_works(served, request_):
    client, _, _ = served
    with pytest.raises(AgentError):
        client.ask(request_)
    assert client.ask({"ask": "snapshot"})["snapshot"]["seq"] == 7


def test_without_an_agent_the_client_says_so(tmp_path):
    with pytest.raises(NotRunning, match="no agent answers") as caught:
        ControlClient(tmp_path / "c.sock")
    assert "linewarden run" in caught.value.hint


def test_the_application_imports_neither_cv2_nor_scipy_stats():
    code = "import sys, agent.app; print([m for m in ('cv2', 'scipy.stats', 'onnxruntime', 'click', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_the_system_clock_is_aware_and_goes_on():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.elapsed() <= clock.elapsed()
