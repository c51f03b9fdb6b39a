"""An alarm as a person meets it: replayed, shown by the running agent, acknowledged, read after the agent is gone."""

from __future__ import annotations

import json
import math
import random
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.test_commands import START, Agent, config, run

LEARNED, CHANGED, COUNT = 800, 1100, 1400
STEADY = 'steadiness = "assumed"\n'  # so few parts could not show it


def shifted(path: Path) -> Path:
    """Scores in control, then suddenly higher."""
    noise = random.Random(5)
    lines = []
    for k in range(COUNT):
        logit = -4 + 0.5 * noise.gauss(0, 1) + (1.5 if k >= CHANGED else 0.0)
        at = (START + timedelta(seconds=3 * k)).isoformat()
        score = {"p_defect": 1 / (1 + math.exp(-logit))}
        lines.append({"part_id": f"P{k:05}", "station": "ST4", "captured_at": at, "verdict": "ok", **score})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_an_alarm_is_replayed_shown_and_acknowledged_as_the_same_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = config(tmp_path)
    settings = file.read_text().replace('id = "ST4"\n', 'id = "ST4"\nthreshold = 0.5\nparts_per_month = 10_000\n')
    file.write_text(settings.replace('mode = "sample"\n', f'mode = "none"\n[stations.baseline]\nparts = {LEARNED}\n{STEADY}'))
    records = shifted(tmp_path / "parts.jsonl")
    out_file = tmp_path / "events.jsonl"
    code, out, err = run(capsys, "replay", "-c", file, records, "--exit-code", "--out", out_file)
    assert (code, out) == (3, "")
    assert "1 alarm(s) raised" in err
    (event,) = [json.loads(line) for line in out_file.read_text().splitlines()]
    assert event["transition"] == "NORM→UNACK"
    assert int(event["part_id"][1:]) >= CHANGED
    assert not event.keys() & {"boot_id", "msg_id", "seq", "sent_at", "replay", "clock"}

    agent = Agent(file)
    try:
        deadline = time.monotonic() + 30
        while not (shown := json.loads(run(capsys, "alarms", "-c", file, "--json")[1])) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [alarm["occurrence_id"] for alarm in shown] == [event["occurrence_id"]]
        assert (shown[0]["part_id"], shown[0]["evidence"]) == (event["part_id"], event["evidence"])
        beginning = event["occurrence_id"][:8]
        code, out, err = run(capsys, "ack", beginning, "--by", "anna", "--role", "quality", "-c", file)
        assert code == 0, err
        assert out.startswith("acknowledged ")
        code, _, err = run(capsys, "ack", beginning, "--by", "anna", "-c", file)
        assert code == 1
        assert "nothing to acknowledge" in err
    finally:
        assert agent.stop() == 0
    code, out, _ = run(capsys, "alarms", "-c", file, "--history", "--json")
    assert [e["transition"] for e in json.loads(out)] == ["NORM→UNACK", "UNACK→ACKED"]
    assert json.loads(run(capsys, "alarms", "-c", file, "--json")[1])[0]["acked_by"] == "anna"
