"""benchmarks/simulated/sixty in small: the quick road says what the whole core says, and each question has its answer."""

from dataclasses import replace

import msgspec
import pytest

from benchmarks.simulated.sixty import naive
from benchmarks.simulated.sixty.cells import ESCAPES, MISSED, RAMP, STEADY
from benchmarks.simulated.sixty.history import play, quick, script, whole
from benchmarks.simulated.sixty.production import DAY_S, Policy, World
from benchmarks.simulated.sixty.run import held, naive_share
from benchmarks.simulated.sixty.station import configuration

# 800 parts a day, of which one in twenty is bad, and 30 % audited: the same things happen as on the large line, sooner.
SHORT = World(days=11.0, fault_day=4.0, commissioning=1_000, defective=0.05, missed_after=0.8, volume=(0.02, 0.02))


def said(played):
    return [(a.index, msgspec.to_builtins(a.document)) for a in played.road.heard.alarms]


def both(world, policies, configs):
    history = script(world, policies, 5, hashed=True, config=configs[0][1])
    return [play(history, road(history, configs[0][1]), configs=configs[1:]) for road in (quick, whole)]


def declared(world, policy, **more):
    return configuration(world, policy, parts_per_day=806.0, **more)


@pytest.mark.parametrize("challenges", [0, 15])
def test_the_quick_road_says_what_the_whole_core_says_and_holds_the_same_parts(challenges):
    world = replace(SHORT, challenges=challenges)
    policy = Policy(fraction=0.3)
    one, other = both(world, [policy], [(0.0, declared(world, policy))])
    assert said(one) == said(other) != []
    assert one.road.heard.asked == other.road.heard.asked != []
    assert one.at_fault == other.at_fault
    assert one.promised == other.promised
    holds = [played.road.station.incidents.holds for played in (one, other)]
    names = [played.road.station.incidents.current_id for played in (one, other)]
    assert names[0] == names[1]
    spans = [held.get(name).spans for held, name in zip(holds, names, strict=True)]
    assert spans[0] == spans[1]
    truths = [played.road.station.truth.save() for played in (one, other)]
    assert msgspec.msgpack.encode(truths[0]["recent"]) == msgspec.msgpack.encode(truths[1]["recent"])


def test_a_station_restarted_with_another_audit_policy_goes_the_same_way_on_both_roads():
    policies = [Policy(fraction=0.3), Policy(fraction=0.3, near_share=0.9, from_day=3.0)]
    one, other = both(SHORT, policies, [(p.from_day, declared(SHORT, p)) for p in policies])
    assert said(one) == said(other) != []
    assert one.road.heard.asked == other.road.heard.asked


# --- the questions, small: 1,200 parts a day ----------------------------------------------------------------------------------

SMALL = World(days=9.0, fault_day=3.0, commissioning=1_000, defective=0.03, volume=(0.03, 0.03), missed_after=0.6, challenges=0)


def played(seed, world, *policies, until=""):
    policies = policies or (Policy(fraction=0.2),)
    configs = [(p.from_day, configuration(world, p, parts_per_day=40_320.0 * max(world.volume))) for p in policies]
    history = script(world, list(policies), seed)
    fault = history.parts.made_by(history.parts.fault_s)

    def enough(heard):
        return any(a.document.alarm_id == until and a.index > fault for a in heard.alarms)

    return play(history, quick(history, configs[0][1]), enough=enough, configs=configs[1:])


def alarms(history, *names):
    return [a for a in history.road.heard.alarms if a.is_raised and a.document.alarm_id in names]


def test_check_parts_find_a_silent_fault_within_days_and_the_hold_has_what_escaped():
    world = replace(SMALL, challenges=15, missed_after=0.2, days=12.0)
    found = [played(seed, world, Policy(fraction=0.02), until=MISSED) for seed in range(4)]
    days = [one.days(one.raised(MISSED, after=one.fault)) for one in found]
    assert sum(late <= 4.0 for late in days) >= 3, days
    assert [len(alarms(one, MISSED)) for one in found] == [1] * 4, "none before the fault"
    figures = [held(one, MISSED) for one in found]
    assert sum(f["held"] for f in figures) >= 0.99 * sum(f["escaped"] for f in figures) > 0
    assert all(f["good"] > 0 for f in figures)


def test_audits_alone_find_a_large_fault_and_hold_everything_since_arming():
    one = played(1, replace(SMALL, days=18.0, missed_after=0.9), until=ESCAPES)
    assert one.days(one.raised(ESCAPES, after=one.fault)) > SMALL.cohort_h / 24.0, "not before its cohort is judged"
    figures = held(one, ESCAPES)
    assert figures["held"] == figures["escaped"] > 0


def test_before_the_fault_what_was_found_is_within_what_was_claimed():
    one = played(2, replace(SMALL, missed_after=0.02))
    truth = one.road.station.truth
    assert truth.judged > 700
    assert truth.found <= truth.claimed
    assert alarms(one, ESCAPES, MISSED) == []


def test_a_volume_ramp_with_early_bad_news_and_late_good_news_alarms_a_naive_monitor_alone():
    world = replace(RAMP, volume=(1.0 / 64.0, 0.25), days=24.0, commissioning=3_000)
    one = played(0, world, Policy(fraction=0.1))
    assert alarms(one, ESCAPES) == []
    assert naive.alarms(one.script, naive_share(one)) > 0


def test_a_policy_switched_to_low_confidence_raises_nothing_though_more_is_found():
    world = replace(STEADY, days=12.0, commissioning=2_000, volume=(0.1, 0.1))
    one = played(0, world, Policy(0.1, 0.003), Policy(0.1, 0.95, 5.0))
    assert naive.alarms(one.script, naive_share(one)) > 0, "it would alarm a monitor of the found share"
    assert alarms(one, ESCAPES) == []


def test_outcomes_that_stop_are_said_within_the_declared_day_and_the_blind_spot_grows_without_end():
    world, policy, spots = replace(SMALL, fault_day=1_000.0, outcomes_until=5.0, days=17.0), Policy(fraction=0.2), {}
    config = configuration(world, policy, parts_per_day=1_210.0)
    history = script(world, [policy], 1)
    one = play(
        history, quick(history, config), daily=lambda day, road: spots.update({day: road.station.blind_spots.days["escapes"]})
    )
    # Judged until the last cohort is due, on day 8; the figure is of seven days.
    assert spots[9] < spots[13] < spots[16] == float("inf"), spots
    at = {a.document.alarm_id: one.script.parts.at_s[a.index - 1] / DAY_S for a in one.road.heard.alarms if a.is_raised}
    assert 5.9 < at["outcomes-stopped"] <= 6.1
    assert at["audits-unanswered"] < 8.0
    assert "blind-spot-escapes" in at


def test_false_finds_are_kept_out_by_the_second_look_and_alarm_where_one_is_only_declared():
    world = replace(SMALL, missed_after=0.02, false_finds=0.02)
    confirmed = played(1, world)
    pretended = played(1, replace(world, second_look=False, said_confirmed=True))
    assert alarms(confirmed, ESCAPES) == []
    assert alarms(pretended, ESCAPES) != []
    assert confirmed.road.station.verification.audits.counts["finds_not_confirmed"] > 10
