"""No artefact, metric or table carries a figure about a person (STANDARDS: EU AI Act, Annex III 4(b)).

A name may stand where a person signed or acknowledged; nothing is counted, rated or listed by it.
"""

import csv
import json
import types
import typing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agent import documents, ports
from agent.cli import access, acting, feedback, hold, reading
from agent.cli import main as command_line
from agent.core.fold import Core
from agent.ports import Snapshot
from agent.records import Command, Commanded, Event, Feedback, Outcome, Told
from agent.runtime.control import _snapshot
from agent.runtime.snapshots import SnapshotBox
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader
from agent.store.writer import SqliteStore
from agent.views.prometheus.metrics import SnapshotCollector
from tests.core.folding import REGISTER, START, config, line
from tests.core.test_holds import boxed

PERSONS = {"by", "who", "user", "person", "operator", "inspector", "reviewer", "employee", "worker", "name", "signed", "acked_by"}
PERSONS |= {"owner", "deputy"}
# Where a name is the point: who answers, who signed, who saw it.
SIGNATURES = {("AlarmDoc", "acked_by"), ("ClosingDoc", "signed"), ("FrozenDoc", "owner"), ("FrozenDoc", "deputy")}
ANNA, BERT = "zyx-anna", "zyx-bert"
# A name with one of these words in it is about a person, whatever stands around it: finds_by_reviewer, reporters.
WORDS = {"reviewer", "reporter", "inspector", "operator", "person", "employee", "worker", "user", "login", "pseudonym"}
WORDS |= {f"{word}s" for word in WORDS}
# How often a second look was no second person's; not whose.
NOT_A_PERSONS = {"same_reviewer"}


def is_about_a_person(name):
    """Whether a member, key, label, column or metric of this name says something about a person."""
    return name not in NOT_A_PERSONS and (name in PERSONS or bool(WORDS & set(name.lower().replace("-", "_").split("_"))))


