"""The mqtt tap against a real mosquitto."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.taps.mqtt import Options, build
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.edges import ListInbox, Running, context, inspection, outcome

pytestmark = needs_mosquitto
IN = "linewarden/v1/in/inspection"


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop(signal.SIGKILL)


def tap_at(broker: Broker, folder: Path, **options: Any) -> Any:
    return build("line", Options(**{"port": broker.port, "reconnect_max_s": 0.3, **options}), context(folder))


def running(tap: Any, inbox: ListInbox) -> Running:
    return Running(lambda stop: tap.run(inbox, None, stop))


def connected(tap: Any) -> None:
    until(lambda: tap.health()["connected"] == 1.0, what="tap connects and subscribes")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(broker, tmp_path, protocol):
    plant, tap, first, second = Plant(broker), tap_at(broker, tmp_path, protocol=protocol), ListInbox(), ListInbox()
    with running(tap, first) as run:
        connected(tap)
        for i in range(6):
            plant.publish(IN, inspection(f"p{i}"))
        until(lambda: len(first.deliveries) == 6)
        tap.acknowledge([d.receipt for d in first.deliveries[:4]])
        until(lambda: not tap._receipts)
    plant.publish(IN, inspection("p6"))  # while the agent is away
    with running(tap, second):
        until(lambda: len(second.deliveries) == 3)
        assert second.names == ["p4", "p5", "p6"]
        assert tap.health()["redelivered"] >= 2
        tap.acknowledge([d.receipt for d in second.deliveries])
        until(lambda: not tap._receipts)
    third = ListInbox()
    with running(tap, third) as run:
        connected(tap)
        run.stop.wait(0.2)
        assert third.names == []
    plant.close()


@pytest.mark.parametrize(("protocol", "window"), [("5", 50), ("3.1.1", 20)])
def test_the_broker_stops_at_the_window_and_goes_on_when_it_is_committed(broker, tmp_path, protocol, window):
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path, protocol=protocol, window=50), ListInbox()
    assert tap.window == window
    with running(tap, inbox) as run:
        connected(tap)
        plant.publish_all([(IN, inspection(f"p{i}")) for i in range(3 * window)])
        until(lambda: len(inbox.deliveries) == window)
        run.stop.wait(0.1)
        assert len(inbox.deliveries) == window
        tap.acknowledge([d.receipt for d in inbox.deliveries])
        until(
            lambda: len(inbox.deliveries) >= 2 * window
        )  # mosquitto 2.0.11 sends more than it may, once something is acknowledged
        tap.acknowledge([d.receipt for d in inbox.deliveries[window : 2 * window]])
        until(lambda: len(inbox.deliveries) == 3 * window)
    assert inbox.names == [f"p{i}" for i in range(3 * window)]
    plant.close()


def test_a_receipt_of_an_earlier_connection_acknowledges_nothing_of_the_present_one(tmp_path):
    broker = Broker(tmp_path).start()
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path), ListInbox()
    with running(tap, inbox):
        connected(tap)
        plant.publish(IN, inspection("p1"))
        until(lambda: inbox.names.count("p1") == 1)
        old = [d.receipt for d in inbox.deliveries]
        broker.stop()  # writes its database
        broker.start()
        until(lambda: inbox.names.count("p1") == 2)
        tap.acknowledge(old)
        until(lambda: not tap._receipts)
    again = ListInbox()
    with running(tap, again):
        until(lambda: "p1" in again.names)
    broker.stop()
    plant.close()


def test_a_broker_absent_at_the_start_and_killed_in_the_middle_is_found_again(tmp_path):
    broker = Broker(tmp_path)
    tap, inbox = tap_at(broker, tmp_path), ListInbox()
    with running(tap, inbox):
        until(lambda: tap.health()["connection_failures"] >= 2)
        assert tap.health()["connected"] == 0.0
        assert "refused" in tap.health()["last_error"].lower()
        broker.start()
        plant = Plant(broker)
        connected(tap)
        plant.close()
        broker.stop(signal.SIGKILL)
        until(lambda: tap.health()["connected"] == 0.0)
        broker.start()
        plant = Plant(broker)
        connected(tap)
        plant.publish(IN, inspection("after"))
        until(lambda: "after" in inbox.names)
        plant.close()
    broker.stop()


def test_the_connection_lives_while_a_full_inbox_blocks(broker, tmp_path):
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path, keepalive_s=2), ListInbox()
    with running(tap, inbox) as run:
        connected(tap)
        inbox.room = 1
        for name in ("p1", "p2", "p3"):
            plant.publish(IN, inspection(name))
        run.stop.wait(4.5)  # the broker gives up after 1.5 keepalives
        assert inbox.names == ["p1"]
        inbox.room = 10
        until(lambda: inbox.names == ["p1", "p2", "p3"])
        assert tap.health()["connections"] == 1.0
    plant.close()


def test_hostile_records_are_refused_by_reason_in_order_and_acknowledged(broker, tmp_path):
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path), ListInbox()
    cases = [
        (IN, b"\xff\xfe", "not_json"),
        (IN, b"[" * 100_000, "not_json"),
        (IN, b"", "not_json"),
        (IN, b"null", "not_json"),
        (IN, b"x" * (2 << 20), "too_large"),
        (IN, inspection("p", verdict="maybe"), "schema"),
        (IN, inspection("p", captured_at="2026-01-01T00:00:00"), "schema"),
        (IN, inspection("p", p_defect=1.5), "schema"),
        (IN, outcome("p") + b" ", "schema"),
        (IN, json.dumps({**json.loads(outcome("p")), "type": "outcome"}).encode(), "wrong_topic"),
        (IN, inspection("p", frame={"values": [1.0]}), "untrusted_frame"),
        (IN, b'{"type": ["inspection"], "part_id": {}}', "schema"),
        ("linewarden/v1/cmd/selfdestruct", b'{"request_id":"r","by":"x","role":"owner"}', "schema"),
        ("linewarden/v1/cmd/ack", b'{"request_id":"r","by":"x","role":"owner","verb":"accept_baseline"}', "wrong_topic"),
        (IN, inspection("good"), "good"),
    ]
    with running(tap, inbox):
        connected(tap)
        for topic, payload, _ in cases:
            plant.publish(topic, payload)
        until(lambda: "good" in inbox.names)
        assert inbox.names == [reason for *_, reason in cases]
        tap.acknowledge([d.receipt for d in inbox.deliveries])
        until(lambda: not tap._receipts)
        assert tap.health()["refused"] == len(cases) - 1
    again = ListInbox()
    with running(tap, again) as run:
        connected(tap)
        run.stop.wait(0.2)
    assert again.names == []
    plant.close()


def test_a_retained_command_is_refused_and_a_plain_one_is_taken(broker, tmp_path):
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path), ListInbox()
    command = b'{"request_id":"r1","by":"mia","role":"operator","target":{"occurrence_id":"o1"}}'
    plant.publish("linewarden/v1/cmd/ack", command, retain=True)
    with running(tap, inbox):
        until(lambda: inbox.names == ["retained_command"])
        plant.publish("linewarden/v1/cmd/ack", command)
        until(lambda: len(inbox.deliveries) == 2)
    assert (inbox.items[1].verb, inbox.items[1].by) == ("ack", "mia")
    plant.close()


def test_a_message_sent_at_qos_0_is_taken_without_a_receipt(broker, tmp_path):
    plant, tap, inbox = Plant(broker), tap_at(broker, tmp_path), ListInbox()
    with running(tap, inbox):
        connected(tap)
        plant.publish(IN, inspection("p1"), qos=0)
        until(lambda: inbox.names == ["p1"])
    assert inbox.deliveries[0].receipt is None
    plant.close()


def test_topics_follow_the_prefix_and_credentials_are_used(tmp_path):
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    secret.write_text("s3cret\n")
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "agent", "s3cret"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = Broker(tmp_path)
    broker.config.write_text(broker.config.read_text().replace("allow_anonymous true", f"password_file {passwords}"))
    broker.start()
    good = tap_at(broker, tmp_path, prefix="plant/line1/", username="agent", password_file=secret)
    bad = tap_at(broker, tmp_path, username="agent")
    with running(bad, ListInbox()):
        until(lambda: bad.health()["connection_failures"] >= 1)
        assert "authori" in str(bad.health()["last_error"]).lower()
    with running(good, ListInbox()):
        connected(good)
    assert good._options.subscriptions[0] == "plant/line1/linewarden/v1/in/inspection"
    broker.stop()
