"""Challenge parts: kept out of production, judged per failure mode, due, done and missed; what a good check proves."""

import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest

from agent.core.challenges import Challenges
from agent.core.plans import Plans, challenged
from agent.records import Command, Commanded, Event, Told
from detectors.budget import truth_shares
from tests.core.folding import START, Folding, config, line, part
from tests.core.test_fold import LUMINANCE, facts

MASTERS = ["M1", "M2", "M3"]
SET = {"name": "holes", "failure_mode": "missing_hole", "parts": MASTERS}


def station(*sets, outcomes=None, **plan):
    plan = {"every_parts": 1000, "grace_parts": 100, "every_s": 1e9, "presentations_per_month": 500, **plan}
    return config(challenge=plan, challenge_sets=list(sets) or [SET], outcomes=outcomes or {"mode": "none"})


def shown(k, part_id="M1", *, verdict="ng", **more):
    entry = part(k, None, verdict=verdict, **more)
    return type(entry)(type(entry.record)(**{**_plain(entry.record), "part_id": part_id}), None)


def _plain(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}


def check(k, *, missed=(), masters=MASTERS):
    return [shown(k, m, verdict="ok" if m in missed else "ng") for m in masters]


def plain(first, n, **more):
    return [part(k, None, **more) for k in range(first, first + n)]


def record(n=1, **target):
    return Commanded(Command(f"c{n}", "record_challenge", "anna", "operator", {"station": "ST4", **target}), received_at=START)


def apart_from_nan(view):
    """A view that can be compared: what is not known yet is NaN."""
    days = tuple((b.failure_mode, repr(b.days)) for b in view.blind_spots)
    return replace(view, blind_spots=days, estimates=repr(view.estimates), curves=repr(view.curves))


def raised(folding, alarm_id=""):
    return [(a.alarm_id, a.transition) for a in folding.alarms if a.alarm_id.startswith(alarm_id)]


def view(folding, k=0):
    return folding.station.challenges[k]


# --- which inspections they are ---------------------------------------------------------------------------------------------


def test_masters_told_by_id_mark_or_window_enter_no_production_statistic():
    unnamed = {"name": "marked", "failure_mode": "scratch"}
    folding = Folding(station(SET, unnamed)).all(plain(0, 50))
    before = folding.station
    folding.all(check(50))
    folding.fold(shown(51, "S-1", mark="challenge"))
    folding.fold(record(set="marked", window_s="60", parts="2"))
    folding.all([shown(52, "S-2"), shown(53, "S-3"), part(54, None)])
    after = folding.station
    assert (after.parts, after.rejected) == (before.parts + 1, before.rejected)
    assert after.counters["marked_challenge"] == 6
    assert [c.presented for c in after.challenges] == [3, 3]


def test_a_window_ends_with_its_time_and_counts_no_part_from_before_it():
    folding = Folding(station({"name": "marked", "failure_mode": "scratch"})).all(plain(0, 10))
    asked = (START + timedelta(seconds=3 * 20)).isoformat()
    folding.fold(record(set="marked", window_s="9", at=asked))
    folding.all(plain(10, 30))
    assert folding.station.parts == 36, "4 of 40 lie within the 9 seconds"
    assert view(folding).presented == 4


def test_a_mark_that_could_be_of_several_sets_is_counted_and_proves_nothing():
    folding = Folding(station({**SET, "parts": []}, {"name": "b", "failure_mode": "x"})).all([shown(1, mark="challenge")])
    assert folding.station.counters == {"marked_challenge": 1, "challenge_of_no_set": 1}
    folding.fold(shown(2, mark="challenge"))
    said = shown(3, mark="challenge")
    folding.fold(type(said)(type(said.record)(**{**_plain(said.record), "context": {"challenge_set": "b"}}), None))
    assert [c.presented for c in folding.station.challenges] == [0, 1]


def test_a_challenge_part_between_numbered_parts_leaves_no_hole():
    entries = [part(k, None, sequence=k) for k in range(1, 40)]
    entries[20] = shown(21, "M1", sequence=21)
    folding = Folding(station()).all(entries)
    assert folding.station.parts == 38
    assert folding.station.counters == {"marked_challenge": 1}


# --- due, done, missed ------------------------------------------------------------------------------------------------------


