"""The whole agent with a broker that is not there, comes, is killed, and comes back."""

import json
import math
import random
import signal
from datetime import timedelta

from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.cli.test_commands import START, Agent, config

LEARNED = 800


def lines(first, count, shift):
    """Scores of one recipe; `shift` moves them."""
    noise = random.Random(first)
    for k in range(first, first + count):
        score = 1 / (1 + math.exp(4 - 0.5 * noise.gauss(0, 1) - shift))
        at = (START + timedelta(seconds=3 * k)).isoformat()
        yield json.dumps({"part_id": f"P{k:05}", "station": "ST4", "captured_at": at, "verdict": "ok", "p_defect": score}) + "\n"


def states(plant):
    return [json.loads(m.payload) for m in plant.on("alarm/ST4/model-scores/state")]


def transitions(plant):
    return [json.loads(m.payload)["transition"] for m in plant.on("alarm/ST4/model-scores/event")]


@needs_mosquitto
def test_no_alarm_is_lost_while_the_broker_is_absent_or_dead(tmp_path):
    broker = Broker(tmp_path)
    records = tmp_path / "parts.jsonl"
    records.write_text("".join([*lines(0, LEARNED + 100, 0.0), *lines(LEARNED + 100, 300, 1.5)]))
    sink = f'[[sinks]]\ntype = "mqtt"\nname = "andon"\nport = {broker.port}\nreconnect_max_s = 0.5\nreplay_per_s = 1000\n'
    file = config(tmp_path, sink)
    text = file.read_text().replace('id = "ST4"\n', 'id = "ST4"\nthreshold = 0.5\nparts_per_month = 10_000\n')
    file.write_text(
        text.replace('mode = "sample"\n', f'mode = "none"\n[stations.baseline]\nparts = {LEARNED}\nsteadiness = "assumed"\n')
    )
    agent = Agent(file)
    try:
        # raised while there is no broker at all; there when the broker comes
        broker.start()
        plant = Plant(broker, ("#",))
        until(lambda: bool(states(plant)), 30, "the state of an alarm raised without a broker")
        assert states(plant)[-1]["state"] == "UNACK"
        occurrence = states(plant)[-1]["occurrence_id"]
        plant.close()
        # killed: what clears meanwhile is known when it is back
        broker.stop(signal.SIGKILL)
        with records.open("a") as more:
            more.writelines(lines(LEARNED + 400, 2_500, 0.0))
        broker.start()
        plant = Plant(broker, ("#",))
        until(lambda: any(s["state"] == "RTNUN" for s in states(plant)), 60, "the state that changed while the broker was dead")
        assert {s["occurrence_id"] for s in states(plant)} == {occurrence}
        until(lambda: "UNACK→RTNUN" in transitions(plant), 30, "the event, after the states")
        assert plant.on("/status")
        assert plant.on("andon/ST4/request")
        plant.close()
    finally:
        code = agent.stop()
        broker.stop()
    assert code == 0
