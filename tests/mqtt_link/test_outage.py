"""The way to the broker when it is gone, mute, babbling or restarted: bounded pauses, no busy loop, nothing that grows."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import socket
import struct
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from paho.mqtt.client import Client

from agent.mqtt_link.events import Connected, Disconnected
from agent.runtime.clock import ManualClock, SystemClock
from agent.runtime.threads import Pulse, StopEvent, Worker
from agent.sinks import mqtt as sink_plugin
from agent.taps import mqtt as tap_plugin
from tests.brokers import Broker, free_port, needs_mosquitto, until
from tests.edges import FixedSnapshots, ListInbox, MemoryOutbox, Running, context
from tests.mqtt_link.driving import CONNACK_5, link_to, listener, options, outcome, trouble
from tests.sinks.test_mqtt_sink import gap

AT = datetime(2026, 1, 1, tzinfo=UTC)


def outage(hours: float, name: str = "test", **more):
    """The instants of every attempt in an outage of so many hours, on a clock moved by hand."""
    clock = ManualClock(AT)
    link, account = link_to(options(free_port(), **more), clock, name)
    attempts: list[float] = []
    while clock.elapsed() < hours * 3600:
        link.service(0.0)
        if link.events:
            assert isinstance(link.events.popleft(), Disconnected)
            attempts.append(clock.elapsed())
        clock.move(0.25)
    link.close()
    assert account.failures == len(attempts)
    return attempts


def test_pauses_grow_to_their_bound_and_no_further():
    attempts = outage(6, reconnect_max_s=30.0)
    pauses = [b - a for a, b in pairwise(attempts)]
    assert attempts[0] == 0.0
    assert pauses[:3] == sorted(pauses[:3])
    assert max(pauses) <= 30.25  # the step of the clock
    assert min(pauses[8:]) >= 15.0
    assert 6 * 3600 / 30 < len(attempts) < 6 * 3600 / 15 + 10


def test_agents_that_lost_the_same_broker_do_not_come_back_at_once():
    first, second = outage(1, "agent-1", reconnect_max_s=30.0), outage(1, "agent-2", reconnect_max_s=30.0)
    assert first == outage(1, "agent-1", reconnect_max_s=30.0)  # yet nothing is left to chance
    assert len(set(first[5:]) & set(second[5:])) < len(first) / 10


def test_memory_and_file_descriptors_are_flat_through_a_long_outage(caplog):
    caplog.set_level(logging.CRITICAL, "linewarden")  # what the capture keeps would count
    clock = ManualClock(AT)
    link, account = link_to(options(free_port()), clock)

    def attempts(count: int) -> None:
        until_failures = account.failures + count
        while account.failures < until_failures:
            link.service(0.0)
            link.events.clear()
            clock.move(1.0)

    attempts(50)
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    attempts(50)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    attempts(1000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    link.close()
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert grown < 50_000


def test_a_log_of_a_long_outage_stays_short(caplog):
    caplog.set_level(logging.WARNING, "linewarden")
    outage(24, reconnect_max_s=30.0)
    said = [r for r in caplog.records if "connection refused" in r.getMessage()]
    assert 20 <= len(said) <= 32  # a minute, two, four, …, then one an hour
    assert "is the broker running" in said[0].getMessage()


@pytest.mark.parametrize("where", ["closed", "silent"])
def test_an_absent_or_mute_broker_costs_hardly_any_cpu(tmp_path, where):
    with listener() as port:
        tap = tap_plugin.build(
            "line",
            tap_plugin.Options(port=port if where == "silent" else free_port(), reconnect_max_s=0.5, connect_timeout_s=1.0),
            context(tmp_path),
        )
        with Running(lambda stop: tap.run(ListInbox(), None, stop)) as run:
            began = time.process_time()
            run.stop.wait(3.0)
            used = time.process_time() - began
        assert tap.health()["connection_failures"] >= 2
    assert used < 0.6


def test_a_broker_that_takes_the_connection_and_never_answers_is_left_after_the_timeout():
    with listener() as port:
        started = time.monotonic()
        found = trouble(options(port, connect_timeout_s=0.5))
        assert 0.4 < time.monotonic() - started < 2.5
    assert (found.kind, found.reason) == ("connect_failed", "no_answer")
    assert "did not answer within 0.5 s" in found.message


def test_a_host_that_swallows_even_the_handshake_is_left_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(8)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        started = time.monotonic()
        found = trouble(options(port, connect_timeout_s=0.5))
        assert time.monotonic() - started < 3
        for one in crowd:
            one.close()
    assert found.reason == "no_answer"


def test_a_broker_that_falls_silent_later_is_noticed_by_the_keepalive():
    def welcome(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(CONNACK_5)

    with listener(welcome) as port:
        link, account = link_to(options(port, keepalive_s=2))

        def served(kind: type) -> bool:
            link.service(0.1)
            return any(isinstance(event, kind) for event in link.events)

        until(lambda: served(Connected))
        until(lambda: served(Disconnected), 8.0)
        link.close()
    assert account.figures() == {"disconnected:keep_alive_timeout": 1.0}
    assert "swallows packets" in account.last


def test_the_reason_a_broker_ends_a_connection_with_is_counted_under_its_name():
    def welcome_and_take_over(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(CONNACK_5 + b"\xe0\x01\x8e")

    with listener(welcome_and_take_over) as port:
        link, account = link_to(options(port))
        until(lambda: link.service(0.1) or account.failures >= 1)
        link.close()
    assert account.figures() == {"disconnected:session_taken_over": 1.0}
    assert "broker ended the connection: Session taken over (0x8e)" in account.last
    assert "client_id" in account.last


@pytest.mark.parametrize(("protocol", "answer"), [("5", b"\x20\x02\x00\x01"), ("3.1.1", b"\x20\x02\x00\x01")])
def test_a_broker_that_knows_another_version_only_is_told_apart(protocol, answer):
    def old(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)

    with listener(old) as port:
        found = trouble(options(port, protocol=protocol))
    assert found.reason == ("unsupported_protocol_version" if protocol == "5" else "protocol_error")
    if protocol == "5":
        assert 'protocol = "3.1.1"' in found.hint


def test_bytes_that_are_no_mqtt_end_the_connection_and_nothing_else():
    """After a proper welcome, 200 seeded scraps of rubbish and half-right packets: every one a counted end, no exception.

    Paho 2.2 turns them into protocol errors itself; 2.1 raised, which the next test stands for.
    """
    noise = random.Random(7)
    heads = bytes((0x20, 0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xE0, 0xF0, 0x00, 0xFF))

    def babble(connection: socket.socket) -> None:
        connection.recv(1000)
        body = noise.randbytes(noise.randrange(0, 40))
        connection.sendall(CONNACK_5 + bytes((noise.choice(heads), len(body))) + body)
        connection.shutdown(socket.SHUT_WR)

    clock = ManualClock(AT)
    with listener(babble) as port:
        link, account = link_to(options(port), clock)
        deadline = time.monotonic() + 30
        while account.failures < 200:
            assert time.monotonic() < deadline, account.figures()
            link.service(0.01)
            link.events.clear()
            clock.move(0.05)
        link.close()
    assert account.figures()["disconnected:protocol_error"] >= 150


@needs_mosquitto
@pytest.mark.parametrize("error", [struct.error("x"), IndexError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_what_paho_raises_on_bytes_it_cannot_read_ends_the_connection_only(tmp_path, monkeypatch, error):
    broker = Broker(tmp_path).start()
    link, account = link_to(options(broker.port))
    until(lambda: link.service(0.05) or link.connected)

    def stumble(*_: object) -> None:
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(Client, "loop_read", stumble)
    link.subscribe(["a"])  # the answer is what it stumbles over
    until(lambda: link.service(0.05) or account.failures == 1)
    assert account.figures() == {"disconnected:not_mqtt": 1.0}
    until(lambda: link.service(0.05) or link.connected)
    link.close()
    broker.stop()


def test_a_name_that_leads_nowhere_is_named():
    found = trouble(options(1883, host="no-such-host.invalid"))
    assert found.reason == "name_not_found"
    assert "no-such-host.invalid" in found.hint


@needs_mosquitto
def test_a_network_thread_that_raises_is_started_again_and_works(tmp_path, monkeypatch):
    """The supervisor's part: whatever the edge raises is counted, and a new connection made."""
    broker = Broker(tmp_path).start()
    sink = sink_plugin.build("plant", sink_plugin.Options(port=broker.port, reconnect_max_s=0.3), context(tmp_path))
    outbox, stop, failing = MemoryOutbox(), StopEvent(), [True]
    genuine = sink._host_stored

    def broken(payload: bytes, to) -> None:
        if failing.pop() if failing else False:
            raise RuntimeError("fault in the edge")
        genuine(payload, to)

    monkeypatch.setattr(sink, "_host_stored", broken)
    clock = SystemClock()
    worker = Worker("sink plant", lambda pulse: sink.run(outbox, FixedSnapshots(), pulse), Pulse(stop, clock), clock)
    worker.start()
    from tests.brokers import Plant

    plant = Plant(broker)
    outbox.commit(gap(1))
    until(lambda: outbox.marks.get("plant") == 1)
    plant.publish("linewarden/v1/host/cursor", b"1")
    until(lambda: worker.failures["RuntimeError"] == 1)
    outbox.commit(gap(2))
    until(lambda: outbox.marks.get("plant") == 2)
    assert worker.is_alive
    stop.set()
    assert worker.join(10)
    plant.close()
    broker.stop()


