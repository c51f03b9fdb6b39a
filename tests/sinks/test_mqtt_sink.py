"""The mqtt sink against a real mosquitto."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.documents import AlarmDoc, AndonDoc, GapDoc, OutMessage
from agent.messages import alarm_messages, message
from agent.ports import Snapshot, StationView
from agent.runtime.clock import SystemClock
from agent.sinks.mqtt import Options, build
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.edges import FixedSnapshots, MemoryOutbox, Running, context

pytestmark = needs_mosquitto
AT = datetime(2026, 1, 1, tzinfo=UTC)
ALL = "linewarden/v1/#"


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop(signal.SIGKILL)


def alarm(state: str = "UNACK", alarm_id: str = "picture", text: str = "t") -> AlarmDoc:
    return AlarmDoc(
        alarm_id=alarm_id, occurrence_id="o1", station="ST4", stream="main", state=state, transition="", active=True, acked=False,
        priority="warning", andon="amber", code="L1", text=text, response="r", part_id="p1", raised_at=AT, changed_at=AT,
    )  # fmt: skip


def andon(colour: str = "amber", code: int = 2) -> AndonDoc:
    return AndonDoc(station="ST4", colour=colour, pattern="steady", sound=False, code=code, because="picture", text="t")


def gap(count: int) -> OutMessage:
    return message(GapDoc(station="ST4", kind="lost", from_at=None, to_at=None, count=count))


def station(**more: Any) -> StationView:
    figures: dict[str, Any] = dict.fromkeys(("parts", "passed", "rejected", "outcomes", "audits_judged"), 0)
    figures |= dict.fromkeys(("outcome_evidence", "outcome_threshold", "claimed_escapes", "observed_escapes"), 0.0)
    view = {"station": "ST4", "state": "armed", "correctness": "unverified", "outcome_state": "", "last_captured_at": None}
    return StationView(**{**figures, **view, "streams": (), "channels": (), "counters": {}, "andon": None, **more})


def snapshots(**more: Any) -> FixedSnapshots:
    return FixedSnapshots(
        Snapshot(at=datetime.now(UTC), started_at=AT, boot_id="boot", version="9", seq=1, **{"stations": (station(),), **more})
    )


def sink_at(broker: Broker, folder: Path, clock: Any = None, **options: Any):
    return build("plant", Options(**{"port": broker.port, "reconnect_max_s": 0.3, **options}), context(folder, clock))


def running(sink: Any, outbox: MemoryOutbox, shots: FixedSnapshots) -> Running:
    return Running(lambda stop: sink.run(outbox, shots, stop))


def bodies(plant: Plant, suffix: str) -> list[dict[str, Any]]:
    return [json.loads(m.payload) for m in plant.on(suffix)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_committed_alarm_arrives_with_its_volatile_members_and_the_mark_advances(broker, tmp_path, protocol):
    outbox, plant, sink = MemoryOutbox(), Plant(broker, (ALL,)), sink_at(broker, tmp_path, protocol=protocol)
    with running(sink, outbox, snapshots()):
        until(lambda: bool(plant.on("/status")))
        outbox.commit(*alarm_messages(alarm()))
        until(lambda: outbox.marks.get("plant") == 2)
        until(lambda: bool(plant.on("/event")))
    body = bodies(plant, "alarm/ST4/picture/event")[0]
    assert (body["seq"], body["boot_id"], body["replay"], body["state"]) == (2, "boot", False, "UNACK")
    assert body["msg_id"].endswith("-2")
    assert datetime.fromisoformat(body["sent_at"]).tzinfo is not None
    msgspec.json.decode(plant.on("/event")[0].payload, type=AlarmDoc)
    assert bodies(plant, "/status")[0] | {"at": ""} == {
        "schema": 1, "state": "online", "boot_id": "boot", "version": "9", "stations": ["ST4"], "at": "",
    }  # fmt: skip
    until(lambda: bodies(plant, "/status")[-1]["state"] == "stopped")
    plant.close()


def test_the_broker_says_lost_when_the_sink_dies_without_saying_stopped(broker, tmp_path):
    class Broken(FixedSnapshots):
        broken = False

        def current(self):
            if self.broken:
                raise RuntimeError("fault")
            return super().current()

    plant, shots = Plant(broker, (ALL,)), Broken()
    run = running(sink_at(broker, tmp_path), MemoryOutbox(), shots)
    until(lambda: bool(plant.on("/status")))
    shots.broken = True
    until(lambda: run.ended)
    with pytest.raises(RuntimeError, match="fault"):
        run.__exit__()
    until(lambda: bodies(plant, "/status")[-1]["state"] == "lost")
    plant.close()


def test_the_andon_request_and_its_integer_are_refreshed_with_a_new_valid_until(broker, tmp_path):
    plant, outbox = Plant(broker, (ALL,)), MemoryOutbox()
    sink = sink_at(broker, tmp_path, andon_refresh_s=0.1)
    with running(sink, outbox, snapshots(stations=(station(andon=andon()),))):
        until(lambda: len(plant.on("andon/ST4/request")) >= 3)
        outbox.commit(message(andon("blue", 3)))
        until(lambda: any(m.payload == b"3" for m in plant.on("andon/ST4/code")))
    ends = [datetime.fromisoformat(body["valid_until"]) for body in bodies(plant, "andon/ST4/request")]
    assert ends == sorted(set(ends))
    assert abs((ends[0] - datetime.now(UTC)).total_seconds() - 60) < 10
    assert plant.on("andon/ST4/code")[0].payload == b"2"
    plant.close()


def test_after_a_reconnect_come_status_present_state_live_and_then_the_backlog_marked_replay(broker, tmp_path):
    outbox = MemoryOutbox()
    outbox.commit(*alarm_messages(alarm("UNACK", text="old")), gap(1), gap(2), *alarm_messages(alarm("ACKED", text="new")))
    plant = Plant(broker, (ALL,))
    shots = snapshots(alarms=(alarm("UNACK", text="stale snapshot"), alarm(alarm_id="other")))
    with running(sink_at(broker, tmp_path, replay_per_s=20), outbox, shots):
        until(lambda: len(plant.on("/event")) == 1)
        outbox.commit(gap(3))
        until(lambda: outbox.marks.get("plant") == 7)
        until(lambda: len(plant.on("/gap")) == 3)
    topics = [m.topic.removeprefix("linewarden/v1/") for m in plant.messages if not m.topic.endswith("heartbeat")]
    assert topics[0] == "status"
    states = bodies(plant, "picture/state")
    assert [s["text"] for s in states] == ["new"]  # the row is newer than the snapshot; superseded states are not repeated
    assert max(topics.index("alarm/ST4/picture/state"), topics.index("alarm/ST4/other/state")) < topics.index(
        "alarm/ST4/picture/event"
    )
    gaps = {body["count"]: body["replay"] for body in bodies(plant, "/gap")}
    assert gaps == {1: True, 2: True, 3: False}
    assert [body["count"] for body in bodies(plant, "/gap")][:2] != [1, 2]  # live before the end of the backlog
    assert [body["replay"] for body in bodies(plant, "/event")] == [True, True]
    plant.close()


def test_no_message_is_lost_when_the_broker_is_absent_killed_and_started_again(tmp_path):
    broker = Broker(tmp_path)
    outbox, sink = MemoryOutbox(), sink_at(broker, tmp_path, replay_per_s=2000)
    got: set[int] = set()
    with running(sink, outbox, snapshots()):
        outbox.commit(*[gap(i) for i in range(200)])
        until(lambda: sink.health()["connection_failures"] >= 1)
        broker.start()
        plant = Plant(broker, (ALL,))
        outbox.commit(*[gap(i) for i in range(200, 400)])
        until(lambda: len(plant.on("/gap")) >= 20)
        broker.stop(signal.SIGKILL)
        got |= {body["count"] for body in bodies(plant, "/gap")}
        plant.close()
        outbox.commit(*[gap(i) for i in range(400, 600)])
        confirmed = outbox.marks.get("plant", 0)
        broker.start()
        second = Plant(broker, (ALL,))
        until(lambda: outbox.marks.get("plant") == 600)
        until(lambda: {body["count"] for body in bodies(second, "/gap")} >= set(range(confirmed + 100, 600)))
        assert bodies(second, "/status")[0]["state"] == "online"
        health = sink.health()
        second.close()
    broker.stop()
    assert health["reconnects"] == 1


def test_a_refused_message_is_counted_by_reason_holds_the_mark_and_does_not_hold_the_rest(tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\ntopic deny linewarden/v1/gap\n")
    broker = Broker(tmp_path, f"acl_file {acl}\n").start()
    outbox, sink, plant = MemoryOutbox(), sink_at(broker, tmp_path, retry_s=0.1), Plant(broker, (ALL,))
    with running(sink, outbox, snapshots()):
        until(lambda: bool(plant.on("/status")))
        outbox.commit(gap(1), *alarm_messages(alarm()))
        until(lambda: sink.health().get("publish_refused:not_authorized", 0) >= 3)
        until(lambda: len(plant.on("/event")) == 1)
        assert outbox.marks.get("plant", 0) == 0
        assert sink.health()["refused_waiting"] <= 1
    broker.stop()
    plant.close()


def test_a_message_nobody_listens_to_is_counted_as_such(broker, tmp_path):
    outbox, sink = MemoryOutbox(), sink_at(broker, tmp_path)
    with running(sink, outbox, snapshots()):
        outbox.commit(gap(1))
        until(lambda: outbox.marks.get("plant") == 1)
    assert sink.health()["nobody_listened"] == 1


def test_the_host_cursor_is_taken_when_it_is_possible_and_counted_when_not(broker, tmp_path):
    outbox, sink, plant = MemoryOutbox(), sink_at(broker, tmp_path), Plant(broker)
    outbox.commit(gap(1), gap(2))
    plant.publish("linewarden/v1/host/cursor", b"1", retain=True)
    with running(sink, outbox, snapshots()):
        until(lambda: outbox.marks.get("host") == 1)
        for bad in (b"99", b"-1", b"true", b"x", b"[", b""):
            plant.publish("linewarden/v1/host/cursor", bad)
        plant.publish("linewarden/v1/host/cursor", b'{"seq": 2}')
        until(lambda: outbox.marks.get("host") == 2)
        assert sink.health()["cursor_refused"] == 6
    plant.close()


def test_the_heartbeat_says_blind_when_no_tap_is_connected(broker, tmp_path):
    plant, shots = (
        Plant(broker, (ALL,)),
        snapshots(taps={"control": {"requests": 1.0}, "line": {"connected": 0.0, "last_record_at": "2026-01-01"}}),
    )
    with running(sink_at(broker, tmp_path, heartbeat_s=0.1), MemoryOutbox(), shots):
        until(lambda: len(plant.on("/heartbeat")) >= 3)
    beats = bodies(plant, "/heartbeat")
    assert [b["counter"] for b in beats[:3]] == [1, 2, 3]
    assert beats[2]["health"] == "blind"
    assert beats[2]["blind_s"] >= 0.1
    assert beats[2]["last_record_at"] == {"line": "2026-01-01"}
    plant.close()


def test_the_clock_word_is_sent_where_the_clock_knows_it(broker, tmp_path):
    class Synced(SystemClock):
        def is_synced(self) -> bool:
            return False

    plant, outbox = Plant(broker, (ALL,)), MemoryOutbox()
    with running(sink_at(broker, tmp_path, Synced()), outbox, snapshots()):
        outbox.commit(gap(1))
        until(lambda: bool(plant.on("/gap")))
    assert bodies(plant, "/gap")[0]["clock"] == "unsynced"
    plant.close()


def test_a_core_that_stands_still_does_not_keep_the_lamp_request_alive(broker, tmp_path):
    old = datetime.now(UTC) - timedelta(seconds=61)
    plant, shots = Plant(broker, (ALL,)), snapshots(stations=(station(andon=andon()),))
    shots.snapshot = replace(shots.snapshot, at=old)
    with running(sink_at(broker, tmp_path, andon_refresh_s=0.1, heartbeat_s=0.1), MemoryOutbox(), shots):
        until(lambda: len(plant.on("/heartbeat")) >= 5)
    assert len(plant.on("andon/ST4/request")) <= 1
    assert {beat["health"] for beat in bodies(plant, "/heartbeat")} == {"blind"}
    plant.close()
