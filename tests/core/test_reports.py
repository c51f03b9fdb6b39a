"""What people at the line report: looked at blind, decided, answered, and in no rate."""

import json
from datetime import timedelta

import pytest

from agent.core import reports
from agent.core.feedback_texts import ANSWERS
from agent.core.texts import CATALOGUES
from agent.records import Feedback, Outcome, Told, decode, identity, report_name
from tests.core.folding import START, Folding, config, part

OFF = {"mode": "none"}
DRAWN = {"mode": "fraction", "fraction": 0.999, "near_share": 0.0}
CENSUS = {"sources": [{"name": "eol", "kind": "end_of_line", "coverage": "census", "delay_s": 600}]}


def made(count=40, *, rejects=(), outcomes=OFF, **station):
    return Folding(config(outcomes=outcomes, **station)).all(
        part(k, None, p=0.9 if k in rejects else 0.02, verdict="ng" if k in rejects else "ok") for k in range(count)
    )


def told(saw="bad_passed", *, k=20, part_id=None, by="anna", **more):
    at = START + timedelta(seconds=3.0 * k)
    return Told(Feedback("ST4", saw, at, f"P{k:05d}" if part_id is None else part_id, by=by, **more))


def look(k, *, defective, by="", after_s=60.0, **more):
    at = START + timedelta(seconds=3.0 * k + after_s)
    return Told(Outcome(f"P{k:05d}", defective=defective, observed_at=at, station="ST4", reviewer=by, **more))


def documents(folding, kind="feedback"):
    return [json.loads(m.payload) for m in folding.messages if m.kind == kind]


def ended(folding):
    """State and answer of each document of the last report."""
    return [(doc["state"], doc["answer"]) for doc in documents(folding)]


def test_a_named_part_is_asked_for_and_the_report_is_answered_when_somebody_else_agrees():
    folding = made()
    assert folding.fold(told()).became == "asked"
    (request,) = documents(folding, "audit")
    assert (request["part_id"], request["reason"]) == ("P00020", "sample")
    folding.fold(look(20, defective=True, by="bert"))
    first, last = documents(folding)
    assert (first["state"], first["parts"]) == ("open", ["P00020"])
    assert (last["state"], last["answer"], last["part_id"]) == ("answered", "confirmed", "P00020")
    assert last["feedback"] == first["feedback"] == report_name(told().record)
    assert f"feedback/{last['feedback']}" in {m.topic for m in folding.messages}


def test_whoever_looks_again_is_told_nothing_that_tells_the_part_from_a_drawn_one():
    drawn = made(1, outcomes={"mode": "sample", "delay_s": 600, "audits_per_month": 100_000}, audits=DRAWN)
    (of_draw,) = documents(drawn, "audit")
    folding = made(1)
    folding.fold(told(k=0, note="anna saw a scratch"))
    (of_report,) = documents(folding, "audit")
    assert of_report.keys() == of_draw.keys() - {"inclusion_probability"}
    secret = {"deadline", "inclusion_probability"}
    assert {k: v for k, v in of_report.items() if k not in secret} == {k: v for k, v in of_draw.items() if k not in secret}
    assert "scratch" not in json.dumps(documents(folding, "audit"))


def test_who_reported_it_is_no_second_opinion():
    folding = made()
    folding.fold(told(by="anna"))
    folding.fold(look(20, defective=True, by="anna"))
    assert ended(folding) == [("open", "asked")]
    assert folding.station.feedback.counts["same_reviewer"] == 1
    assert folding.station.audits.waiting == 1, "it is still asked for"


@pytest.mark.parametrize(("second", "answer"), [(True, "confirmed"), (False, "not_confirmed")])
def test_where_reporter_and_reviewer_differ_a_third_person_decides(second, answer):
    folding = made()
    folding.fold(told(by="anna"))
    folding.fold(look(20, defective=False, by="bert"))
    assert [doc["reason"] for doc in documents(folding, "audit")] == ["sample", "second look"]
    folding.fold(look(20, defective=second, by="bert", after_s=70.0))
    assert ended(folding) == [("open", "asked")], "the same reviewer again decides nothing"
    folding.fold(look(20, defective=second, by="carl", after_s=90.0))
    assert ended(folding) == [("open", "asked"), ("answered", answer)]
    assert bool(folding.alarms) is second


def test_a_good_part_rejected_is_confirmed_by_whoever_finds_it_good_and_raises_nothing():
    folding = made(rejects={20})
    folding.fold(told("good_rejected"))
    folding.fold(look(20, defective=False, by="bert"))
    assert ended(folding)[-1] == ("answered", "confirmed")
    assert folding.alarms == []


