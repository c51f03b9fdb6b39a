"""The application put together, in process: ends by itself, continues, and says what it lost."""

import json
import sqlite3
from pathlib import Path

import pytest

from agent.app import build
from agent.config.model import Config
from agent.errors import StoreLocked
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from agent.store.reader import Reader


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr("agent.app._WATCH_S", 0.02)


def configured(folder: Path, parts: int) -> Config:
    source = folder / "parts.jsonl"
    lines = [
        {"part_id": f"P{k}", "station": "ST4", "captured_at": f"2026-03-01T06:{k // 60:02d}:{k % 60:02d}Z", "verdict": "ok"}
        for k in range(parts)
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Config.model_validate(
        {
            "agent": {"state_dir": str(folder / "state")},
            "metrics": {"enabled": False},
            "stations": [{"id": "ST4"}],
            "taps": [{"type": "jsonl", "name": "line", "mode": "replay", "paths": [str(source)]}],
        }
    )


def run(config: Config) -> Reader:
    app = build(config, SystemClock())
    app.run(StopEvent())
    return Reader(config.agent.state_dir / "linewarden.db")


def gaps(state: Path):
    with sqlite3.connect(state / "linewarden.db") as db:
        found = [json.loads(payload) for (payload,) in db.execute("SELECT payload FROM outbox WHERE kind = 'gap'")]
    db.close()
    return found


def test_an_agent_whose_sources_all_end_ends_with_everything_committed(tmp_path):
    with run(configured(tmp_path, 50)) as store:
        assert store.part_index("ST4", "P49") == 50
        assert [type(entry).__name__ for _, entry in store.entries()] == ["Gap"] + 50 * ["Inspected"]


def test_a_second_run_continues_where_the_first_one_ended_and_publishes_the_gap(tmp_path):
    run(configured(tmp_path, 50)).close()
    with run(configured(tmp_path, 80)) as store:
        assert store.part_index("ST4", "P79") == 80
        assert store.counters().get(("duplicates", "line"), 0) == 0
    assert [gap["kind"] for gap in gaps(tmp_path / "state")] == ["agent_stopped"]


def test_a_damaged_store_is_set_aside_and_the_gap_says_that_it_is_lost(tmp_path):
    config = configured(tmp_path, 50)
    run(config).close()
    file = tmp_path / "state" / "linewarden.db"
    damaged = b"\xff" * file.stat().st_size
    file.write_bytes(damaged)
    with run(config) as store:
        assert store.part_index("ST4", "P49") == 50
        assert ("store_quarantined", "linewarden.db.quarantined-1") in store.counters()
    assert (tmp_path / "state" / "linewarden.db.quarantined-1").read_bytes() == damaged
    said = gaps(tmp_path / "state")
    assert {gap["kind"] for gap in said} == {"agent_stopped", "lost"}
    assert all(gap["from_at"] for gap in said)


def test_two_agents_do_not_share_a_state_folder(tmp_path):
    config = configured(tmp_path, 1)
    first = build(config, SystemClock())
    with pytest.raises(StoreLocked):
        build(config, SystemClock())
    first.close()


def test_a_replay_leaves_no_state(tmp_path):
    config = configured(tmp_path, 50)
    app = build(config, SystemClock(), live=False)
    app.run(StopEvent())
    assert app.snapshots.current().stations[0].parts == 50
    assert not (tmp_path / "state").exists()
