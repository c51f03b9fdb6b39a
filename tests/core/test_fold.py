"""The fold as a whole: learning, alarms, holds, commands and checkpoints."""

import json

import numpy as np
import pytest

from agent.core.fold import Core
from agent.core.state import pack, unpack
from agent.errors import StoreError
from agent.records import Command, Commanded, Event, Gap, Tick, Told
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import REGISTER, START, Folding, config, line, part

LUMINANCE = [spec.name for spec in IMAGE_CHANNELS].index("luminance")


def darker(k, row):
    if k >= 1200:
        row = row.copy()
        row[LUMINANCE] *= 0.85
    return row


def facts(alarms):
    return [(a.alarm_id, a.occurrence_id, a.transition, a.part_id, a.evidence) for a in alarms]


def command(verb, n=1, role="owner", by="A. Meier", **target):
    return Commanded(Command(f"r{n}", verb, by, role, target), received_at=START)


@pytest.fixture(scope="module")
def dark():
    return Folding().all(line(1, 2000, change=darker))


def test_a_line_in_control_learns_arms_and_stays_silent():
    folding = Folding().all(line(2, 3000))
    assert folding.alarms == []
    assert folding.station.state == "armed"
    assert folding.station.outcome_state == "armed"
    assert folding.station.audits_judged > 500


def test_a_darker_picture_is_said_in_operator_words_and_holds_nothing(dark):
    (alarm,) = [a for a in dark.alarms if a.alarm_id == "picture-light"]
    assert alarm.transition == "NORM→UNACK"
    assert "darker" in alarm.text
    assert alarm.andon == "amber"
    assert alarm.evidence.change == pytest.approx(-15, abs=4)
    assert 1150 < int(alarm.evidence.onset.part_id[1:]) < 1300
    assert 1200 < int(alarm.part_id[1:]) < 1300
    assert all(incident.hold is None for incident in dark.incidents)


def test_a_station_without_an_owner_never_arms():
    folding = Folding(config(owner=None)).all(line(1, 2000, change=darker))
    assert folding.station.state == "not_armed"
    assert folding.alarms == []


def test_bad_parts_passed_raise_blue_and_hold_every_passed_part_since_arming():
    before, after = line(3, 2000), line(3, 4000, first=2000, escapes=0.12)
    folding = Folding().all(sorted(before + after, key=lambda e: getattr(e.record, "captured_at", None) or e.record.observed_at))
    outcome_alarms = [a for a in folding.alarms if a.alarm_id == "bad-parts-passed"]
    assert [a.transition for a in outcome_alarms] == ["NORM→UNACK"]
    assert outcome_alarms[0].text.startswith("ST4 BAD PARTS PASSED:")
    hold = folding.core.view().holds[0]
    assert hold.since == "arming"
    assert hold.from_part_id == "P00800"
    assert hold.parts >= 5000
    assert folding.station.andon.colour == "blue"


def test_a_restart_at_any_point_changes_no_alarm(dark):
    rng = np.random.default_rng(7)
    folding = Folding()
    for entry in line(1, 2000, change=darker):
        folding.fold(entry)
        if rng.random() < 0.01:
            folding.restarted()
    assert facts(folding.alarms) == facts(dark.alarms)


def test_ticks_and_gaps_between_records_change_no_alarm(dark):
    folding = Folding()
    for n, entry in enumerate(line(1, 2000, change=darker)):
        if n % 50 == 0:
            folding.fold(Tick(START, 12.0))
            folding.fold(Gap(START, START, "boot"))
        folding.fold(entry)
    assert facts(folding.alarms) == facts(dark.alarms)


def test_an_acknowledged_alarm_stands_until_the_picture_is_shown_to_be_back():
    def passing(k, row):
        return darker(k, row) if k < 1500 else row

    folding = Folding().all(line(1, 1500, change=passing))
    (raised,) = [a for a in folding.alarms if a.alarm_id == "picture-light"]
    folding.fold(command("ack", role="operator", occurrence_id=raised.occurrence_id))
    assert [a.transition for a in folding.alarms[-1:]] == ["UNACK→ACKED"]
    folding.all(line(1, 1000, first=1500, change=passing))
    (cleared,) = folding.alarms[2:]
    assert cleared.transition == "ACKED→NORM"
    assert 1500 < int(cleared.part_id[1:]) < 1700
    assert folding.station.andon.colour == "none"
    (incident,) = folding.core.view().incidents
    assert incident.over_at is not None
    assert incident.open, "it may have been chance: a person says what it was"


