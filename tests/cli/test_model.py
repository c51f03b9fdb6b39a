"""Old and new side by side, and a model's way from a silent change to its approval, at the command line of a running agent."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import Agent, config, run

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
OLD, NEW = {"name": "gap", "version": "1"}, {"name": "gap", "version": "2", "sha256": "c" * 64}
SET = '[[stations.challenge_sets]]\nname = "holes"\nfailure_mode = "hole"\nparts = ["M1", "M2"]\nsize = 2\n'


def result(k: int, model: dict[str, str], p: float = 0.02, **more: Any) -> dict[str, Any]:
    at = (START + timedelta(seconds=3 * k)).isoformat()
    verdict = "ng" if p >= 0.5 else "ok"
    return {"part_id": f"P{k:05}", "station": "ST4", "captured_at": at, "verdict": verdict, "p_defect": p, "model": model, **more}


def write(path: Path, rows: list[dict[str, Any]], mode: str = "w") -> Path:
    with path.open(mode) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def truth(k: int, *, defective: bool) -> dict[str, Any]:
    return {"part_id": f"P{k:05}", "defective": defective, "observed_at": (START + timedelta(hours=1)).isoformat()}


@pytest.fixture
def results(tmp_path: Path) -> tuple[Path, Path, Path]:
    """100 parts of two recipes: the new one rejects four more, of which two are bad, and passes one bad one."""
    old, new = [], []
    for k in range(100):
        recipe = "A" if k < 60 else "B"
        old.append(result(k, OLD, 0.9 if k == 70 else 0.02, recipe=recipe, **{"class": "scratch"} if k == 70 else {}))
        new.append(result(k, NEW, 0.8 if k in (1, 2, 3, 4) else 0.03, recipe=recipe))
    known = [truth(k, defective=k in (1, 2, 70)) for k in (1, 2, 3, 5, 70)]
    paths = [write(tmp_path / name, rows) for name, rows in (("old.jsonl", old), ("new.jsonl", [*new, result(500, NEW)]))]
    return paths[0], paths[1], write(tmp_path / "truth.jsonl", known)


def test_two_result_files_are_compared_frame_by_frame_with_bounds_and_every_flip(
    capsys: pytest.CaptureFixture[str], results: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    old, new, known = results
    told = ["--old", old, "--new", new, "--outcomes", known, "--state-dir", tmp_path, "--flips", tmp_path / "flips.csv"]
    code, out, err = run(capsys, "model", "compare", "ST4", *told, "--json")
    assert code == 0, err
    found = json.loads(out)
    everything = found["all"]
    assert {name: everything[name] for name in ("frames", "ok_to_ng", "ng_to_ok")} == {"frames": 100, "ok_to_ng": 4, "ng_to_ok": 1}
    assert everything["p"] == pytest.approx(0.375)  # 2 (1 + 5) / 32
    assert everything["flips_low"] < 0.05 < everything["flips_high"]
    assert [everything[name] for name in ("bad", "old_missed", "new_missed")] == [3, 2, 1]
    assert [everything.get(name, 0) for name in ("good", "old_overkill", "new_overkill")] == [2, 0, 1]
    assert (everything["mended"], everything["broken"]) == (2, 2)
    assert [(g["recipe"], g["class_name"], g["frames"]) for g in found["groups"]] == [
        ("A", "", 60),
        ("B", "", 39),
        ("B", "scratch", 1),
    ]
    assert (found["only_new"], found["old_model"], found["new_model"]) == (1, "gap 1", "gap 2 (cccccccc)")
    with (tmp_path / "flips.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [(r["part_id"], r["truth"], r["old"], r["new"]) for r in rows][-1] == ("P00004", "", "ok", "ng")
    assert {r["part_id"] for r in rows} == {"P00001", "P00002", "P00003", "P00004", "P00070"}
    assert {r["part_id"]: r["new_p"] for r in rows}["P00070"] == "0.03"
    _, out, _ = run(capsys, "model", "compare", "ST4", *told)
    assert "2 → 1 of 3" in out


def test_results_that_share_no_frame_are_refused_with_what_was_found(
    capsys: pytest.CaptureFixture[str], results: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    other = write(tmp_path / "other.jsonl", [result(k, NEW) for k in range(600, 610)])
    code, _, err = run(capsys, "model", "compare", "ST4", "--old", results[0], "--new", other, "--state-dir", tmp_path)
    assert code == 1
    assert "error: no frame was judged by both" in err
    assert "10 results of ST4, the other 100" in err


@pytest.fixture
def agent(tmp_path: Path) -> Any:
    write(tmp_path / "parts.jsonl", [result(k, OLD) for k in range(60)])
    running = Agent(config(tmp_path, SET))
    yield running
    running.stop()


def until(capsys: pytest.CaptureFixture[str], agent: Agent, claim: Any) -> dict[str, Any]:
    """What `model show` has once it is as claimed."""
    deadline = time.monotonic() + 15
    while True:
        code, out, err = run(capsys, "model", "show", "ST4", "--config", agent.config, "--json")
        assert code == 0, err
        body: dict[str, Any] = json.loads(out)[0]
        if claim(body) or time.monotonic() > deadline:
            return body
        time.sleep(0.1)


def test_a_silent_change_is_shown_planned_with_its_comparison_and_approved_once_its_check_parts_were_found(
    capsys: pytest.CaptureFixture[str], agent: Agent, tmp_path: Path
) -> None:
    told = ["--config", agent.config]
    until(capsys, agent, lambda b: b["models"])
    write(tmp_path / "parts.jsonl", [result(k, NEW) for k in range(60, 70)], "a")
    body = until(capsys, agent, lambda b: b["models"] and b["models"][0]["state"] == "unapproved")
    assert [body["models"][0][name] for name in ("state", "approved", "judging")] == ["unapproved", "gap 1", "gap 2 (cccccccc)"]
    alarms = json.loads(run(capsys, "alarms", *told, "--json")[1])
    assert [(a["alarm_id"], a["active"]) for a in alarms] == [("model-changed", True)]

    new = write(tmp_path / "new.jsonl", [result(k, NEW, 0.7 if k == 7 else 0.02) for k in range(50)])
    code, out, err = run(capsys, "model", "plan", "ST4", "--new", new, "--by", "anna", "--role", "engineer", *told)
    assert code == 0, err
    assert "P00007\t?\tok 0.02\tng 0.7" in out
    assert "planned: gap 2 (cccccccc) at ST4" in out
    code, _, err = run(capsys, "model", "approve", "ST4", "--by", "bert", "--role", "quality", *told)
    assert code == 1
    assert "set holes (hole): 0 of 2 found in a row by the planned model" in err

    masters = [result(100 + k, NEW, 0.9) | {"part_id": f"M{k}", "mark": "challenge"} for k in (1, 2)]
    write(tmp_path / "parts.jsonl", masters, "a")
    body = until(capsys, agent, lambda b: not b["model_change"].get("lacking"))
    assert body["model_change"]["challenges"][0]["found"] == 2
    _, out, _ = run(capsys, "model", "show", "ST4", *told)
    assert "holes\thole\t0 of 0\t0 of 2\t2 of 2" in out
    code, out, err = run(
        capsys, "model", "approve", "ST4", "--by", "bert", "--role", "quality", "--reason", "flip looked at", *told
    )
    assert (code, out.split(" at ")[0]) == (0, "approved: gap 2 (cccccccc)"), err
    body = until(capsys, agent, lambda b: b["models"][0]["state"] == "approved")
    assert (body["models"][0]["approved"], body["model_change"]) == ("gap 2 (cccccccc)", None)
    alarms = json.loads(run(capsys, "alarms", *told, "--json")[1])
    assert [a["alarm_id"] for a in alarms if a["active"]] == []

    kept = json.loads(run(capsys, "model", "list", "ST4", *told, "--json")[1])
    assert [change["state"] for change in kept] == ["planned", "approved"]
    assert kept[1]["comparison"]["all"]["ok_to_ng"] == 1
    assert kept[1]["comparison"]["flips"][0]["part_id"] == "P00007"
    assert (kept[1]["approved_by_role"], kept[1]["approved_reason"]) == ("quality", "flip looked at")
    assert not {"anna", "bert"} & set(json.dumps(kept).split('"'))
    assert "flip looked at" in run(capsys, "model", "list", *told)[1]
