"""The taps' test data is read as it says beside it."""

from __future__ import annotations

import signal
from pathlib import Path

from agent.ports import Refused
from agent.runtime.threads import StopEvent
from agent.taps import jsonl, mqtt
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
