"""A model that was not approved, and the way to approve one: what is suspended, what is learned anew, what is kept."""

import json

import msgspec
import numpy as np
import pytest

from agent.documents import ModelChangeDoc
from agent.records import Command, Commanded, Inspected, Inspection, Model
from tests.core.folding import REGISTER, START, Folding, config, line, outcome, part, raw_rows

SETS = [
    {"name": "holes", "failure_mode": "hole", "parts": ["M1", "M2"], "size": 2},
    {"name": "good", "failure_mode": "hole", "known": "good", "parts": ["G1"], "size": 1},
]
NEW = Model("m2", "2.0", sha256="b" * 64)
NAMED = {"name": "m2", "version": "2.0", "sha256": "b" * 64}


def by(model, p=None):
    """The same entries, judged by another model, at another score."""

    def change(entry):
        if not isinstance(entry, Inspected):
            return entry
        told = {"model": model} if p is None else {"model": model, "p_defect": p}
        return msgspec.structs.replace(entry, record=msgspec.structs.replace(entry.record, **told))

    return change


def order(folding, verb, number, *, who="anna", role="quality", comparison=None, **target):
    given = Command(f"r{number}", verb, who, role, {"station": "ST4", **target}, "a reason", comparison=comparison)
    effects = folding.fold(Commanded(given, received_at=START))
    folding.changes = [*getattr(folding, "changes", []), *effects.models]
    return json.loads(next(m.payload for m in effects.messages if m.kind == "cmd_result"))


def shown(master, verdict, model=NEW, k=2000):
    at = part(k, None).record.captured_at
    return Inspected(Inspection(master, "ST4", at, verdict, 0.9, recipe="A", model=model))


def scores(folding):
    return {s.stream.split("/")[4]: s for s in folding.station.streams if s.stream.startswith("scores/")}


@pytest.fixture(scope="module")
def learned():
    """A station with everything armed under m1, as bytes."""
    folding = Folding(config(challenge_sets=SETS)).all(line(1, 1000))
    assert {s.state for s in folding.station.streams if s.stream.startswith(("imaging", "scores"))} == {"armed"}
    return folding.core.save(), folding.history.rows


def station(learned, **changes):
    folding = Folding(config(**{"challenge_sets": SETS, **changes}))
    folding.history.rows = dict(learned[1])
    folding.core.load(learned[0])
    return folding


# --- a silent change --------------------------------------------------------------------------------------------------------


def test_scores_of_a_model_nobody_approved_are_neither_judged_nor_learned_while_imaging_goes_on(learned):
    folding = station(learned, challenge_sets=[])
    silent = [by(NEW, p=0.3)(entry) for entry in line(1, 1500, first=1000)]
    folding.all(silent)
    assert {a.alarm_id for a in folding.alarms} == {"model-changed"}
    assert list(scores(folding)) == ["m1"], "no stream of the other model has begun"
    assert scores(folding)["m1"].state == "suspended"
    assert "nobody approved" in scores(folding)["m1"].detail
    assert folding.station.counters["scores_not_approved"] == 1500
    assert "scores" not in folding.core._stations["ST4"].watched
    imaging = next(s for s in folding.station.streams if s.stream.startswith("imaging"))
    assert (imaging.state, imaging.parts) == ("armed", 2500)


def test_the_approved_model_s_scores_go_on_where_they_stood_once_it_is_back(learned):
    folding = station(learned)
    folding.all(by(NEW)(entry) for entry in line(1, 50, first=1000))
    folding.all(line(1, 50, first=1050))
    assert (scores(folding)["m1"].state, scores(folding)["m1"].parts) == ("armed", 1050)


def test_a_changed_runtime_suspends_scores_and_a_changed_threshold_does_not(learned):
    folding = station(learned)
    folding.all(by(Model("m1", runtime="ort 1", threshold=0.5))(entry) for entry in line(1, 20, first=1000))
    folding.all(by(Model("m1", runtime="ort 1", threshold=0.4))(entry) for entry in line(1, 20, first=1020))
    assert scores(folding)["m1"].state == "armed"
    folding.all(by(Model("m1", runtime="ort 2", threshold=0.5))(entry) for entry in line(1, 20, first=1040))
    assert scores(folding)["m1"].state == "suspended"


