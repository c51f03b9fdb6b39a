"""A line with everything that tells the truth: several sources, the audit planner, check parts, and people who report."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import msgspec

from agent.core.state import pack, unpack
from agent.records import Command, Commanded, Feedback, Inspected, Outcome, Told
from agent.store.reader import Reader
from tests.core.folding import START, line, part
from tests.crash.harness import darker

# In place of the one source of the plain scenario.
STATION = """
[stations.audits]
mode = "fraction"
fraction = 0.2
deadline_s = 900
[stations.feedback]
deadline_s = 1200
[stations.challenge]
every_parts = 500
grace_parts = 50
[[stations.challenge_sets]]
name = "holes"
failure_mode = "missing_hole"
parts = ["M1", "M2", "M3"]
[[stations.challenge_sets]]
name = "scratches"
failure_mode = "scratch"
[stations.outcomes]
audits_per_month = 40000
max_escape_ppm = 900
[[stations.outcomes.sources]]
name = "audit"
kind = "audit"
delay_s = 600
[[stations.outcomes.sources]]
name = "eol"
kind = "end_of_line"
delay_s = 500
confirmed = false
[[stations.outcomes.sources]]
name = "customer"
kind = "customer"
delay_s = 600
"""
MADE_S = 3.0
PARTS, HARMFUL, CHECK_EVERY = 3600, 1800, 400


def entries():
    """In time order: darker from part 1,200, bad parts passed from 1,800, masters missed from 2,400; reports in between."""
    found = [*line(3, HARMFUL, change=darker), *line(3, PARTS - HARMFUL, first=HARMFUL, escapes=0.12, change=darker)]
    found = [_told(entry, number) for number, entry in enumerate(found)]
    for k in range(CHECK_EVERY, PARTS, CHECK_EVERY):
        found += [_master(k, name, verdict="ok" if k >= 2400 and name == "M2" else "ng") for name in ("M1", "M2", "M3")]
        found += [_second_say(k + 5)]
    for number, k in enumerate(range(150, PARTS - 200, 150)):
        found += _reported(number, k)
    found.sort(key=_at)  # stable: what is said at the same time stays in this order
    for number, k in enumerate(range(900, PARTS, 900)):
        target = {"station": "ST4", "set": "scratches", "found": "5"}
        command = Commanded(Command(f"check-{number}", "record_challenge", "anna", "operator", target))
        found.insert(next(i for i, entry in enumerate(found) if getattr(entry.record, "part_id", "") == f"P{k:05d}"), command)
    return found


def _at(entry):
    record = entry.record
    return getattr(record, "captured_at", None) or getattr(record, "observed_at", None) or record.at


def _told(entry, number):
    if isinstance(entry, Inspected):
        return entry
    source = ("audit", "eol", "audit", "customer")[number % 4]
    drawn = entry.record.inclusion_probability if source == "audit" else None
    changes = {"source": source, "inclusion_probability": drawn, "reviewer": f"r{number % 3}"}
    return Told(msgspec.structs.replace(entry.record, **changes))


def _master(k, name, *, verdict):
    made = part(k, None, verdict=verdict)
    return Inspected(msgspec.structs.replace(made.record, part_id=name, captured_at=made.record.captured_at + timedelta(seconds=1)))


def _second_say(k):
    """Another source says the opposite of what most said."""
    at = START + timedelta(seconds=MADE_S * k + 301)
    return Told(Outcome(f"P{k:05d}", defective=True, observed_at=at, station="ST4", source="eol"))


def _reported(number, k):
    """A report, of a part or of the latest, and somebody who looks: some agree, some do not, some not in time."""
    at = START + timedelta(seconds=MADE_S * k + 0.5)
    named = f"P{k:05d}" if number % 3 else ""
    report = Told(Feedback("ST4", ("bad_passed", "looks_different")[number % 2], at, named, by="anna"))
    looks = [(k, 60, number % 4 == 0, "bert"), (k, 120, number % 8 == 0, "carl"), (k - 1, 130, False, "carl")]
    seen = [] if number % 5 == 0 else [_look(j, at + timedelta(seconds=after), defective=bad, by=by) for j, after, bad, by in looks]
    return [report, *seen]


def _look(k, at, *, defective, by):
    return Told(Outcome(f"P{k:05d}", defective=defective, observed_at=at, station="ST4", source="audit", reviewer=by))


def conclusions(state: Path):
    """What was asked for, answered, held and concluded, in order, and the accounts kept; what passes with time alone left out."""
    with Reader(state / "linewarden.db") as store:
        db: sqlite3.Connection = store._db
        kinds = ("audit", "feedback", "incident", "hold", "cmd_result")
        sent = db.execute(f"SELECT topic, payload FROM outbox WHERE kind IN {kinds} ORDER BY id").fetchall()
        (saved,) = db.execute("SELECT state FROM checkpoints ORDER BY seq DESC LIMIT 1").fetchone()
    station = unpack(saved)["stations"]["ST4"]
    station["verification"]["ledger"].pop("silent_s")
    rows = [(topic, json.loads(payload)) for topic, payload in sent]
    for _, document in rows:
        document.get("frozen", {}).pop("config_sha256", None)  # the state folder is in it
    return rows, {name: pack(station[name]) for name in ("verification", "challenges", "counters")}
