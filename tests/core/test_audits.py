"""The audit planner: what is drawn with which chance, what is asked for, and what became of it."""

import json
from datetime import timedelta

import numpy as np
import pytest

from agent.core.answers import Answers
from agent.core.audits import Audits
from agent.core.shifts import Shifts
from agent.records import Outcome, Told
from tests.core.folding import START, Folding, config, line, part, raw_rows
from tests.core.test_challenges import _plain, apart_from_nan, plain
from tests.core.test_fold import LUMINANCE, facts


def station(outcomes=None, **audits):
    outcomes = {"mode": "sample", "delay_s": 7200, "audits_per_month": 100_000, "max_escape_ppm": 900_000.0, **(outcomes or {})}
    audits = {"mode": "fraction", "fraction": 0.1, "deadline_s": 600, "tightened": 1.0, **audits}
    return config(outcomes=outcomes, audits=audits, parts_per_month=100_000)


def asked(folding):
    return [json.loads(m.payload) for m in folding.messages if m.kind == "audit"]


def told(part_id, *, defective=False, seconds, **more):
    return Told(
        Outcome(part_id=part_id, station="ST4", defective=defective, observed_at=START + timedelta(seconds=seconds), **more)
    )


def mixed(n, near=0.05, first=0):
    """Passes with a share near the threshold of 0.5."""
    return [part(k, None, p=0.4 if (k * 7919) % 1000 < 1000 * near else 0.01) for k in range(first, first + n)]


# --- the draw -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("near", [0.0, 0.01, 0.05, 0.5])
def test_as_many_are_drawn_as_planned_and_as_the_chances_add_up_to(near):
    folding = Folding(station()).all(mixed(20_000, near))
    audits = folding.station.audits
    assert audits.expected == pytest.approx(2000, rel=0.02)
    assert audits.counts["sampled"] == pytest.approx(2000, abs=4 * np.sqrt(1800))


def test_three_in_ten_audits_are_near_the_threshold_and_seven_spread_over_confident_passes():
    requests = asked(Folding(station()).all(mixed(20_000, 0.05)))
    assert all(min(abs(r["inclusion_probability"] - p) for p in (0.6, 0.0737)) < 0.012 for r in requests[200:])
    is_near = [r["inclusion_probability"] > 0.3 for r in requests[200:]]
    assert np.mean(is_near) == pytest.approx(0.3, abs=0.05)


def test_inverse_chances_estimate_any_total_without_bias():
    requests = asked(Folding(station()).all(mixed(20_000, 0.05)))
    assert sum(1.0 / r["inclusion_probability"] for r in requests) == pytest.approx(20_000, rel=0.06)


def test_no_passed_part_is_without_a_chance_and_no_reject_is_drawn():
    folding = Folding(station(fraction=1e-6, least_probability=0.02)).all(mixed(10_000))
    assert all(r["inclusion_probability"] >= 0.02 for r in asked(folding))
    assert len(asked(folding)) == pytest.approx(200, abs=60)
    assert asked(Folding(station(fraction=1.0)).all(plain(0, 500, verdict="ng"))) == []


def test_the_draw_is_the_same_live_replayed_and_restarted_and_another_with_another_seed():
    entries = mixed(3000)
    whole, cut = Folding(station()).all(entries), Folding(station())
    for k, entry in enumerate(entries):
        cut.fold(entry)
        if k % 7 == 0:
            cut.restarted()
    assert asked(cut) == asked(whole) != []
    assert apart_from_nan(cut.station) == apart_from_nan(whole.station)
    other = {r["part_id"] for r in asked(Folding(station(seed="x")).all(entries))}
    assert len(other & {r["part_id"] for r in asked(whole)}) < 0.3 * len(other)


def test_audits_never_exceed_what_the_budget_was_declared_for():
    folding = Folding(station({"audits_per_month": 2_000}, fraction=0.5)).all(mixed(5000))
    assert folding.station.audits.probability == pytest.approx(0.02)