def test_an_unapproved_model_that_passes_bad_parts_is_found_against_the_claims_of_the_approved_one(learned):
    folding = station(learned)
    assert folding.station.outcome_state == "armed"
    folding.all(by(NEW, p=0.01)(entry) for entry in line(1, 900, first=1000, escapes=0.3))
    assert "bad-parts-passed" in {a.alarm_id for a in folding.alarms}
    truth = folding.core._stations["ST4"].truth
    assert list(truth.save()["claims"]) == ["main/A/m1"]
    assert truth.save()["learning"] == {}


def test_claims_are_not_learned_from_parts_of_an_unapproved_model():
    folding = Folding().all(line(1, 200)).all(by(NEW)(entry) for entry in line(1, 300, first=200))
    folding.all(line(1, 290, first=500))
    rows = folding.core._stations["ST4"].truth.save()["learning"]["main/A/m1"]
    assert rows
    assert not [index for index, _, _ in rows if 200 < index <= 500]
    assert max(index for index, _, _ in rows) > 500


# --- planned ----------------------------------------------------------------------------------------------------------------


def test_a_planned_and_approved_model_takes_over_without_an_alarm_and_its_scores_alone_learn_anew(learned):
    folding = station(learned, challenge_sets=[])
    assert order(folding, "plan_model", 1, **NAMED)["accepted"]
    answer = order(folding, "approve_model", 2, who="bert")
    assert answer["detail"].startswith("approved: m2 2.0 (bbbbbbbb) at ST4")
    folding.all(line(1, 20, first=1000))
    assert folding.station.models[0].state == "admitted"
    folding.all(by(NEW)(entry) for entry in line(1, 500, first=1020))
    assert folding.alarms == []
    kept = {s.stream.split("/")[0]: s for s in folding.station.streams}
    assert (kept["imaging"].state, kept["imaging"].parts) == ("armed", 1520)
    assert list(scores(folding)) == ["m2 2.0 bbbbbbbbbbbb"]
    assert (kept["scores"].state, kept["scores"].parts) == ("learning", 500)
    assert folding.station.models[0].approved == "m2 2.0 (bbbbbbbb)"
    folding.all(line(1, 20, first=1600))
    assert {a.alarm_id for a in folding.alarms} == {"model-changed"}, "the one before is not approved any more"


def test_a_plan_alone_approves_nothing(learned):
    folding = station(learned)
    order(folding, "plan_model", 1, **NAMED)
    folding.all(by(NEW)(entry) for entry in line(1, 20, first=1000))
    assert {a.alarm_id for a in folding.alarms} == {"model-changed"}
    assert scores(folding)["m1"].state == "suspended"


def test_approval_is_refused_until_every_set_was_found_whole_by_the_planned_model(learned):
    folding = station(learned)
    order(folding, "plan_model", 1, **NAMED)
    refused = order(folding, "approve_model", 2, who="bert")
    assert refused["detail"] == (
        "set holes (hole): 0 of 2 found in a row by the planned model; set good (hole): 0 of 1 found in a row by the planned model"
    )
    for k, (master, verdict) in enumerate([("M1", "ng"), ("M2", "ok"), ("M2", "ng"), ("G1", "ok"), ("M2", "ng")]):
        folding.fold(shown(master, verdict, k=2000 + k))
    assert order(folding, "approve_model", 3, who="bert")["detail"].startswith("set holes (hole): 1 of 2")
    folding.fold(shown("M1", "ng", k=2010))
    assert order(folding, "approve_model", 4, who="bert")["accepted"]
    document = folding.changes[-1]
    assert isinstance(document, ModelChangeDoc)
    holes = document.challenges[0]
    assert (holes.presented, holes.missed, holes.found, holes.needed) == (5, 1, 2, 2)
    assert (document.state, document.lacking, document.approved_by_role) == ("approved", (), "quality")


