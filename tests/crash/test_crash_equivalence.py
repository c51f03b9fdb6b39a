"""A killed agent concludes what one that was never killed concludes (DESIGN 1, 5). LINEWARDEN_KILLS: kills per tap."""

import os
from collections import Counter

import pytest

from agent.records import Commanded
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.crash import verified_line
from tests.crash.harness import (
    Agents,
    counted,
    facts,
    journalled,
    killed_again_and_again,
    record_lines,
    run_to_the_end,
    scenario,
    write_config,
)

KILLS = int(os.environ.get("LINEWARDEN_KILLS", "15"))
SEED = 20260301


@pytest.fixture(scope="module")
def entries():
    return scenario()


@pytest.fixture(scope="module")
def agents():
    with Agents() as running:
        yield running


def report(capsys, tap, hit, alarms):
    with capsys.disabled():
        shown = ", ".join(f"{count} {name}" for name, count in sorted(hit.phases.items()))
        print(
            f"\n{tap}: {sum(hit.phases.values())} kills ({shown}): {hit.mid_work} between receipt and commit; "
            f"{hit.duplicates} duplicates, {alarms} alarm transitions, identical"
        )


def check(agents, folder, unkilled, entries, kills, capsys, tap):
    expected = facts(unkilled / "state")
    assert {fact[0] for fact in expected} >= {"bad-parts-passed"}, "the scenario must raise alarms, else nothing is compared"
    config = folder / "line.toml"
    hit = killed_again_and_again(agents, config, len(entries), kills, SEED)
    assert facts(folder / "state") == expected
    assert journalled(folder / "state") == journalled(unkilled / "state")
    assert Counter(journalled(folder / "state").values()) == Counter({1: len(entries)}), "each record once: none lost, none twice"
    assert sum(hit.phases.values()) == kills
    assert hit.mid_work >= kills // 2, hit.phases
    report(capsys, tap, hit, len(expected))
    return hit


def test_a_file_followed_through_kills_gives_the_same_alarms(agents, tmp_path, entries, capsys):
    source = tmp_path / "results.jsonl"
    source.write_bytes(b"".join(line + b"\n" for line in record_lines(entries, frames=True)))
    tap = {"type": "jsonl", "name": "line", "paths": [str(source)], "trusted": True}
    folders = [tmp_path / "unkilled", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
        write_config(folder, tap)
    run_to_the_end(agents, folders[0] / "line.toml", len(entries))
    check(agents, folders[1], folders[0], entries, KILLS, capsys, "jsonl")


def test_check_parts_planner_reports_and_several_sources_through_kills_give_the_same_conclusions(agents, tmp_path, capsys):
    entries = verified_line.entries()
    records = [entry for entry in entries if not isinstance(entry, Commanded)]  # those counted in the journal
    source = tmp_path / "results.jsonl"
    source.write_bytes(b"".join(line + b"\n" for line in record_lines(entries, frames=True)))
    tap = {"type": "jsonl", "name": "line", "paths": [str(source)], "trusted": True}
    folders = [tmp_path / "unkilled", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
        write_config(folder, tap, verified_line.STATION)
    run_to_the_end(agents, folders[0] / "line.toml", len(records))
    rows, kept = verified_line.conclusions(folders[0] / "state")
    answers = Counter(document["answer"] for topic, document in rows if topic.startswith("feedback/"))
    assert answers.keys() >= {"asked", "confirmed", "not_confirmed", "overdue"}, answers
    raised = {fact[0] for fact in facts(folders[0] / "state")}
    assert raised >= {"bad-parts-passed", "report-confirmed", "escape-found"}, raised
    assert any("check" in name or "holes" in name for name in raised), raised
    check(agents, folders[1], folders[0], records, KILLS, capsys, "verified line")
    again = verified_line.conclusions(folders[1] / "state")
    assert again[0] == rows
    assert again[1] == kept


@needs_mosquitto
def test_a_broker_subscribed_to_through_kills_gives_the_same_alarms(agents, tmp_path, entries, capsys):
    messages = []
    for entry, line in zip(entries, record_lines(entries, frames=False), strict=True):
        kind = "inspection" if hasattr(entry.record, "verdict") else "outcome"
        messages.append((f"linewarden/v1/in/{kind}", line))
    folders = [tmp_path / "unkilled", tmp_path / "killed"]
    broker = Broker(tmp_path, extra="max_queued_bytes 0\n").start()
    try:
        for folder in folders:
            folder.mkdir()
            write_config(folder, {"type": "mqtt", "name": "plant", "port": broker.port, "window": 50})
            agent = agents.start(folder / "line.toml")
            subscribed(broker, folder)
            agent.stop()
        plant = Plant(broker)
        plant.publish_all(messages)
        plant.close()
        run_to_the_end(agents, folders[0] / "line.toml", len(entries))
        hit = check(agents, folders[1], folders[0], entries, KILLS, capsys, "mqtt")
        assert hit.duplicates > 0, "the broker must have sent again what was committed but not acknowledged"
    finally:
        broker.stop()


def subscribed(broker, folder):
    """Once the agent has refused a probe, it is subscribed: from then on the broker keeps its messages."""
    plant = Plant(broker)

    def refused():
        plant.publish("linewarden/v1/in/event", b"probe")
        return counted(folder / "state", "refused") > 0

    until(refused, timeout_s=30, what="the agent subscribes")
    plant.close()
