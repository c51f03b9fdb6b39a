"""A model changed in silence, planned and approved by command over a real broker: what the running agent answers and publishes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.cli.test_commands import REGISTER, START, Agent, run

BASE = "linewarden/v1"
OLD, NEW = {"name": "gap", "version": "1"}, {"name": "gap", "version": "2", "sha256": "c" * 64}


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def agent(tmp_path, broker):
    file = tmp_path / "line.toml"
    file.write_text(
        f'[agent]\nstate_dir = "{tmp_path / "state"}"\ncommit_interval_s = 0.1\n[metrics]\nenabled = false\n'
        f'[[stations]]\nid = "ST4"\n{REGISTER.replace("tier = 3", "tier = 2")}[stations.outcomes]\nmode = "sample"\n'
        f'[[taps]]\ntype = "mqtt"\nname = "line"\nport = {broker.port}\n'
        f'[[sinks]]\ntype = "mqtt"\nname = "andon"\nport = {broker.port}\n'
    )
    agent = Agent(file)
    yield agent
    assert agent.stop() == 0


class Floor:
    """The plant's side: parts, commands, and what comes back."""

    def __init__(self, broker):
        self._plant = Plant(broker, (f"{BASE}/#",))
        self.close = self._plant.close

    def judged(self, first, count, model):
        for k in range(first, first + count):
            at = (START + timedelta(seconds=3 * k)).isoformat()
            part = {"part_id": f"P{k}", "station": "ST4", "captured_at": at, "verdict": "ok", "p_defect": 0.02, "model": model}
            self._plant.publish(f"{BASE}/in/inspection", json.dumps(part))

    def order(self, verb, request_id, by, **target):
        """The answer to a command."""
        asked = {
            "request_id": request_id,
            "by": by,
            "role": "quality",
            "reason": "retrained",
            "target": {"station": "ST4", **target},
        }
        self._plant.publish(f"{BASE}/cmd/{verb}", json.dumps(asked))
        until(lambda: bool(self._plant.on(f"cmd_result/{request_id}")), 15, f"an answer to {verb}")
        return json.loads(self._plant.on(f"cmd_result/{request_id}")[0].payload)

    def is_raised(self):
        """Whether the alarm of a model nobody approved stands, as retained; None where there was none."""
        states = self._plant.on("alarm/ST4/model-changed/state")
        return json.loads(states[-1].payload)["active"] if states and states[-1].payload else None


@needs_mosquitto
def test_a_model_is_planned_and_by_a_second_person_approved_over_mqtt_and_its_alarm_ends(broker, agent, capsys):
    def status():
        return json.loads(run(capsys, "status", "--config", agent.config, "--json")[1])

    until(lambda: status()["taps"]["line"]["connected"] == 1.0, 15, "subscribed")
    floor = Floor(broker)
    floor.judged(0, 20, OLD)
    floor.judged(20, 20, NEW)
    until(lambda: floor.is_raised() is True, 30, "the alarm of the silent change")

    nothing = floor.order("approve_model", "r1", "bert")
    assert (nothing["accepted"], nothing["detail"]) == (False, "no model is planned")
    planned = floor.order("plan_model", "r2", "anna", **NEW)
    assert planned["accepted"]
    assert planned["detail"].startswith("planned: gap 2 (cccccccc) at ST4")
    alone = floor.order("approve_model", "r3", "anna")
    assert (alone["accepted"], alone["detail"]) == (False, "a second person must approve what one has planned")
    assert floor.is_raised(), "a plan alone approves nothing"

    approved = floor.order("approve_model", "r4", "bert")
    assert approved["accepted"]
    assert approved["detail"].startswith("approved: gap 2 (cccccccc) at ST4")
    until(lambda: floor.is_raised() is False, 15, "the end of the alarm")
    floor.judged(40, 5, OLD)
    until(lambda: floor.is_raised() is True, 15, "the alarm of the one before, which is not approved any more")
    floor.close()
