"""Pictures before and after: kept by a running agent at an alarm, exported by `incident show`."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.test_commands import REGISTER, Agent, run

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def board(k: int, gain: float = 1.0) -> Any:
    """A part with a little noise, as the k-th picture of it."""
    noise = np.random.default_rng(k).normal(0.0, 2.0, (96, 128))
    scene = np.full((96, 128), 90.0)
    scene[20:70, 30:100] = 170.0
    scene[35:55, 50:80] = 60.0
    return np.clip(gain * (1 + 0.01 * np.sin(k)) * scene + noise, 0, 255).astype(np.uint8)


def shoot(folder: Path, first: int, count: int, gain: float = 1.0) -> None:
    """Frames on disk, and their results."""
    lines = []
    for k in range(first, first + count):
        cv2.imwrite(str(folder / "frames" / f"P{k:05}.png"), board(k, gain))
        at = (START + timedelta(seconds=3 * k)).isoformat()
        body = {"part_id": f"P{k:05}", "station": "ST4", "captured_at": at, "verdict": "ok", "p_defect": 0.01}
        lines.append(json.dumps({**body, "image": f"P{k:05}.png"}) + "\n")
    with (folder / "parts.jsonl").open("a") as file:
        file.writelines(lines)


def config(folder: Path, frames: str = "", references: str = "") -> Path:
    (folder / "frames").mkdir()
    path = folder / "line.toml"
    path.write_text(
        f'[agent]\nstate_dir = "{folder / "state"}"\ncommit_interval_s = 0.1\n[metrics]\nenabled = false\n{frames}'
        f'[[stations]]\nid = "ST4"\n{REGISTER}[stations.baseline]\nparts = 200\nmin_stream_parts = 200\nsteadiness = "assumed"\n'
        f'{references}[[taps]]\ntype = "jsonl"\nname = "parts"\npaths = ["{folder / "parts.jsonl"}"]\npoll_s = 0.05\n'
        f'frames_dir = "{folder / "frames"}"\n'
    )
    return path


def incident(capsys: pytest.CaptureFixture[str], agent: Agent, pictures: int) -> dict[str, Any]:
    """The incident with what is kept of it, once it has so many pictures; the last look where it never does."""
    deadline = time.monotonic() + 30
    shown: dict[str, Any] = {"pictures": []}
    while time.monotonic() < deadline and len(shown["pictures"]) < pictures:
        time.sleep(0.2)
        code, out, _ = run(capsys, "incident", "show", "ST4-0001", "--config", agent.config, "--json")
        shown = json.loads(out) if code == 0 else shown
    return shown


def test_an_alarm_keeps_how_the_place_looked_as_it_was_learned_and_how_it_looks_now(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    agent = Agent(config(tmp_path))
    try:
        shoot(tmp_path, 0, 220)
        shoot(tmp_path, 220, 60, gain=0.7)
        shown = incident(capsys, agent, 2)
        before, after = shown["pictures"][:2]
        assert [(p["moment"], p["source"]) for p in (before, after)] == [("before", "baseline"), ("after", "alarm")]
        assert before["part_id"] <= "P00219" < after["part_id"]
        frame = (tmp_path / "frames" / f"{after['part_id']}.png").read_bytes()
        assert after["of_sha256"] == hashlib.sha256(frame).hexdigest()
        assert sum(after["histogram"]) == 96 * 128

        code, out, _ = run(capsys, "incident", "show", "ST4-0001", "--8d", "--pictures", tmp_path / "out", "--config", agent.config)
        assert code == 0
        assert f"picture before: as the baseline was learned: part {before['part_id']}" in out
        assert after["sha256"] in out
        files = sorted((tmp_path / "out").glob("*.jpg"))
        assert len(files) == len(shown["pictures"])
        assert hashlib.sha256(files[1].read_bytes()).hexdigest() == after["sha256"]
        pictures = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files[:2]]
        assert pictures[1].mean() == pytest.approx(0.7 * pictures[0].mean(), rel=0.05)
        page = (tmp_path / "out" / "ST4-0001.svg").read_text()
        assert page.count("<image ") == len(files)
        assert "picture-light" not in page
        assert "darker" in page
    finally:
        agent.stop()


def test_the_golden_frame_is_what_stood_before_where_there_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "golden.png"), board(10_000))
    reference = f'[[stations.references]]\ngolden = "{tmp_path / "golden.png"}"\npart = [20, 10, 90, 70]\n'
    agent = Agent(config(tmp_path, references=reference))
    try:
        shoot(tmp_path, 0, 30)
        shoot(tmp_path, 30, 10, gain=0.0)
        shown = incident(capsys, agent, 2)
        assert [(p["moment"], p["source"]) for p in shown["pictures"]] == [("before", "golden"), ("after", "alarm")]
        golden = (tmp_path / "golden.png").read_bytes()
        assert shown["pictures"][0]["of_sha256"] == hashlib.sha256(golden).hexdigest()
        assert shown["alarms"][0]["alarm_id"] == "picture-blind"
    finally:
        agent.stop()


def test_none_are_kept_where_none_are_wanted_and_the_alarms_are_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    raised = []
    for wanted in (6, 0):
        folder = tmp_path / str(wanted)
        folder.mkdir()
        agent = Agent(config(folder, f"[frames]\nevidence_pictures = {wanted}\n"))
        try:
            shoot(folder, 0, 30)
            shoot(folder, 30, 10, gain=0.0)
            shown = incident(capsys, agent, 1) if wanted else {}
            deadline = time.monotonic() + 15
            while "alarms" not in shown and time.monotonic() < deadline:
                time.sleep(0.2)
                code, out, _ = run(capsys, "incident", "show", "ST4-0001", "--config", agent.config, "--json")
                shown = json.loads(out) if code == 0 else shown
            assert len(shown["pictures"]) == (1 if wanted else 0), "a place that learned nothing yet has no picture of before"
            raised.append([(a["occurrence_id"], a["code"], a["part_id"]) for a in shown["alarms"]])
        finally:
            agent.stop()
    assert raised[0] == raised[1]