def test_a_shift_comes_to_about_as_many_as_asked_for_whatever_its_length():
    parts = [part(k, None, seconds=20.0) for k in range(3 * 1440 * 2)]  # 1,440 a shift of 8 hours
    requests = asked(Folding(station(mode="per_shift", per_shift=40)).all(parts))
    shifts = np.bincount([int(r["part_id"][1:]) // 1440 for r in requests])
    assert all(30 <= count <= 40 for count in shifts[1:5]), shifts


def test_shifts_begin_by_the_plant_s_clock_and_the_first_night_shift_belongs_to_the_day_before():
    from zoneinfo import ZoneInfo

    shifts = Shifts(["06:00", "14:00", "22:00"], ZoneInfo("Europe/Berlin"), 1e5)
    starts = [shifts.start_of(START.replace(hour=h)).isoformat() for h in (4, 5, 20, 21)]
    assert starts == ["2026-01-04T22:00:00", "2026-01-05T06:00:00", "2026-01-05T14:00:00", "2026-01-05T22:00:00"]


def test_more_is_drawn_while_anything_is_at_advise_from_the_next_part_on():
    def dark(k, row):
        if k >= 1200:
            row = row.copy()
            row[LUMINANCE] *= 0.85
        return row

    folding = Folding(station(tightened=3.0)).all(line(1, 1199, change=dark))
    assert folding.station.audits.tightened is False
    assert folding.station.audits.probability == pytest.approx(0.1)
    folding.all(line(1, 200, first=1199, change=dark))
    assert folding.station.audits.tightened is True
    assert folding.station.audits.probability == pytest.approx(0.3)


# --- requests and answers -----------------------------------------------------------------------------------------------------


def test_a_request_names_part_box_position_deadline_and_reason_and_neither_score_nor_verdict():
    entry = part(1, None)
    boxed = type(entry)(type(entry.record)(**{**_plain(entry.record), "context": {"box": "881"}}), None)
    folding = Folding(station(fraction=1.0)).all([boxed])
    (out,) = [m for m in folding.messages if m.kind == "audit"]
    assert (out.topic, out.qos, out.retain) == ("audit/ST4/request", 1, False)
    body = json.loads(out.payload)
    assert body.keys() == {
        "station", "part_id", "position", "box", "captured_at", "deadline", "reason", "inclusion_probability"
    }  # fmt: skip
    assert (body["box"], body["reason"]) == ("881", "sample")


def test_an_answer_in_time_is_none_missed_and_a_deadline_passed_is():
    folding = Folding(station(fraction=1.0)).all(plain(0, 2))
    folding.fold(told("P00000", seconds=100))
    folding.all([part(400, None)])
    assert folding.station.audits.counts == {"sampled": 3, "missed_sample": 1}
    assert folding.station.audits.waiting == 1


def test_more_than_five_per_cent_unanswered_alarm_and_less_does_not():
    for missing, expected in ((25, []), (12, ["audits-unanswered"])):
        folding = Folding(station(fraction=1.0))
        for k in range(1000):
            folding.fold(part(k, None))
            if k % missing:
                folding.fold(told(f"P{k:05d}", seconds=3 * k + 1))
        assert [a.alarm_id for a in folding.alarms] == expected


def test_late_outcomes_above_two_per_cent_alarm_and_below_do_not():
    for every, expected in ((100, []), (25, ["outcomes-late"])):
        folding = Folding(config(outcomes={"mode": "sample", "delay_s": 60, "audits_per_month": 10_000}))
        for k in range(1500):
            folding.fold(part(k, None))
            if k >= 100:
                late = k - 100 if k % every == 0 else k
                folding.fold(told(f"P{late:05d}", seconds=3 * k + 1, source=f"s{k}"))
        assert [a.alarm_id for a in folding.alarms] == expected


def found(folding):
    return folding.station.observed_escapes, folding.station.audits_judged


def finish(folding):
    folding.all([part(k, None, p=0.01) for k in range(5000, 5002)])


def test_a_find_counts_after_a_second_look_by_somebody_else_alone():
    folding = Folding(station(fraction=1.0)).all(plain(0, 3))
    folding.fold(told("P00000", defective=True, seconds=30, reviewer="r1"))
    assert asked(folding)[-1]["reason"] == "second look"
    folding.fold(told("P00000", defective=True, seconds=31, reviewer="r1", source="again"))
    assert folding.station.audits.counts["same_reviewer"] == 1
    folding.fold(told("P00000", defective=True, seconds=40, reviewer="r2"))
    folding.fold(told("P00001", defective=True, seconds=41, reviewer="r1"))
    folding.fold(told("P00001", defective=False, seconds=50, reviewer="r2"))
    finish(folding)
    assert found(folding) == (1.0, 2)
    assert folding.station.audits.counts["finds_not_confirmed"] == 1


def test_a_find_nobody_looked_at_again_does_not_count_and_is_an_alarm():
    folding = Folding(station(fraction=1.0)).all(plain(0, 1))
    folding.fold(told("P00000", defective=True, seconds=30))
    folding.fold(part(400, None))
    assert [(a.alarm_id, a.code) for a in folding.alarms] == [("find-unconfirmed", "find_unconfirmed")]
    finish(folding)
    assert found(folding) == (0.0, 0)


def test_without_confirmation_a_find_counts_at_once():
    folding = Folding(station({"confirmed": False}, fraction=1.0)).all(plain(0, 1))
    folding.fold(told("P00000", defective=True, seconds=30))
    finish(folding)
    assert found(folding) == (1.0, 1)


def test_a_part_asked_for_by_how_it_looks_is_never_part_of_a_rate_unless_it_was_drawn_too():
    folding = Folding(station(fraction=1e-9, least_probability=1e-9)).all(plain(0, 2))
    core = folding.core._stations["ST4"]
    (request,) = core.verification.audits.suspect(folding.history.rows["ST4", 2], "", "unlike the learned ones")
    assert (request.reason, request.inclusion_probability) == ("unlike the learned ones", None)
    folding.restarted()
    folding.fold(told("P00001", defective=True, seconds=30, confirmed=True))
    folding.fold(told("P00000", defective=False, seconds=31))
    finish(folding)
    assert found(folding) == (0.0, 1), "the suspected one does not count, the other does"
    assert folding.station.audits.counts == {"candidates": 1, "candidates_bad": 1}


def test_a_suspected_part_that_is_drawn_as_well_counts():
    audits = Audits(station(fraction=1.0).stations[0], START.tzinfo)
    folding = Folding(station()).all(plain(0, 1))
    row, record = folding.history.rows["ST4", 1], part(0, None).record
    assert len(audits.suspect(row, "", "novel")) == 1
    assert len(audits.inspected(record, row, None)) == 1
    assert audits.told(Outcome("P00000", False, START)).counts
    assert audits.suspect(row, "", "novel") == []


def test_a_restart_at_any_point_changes_nothing():
    rng = np.random.default_rng(5)
    entries = []
    for k, row in enumerate(raw_rows(rng, 400)):
        entries.append(part(k, row))
        if rng.random() < 0.6:
            entries.append(told(f"P{k:05d}", defective=bool(rng.random() < 0.1), seconds=3 * k + 1, reviewer="r"))
    whole, cut = Folding(station(fraction=0.5)).all(entries), Folding(station(fraction=0.5))
    for entry in entries:
        cut.fold(entry)
        cut.restarted()
    assert facts(cut.alarms) == facts(whole.alarms) != []
    assert apart_from_nan(cut.station) == apart_from_nan(whole.station)


def test_shares_are_judged_from_enough_and_over_when_back_within_their_limit():
    answers = Answers()
    for k in range(39):
        assert answers.settled(missed=k % 3 == 0, at=START, part_id="p") == []
    (began,) = answers.settled(missed=True, at=START, part_id="p")
    assert began.stands
    ended = [f for _ in range(400) for f in answers.settled(missed=False, at=START, part_id="p")]
    assert [f.stands for f in ended] == [False]