def test_check_parts_under_the_planned_model_are_no_check_of_the_one_that_judges(learned):
    folding = station(learned)
    folding.all(shown(master, "ng", Model("m1"), 2000 + k) for k, master in enumerate(["M1", "M2"]))
    assert next(c for c in folding.station.challenges if c.set == "holes").done == 1
    order(folding, "plan_model", 1, **NAMED)
    folding.all(shown(master, "ng", NEW, 2010 + k) for k, master in enumerate(["M1", "M2"]))
    holes = next(c for c in folding.station.challenges if c.set == "holes")
    assert (holes.done, holes.presented) == (1, 2)
    assert (folding.station.model_change.challenges[0].before_presented, folding.station.model_change.challenges[0].found) == (2, 2)


@pytest.mark.parametrize(("tier", "accepted"), [(1, False), (2, False), (3, True)])
def test_in_the_grave_tiers_another_person_must_approve(learned, tier, accepted):
    folding = station(learned, tier=tier, challenge_sets=[])
    order(folding, "plan_model", 1, **NAMED)
    answer = order(folding, "approve_model", 2)
    assert answer["accepted"] is accepted
    if not accepted:
        assert "a second person must approve" in answer["detail"]
        assert order(folding, "approve_model", 3, who="bert")["accepted"]


