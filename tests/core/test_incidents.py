"""An incident from its first alarm to the owner's signature."""

import msgspec
import pytest

from agent.core.causes import CAUSES
from agent.core.holds import Containment
from agent.documents import IncidentDoc
from agent.records import Command, Commanded, Event, Tick, Told
from agent.taxonomy import FOUND
from tests.core.folding import REGISTER, START, Folding, config, line, part
from tests.core.test_fold import darker

PLAN = [
    {"cause": "lamp", "step": "replace the lamp", "role": "maintenance", "within_min": 60},
    {"step": "run the check parts", "role": "operator"},
    {"cause": "clock", "step": "set the clock", "role": "engineer"},
]
SIGNED = {"by": REGISTER["owner"], "role": "owner", "verdict": "harmless", "cause": "lamp", "effectiveness": "200 parts re-checked"}


@pytest.fixture(scope="module")
def darkened():
    """A station whose picture became darker, still so, as bytes."""
    folding = Folding(config(response=PLAN))
    folding.all(line(1, 1000))
    folding.fold(Told(Event("ST4", "lamp", START, "changed")))
    folding.all(line(1, 500, first=1000, change=darker))
    return folding.core.save(), folding.history, folding.alarms


@pytest.fixture
def dark(darkened):
    folding = Folding(config(response=PLAN))
    folding.history.rows = dict(darkened[1].rows)
    folding.core.load(darkened[0])
    folding.alarms = list(darkened[2])
    return folding


def incident(folding) -> IncidentDoc:
    return folding.core.view().incidents[-1]


def order(folding, verb, number=1, *, by="anna", role="operator", reason="", **target):
    given = {"incident": incident(folding).incident, **target}
    effects = folding.fold(Commanded(Command(f"r{number}", verb, by, role, given, reason), START))
    return msgspec.json.decode(next(m.payload for m in effects.messages if m.kind == "cmd_result"))


def returned(folding):
    """The picture is bright again, and the alarms are acknowledged."""
    for alarm in [alarm for alarm in folding.core.view().alarms if alarm.active]:
        command = Command(f"ack {alarm.alarm_id}", "ack", "anna", "operator", {"occurrence_id": alarm.occurrence_id})
        folding.fold(Commanded(command, START))
    folding.all(line(1, 1500, first=1500))
    assert incident(folding).over_at is not None
    return folding


def test_what_was_so_at_the_first_alarm_is_written_down_and_stays(dark):
    frozen = incident(dark).frozen
    assert frozen.model == "m1"
    assert len(frozen.config_sha256) == 64
    assert (frozen.owner, frozen.tier) == (REGISTER["owner"], REGISTER["tier"])
    assert frozen.log_from < incident(dark).onset.earliest_at
    assert [event.kind for event in frozen.events if event.kind == "lamp"] == ["lamp"]
    worst = frozen.readings[0]
    assert worst.evidence >= max(reading.evidence for reading in frozen.readings if reading.threshold == worst.threshold)
    dark.all(part(k, None) for k in range(5000, 5100))
    dark.fold(Told(Event("ST4", "cleaning", START, "late")))
    assert incident(dark).frozen == frozen


def test_another_configuration_has_another_hash():
    hashes = set()
    for owner in ("A", "B"):
        folding = Folding(config(owner=owner))
        folding.all(line(1, 1000))
        folding.all(line(1, 500, first=1000, change=darker))
        hashes.add(incident(folding).frozen.config_sha256)
    assert len(hashes) == 2


def test_the_plan_s_steps_follow_the_named_causes_and_what_was_done_is_kept_by_role(dark):
    named = {cause.cause for cause in incident(dark).causes}
    assert "lamp" in named
    assert incident(dark).steps[0].step == "run the check parts"
    assert "set the clock" not in [step.step for step in incident(dark).steps]
    assert order(dark, "respond", 1, step="2", reason="15 of 15")["accepted"]
    assert order(dark, "respond", 2, by="bert", role="maintenance", step="1")["accepted"]
    assert order(dark, "respond", 3, reason="told the next shift")["accepted"]
    done = {step.number: (step.done_by_role, step.note) for step in incident(dark).steps if step.done_at is not None}
    assert done == {2: ("operator", "15 of 15"), 1: ("maintenance", ""), 0: ("operator", "")}
    assert b"bert" not in msgspec.json.encode(incident(dark))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"step": "1"}, "step 1 is for maintenance"),
        ({"step": "9"}, "no step 9"),
        ({"step": "two"}, "no step two"),
        ({}, "say what was done"),
    ],
)
def test_a_step_is_done_by_its_role_and_only_where_the_plan_has_it(dark, given, said):
    assert said in order(dark, "respond", **given)["detail"]
    assert all(step.done_at is None for step in incident(dark).steps)