def about_persons(value):
    """Paths in something JSON-like whose key is about a person, or is one."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(key, str) and (is_about_a_person(key) or ANNA in key or BERT in key):
            found.append(key)
        found += [f"{key}.{path}" for path in about_persons(inner)]
    return found


def members_about_persons(kinds):
    """(document, member) about a person, of struct types."""
    return {(kind.__name__, field) for kind in kinds for field in kind.__struct_fields__ if is_about_a_person(field)}


def structs(kind, found):
    """Every document type reachable from an annotation."""
    for argument in typing.get_args(kind):
        structs(argument, found)
    if isinstance(kind, types.UnionType) or not isinstance(kind, type) or not issubclass(kind, msgspec.Struct) or kind in found:
        return
    found.add(kind)
    for annotation in typing.get_type_hints(kind).values():
        structs(annotation, found)


def test_no_document_has_a_member_for_a_person_but_where_one_signs():
    found = set()
    for kind in (documents.Document, documents.TraceDoc):
        structs(kind, found)
    assert len(found) > 20
    assert members_about_persons(found) == SIGNATURES
    hints = {(kind.__name__, name): hint for kind in found for name, hint in typing.get_type_hints(kind).items()}
    assert {hints[member] for member in SIGNATURES} == {str}


def test_nothing_that_is_shown_has_a_member_for_a_person():
    views = [value for value in vars(ports).values() if isinstance(value, type) and value.__module__ == "agent.ports"]
    members = {(v.__name__, name) for v in views for name in getattr(v, "__dataclass_fields__", {})}
    assert len(members) > 50
    named = {member for member in members if is_about_a_person(member[1])}
    assert named == {("MeasurementView", "name")}, "a measurement's, as the vision tool writes it"


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """A harmed station where two people reviewed, commanded, acknowledged and reported, and what it shows: (folder, snapshot)."""
    folder: Path = tmp_path_factory.mktemp("state")
    store = SqliteStore(folder / STORE_NAME, keep_days=400, max_mb=64)
    core, messages = Core(config(), store), []

    def take(entry):
        store.append(entry)
        effects = core.fold(entry)
        for items, record in (
            (effects.parts, store.record_part),
            (effects.outcomes, store.record_outcome),
            (effects.dispositions, store.record_disposition),
            (effects.alarms, store.record_alarm),
            (effects.incidents, store.record_incident),
            (effects.counts, lambda count: store.count(*count)),
        ):
            for item in items:
                record(item)
        store.enqueue(effects.messages)
        messages.extend(effects.messages)

    for number, entry in enumerate((*boxed(line(3, 1500)), *boxed(line(3, 1500, first=1500, escapes=0.4)))):
        if isinstance(entry, Told) and isinstance(entry.record, Outcome):
            reviewed = msgspec.structs.replace(entry.record, reviewer=(ANNA, BERT)[number % 2])
            entry = Told(reviewed)  # noqa: PLW2901
        take(entry)
    for number, by in enumerate((ANNA, BERT, ANNA, ANNA)):
        seen = START + timedelta(hours=2, seconds=3 * number)
        take(Told(Feedback("ST4", "bad_passed", seen, by=by, note="scratched")))
    asked = [request.part_id for request in core.view().stations[0].audits.requests]
    assert len(asked) > 3
    for number, part_id in enumerate(asked):
        at = START + timedelta(hours=3, seconds=number)
        take(Told(Outcome(part_id, defective=number % 2 == 0, observed_at=at, reviewer=(ANNA, BERT)[number % 2])))
    take(Told(Event("ST4", "lamp", START + timedelta(hours=3), "changed", by=ANNA)))
    (hold,) = core.view().holds
    orders = [
        ("dispose", BERT, "quality", {"incident": hold.incident, "kind": "sorted", "box": "B50"}),
        ("respond", ANNA, "operator", {"incident": hold.incident}),
        ("accept_baseline", BERT, "quality", {"station": "ST4", "stream": "outcomes"}),
    ]
    for number, (verb, by, role, target) in enumerate(orders):
        take(Commanded(Command(f"r{number}", verb, by, role, target, "looked at")))
    store.commit(START)
    view = core.view()
    snapshot = Snapshot(
        START, START, "boot", "0", 1, view.stations, view.alarms, view.incidents, view.holds, counters=store.counters()
    )
    store.close()
    return folder, snapshot, messages


def test_no_metric_has_a_label_or_a_value_for_a_person(station):
    registry = CollectorRegistry()
    collector = SnapshotCollector(SnapshotBox(station[1]))
    registry.register(collector)
    labels = {name for family in collector.collect() for sample in family.samples for name in sample.labels}
    assert "station" in labels
    assert not {label for label in labels if is_about_a_person(label)} - {"name"}
    names = {family.name for family in collector.collect()}
    assert "linewarden_feedback" in names
    assert not {name for name in names if is_about_a_person(name)}
    text = generate_latest(registry)
    assert b"linewarden_hold_parts" in text
    assert not [name for name in (ANNA, BERT, *REGISTER.values()) if str(name).encode() in text and name not in ("", 3)]


def test_no_table_has_a_column_for_a_person(station):
    with Reader(station[0] / STORE_NAME) as store:
        db = store._db
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ]
        columns = {(table, row[1]) for table in tables for row in db.execute(f"PRAGMA table_info({table})")}
    assert len(columns) > 50
    # `names` holds stations, taps and sources; `boxes.name` is a box
    assert not {table for table in tables if is_about_a_person(table)}
    assert {column for column in columns if is_about_a_person(column[1])} == {("names", "name"), ("boxes", "name")}


def test_what_goes_out_and_what_is_reported_names_nobody_who_did_something(capsys, station, tmp_path):
    folder, _, messages = station
    kinds = {message.kind for message in messages}
    assert {"hold", "incident", "summary", "cmd_result"} <= kinds
    told = [m.payload for m in messages if m.kind not in ("alarm_state", "alarm_event")]
    reports = [
        ("trace", "--box", "B50", "--json"),
        ("hold", "show", "ST4-0001", "--json"),
        ("hold", "show", "ST4-0001", "--csv", str(tmp_path / "hold.csv")),
        ("incident", "list", "--all", "--json"),
        ("incident", "show", "ST4-0001", "--8d", "--json"),
        ("incident", "show", "ST4-0001", "--8d"),
    ]
    for report in reports:
        assert command_line.run([*report, "--state-dir", str(folder)]) == 0
        told.append(capsys.readouterr().out.encode())
    with (tmp_path / "hold.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) > 100
    told.append(json.dumps(rows).encode())
    assert not [words for words in told if ANNA.encode() in words or BERT.encode() in words]


def test_no_row_but_of_the_journal_and_its_checkpoints_names_anybody(station):
    with Reader(station[0] / STORE_NAME) as store:
        db = store._db
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    assert len(rows["outbox"]) > 10
    named = {table for table, cells in rows.items() for cell in cells if any(who in str(cell) for who in (ANNA, BERT))}
    assert named <= {"journal", "checkpoints"}


def test_what_is_shown_has_no_key_for_a_person_and_names_nobody(station):
    shown = json.loads(msgspec.json.encode(_snapshot(station[1])))
    assert shown["stations"][0]["feedback"]["counts"]["reported_bad_passed"] == 4
    assert {path.rpartition(".")[2] for path in about_persons(shown)} <= {"owner", "deputy", "name", "acked_by"}
    text = json.dumps(shown)
    assert ANNA not in text
    assert BERT not in text


def test_what_commands_print_has_no_key_for_a_person(capsys, station, monkeypatch):
    folder, snapshot, _ = station
    shown = json.loads(msgspec.json.encode(_snapshot(snapshot)))
    for module in (access, acting, feedback, hold, reading):  # imported before, or they would keep what is faked
        monkeypatch.setattr(module, "snapshot", lambda _: shown)
    name = shown["stations"][0]["feedback"]["reports"][0]["document"]["feedback"]
    commands = [
        ("status",), ("alarms",), ("audit", "plan"), ("audit", "list"), ("challenge", "plan"), ("feedback", "list"),
        ("feedback", "show", name), ("trace", "--box", "B50"), ("hold", "show"), ("incident", "list", "--all"),
        ("incident", "show", "ST4-0001"), ("incident", "show", "ST4-0001", "--8d"),
    ]  # fmt: skip
    for command in commands:
        assert command_line.run([*command, "--json", "--state-dir", str(folder)]) == 0, command
        out = capsys.readouterr().out
        found = {path.rpartition(".")[2] for path in about_persons(json.loads(out))}
        assert found <= {"owner", "deputy", "signed", "acked_by", "name"}, command
        assert ANNA not in out, command
        assert BERT not in out, command


def test_the_configuration_is_asked_for_no_figure_of_a_person():
    schema = json.loads((Path(__file__).parents[2] / "docs" / "config.schema.json").read_text())
    found = {path.rpartition(".")[2] for path in about_persons(schema)}
    assert found <= {"owner", "deputy", "name", "username"}, "the register's, a plug-in's, a broker's login"


def test_records_name_people_where_they_speak_and_say_no_figure_of_them():
    schema = json.loads((Path(__file__).parents[2] / "docs" / "records.schema.json").read_text())
    members = {
        (name, member): body
        for name, kind in schema["$defs"].items()
        for member, body in kind["properties"].items()
        if is_about_a_person(member)
    }
    spoken = {("Outcome", "reviewer"), ("Event", "by"), ("Feedback", "by"), ("Command", "by")}
    assert set(members) == spoken | {("Model", "name")}
    assert {body["type"] for body in members.values()} == {"string"}


def test_a_planted_figure_of_a_person_is_found():
    class Planted(msgspec.Struct):
        finds_by_reviewer: dict[str, int]
        reporter: str

    assert members_about_persons({Planted}) == {("Planted", "finds_by_reviewer"), ("Planted", "reporter")}
    assert about_persons({"counts": {"finds": 3, ANNA: 2}}) == [f"counts.{ANNA}"]
    assert about_persons([{"per_operator": []}, {"audits": {"reviewers": 2}}]) == ["0.per_operator", "1.audits.reviewers"]
    assert is_about_a_person("linewarden_finds_by_reviewer")
    assert not is_about_a_person("done_by_role")
