import csv
import json
from datetime import timedelta

import pytest

from agent.cli import main as command_line
from agent.core.fold import Core
from agent.records import Command, Commanded
from agent.state_folder import STORE_NAME
from agent.store.writer import SqliteStore
from tests.core.folding import START, config, line
from tests.core.test_holds import boxed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The store of a station on which bad parts passed; some were found bad at sorting, a box was released. No agent runs."""
    folder = tmp_path_factory.mktemp("state")
    store = SqliteStore(folder / STORE_NAME, keep_days=400, max_mb=64)
    core = Core(config(), store)

    def take(entry):
        store.append(entry)
        effects = core.fold(entry)
        for items, record in (
            (effects.parts, store.record_part),
            (effects.outcomes, store.record_outcome),
            (effects.dispositions, store.record_disposition),
            (effects.alarms, store.record_alarm),
            (effects.incidents, store.record_incident),
        ):
            for item in items:
                record(item)
        return effects

    for entry in (*boxed(line(3, 1500)), *boxed(line(3, 1500, first=1500, escapes=0.4))):
        take(entry)
    (hold,) = core.view().holds
    orders = [
        ("sorted", {"box": "B50"}, (), ("P02510", "P02520")),
        ("released", {"box": "B20"}, (), ()),
        ("scrapped", {}, ("P02900",), ()),
    ]
    for number, (kind, target, parts, bad) in enumerate(orders):
        given = {"incident": hold.incident, "kind": kind, **target}
        order = Command(f"r{number}", "dispose", "anna", "quality", given, "sorted", parts=parts, found_bad=bad)
        effects = take(Commanded(order, START))
        assert effects.dispositions
    store.commit(START)
    store.close()
    return folder


def run(capsys, folder, *arguments):
    code = command_line.run([*map(str, arguments), "--state-dir", str(folder)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_serial_shows_verdict_claim_alarm_outcome_and_hold_without_an_agent(capsys, folder):
    code, out, _ = run(capsys, folder, "trace", "P02510", "--json")
    (part,) = json.loads(out)
    assert code == 0
    assert (part["station"], part["verdict"], part["box"], part["recipe"], part["lot"]) == ("ST4", "ok", "B50", "A", "L12")
    assert part["claim"] == pytest.approx(0.02, rel=3)
    assert "sorting" in [outcome["source"] for outcome in part["outcomes"]]
    assert [(hold["disposition"], hold["role"]) for hold in part["holds"]] == [("scrapped", "quality")]
    assert "bad-parts-passed" in [alarm["alarm_id"] for alarm in part["alarms"]]


def test_a_complaint_without_a_serial_is_answered_by_box_and_by_time(capsys, folder):
    _, out, _ = run(capsys, folder, "trace", "--box", "B20", "--json")
    parts = json.loads(out)
    assert [part["part_id"] for part in parts] == [f"P{k:05d}" for k in range(1000, 1050)]
    assert {hold["disposition"] for part in parts for hold in part["holds"]} == {"released"}
    moment = START + timedelta(seconds=3 * 1200)
    span = ["--from", moment.isoformat(), "--to", (moment + timedelta(seconds=30)).replace(tzinfo=None).isoformat()]
    _, out, _ = run(capsys, folder, "trace", *span, "--station", "ST4")
    assert [row.split("\t")[0] for row in out.splitlines()[1:]] == [f"P{k:05d}" for k in range(1200, 1211)]


def test_what_is_not_there_is_answered_with_what_is(capsys, folder):
    code, out, err = run(capsys, folder, "trace", "P99999")
    assert (code, out) == (1, "")
    assert "no such part" in err
    assert "ST4 P00000" in err
    assert "to P02999" in err


def test_more_than_is_shown_is_said(capsys, folder):
    code, out, err = run(capsys, folder, "trace", "P0*", "--limit", "3")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "more than 3 parts fit" in err


@pytest.mark.parametrize(
    "arguments", [("trace",), ("trace", "--from", "noon"), ("hold", "dispose", "ST4-0001", "sorted", "--by", "a")]
)
def test_a_question_that_names_nothing_is_wrong_usage(capsys, folder, arguments):
    code, _, err = run(capsys, folder, *arguments)
    assert code == 2
    assert "--help" in err


def test_a_hold_is_shown_with_sums_that_close_and_by_box(capsys, folder):
    _, out, _ = run(capsys, folder, "hold", "show", "ST4-0001", "--json")
    hold = json.loads(out)
    assert hold["parts"] == hold["released"] + hold["sorted"] + hold["scrapped"] + hold["undecided"]
    totals = {kind: sum(box.get(kind, 0) for box in hold["boxes"]) for kind in ("open", "released", "sorted", "scrapped")}
    assert totals == {"open": hold["undecided"], "released": 50, "sorted": 48, "scrapped": 3}
    assert next(box for box in hold["boxes"] if box["box"] == "B50") == {"box": "B50", "sorted": 48, "scrapped": 2}


def test_the_list_begins_with_what_was_found_bad_then_its_box_then_what_was_made_after_the_change(capsys, folder, tmp_path):
    code, _, err = run(capsys, folder, "hold", "show", "ST4-0001", "--csv", tmp_path / "hold.csv")
    assert code == 0
    assert "held parts in" in err
    with (tmp_path / "hold.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    bad = [row["found_bad"] == "yes" for row in rows]
    assert bad == sorted(bad, reverse=True)
    assert {"P02510", "P02520"} <= {row["part_id"] for row in rows if row["found_bad"]}
    zones = [row["onset"] for row in rows if not row["found_bad"]]
    assert zones == sorted(zones, key=("after", "within", "before").index)
    assert {"after", "before"} <= set(zones)
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    _, out, _ = run(capsys, folder, "hold", "show", "ST4-0001", "--json")
    assert len(rows) == json.loads(out)["parts"]


def test_every_hold_is_listed_with_its_sums(capsys, folder):
    code, out, _ = run(capsys, folder, "hold", "show")
    assert code == 0
    header, row = (line.split("\t") for line in out.splitlines())
    shown = dict(zip(header, row, strict=True))
    assert shown["incident"] == "ST4-0001"
    assert int(shown["held"]) == sum(int(shown[name]) for name in ("released", "sorted", "scrapped", "open"))


def test_a_hold_that_is_none_is_refused_with_those_there_are(capsys, folder):
    code, _, err = run(capsys, folder, "hold", "show", "ST4-0099")
    assert code == 1
    assert "holds: ST4-0001" in err


def test_dispositions_need_an_agent(capsys, folder):
    code, _, err = run(capsys, folder, "hold", "dispose", "ST4-0001", "released", "--all", "--by", "a", "--reason", "r")
    assert code == 1
    assert "no agent answers" in err