def test_a_step_is_done_once(dark):
    assert order(dark, "respond", 1, step="2")["accepted"]
    assert "done already" in order(dark, "respond", 2, step="2")["detail"]


def test_an_incident_is_not_closed_while_its_alarms_stand(dark):
    result = order(dark, "close_incident", **SIGNED)
    assert not result["accepted"]
    assert "alarms of it stand" in result["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "quality"}, "role must be owner or deputy"),
        ({"by": "somebody"}, "the owner's name must be as the register has it"),
        ({"by": REGISTER["owner"], "role": "deputy"}, "the deputy's name must be as the register has it"),
        ({"verdict": "fine"}, "verdict must be one of real, harmless, unknown"),
        ({"cause": "gremlins"}, "cause must be one of"),
        ({"effectiveness": " "}, "say what was checked afterwards"),
    ],
)
def test_closing_needs_the_owner_a_verdict_a_cause_and_a_check_of_effectiveness(dark, change, said):
    returned(dark)
    result = order(dark, "close_incident", **{**SIGNED, **change})
    assert not result["accepted"]
    assert said in result["detail"]
    assert incident(dark).open


def test_a_harmless_incident_s_alarms_stand_beside_the_budget(dark):
    returned(dark)
    before = dark.station.review
    assert before.raised == before.waiting > 0
    assert order(dark, "close_incident", **SIGNED)["accepted"]
    closed = incident(dark)
    assert (closed.open, closed.closing.verdict, closed.closing.group, closed.closing.signed) == (
        False,
        "harmless",
        "imaging",
        REGISTER["owner"],
    )
    after = dark.station.review
    assert (after.harmless, after.waiting, after.budget_per_month) == (before.raised, 0, 0.5)
    assert 0 < after.months < 0.1
    assert "is closed" in order(dark, "close_incident", 2, **SIGNED)["detail"]


def test_an_incident_with_a_hold_is_closed_once_every_part_is_disposed_of(dark):
    returned(dark)
    station = dark.core._stations["ST4"]
    station.incidents.hold(Containment(100, verified=False), 400)
    assert "it still grows" in order(dark, "close_incident", 1, **SIGNED)["detail"]
    station.incidents.covered(400, "check", START)
    assert "301 of 301 parts are open" in order(dark, "close_incident", 2, **SIGNED)["detail"]
    disposed = {"by": "q", "role": "quality", "reason": "sorted", "kind": "sorted", "all": "yes"}
    assert order(dark, "dispose", 3, **disposed)["accepted"]
    assert order(dark, "close_incident", 4, **SIGNED)["accepted"]


def test_what_is_raised_after_an_incident_is_over_is_another_one_and_both_wait(dark):
    returned(dark)
    first = incident(dark).incident
    dark.all(line(1, 600, first=3000, change=darker))
    shown = [one.incident for one in dark.core.view().incidents]
    assert shown[0] == first
    assert len(shown) == 2
    assert order(dark, "close_incident", **{**SIGNED, "incident": first})["accepted"]


def test_a_feed_that_fell_silent_and_came_back_needs_nobody_s_verdict():
    folding = Folding()
    folding.all(part(k, None) for k in range(100))
    at = START
    for _ in range(60):
        folding.fold(Tick(at, 10.0))
    (silent,) = [alarm for alarm in folding.alarms if alarm.alarm_id == "not-monitored"]
    folding.all(part(k, None) for k in range(300, 320))
    folding.fold(Commanded(Command("a", "ack", "anna", "operator", {"occurrence_id": silent.occurrence_id}), START))
    closed = incident(folding)
    assert not closed.open
    assert closed.closing is None
    assert folding.station.review.raised == 0


def test_an_incident_is_the_same_after_a_restart_at_any_step(dark):
    other = Folding(config(response=PLAN))
    other.history = dark.history
    other.core.load(dark.core.save())
    returned(dark)
    for alarm in [alarm for alarm in other.core.view().alarms if alarm.active]:
        command = Command(f"ack {alarm.alarm_id}", "ack", "anna", "operator", {"occurrence_id": alarm.occurrence_id})
        other.restarted().fold(Commanded(command, START))
    other.all(line(1, 1500, first=1500))
    for number, (verb, given) in enumerate([("respond", {"step": "2"}), ("close_incident", SIGNED)]):
        assert order(dark, verb, number, **given) == order(other.restarted(), verb, number, **given)
        assert dark.core.save() == other.core.save()


def test_every_cause_that_can_be_ranked_can_be_found():
    assert set(CAUSES["en"]) <= set(FOUND)