@pytest.mark.parametrize(
    ("target", "role", "said"),
    [
        (NAMED, "operator", "role must be one of"),
        ({}, "quality", "name the model"),
        ({"name": "m1"}, "quality", "m1 is approved there already"),
        ({"now": "yes"}, "quality", "m1 is approved there already"),
        ({**NAMED, "threshold": "half"}, "quality", "threshold must be a number"),
        ({**NAMED, "recipe": "Z"}, "quality", "nothing was judged there yet"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(learned, target, role, said):
    assert said in order(station(learned), "plan_model", 1, role=role, **target)["detail"]


def test_what_the_plan_told_of_a_model_besides_its_records_stays_part_of_what_is_approved(learned):
    folding = station(learned, challenge_sets=[])
    order(folding, "plan_model", 1, **NAMED)
    order(folding, "approve_model", 2)
    folding.all(by(Model("m2", "2.0"))(entry) for entry in line(1, 20, first=1000))
    assert folding.alarms == []
    folding.all(by(Model("m2", "2.0", sha256="c" * 64))(entry) for entry in line(1, 5, first=1020))
    assert {a.alarm_id for a in folding.alarms} == {"model-changed"}


def test_a_view_that_shows_no_masters_needs_none_for_its_model():
    folding = Folding(config(challenge_sets=SETS, views=["main", "side"]))
    values = raw_rows(np.random.default_rng(0), 40)
    for k in range(20):
        folding.fold(part(k, values[k]))
        folding.fold(part(k, values[20 + k], view="side"))
    order(folding, "plan_model", 1, view="side", **NAMED)
    assert folding.station.model_change.lacking == ()
    assert order(folding, "approve_model", 2)["accepted"]
    assert {m.view: m.state for m in folding.station.models} == {"main": "approved", "side": "admitted"}


def test_nothing_is_approved_that_was_not_planned(learned):
    assert order(station(learned), "approve_model", 1)["detail"] == "no model is planned"


# --- after the fact ---------------------------------------------------------------------------------------------------------


def test_what_somebody_changed_silently_is_planned_and_approved_as_it_judges_and_its_alarm_ends(learned):
    folding = station(learned, challenge_sets=[])
    folding.all(by(NEW)(entry) for entry in line(1, 20, first=1000))
    assert order(folding, "plan_model", 1, now="yes")["detail"].startswith("planned: m2 2.0 (bbbbbbbb)")
    assert order(folding, "approve_model", 2)["accepted"]
    assert [a.transition for a in folding.alarms] == ["NORM→UNACK", "UNACK→RTNUN", "RTNUN→NORM"]
    folding.all(by(NEW)(entry) for entry in line(1, 30, first=1020))
    assert len(folding.alarms) == 3
    assert list(scores(folding)) == ["m2 2.0 bbbbbbbbbbbb"]


def test_accepting_the_identity_is_a_plan_and_an_approval_under_the_same_conditions(learned):
    folding = station(learned, tier=2)
    folding.all(by(NEW)(entry) for entry in line(1, 20, first=1000))
    assert order(folding, "accept_baseline", 1, stream="identity")["detail"].startswith("planned: m2")
    assert "found in a row" in order(folding, "accept_baseline", 2, who="bert", stream="identity")["detail"]
    folding.all(shown(m, v, NEW, 3000 + k) for k, (m, v) in enumerate([("M1", "ng"), ("M2", "ng"), ("G1", "ok")]))
    assert "second person" in order(folding, "accept_baseline", 3, stream="identity")["detail"]
    assert order(folding, "accept_baseline", 4, who="bert", stream="identity")["accepted"]


def test_a_new_runtime_of_the_same_name_relearns_scores_and_claims_and_a_new_threshold_scores_alone(learned):
    folding = station(learned, challenge_sets=[])
    folding.all(by(Model("m1", runtime="ort 1", threshold=0.5))(entry) for entry in line(1, 10, first=1000))
    truth = folding.core._stations["ST4"].truth
    order(folding, "plan_model", 1, name="m1", threshold="0.4")
    order(folding, "approve_model", 2)
    folding.all(by(Model("m1", runtime="ort 1", threshold=0.4))(entry) for entry in line(1, 10, first=1010))
    assert (scores(folding)["m1"].state, scores(folding)["m1"].parts) == ("learning", 10)
    assert list(truth.save()["claims"]) == ["main/A/m1"]
    order(folding, "plan_model", 3, name="m1", runtime="ort 2")
    order(folding, "approve_model", 4)
    folding.all(by(Model("m1", runtime="ort 2", threshold=0.4))(entry) for entry in line(1, 10, first=1020))
    assert scores(folding)["m1"].parts == 10
    assert truth.save()["claims"] == {}
    assert folding.alarms == []


def test_an_alarm_of_the_old_model_s_scores_ends_when_another_is_approved(learned):
    folding = station(learned, challenge_sets=[])
    folding.all(by(Model("m1"), p=0.45)(entry) for entry in line(1, 400, first=1000))
    assert "model-scores" in {a.alarm_id for a in folding.alarms}
    order(folding, "plan_model", 1, **NAMED)
    order(folding, "approve_model", 2)
    folding.all(by(NEW)(entry) for entry in line(1, 20, first=1400))
    assert folding.core._stations["ST4"].book.get("model-scores").state == "NORM"


def test_a_changeover_of_the_model_makes_a_check_due_and_ends_clean_runs(learned):
    folding = station(learned)
    folding.all(shown(m, "ng", Model("m1"), 2000 + k) for k, m in enumerate(["M1", "M2"]))
    folding.fold(shown("G1", "ok", Model("m1"), 2005))
    challenges = folding.core._stations["ST4"].challenges
    assert challenges.checks["holes"].reason == ""
    assert challenges.save()["clean"]["hole"]
    folding.fold(by(NEW)(part(2100, raw_rows(np.random.default_rng(0), 1)[0])))
    assert challenges.checks["holes"].reason == "changeover"
    assert challenges.save()["clean"]["hole"] == []


def test_a_plan_goes_on_after_a_restart_at_any_step(learned):
    entries = [by(NEW)(entry) for entry in line(1, 30, first=1000)]
    trial = [shown(m, v, NEW, 3000 + k) for k, (m, v) in enumerate([("M1", "ng"), ("M2", "ng"), ("G1", "ok")])]
    states = []
    for restarts in (False, True):
        folding = station(learned, tier=1)
        again = folding.restarted if restarts else lambda folding=folding: folding
        order(again(), "plan_model", 1, **NAMED)
        for entry in trial:
            again().fold(entry)
        order(again(), "approve_model", 2, who="bert")
        for entry in entries:
            again().fold(entry)
        again().fold(outcome(1010, defective=False))
        states.append(folding.core.save())
        assert folding.station.models[0].state == "approved"
    assert states[0] == states[1]


def test_what_a_plan_keeps_names_no_person(learned):
    folding = station(learned, challenge_sets=[])
    order(folding, "plan_model", 1, who="zyx-anna", **NAMED)
    order(folding, "approve_model", 2, who="zyx-bert")
    told = msgspec.json.encode(folding.changes)
    assert b"zyx" not in told
    assert b"a reason" in told
    assert REGISTER["owner"].encode() not in told