def test_a_check_never_made_is_overdue_at_the_limit_and_a_good_one_ends_it():
    folding = Folding(station()).all(plain(0, 999))
    assert raised(folding) == []
    assert (view(folding).state, view(folding).reason) == ("never", "never")
    folding.all(plain(999, 1))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.andon, alarm.code) == ("check-overdue-holes", "blue", "check_parts_overdue_never")
    assert "1,000 parts" in alarm.text
    assert alarm.response == "Run set holes (3 parts) now."
    folding.all(check(1000))
    assert folding.alarms[-1].transition == "UNACK→RTNUN"
    assert (view(folding).state, view(folding).done, view(folding).overdue) == ("good", 1, 1)


def test_parts_at_risk_are_counted_from_the_check_s_first_presentation():
    folding = Folding(station()).all(plain(0, 10))
    folding.all([shown(10, "M1"), *plain(10, 50), shown(60, "M2"), *plain(60, 40), shown(100, "M3")])
    assert view(folding).parts_at_risk == 90
    folding.all(plain(100, 909))
    assert (view(folding).reason, raised(folding)) == ("parts", [])
    folding.all(plain(1009, 1))
    assert folding.alarms[0].code == "check_parts_overdue"


def test_the_same_master_shown_three_times_is_not_a_check_of_three():
    folding = Folding(station()).all([*plain(0, 10), *check(10, masters=["M1", "M1", "M1"])])
    assert view(folding).state == "never"


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("changeover", lambda k: [part(k, None, recipe="B")]),
        ("changeover", lambda k: [Told(Event("ST4", "tool", START + timedelta(seconds=3 * k)))]),
        ("missed", lambda k: check(k, missed=["M2"], masters=["M1", "M2"])),
    ],
)
def test_a_check_is_due_at_once_and_overdue_after_the_grace(reason, cause):
    folding = Folding(station()).all([*plain(0, 10), *check(10), *cause(11)])
    assert view(folding).reason == reason
    made = folding.station.parts
    folding.all(plain(12, 200))
    (alarm,) = folding.alarms
    assert alarm.code == f"check_parts_overdue_{reason}"
    assert int(alarm.part_id[1:]) - 12 in (99, 98), made


def test_by_time_a_check_is_due_each_shift_and_not_while_nothing_is_made():
    folding = Folding(station(every_s=3000.0, every_parts=10_000)).all([*plain(0, 10), *check(10), *plain(10, 900)])
    assert view(folding).reason == ""
    folding.all(plain(3000, 1))
    assert (view(folding).reason, raised(folding)) == ("time", [])
    folding.all(plain(3001, 100))
    assert folding.alarms[0].code == "check_parts_overdue_time"


def test_a_set_for_one_recipe_counts_the_parts_of_that_recipe_alone():
    folding = Folding(station({**SET, "recipe": "B"})).all(plain(0, 5000))
    assert raised(folding) == []
    assert view(folding).parts_at_risk == 0


def test_expired_masters_prove_nothing_and_say_so():
    folding = Folding(station({**SET, "expires": date(2026, 1, 4)})).all([*plain(0, 3), *check(3)])
    assert [a.code for a in folding.alarms] == ["check_parts_expired"]
    assert (view(folding).state, view(folding).presented, view(folding).done) == ("expired", 3, 0)


def test_an_unregistered_station_raises_nothing():
    options = station().stations[0].model_copy(update={"owner": None})
    folding = Folding(station().model_copy(update={"stations": [options]})).all(plain(0, 2000))
    assert folding.alarms == []


# --- misses ------------------------------------------------------------------------------------------------------------------


def missing(n, first=2000):
    return [entry for k in range(n) for entry in [*plain(first + 10 * k, 10), *check(first + 10 * k + 9, missed=MASTERS)]]


def test_a_blind_failure_mode_is_said_within_six_presentations_and_holds_from_the_last_informative_run():
    good = [entry for k in range(20) for entry in [*plain(100 * k, 100), *check(100 * k + 99)]]
    folding = Folding(station()).all([*good, *missing(2)])
    (alarm,) = [a for a in folding.alarms if a.alarm_id.startswith("check-missed")]
    assert (alarm.alarm_id, alarm.code, alarm.andon) == ("check-missed-missing_hole", "check_part_missed", "blue")
    assert alarm.text.startswith("ST4 CHECK PART MISSED: missing_hole,")
    hold = folding.core.view().holds[0]
    assert hold.since == "verification"
    # 14 in a row are five checks of three; the last one lies within the onset interval.
    assert hold.from_part_id == "P01500"
    assert folding.core.view().incidents[0].harm == "shown"
    assert folding.station.correctness == "failed"


