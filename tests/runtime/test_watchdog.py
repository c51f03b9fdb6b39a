"""The watchdog is fed by the signs of life of every worker, and by nothing else."""

import logging
import threading
from datetime import UTC, datetime

import pytest

from agent.frames.measurer import MeasurerInTime
from agent.runtime.clock import ManualClock
from agent.runtime.threads import Pulse, StopEvent, Worker
from agent.runtime.watchdog import Watchdog
from tests.brokers import until

T0 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


class Told:
    """Keeps what systemd would have been told."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)
        return True


class Edge:
    """A worker that does what the test says: go on, wait, or hang."""

    def __init__(self, clock, name="tap line", **more):
        self.stop = StopEvent()
        self.pulse = Pulse(self.stop, clock)
        self.at = ""
        self._next = threading.Event()
        self._order = None
        self.worker = Worker(name, self._work, self.pulse, clock, **more)
        self.worker.start()
        self.do(lambda stop: stop.is_set())

    def do(self, order):
        """Returns when the worker is done with it."""
        self.begin(order)
        until(lambda: self._order is None, what="the worker does it")

    def begin(self, order):
        self._order = order
        self._next.set()

    def end(self):
        self.stop.set()
        self._next.set()
        assert self.worker.join(10)

    def _work(self, stop):
        while not self.stop.is_set():
            self._next.wait()
            self._next.clear()
            if self._order is not None:
                self._order(stop)
                self._order = None


@pytest.fixture
def clock():
    return ManualClock(T0)


@pytest.fixture
def made(clock):
    edges = {name: Edge(clock, name) for name in ("core", "tap line", "sink plant")}
    yield edges
    for edge in edges.values():
        edge.end()


def fed(made, watchdog):
    core, *edges = (edge.worker for edge in made.values())
    return watchdog.feed(core, edges)


@pytest.fixture
def watchdog(clock):
    return Watchdog(Told(), clock, {"WATCHDOG_USEC": "10000000"})


@pytest.mark.parametrize(("silent", "limit_s"), [("core", 10), ("tap line", 30), ("sink plant", 30)])
def test_a_worker_that_is_silent_for_too_long_stops_the_feeding_and_is_named_once(made, watchdog, clock, silent, limit_s, caplog):
    caplog.set_level(logging.ERROR)
    for _ in range(limit_s):
        clock.move(1)
        for name, edge in made.items():
            if name != silent:
                edge.do(lambda stop: stop.is_set())
        assert fed(made, watchdog)
    for name, edge in made.items():
        if name != silent:
            edge.do(lambda stop: stop.is_set())
    clock.move(1)
    assert not fed(made, watchdog)
    assert not fed(made, watchdog)
    assert [r.getMessage() for r in caplog.records] == [
        f"{silent} has given no sign of life for {limit_s + 1} s; the watchdog is not fed"
    ]
    made[silent].do(lambda stop: stop.is_set())
    assert fed(made, watchdog)


def test_waiting_is_no_silence_however_long(made, watchdog, clock):
    line = made["tap line"]
    line.begin(lambda stop: stop.wait(600))
    until(lambda: line.pulse._is_waiting, what="it waits")
    clock.move(31)
    for name in ("core", "sink plant"):
        made[name].do(lambda stop: stop.is_set())
    assert fed(made, watchdog)
    line.stop.set()
    until(lambda: line._order is None, what="the stop wakes it")


def test_measuring_a_frame_has_its_own_time_limit_and_is_no_silence(made, watchdog, clock):
    class Slow:
        def __init__(self):
            self.begun, self.done = threading.Event(), threading.Event()

        def measure(self, *asked):
            self.begun.set()
            assert self.done.wait(10)
            return asked

    slow, line = Slow(), made["tap line"]
    line.begin(lambda _stop: MeasurerInTime(slow, line.pulse).measure(b"", "a.png", "/frames"))
    assert slow.begun.wait(10)
    clock.move(31)
    for name in ("core", "sink plant"):
        made[name].do(lambda stop: stop.is_set())
    assert fed(made, watchdog)
    slow.done.set()
    until(lambda: line._order is None, what="the frame is measured")
    clock.move(9)
    assert fed(made, watchdog)


def test_another_thread_that_looks_whether_to_stop_proves_nothing(made, watchdog, clock):
    for _ in range(31):
        clock.move(1)
        made["tap line"].pulse.is_set()
        made["tap line"].pulse.wait(0.0)
        for name in ("core", "sink plant"):
            made[name].do(lambda stop: stop.is_set())
    assert not fed(made, watchdog)


def test_a_source_that_has_ended_is_not_expected_to_live(clock, watchdog):
    core = Edge(clock, "core")
    ended = Worker("tap file", lambda _stop: None, Pulse(StopEvent(), clock), clock, is_finite=True)
    ended.start()
    assert ended.join(10)
    clock.move(1000)
    core.do(lambda stop: stop.is_set())
    assert watchdog.feed(core.worker, [ended])
    core.end()


def test_a_long_start_asks_for_time_now_and_then(clock):
    told = Told()
    watchdog = Watchdog(told, clock, {})
    for _ in range(100):
        watchdog.starting()
        clock.move(0.1)
    assert [m.partition("\n")[0] for m in told.messages] == 2 * ["EXTEND_TIMEOUT_USEC=60000000"]


@pytest.mark.parametrize("usec", ["", "0", "soon"])
def test_without_an_interval_from_systemd_a_minute_is_taken(clock, usec, made):
    watchdog = Watchdog(Told(), clock, {"WATCHDOG_USEC": usec})
    clock.move(60)
    assert fed(made, watchdog)
    clock.move(1)
    assert not fed(made, watchdog)