@pytest.mark.parametrize("claim", ["looks_different", "other"])
def test_without_a_claim_a_good_one_is_good_at_once_and_a_bad_one_needs_a_second_look(claim):
    good, bad = made(), made()
    good.fold(told(claim))
    good.fold(look(20, defective=False, by="bert"))
    assert ended(good)[-1] == ("answered", "found_good")
    bad.fold(told(claim))
    bad.fold(look(20, defective=True, by="bert"))
    assert bad.alarms == []
    bad.fold(look(20, defective=True, by="carl", after_s=90.0))
    assert ended(bad)[-1] == ("answered", "found_bad")
    assert [alarm.alarm_id for alarm in bad.alarms] == [reports.ALARM]


def test_without_a_part_the_latest_passed_by_then_are_asked_for():
    folding = made(rejects={18, 19})
    folding.fold(told(k=20, part_id=""))
    assert {doc["part_id"] for doc in documents(folding, "audit")} == {f"P{k:05d}" for k in (20, 17, 16, 15, 14)}
    for k in (20, 17, 16, 15):
        folding.fold(look(k, defective=False, by="bert"))
    assert ended(folding) == [("open", "asked")]
    folding.fold(look(14, defective=True, by="bert", after_s=90))
    assert ended(folding)[-1] == ("answered", "confirmed")
    assert documents(folding)[-1]["part_id"] == "P00014"


def test_bad_ones_beyond_the_first_are_still_noticed_after_the_answer():
    folding = made()
    folding.fold(told(k=20, part_id=""))
    folding.fold(look(20, defective=True, by="bert"))
    folding.fold(look(19, defective=True, by="bert"))
    assert folding.station.feedback.counts["bad_parts_passed"] == 2
    assert folding.station.feedback.waiting == 0


def test_rejected_ones_are_meant_where_good_parts_were_rejected():
    folding = made(rejects={3, 9, 30})
    folding.fold(told("good_rejected", k=20, part_id=""))
    assert {doc["part_id"] for doc in documents(folding, "audit")} == {"P00003", "P00009"}


def test_a_part_that_is_not_known_yet_is_asked_for_once_it_comes():
    folding = made(20)
    assert folding.fold(told(k=20)).became == "waiting"
    assert documents(folding, "audit") == []
    folding.fold(part(20, None))
    assert [doc["part_id"] for doc in documents(folding, "audit")] == ["P00020"]
    assert ended(folding) == [("open", "waiting"), ("open", "asked")]


def test_where_no_part_was_made_about_then_it_is_said_at_once():
    folding = made(20, feedback={"window_s": 60})
    assert folding.fold(told(k=200, part_id="")).became == "no_part"
    assert ended(folding) == [("answered", "no_part")]
    assert folding.fold(told(k=-5, part_id="")).became == "no_part"


def test_what_is_not_answered_in_time_is_overdue_counted_once_and_still_answered_later():
    folding = made(feedback={"deadline_s": 60})
    folding.fold(told())
    folding.all(part(k, None) for k in range(40, 100))
    assert ended(folding) == [("open", "asked"), ("overdue", "overdue")]
    assert (folding.station.feedback.overdue, folding.station.feedback.counts["overdue"]) == (1, 1)
    folding.fold(look(20, defective=True, by="bert", after_s=400))
    assert ended(folding)[-1] == ("answered", "confirmed")
    assert folding.station.feedback.overdue == 0


def test_a_part_that_never_comes_is_answered_so():
    folding = made(20, feedback={"deadline_s": 60})
    folding.fold(told(part_id="NONE"))
    folding.all(part(k, None) for k in range(20, 60))
    assert ended(folding)[-1] == ("answered", "unknown_part")
    assert folding.core._stations["ST4"].verification.reports._by_part == {}


def test_a_confirmed_bad_part_that_had_passed_opens_an_incident_named_in_the_answer():
    folding = made()
    folding.fold(told())
    folding.fold(look(20, defective=True, by="bert"))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.priority, "P00020" in alarm.text) == (reports.ALARM, "critical", True)
    assert alarm.incident
    assert documents(folding)[-1]["incident"] == alarm.incident
    assert folding.incidents[-1].harm == "shown"


def test_the_alarm_is_over_when_the_time_for_a_report_passed_without_another():
    folding = made(feedback={"deadline_s": 120})
    folding.fold(told())
    folding.fold(look(20, defective=True, by="bert"))
    folding.all(part(k, None) for k in range(40, 140))
    assert [alarm.active for alarm in folding.alarms] == [True, False]