def test_misses_as_often_as_declared_raise_nothing():
    entries, k = plain(0, 10), 0
    for n in range(400):
        k = 10 + 3 * n
        entries += [*plain(k, 3), *check(k + 2, missed=["M1"] if n % 17 == 0 else [])]
    folding = Folding(station(every_parts=100_000))
    assert raised(folding.all(entries), "check-missed") == []


def test_a_missed_mode_is_over_after_an_informative_clean_run_and_its_hold_then_stops_growing():
    folding = Folding(station()).all([*plain(0, 10), *check(10), *missing(3)])
    folding.all([entry for k in range(5) for entry in [*plain(4000 + 10 * k, 10), *check(4000 + 10 * k + 9)]])
    assert len(raised(folding, "check-missed")) == 1, "15 clean ones may be the luck of the first try"
    folding.all([*check(4050), *plain(4051, 1)])
    assert raised(folding, "check-missed")[-1][1] == "UNACK→RTNUN"
    held = folding.core.view().holds[0].parts
    folding.all(plain(5000, 500))
    assert folding.core.view().holds[0].parts == held


@pytest.mark.parametrize(("rate", "least", "most"), [(0.2, 0, 3), (0.02, 28, 30)])
def test_a_mode_still_missed_is_seldom_found_good_however_long_one_waits_for_luck_and_a_mended_one_is(rate, least, most):
    rng = np.random.default_rng(41)
    found_good = 0
    for _ in range(30):
        challenges = Challenges(station(every_parts=10_000_000).stations[0], 1_000.0, "en")
        said = []
        while not said:
            said = show(challenges, 0, missed=True)
        for k in range(1, 400):
            show(challenges, k, missed=bool(rng.random() < rate))
            if challenges.mode_confirmed("missing_hole", "defective", 0):
                found_good += 1
                break
    assert least <= found_good <= most


def show(challenges, k, *, missed):
    return challenges.shown("holes", shown(k, "M1", verdict="ok" if missed else "ng").record, k)[1]


def test_good_masters_rejected_are_amber_and_hold_nothing():
    good = {**SET, "known": "good"}
    folding = Folding(station(good)).all([*plain(0, 10), *[shown(10, m, verdict="ng") for m in MASTERS * 3]])
    (alarm,) = [a for a in folding.alarms if a.code == "check_part_rejected"]
    assert alarm.andon == "amber"
    assert folding.core.view().holds == ()
    folding.all([*plain(20, 1), *[shown(21, m, verdict="ok") for m in MASTERS], *plain(21, 1)])
    assert raised(folding, "check-rejected")[-1][1] == "UNACK→RTNUN"


def test_a_run_told_by_hand_counts_as_shown_and_a_mixed_one_makes_no_check():
    folding = Folding(station()).all(plain(0, 10))
    answer = json.loads(folding.fold(record(1, found="3", missed="0")).messages[-1].payload)
    assert (answer["accepted"], view(folding).done) == (True, 1)
    folding.fold(record(2, found="20", missed="1"))
    assert (view(folding).done, view(folding).state, view(folding).presented) == (1, "failed", 24)


@pytest.mark.parametrize(
    "target",
    [
        {"set": "bolts", "found": "1"},
        {},
        {"found": "-1"},
        {"found": "2000"},
        {"window_s": "x"},
        {"window_s": "60", "at": "2026-01-01"},
    ],
)
def test_a_record_that_names_nothing_usable_is_refused_with_a_reason(target):
    folding = Folding(station()).all(plain(0, 2))
    answer = json.loads(folding.fold(record(**target)).messages[-1].payload)
    assert answer["accepted"] is False
    assert answer["detail"]
    assert view(folding).presented == 0


# --- back to normal, correctness, restarts ----------------------------------------------------------------------------------


def dark(k, row):
    if 1200 <= k < 1500:
        row = row.copy()
        row[LUMINANCE] *= 0.85
    return row


