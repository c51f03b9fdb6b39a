"""`linewarden feedback`: three taps, the same without a terminal, the answer, and that whoever looks sees nothing of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import START, Agent, config, parts, run, shown

SEEN = (START + timedelta(seconds=300)).isoformat()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("agent")
    parts(folder / "parts.jsonl", 50)
    running = Agent(config(folder))
    yield running
    running.stop()


def test_a_report_is_taken_looked_at_and_answered(capsys: pytest.CaptureFixture[str], agent: Agent, tmp_path: Path) -> None:
    where = ("--config", agent.config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINEWARDEN_BY", "anna")
        shown(capsys, agent, lambda status: status["stations"][0]["parts"] == 50)
        given = ("--station", "ST4", "--part", "P00007", "--saw", "bad_passed", "--note", "[scratch]")
        code, out, err = run(capsys, "feedback", *given, *where, "--json")
    assert code == 0, err
    taken = json.loads(out)
    assert (taken["became"], taken["state"], taken["parts"]) == ("asked", "open", ["P00007"])
    assert json.loads(run(capsys, "feedback", *given, *where, "--json")[1])["became"] == "duplicate"
    (request,) = json.loads(run(capsys, "audit", "list", *where, "--json")[1])
    assert request["reason"] == "sample"
    assert "scratch" not in json.dumps(request)

    answer = {"part_id": "P00007", "station": "ST4", "defective": True, "observed_at": SEEN, "reviewer": "bert"}
    (tmp_path / "looked.jsonl").write_text(json.dumps(answer) + "\n")
    assert run(capsys, "outcome", "import", tmp_path / "looked.jsonl", *where)[0] == 0
    code, out, _ = run(capsys, "feedback", "show", taken["feedback"], *where)
    assert code == 0
    assert out.startswith("You were right: P00007 ")
    assert "[scratch]" in out
    listed = json.loads(run(capsys, "feedback", "list", "ST4", *where, "--json")[1])
    assert [(one["feedback"], one["answer"]) for one in listed] == [(taken["feedback"], "confirmed")]
    assert run(capsys, "feedback", "list", "--open", *where)[1] == ""
    assert "anna" not in json.dumps(listed)


def test_three_taps_report_the_latest_parts(capsys: pytest.CaptureFixture[str], agent: Agent, monkeypatch: Any) -> None:
    shown(capsys, agent, lambda status: status["stations"][0]["parts"] == 50)
    asked = iter(["now", 3])
    monkeypatch.setattr("agent.cli.feedback.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(asked))
    code, out, err = run(capsys, "feedback", "--config", agent.config)
    assert code == 0, err
    assert "3  parts or pictures look different" in err
    assert out.startswith("Taken: 5 part(s) will be looked at")
    assert next(asked, None) is None, "one station is not asked for"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--station", "ST4"), 2, "name --station, --part"),
        (("--station", "ST9", "--part", "P1", "--saw", "other"), 1, "no station ST9"),
        (("--station", "ST4", "--part", "P1", "--saw", "ghost"), 2, "ghost"),
        (("--station", "ST4", "--part", "x" * 300, "--saw", "other"), 1, "not a report"),
        (("show", "none"), 1, "no report none"),
    ],
)
def test_what_cannot_be_reported_is_said(
    capsys: pytest.CaptureFixture[str], agent: Agent, given: tuple[str, ...], code: int, said: str
) -> None:
    got, out, err = run(capsys, "feedback", *given, "--config", agent.config)
    assert (got, out) == (code, "")
    assert said in err


def test_where_no_part_was_made_then_it_says_so_and_fails(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    given = ("--station", "ST4", "--part", "now", "--saw", "other", "--at", "2020-01-01T00:00:00Z")
    code, out, _ = run(capsys, "feedback", *given, "--config", agent.config)
    assert code == 1
    assert out.startswith("No part was made shortly before")