def test_a_station_that_is_not_registered_answers_and_raises_nothing():
    folding = made(owner=None)
    folding.fold(told())
    folding.fold(look(20, defective=True, by="bert"))
    assert ended(folding)[-1] == ("answered", "confirmed")
    assert folding.alarms == []


def figures(folding):
    station = folding.station
    return (station.audits_judged, station.observed_escapes, station.claimed_escapes, station.outcome_evidence)


@pytest.mark.parametrize("defective", [True, False])
def test_what_is_found_because_of_a_report_enters_no_rate(defective):
    sample = {"mode": "sample", "delay_s": 600, "audits_per_month": 100_000}
    folding, without = made(outcomes=sample), made(outcomes=sample)
    folding.fold(told())
    folding.fold(look(20, defective=defective, by="bert", inclusion_probability=0.5))
    for each in (folding, without):
        each.all(part(k, None) for k in range(40, 400))
    assert figures(folding) == figures(without)
    assert folding.station.counters["outcomes_not_counted"] == 1


def test_a_drawn_part_that_is_also_reported_counts_by_its_draw():
    outcomes = {"mode": "sample", "delay_s": 600, "audits_per_month": 100_000}
    folding = made(outcomes=outcomes, audits={**DRAWN, "deadline_s": 500})
    folding.fold(told())
    assert folding.station.audits.counts.get("feedback", 0) == 0, "it is asked for already"
    folding.fold(look(20, defective=False, by="bert"))
    assert folding.station.counters["outcomes_matched"] == 1
    assert [doc["reason"] for doc in documents(folding, "audit")][-1] == "second look"


def test_a_test_of_all_parts_counts_a_reported_one_as_any_other():
    folding = made(outcomes=CENSUS)
    folding.fold(told())
    folding.fold(look(20, defective=True, source="eol"))
    assert folding.station.counters["outcomes_matched"] == 1
    assert ended(folding)[-1] == ("answered", "confirmed")


def test_those_who_notice_by_chance_are_no_second_opinion():
    sources = [*CENSUS["sources"], {"name": "line", "kind": "operator"}]
    folding = made(outcomes={"sources": sources})
    folding.fold(told())
    folding.fold(look(20, defective=True, by="bert", source="line"))
    assert ended(folding) == [("open", "asked")]


def test_the_queue_is_bounded_and_what_is_given_up_is_answered_and_counted(monkeypatch):
    monkeypatch.setattr(reports, "MOST_OPEN", 3)
    folding = made()
    for k in range(10, 15):
        folding.fold(told(k=k))
    view = folding.station.feedback
    assert (view.waiting, view.counts["answered_given_up"]) == (3, 2)
    assert [doc["part_id"] for doc in documents(folding) if doc["answer"] == "given_up"] == ["P00010", "P00011"]


def test_a_report_goes_on_over_a_checkpoint_as_it_would_have():
    entries = [told(), told("looks_different", k=25, part_id=""), told(k=60), look(20, defective=False, by="bert")]
    entries += [part(k, None) for k in range(40, 80)]
    entries += [look(20, defective=True, by="carl", after_s=200), *(look(k, defective=False, by="bert") for k in range(21, 26))]
    entries += [look(60, defective=True, by="bert"), *(part(k, None) for k in range(80, 200))]
    station = {"feedback": {"deadline_s": 240}}
    whole = made(**station).all(entries)
    for cut in range(len(entries)):
        again = made(**station).all(entries[:cut]).restarted().all(entries[cut:])
        assert again.messages == whole.messages, cut
        assert again.core.save() == whole.core.save(), cut


def test_the_same_report_from_two_people_has_one_name_and_is_one_entry():
    first, second = told(by="anna").record, told(by="bert", note="me too").record
    assert report_name(first) == report_name(second)
    assert identity(Told(first)) == identity(Told(second))
    assert identity(Told(first)) != identity(told("other"))


def test_feedback_is_told_from_its_members_without_a_type():
    record, _ = decode(b'{"station":"ST4","saw":"bad_passed","at":"2026-03-02T06:00:00+01:00","part_id":"A-1"}')
    assert isinstance(record, Feedback)
    assert record.at.isoformat() == "2026-03-02T05:00:00+00:00"


def test_every_answer_is_there_in_every_language_from_the_same_facts():
    assert ANSWERS.keys() == CATALOGUES.keys()
    for texts in ANSWERS.values():
        assert texts.keys() == ANSWERS["en"].keys()
        for text in texts.values():
            assert len(text.format(count=5, parts="P" * 60, part="P" * 20, due="31.12. 23:59", at="31.12. 23:59")) <= 220