@pytest.mark.parametrize("left", [1.0, 0.5, 0.4])
def test_a_shift_that_stays_or_is_only_partly_mended_never_clears(left):
    def partly(k, row):
        if k >= 1200:
            row = row.copy()
            row[LUMINANCE] *= 0.85 if k < 1500 else 0.85**left
        return row

    folding = Folding().all(line(1, 6000, change=partly))
    assert [a.transition for a in folding.alarms if a.alarm_id == "picture-light"] == ["NORM→UNACK"]


def test_acknowledging_what_nobody_raised_is_answered_with_where_to_look():
    folding = Folding().all(line(1, 10))
    effects = folding.fold(command("ack", occurrence_id="nothing"))
    result = json.loads(effects.messages[0].payload)
    assert result["accepted"] is False
    assert "linewarden alarms" in result["hint"]


def test_a_baseline_waits_for_acceptance_by_two_people_in_the_grave_tiers():
    baseline = {"parts": 800, "min_stream_parts": 300, "steadiness": "assumed", "arming": "after_acceptance"}
    folding = Folding(config(baseline=baseline, tier=1)).all(line(4, 1000))
    longer = ("rates/", "novelty/")
    learned = [stream for stream in folding.station.streams if not stream.stream.startswith(longer)]
    assert {stream.state for stream in learned} == {"candidate"}
    answers = [
        json.loads(folding.fold(command("accept_baseline", n, role, by, station="ST4")).messages[-1].payload)
        for n, (role, by) in enumerate([("operator", "X"), ("owner", "A. Meier"), ("owner", "A. Meier"), ("deputy", "B. Kaya")])
    ]
    assert [answer["accepted"] for answer in answers] == [False, True, True, True]
    assert "second person" in answers[2]["detail"]
    assert "armed" in {stream.state for stream in folding.station.streams}


def test_accepting_the_present_state_ends_its_alarm_and_learns_anew(dark):
    folding = Folding().all(line(1, 2000, change=darker))
    (raised,) = [a for a in folding.alarms if a.alarm_id == "picture-light"]
    folding.fold(command("accept_baseline", station="ST4", stream=raised.stream))
    assert folding.alarms[-1].state == "NORM"
    assert next(s for s in folding.station.streams if s.stream == raised.stream).state == "learning"


def test_marked_inspections_and_unknown_views_enter_no_statistic():
    folding = Folding().all([part(1, None, mark="challenge"), part(2, None, view="top"), part(3, None)])
    assert folding.station.parts == 1
    assert folding.station.counters == {"marked_challenge": 1, "unknown_view": 1}


def test_a_missing_frame_is_counted_and_the_part_still_counts():
    entry = part(1, None)
    broken = type(entry)(entry.record, type(part(1, [1.0]).frame)(missing="truncated"))
    folding = Folding().all([broken])
    assert folding.station.counters["frame_truncated"] == 1
    assert folding.station.parts == 1


def test_the_source_s_own_clock_event_matures_outcomes():
    folding = Folding().all(line(5, 1000))
    waiting = folding.station.audits_judged
    folding.fold(Told(Event("ST4", "clock", START.replace(day=6))))
    assert folding.station.audits_judged > waiting
    assert REGISTER["owner"]


def test_while_it_learns_a_station_is_judged_against_its_declared_limit():
    limit = {"mode": "sample", "delay_s": 600, "audits_per_month": 10_000, "max_escape_ppm": 20_000}
    quiet = Folding(config(outcomes=limit)).all(line(3, 700, escapes=0.01))
    assert quiet.alarms == []
    assert quiet.station.outcome_state == "learning"
    assert quiet.station.audits_judged > 400
    loud = Folding(config(outcomes=limit)).all(line(3, 700, escapes=0.12))
    assert [a.alarm_id for a in loud.alarms] == ["bad-parts-passed"]
    assert loud.core.view().holds[0].from_part_id == "P00000"
    undeclared = Folding().all(line(3, 700, escapes=0.12))
    assert undeclared.alarms == []
    assert undeclared.station.audits_judged == 0


def test_a_station_without_outcomes_watches_the_picture_and_says_that_it_has_no_truth():
    folding = Folding(config(outcomes={"mode": "none"})).all(line(1, 1400, change=darker)).restarted()
    assert [a.alarm_id for a in folding.alarms] == ["picture-light"]
    assert folding.station.outcome_state == "off"
    assert folding.station.counters["outcomes_not_configured"] > 0


def test_a_checkpoint_of_another_build_is_refused_whole():
    folding = Folding().all(line(1, 900))
    state = unpack(folding.core.save())
    stream = next(s for s in state["stations"]["ST4"]["signals"]["streams"].values() if s["watch"])
    stream["watch"]["level"].popitem()
    with pytest.raises(StoreError, match="does not fit"):
        Core(folding.configuration, folding.history).load(pack(state))
    with pytest.raises(StoreError, match="not a checkpoint"):
        Core(folding.configuration, folding.history).load(b"\xff\x00")
