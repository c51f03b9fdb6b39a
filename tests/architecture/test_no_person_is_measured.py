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
from agent.cli import main as command_line
from agent.core.fold import Core
from agent.ports import Snapshot
from agent.records import Command, Commanded, Event, Outcome, Told
from agent.runtime.snapshots import SnapshotBox
from agent.state_folder import STORE_NAME
from agent.store.writer import SqliteStore
from agent.views.prometheus.metrics import SnapshotCollector
from tests.core.folding import REGISTER, START, config, line
from tests.core.test_holds import boxed

PERSONS = {"by", "who", "user", "person", "operator", "inspector", "reviewer", "employee", "worker", "name", "signed", "acked_by"}
PERSONS |= {"owner", "deputy"}
# Where a name is the point: who answers, who signed, who saw it.
SIGNATURES = {("AlarmDoc", "acked_by"), ("ClosingDoc", "signed"), ("FrozenDoc", "owner"), ("FrozenDoc", "deputy")}
ANNA, BERT = "zyx-anna", "zyx-bert"


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
    members = {(kind.__name__, field) for kind in found for field in kind.__struct_fields__}
    assert {member for member in members if member[1] in PERSONS} == SIGNATURES
    hints = {(kind.__name__, name): hint for kind in found for name, hint in typing.get_type_hints(kind).items()}
    assert {hints[member] for member in SIGNATURES} == {str}


def test_nothing_that_is_shown_has_a_member_for_a_person():
    views = [value for value in vars(ports).values() if isinstance(value, type) and value.__module__ == "agent.ports"]
    members = {(v.__name__, name) for v in views for name in getattr(v, "__dataclass_fields__", {})}
    assert len(members) > 50
    named = {member for member in members if member[1] in PERSONS}
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
    assert not labels & (PERSONS - {"name"})
    text = generate_latest(registry)
    assert b"linewarden_hold_parts" in text
    assert not [name for name in (ANNA, BERT, *REGISTER.values()) if str(name).encode() in text and name not in ("", 3)]


def test_no_table_has_a_column_for_a_person(station):
    with SqliteStore(station[0] / STORE_NAME, keep_days=400, max_mb=64)._tx.connection as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ]
        columns = {(table, row[1]) for table in tables for row in db.execute(f"PRAGMA table_info({table})")}
    assert len(columns) > 50
    # `names` holds stations, taps and sources; `boxes.name` is a box
    assert {column for column in columns if column[1] in PERSONS} == {("names", "name"), ("boxes", "name")}


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