@needs_mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_stopped_and_started_again_is_found_and_its_leaving_is_counted(tmp_path, protocol):
    broker = Broker(tmp_path).start()
    sink = sink_plugin.build(
        "plant", sink_plugin.Options(port=broker.port, reconnect_max_s=0.3, protocol=protocol), context(tmp_path)
    )
    outbox = MemoryOutbox()
    with Running(lambda stop: sink.run(outbox, FixedSnapshots(), stop)):
        outbox.commit(gap(1))
        until(lambda: outbox.marks.get("plant") == 1)
        broker.stop()
        until(lambda: sink.health().get("connect_failed:connection_refused", 0) >= 1)
        ends = ("closed", "server_shutting_down")  # mosquitto 2.0.11 says nothing, later ones may
        assert sum(sink.health().get(f"disconnected:{reason}", 0) for reason in ends) == 1.0
        broker.start()
        outbox.commit(gap(2))
        until(lambda: outbox.marks.get("plant") == 2)
        broker.stop(signal.SIGKILL)
        until(lambda: sink.health()["connected"] == 0.0)
        broker.start()
        outbox.commit(gap(3))
        until(lambda: outbox.marks.get("plant") == 3)
    broker.stop()


@needs_mosquitto
def test_what_the_broker_allows_is_known(tmp_path):
    broker = Broker(tmp_path, "retain_available false\nmax_qos 1\nmax_packet_size 5000\n").start()
    found = outcome(options(broker.port))
    broker.stop()
    assert isinstance(found, Connected)
    assert (found.retains, found.maximum_qos, found.max_packet_bytes) == (False, 1, 5000)
