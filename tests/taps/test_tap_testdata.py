"""The taps' test data is read as it says beside it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from agent.ports import Lost, Refused
from agent.runtime.threads import StopEvent
from agent.taps import jsonl, mqtt
from agent.taps import socket as socket_tap
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.edges import ListInbox, Running, context


def test_the_jsonl_testdata_is_read_in_the_order_and_with_the_reasons_given(tmp_path):
    folder, inbox = Path(jsonl.__file__).parent / "testdata", ListInbox()
    options = jsonl.Options(paths=[str(folder / "inspections.jsonl"), str(folder / "outcomes.jsonl")], mode="replay", station="ST4")
    jsonl.build("data", options, context(tmp_path)).run(inbox, None, StopEvent())
    names = [getattr(d.item, "kind", None) or name for d, name in zip(inbox.deliveries, inbox.names, strict=True)]
    assert names == (folder / "expected.txt").read_text().split()


@needs_mosquitto
def test_each_message_of_the_mqtt_testdata_becomes_what_stands_beside_it(tmp_path):
    lines = (Path(mqtt.__file__).parent / "testdata/messages.tsv").read_text().splitlines()
    cases = [line.split("\t") for line in lines]
    broker, inbox = Broker(tmp_path).start(), ListInbox()
    tap = mqtt.build("line", mqtt.Options(port=broker.port), context(tmp_path))
    with Running(lambda stop: tap.run(inbox, None, stop)):
        until(lambda: tap.health()["connected"] == 1.0)
        plant = Plant(broker)
        for topic, payload, _ in cases:
            plant.publish(f"linewarden/v1/{topic}", payload)
        until(lambda: len(inbox.deliveries) == len(cases))
        plant.close()
    broker.stop(signal.SIGKILL)
    became = [item.reason if isinstance(item, Refused) else type(item).__name__.lower() for item in inbox.items]
    assert became == [what for *_, what in cases]


def test_each_line_of_the_socket_testdata_becomes_what_stands_beside_it(tmp_path):
    lines = (Path(socket_tap.__file__).parent / "testdata/session.tsv").read_text().splitlines()
    cases = [line.split("\t") for line in lines]
    wanted = [what for _, what in cases if what != "-"]
    inbox = ListInbox()
    tap = socket_tap.build("line", socket_tap.Options(path=tmp_path / "s"), context(tmp_path))
    with Running(lambda stop: tap.run(inbox, None, stop)), socket.socket(socket.AF_UNIX) as sender:
        until(lambda: tap.health()["connected"] == 1.0)
        sender.connect(str(tmp_path / "s"))
        sender.sendall("".join(f"{line}\n" for line, _ in cases).encode())
        until(lambda: len(inbox.deliveries) == len(wanted))
    assert [_became(item) for item in inbox.items] == wanted


def _became(item):
    match item:
        case Refused(reason=reason):
            return reason
        case Lost(counts=counts):
            return " ".join(["lost", *(f"{reason}={count}" for reason, count in counts)])
        case _:
            return type(item).__name__.lower()