def test_an_alarm_clears_only_after_a_good_check_made_since_it_was_raised():
    entries = line(1, 1200, change=dark)
    folding = Folding(station(every_parts=100_000)).all([*entries, *check(1200)])
    folding.all(line(1, 2000, first=1200, change=dark))
    assert raised(folding, "picture-light") == [("picture-light", "NORM→UNACK")]
    assert view(folding).reason == "alarm"
    folding.all([*check(3200), *line(1, 5, first=3200)])
    assert raised(folding, "picture-light")[-1] == ("picture-light", "UNACK→RTNUN")


def test_a_station_is_verified_once_every_set_has_passed_and_no_longer_when_overdue():
    two = {**SET, "name": "cracks", "failure_mode": "crack", "parts": ["C1"]}
    folding = Folding(station(SET, two)).all([*plain(0, 10), *check(10)])
    assert folding.station.correctness == "unverified"
    folding.fold(shown(11, "C1"))
    assert folding.station.correctness == "verified"
    folding.all(plain(12, 1001))
    assert folding.station.correctness == "overdue"
    assert Folding(config()).station.correctness == "unverified"


def test_an_escape_of_a_challenged_mode_is_held_from_its_last_informative_check_others_are_not():
    outcomes = {"mode": "sample", "delay_s": 600, "audits_per_month": 10_000}
    for mode, since in (("missing_hole", "verification"), ("", "arming"), ("rust", "arming")):
        entries = [(e.record.captured_at if hasattr(e.record, "verdict") else e.record.observed_at, e) for e in line(3, 2000)]
        late = line(3, 2000, first=2000, escapes=0.12)
        entries += [(e.record.captured_at if hasattr(e.record, "verdict") else e.record.observed_at, e) for e in late]
        entries += [(e.record.captured_at, e) for k in range(1000, 2000, 100) for e in check(k)]
        folding = Folding(station(every_parts=100_000, outcomes=outcomes))
        for _, entry in sorted(entries, key=lambda pair: pair[0]):
            if isinstance(entry, Told) and entry.record.defective:
                entry = Told(type(entry.record)(**{**_plain(entry.record), "defect_class": mode}))  # noqa: PLW2901
            folding.fold(entry)
        assert "bad-parts-passed" in [a.alarm_id for a in folding.alarms]
        assert folding.core.view().holds[0].since == since, mode


def test_a_restart_at_any_point_changes_nothing():
    entries = [*plain(0, 30), record(set="holes", window_s="30", at=(START + timedelta(seconds=60)).isoformat())]
    for k in range(12):
        entries += [*plain(100 * k + 30, 90), *check(100 * k + 120, missed=["M2"] if k == 5 else MASTERS if k > 8 else ())]
    whole, cut = Folding(station()).all(entries), Folding(station())
    for entry in entries:
        cut.fold(entry)
        cut.restarted()
    assert facts(cut.alarms) == facts(whole.alarms) != []
    assert apart_from_nan(cut.station) == apart_from_nan(whole.station)


# --- budget ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modes", [0, 1, 2, 3, 7, 11])
@pytest.mark.parametrize("outcomes", ["none", "sample"])
@pytest.mark.parametrize("budget", [0.5, 0.1, 1.0, 3.3])
def test_the_shares_of_all_tests_add_up_to_no_more_than_the_budget_exactly(modes, outcomes, budget):
    sets = [{"name": f"s{k}", "failure_mode": f"m{k}"} for k in range(modes)]
    for views in (["main"], ["main", "top", "side"]):
        options = config(views=views, challenge_sets=sets, outcomes={"mode": outcomes}, false_alarms_per_month=budget).stations[0]
        plans = Plans(options)
        columns = len(views) * (len(plans.specs("imaging/x/y")) + len(plans.specs("scores/x/y")) + 1) + 2  # novelty; rate and mix
        total = columns * Fraction(plans.channel_share) + Fraction(plans.outcome_share) + modes * Fraction(plans.challenge_share)
        assert total <= Fraction(budget)
        assert float(total) == pytest.approx(budget)
        assert len(challenged(options)) == modes


def test_challenge_parts_take_a_quarter_of_the_truth_s_share_or_all_where_there_are_no_outcomes():
    assert truth_shares(0.1, 0, outcomes=True) == (0.1, 0.0)
    outcome, mode = truth_shares(0.1, 2, outcomes=True)
    assert (outcome, mode) == (pytest.approx(0.075), pytest.approx(0.0125))
    assert truth_shares(0.1, 2, outcomes=False) == (0.0, pytest.approx(0.05))
