"""Faults of a running line, one after the other, at a live agent: what the lamp asks for, how soon, and nothing else."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.cli.test_commands import Agent

PITCH_S = 0.04
LEARNED = 1_000
SILENCE_S, OUTCOMES_S, TICK_S = 10, 10, 10
MODEL = {"name": "m1", "version": "1.0", "sha256": "a" * 64, "runtime": "ort 1.20", "threshold": 0.5}
CONFIG = """
[agent]
state_dir = "{folder}/state"
[metrics]
enabled = false
[[stations]]
id = "ST4"
owner = "A. Meier"
deputy = "B. Kaya"
decision = "ships the part"
consequence = "field failure"
tier = 3
parts_per_month = 10_000_000
[stations.baseline]
parts = {learned}
steadiness = "assumed"
[stations.outcomes]
mode = "sample"
delay_s = 5
max_escape_ppm = 20_000
[stations.feed]
silence_s = {silence}
outcome_silence_s = {outcomes}
[[taps]]
type = "mqtt"
name = "line"
port = {port}
[[sinks]]
type = "mqtt"
name = "andon"
port = {port}
"""


class Line:
    """A line that runs in real time: parts with pictures, and an audit of every other part half a second later."""

    def __init__(self, plant):
        self._plant = plant
        self._noise = np.random.default_rng(1)
        y, x = np.mgrid[0:64, 0:96]
        self._scene = (120 + 40 * np.sin(x / 5.0) * np.cos(y / 7.0)).astype(np.float64)
        self._stuck = self._picture()
        self.count = 0
        self.audited = []

    def _picture(self, black=False):
        scene = np.zeros_like(self._scene) if black else self._scene
        noisy = scene + self._noise.normal(0, 0.5 if black else 4, scene.shape)
        return base64.b64encode(cv2.imencode(".png", np.clip(noisy, 0, 255).astype(np.uint8))[1].tobytes()).decode()

    def run(self, parts, *, black=False, stuck=False, ahead_s=0, audits=True, pitch_s=PITCH_S, **model):
        """Inspect so many parts, in real time; the times at which each was sent."""
        sent = []
        for _ in range(parts):
            self.count += 1
            now = datetime.now(UTC)
            record = {
                "part_id": f"P{self.count:06}",
                "station": "ST4",
                "captured_at": (now + timedelta(seconds=ahead_s)).isoformat(),
                "verdict": "ok",
                "p_defect": float(1 / (1 + np.exp(4 - 0.5 * self._noise.normal()))),
                "model": {**MODEL, **model},
                "image_inline": self._stuck if stuck else self._picture(black),
            }
            self._plant.publish("linewarden/v1/in/inspection", json.dumps(record).encode())
            if audits and self.count % 2:
                self.audited.append((now + timedelta(seconds=0.5), record["part_id"]))
            while self.audited and self.audited[0][0] <= now:
                at, part = self.audited.pop(0)
                outcome = {"part_id": part, "station": "ST4", "defective": False, "observed_at": at.isoformat()}
                self._plant.publish("linewarden/v1/in/outcome", json.dumps({**outcome, "inclusion_probability": 0.5}).encode())
            sent.append(time.monotonic())
            time.sleep(pitch_s)
        return sent


def request(plant):
    return json.loads(plant.on("andon/ST4/request")[-1].payload)


@pytest.mark.system
@needs_mosquitto
def test_each_fault_is_said_in_its_words_within_its_time_and_nothing_else_is(tmp_path):
    broker = Broker(tmp_path).start()
    file = tmp_path / "linewarden.toml"
    file.write_text(CONFIG.format(folder=tmp_path, learned=LEARNED, silence=SILENCE_S, outcomes=OUTCOMES_S, port=broker.port))
    agent = Agent(file)
    plant = Plant(broker, ("#",))
    line = Line(plant)
    events = []
    faults = [  # what is done to the line, alarm, colour, words, and parts or seconds it may take
        ({"black": True, "parts": 20}, "picture-blind", "amber", "PICTURE BLACK", 3 * PITCH_S),
        ({"stuck": True, "parts": 20}, "picture-frozen", "amber", "SAME PICTURE", 5 * PITCH_S),
        (
            {"version": "1.1", "sha256": "b" * 64, "parts": 20},
            "model-changed",
            "amber",
            "m1 1.1 (bbbbbbbb) instead of m1 1.0",
            PITCH_S,
        ),
        ({"threshold": 0.9, "parts": 20}, "threshold-changed", "amber", "0.9 instead of 0.5", PITCH_S),
        ({"ahead_s": 3600, "parts": 30}, "clock-differs", "amber", "60 min ahead", 10 * PITCH_S),
        (
            {"audits": False, "parts": int((OUTCOMES_S + 5) / PITCH_S)},
            "outcomes-stopped",
            "amber",
            "no re-check results",
            OUTCOMES_S + 1,
        ),
        ({}, "not-monitored", "white", "NOT MONITORED", SILENCE_S + 2 * TICK_S),
    ]
    try:
        until(lambda: any(json.loads(m.payload)["state"] == "online" for m in plant.on("/status")), 30, "the agent")
        line.run(LEARNED + 200)
        for fault, alarm_id, colour, words, within_s in faults:
            begun = time.monotonic()
            line.run(**fault) if fault else None
            until(lambda a=alarm_id: any(json.loads(m.payload)["alarm_id"] == a for m in plant.on("/event")), 40, alarm_id)
            until(lambda w=words: w in request(plant)["text"], 10, words)
            assert request(plant)["colour"] == colour
            events = [json.loads(m.payload) for m in plant.on("/event")]
            raised = datetime.fromisoformat(events[-1]["sent_at"]).timestamp() - (time.time() - (time.monotonic() - begun))
            assert raised < within_s + 2.5, (alarm_id, raised)  # and a commit, a frame and a send
            line.run(80)
            until(lambda: request(plant)["colour"] == "none", 20, f"{alarm_id} is over")
        events = [json.loads(m.payload) for m in plant.on("/event")]
        raised = [(e["alarm_id"], e["text"]) for e in events if e["transition"].endswith("UNACK")]
        assert [alarm_id for alarm_id, _ in raised] == [alarm_id for _, alarm_id, *_ in faults], raised
    finally:
        plant.close()
        code = agent.stop()
        broker.stop()
    assert code == 0
