"""What is judged without a baseline: is it arriving, does the picture show anything, is it still the approved model?"""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from agent.records import Command, Commanded, Event, Model, Tick, Told
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import START, Folding, config, outcome, part, raw_rows

NAMES = [spec.name for spec in IMAGE_CHANNELS]


def rows(n, seed=0):
    return raw_rows(np.random.default_rng(seed), n)


def parts(first, last, change=lambda entry: entry, seed=0):
    """Parts first to last - 1 in control; `change` of each inspected entry."""
    values = rows(last - first, seed + first)
    return [change(part(k, values[k - first])) for k in range(first, last)]


def record(entry, **changes):
    return msgspec.structs.replace(entry, record=msgspec.structs.replace(entry.record, **changes))


def values(entry, **changes):
    """With other image channels, by name."""
    frame = list(entry.frame.values)
    for name, value in changes.items():
        frame[NAMES.index(name)] = value
    return msgspec.structs.replace(entry, frame=msgspec.structs.replace(entry.frame, values=tuple(frame)))


def received(entry, delay_s, offset_s=0.0):
    """As it came: `delay_s` after its true capture, its own clock `offset_s` ahead."""
    at = entry.record.captured_at
    changed = record(entry, captured_at=at + timedelta(seconds=offset_s))
    return msgspec.structs.replace(changed, received_at=at + timedelta(seconds=delay_s))


def said(folding):
    return [(a.alarm_id, a.code, a.transition) for a in folding.alarms]


def ticks(n, start=0):
    return [Tick(START + timedelta(seconds=start + 10 * k), 10.0) for k in range(1, n + 1)]


# --- silence ----------------------------------------------------------------------------------------------------------------


def test_silence_is_said_in_white_once_it_lasts_longer_than_the_limit_and_ends_with_three_results():
    folding = Folding().all(parts(0, 30))
    folding.all(ticks(12, start=90))
    assert folding.alarms == []  # the first tick only starts the count
    folding.all(ticks(1, start=210))
    assert said(folding) == [("not-monitored", "no_results", "NORM→UNACK")]
    assert folding.alarms[0].text.startswith("ST4 NOT MONITORED since 06:01. No results arriving.")
    assert folding.station.andon.colour == "white"
    folding.all(parts(100, 102))
    assert len(folding.alarms) == 1
    folding.all(parts(102, 103))
    assert said(folding)[1:] == [("not-monitored", "no_results", "UNACK→RTNUN")]


def test_a_slow_line_has_its_own_rhythm():
    slow = [record(entry, captured_at=START + timedelta(seconds=30 * k)) for k, entry in enumerate(parts(0, 30))]
    folding = Folding().all(slow).all(ticks(60))
    assert folding.alarms == []
    assert said(folding.all(ticks(2, start=600))) == [("not-monitored", "no_results", "NORM→UNACK")]


def test_a_line_that_says_it_stands_still_is_not_silent():
    folding = Folding().all(parts(0, 30))
    folding.fold(Told(Event("ST4", "line_state", START + timedelta(seconds=90), value="stopped")))
    assert folding.all(ticks(100)).alarms == []
    folding.fold(Told(Event("ST4", "line_state", START + timedelta(seconds=1200), value="running")))
    assert said(folding.all(ticks(14))) == [("not-monitored", "no_results", "NORM→UNACK")]


def test_results_of_another_station_do_not_hide_the_silence_of_this_one():
    two = config()
    stations = [two.stations[0], two.stations[0].model_copy(update={"id": "ST5"})]
    folding = Folding(two.model_copy(update={"stations": stations})).all(parts(0, 30))
    for k, tick in enumerate(ticks(14)):
        folding.all(record(entry, station="ST5") for entry in parts(1000 + 5 * k, 1005 + 5 * k))
        folding.fold(tick)
    assert [(a.station, a.alarm_id) for a in folding.alarms] == [("ST4", "not-monitored")]


def test_the_occurrence_of_a_silence_does_not_depend_on_when_the_ticks_came():
    one, other = (Folding().all(parts(0, 30)).all(ticks(14, start=shift)) for shift in (90, 94))
    assert one.alarms[0].occurrence_id == other.alarms[0].occurrence_id
    assert one.alarms[0].evidence == other.alarms[0].evidence


# --- outcomes that stop -----------------------------------------------------------------------------------------------------


def test_outcomes_that_stop_are_missed_in_production_time_and_come_back():
    folding = Folding(config(feed={"outcome_silence_s": 600}))
    for k, entry in enumerate(parts(0, 300)):
        folding.fold(entry)
        if k < 60 and k % 2:
            folding.fold(outcome(k, defective=False, after_s=1.0))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.andon) == ("outcomes-stopped", "amber")
    assert alarm.text == "ST4 no re-check results since 06:02. Bad parts passing would not be noticed."
    assert 59 + 200 <= int(alarm.part_id[1:]) <= 59 + 202
    folding.all(outcome(k, defective=False, after_s=1.0) for k in (290, 292, 294))
    assert said(folding)[1:] == [("outcomes-stopped", "outcomes_stopped", "UNACK→RTNUN")]


def test_a_line_that_stands_still_misses_no_outcome():
    folding = Folding(config(feed={"outcome_silence_s": 600}))
    for k, entry in enumerate(parts(0, 60)):
        folding.fold(entry)
        folding.fold(outcome(k, defective=False, after_s=1.0))
    later = [record(entry, captured_at=entry.record.captured_at + timedelta(hours=9)) for entry in parts(60, 100)]
    assert folding.all(later).alarms == []


# --- repeated and missing results, clocks ------------------------------------------------------------------------------------


def test_a_stuck_part_counter_is_noticed_at_the_fifth_repeat():
    folding = Folding().all(parts(0, 40)).all(parts(40, 60, lambda entry: record(entry, part_id="P00039")))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code) == ("ids-repeated", "ids_repeated")
    assert "5 of the last" in alarm.text
    assert said(folding.all(parts(60, 111)))[1:] == [("ids-repeated", "ids_repeated", "UNACK→RTNUN")]


def test_one_part_looked_at_in_two_positions_is_no_repeat():
    folding = Folding(config(positions=["left", "right"]))
    for entry in parts(0, 60):
        folding.fold(record(entry, position="left"))
        folding.fold(record(entry, position="right"))
    assert folding.alarms == []


def test_results_that_never_arrive_are_counted_and_said():
    numbered = [record(entry, sequence=k + 1) for k, entry in enumerate(parts(0, 400)) if not 300 <= k < 306]
    folding = Folding(config(reorder_parts=4)).all(numbered)
    (alarm,) = folding.alarms
    assert alarm.code == "results_missing"
    assert alarm.text.startswith("ST4 6 of the last")


@pytest.mark.parametrize(("offset_s", "code"), [(3600, "clock_ahead"), (-3600, "clock_behind")])
def test_a_station_clock_an_hour_off_is_said(offset_s, code):
    folding = Folding().all(received(entry, 0.5) for entry in parts(0, 50))
    folding.all(received(entry, 0.5, offset_s) for entry in parts(50, 80))
    (alarm,) = folding.alarms
    assert alarm.code == code
    assert "60 min" in alarm.text
    assert int(alarm.part_id[1:]) < 72
    assert said(folding.all(received(entry, 0.5) for entry in parts(80, 120)))[1:] == [("clock-differs", code, "UNACK→RTNUN")]


def test_a_backlog_is_no_clock_that_is_behind():
    entries = parts(0, 200)
    late = [msgspec.structs.replace(e, received_at=START + timedelta(hours=2, seconds=0.1 * k)) for k, e in enumerate(entries)]
    assert Folding().all(late).alarms == []


# --- pictures ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [({"luminance": 0.5}, "picture_black"), ({"luminance": 254.0}, "picture_white"), ({"contrast": 0.001}, "picture_empty")],
)
def test_a_picture_that_shows_nothing_is_said_at_the_third_even_while_learning(change, code):
    folding = Folding().all(parts(0, 50)).all(parts(50, 60, lambda entry: values(entry, **change)))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code, alarm.part_id) == ("picture-blind", code, "P00052")
    assert alarm.evidence.onset.part_id == "P00050"
    assert said(folding.all(parts(60, 75)))[1:] == [("picture-blind", code, "UNACK→RTNUN")]


def test_two_black_pictures_are_none():
    folding = Folding().all(parts(0, 50)).all(parts(50, 52, lambda entry: values(entry, luminance=0.5))).all(parts(52, 80))
    assert folding.alarms == []
    assert folding.station.counters["frames_showing_nothing"] == 2


def test_the_same_picture_five_times_is_a_stuck_camera():
    stuck = rows(1)[0]
    folding = Folding().all(parts(0, 50)).all(part(k, stuck) for k in range(50, 60))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.part_id) == ("picture-frozen", "P00054")
    assert said(folding.all(parts(60, 75)))[1:] == [("picture-frozen", "picture_frozen", "UNACK→RTNUN")]


def test_a_black_or_stuck_picture_raises_nothing_else_once_armed():
    folding = Folding().all(parts(0, 1000))
    assert folding.station.state == "armed"
    folding.all(parts(1000, 1100, lambda entry: record(values(entry, luminance=0.5), p_defect=0.9)))
    folding.all(parts(1100, 1200))
    folding.all(part(k, rows(1)[0], p=0.9) for k in range(1200, 1300))
    assert {a.alarm_id for a in folding.alarms} == {"picture-blind", "picture-frozen"}


# --- identity ----------------------------------------------------------------------------------------------------------------

APPROVED = Model("m1", "1.0", sha256="a" * 64, runtime="ort 1.20", threshold=0.5, provider="CPU", settings="job-7")


def judged_by(**changes):
    return lambda entry: record(entry, model=msgspec.structs.replace(APPROVED, **changes))


@pytest.mark.parametrize(
    ("changes", "alarm_id", "text"),
    [
        ({"version": "1.1", "sha256": "b" * 64}, "model-changed", "MODEL CHANGED since 06:02: m1 1.1 (bbbbbbbb) instead of m1 1.0"),
        ({"runtime": "ort 1.21"}, "model-changed", "MODEL RUNTIME changed since 06:02: ort 1.21 instead of ort 1.20"),
        ({"provider": "CUDA"}, "model-changed", "MODEL RUNTIME changed since 06:02: CUDA instead of CPU"),
        ({"settings": "job-8"}, "model-changed", "MODEL SETTINGS changed since 06:02: job-8 instead of job-7"),
        ({"threshold": 0.8}, "threshold-changed", "REJECT LIMIT changed since 06:02: 0.8 instead of 0.5"),
    ],
)
def test_another_model_is_said_at_its_first_part_with_both_names(changes, alarm_id, text):
    folding = Folding().all(parts(0, 50, judged_by())).all(parts(50, 60, judged_by(**changes)))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.part_id) == (alarm_id, "P00050")
    assert text in alarm.text
    assert said(folding.all(parts(60, 70, judged_by())))[1:] == [(alarm_id, alarm.code, "UNACK→RTNUN")]


def test_a_model_no_longer_named_is_said():
    folding = Folding().all(parts(0, 50, judged_by())).all(parts(50, 60, lambda entry: record(entry, model=None)))
    assert [a.code for a in folding.alarms] == ["model_untold"]


def test_more_told_about_the_same_model_is_no_change():
    folding = Folding().all(parts(0, 50)).all(parts(50, 100, lambda e: record(e, model=Model("m1", "2", sha256="c" * 64))))
    assert folding.alarms == []
    assert Folding.all(folding, parts(100, 110, lambda e: record(e, model=Model("m1", "2", sha256="d" * 64)))).alarms != []


def test_every_recipe_has_its_own_approved_model():
    folding = Folding()
    for k, entry in enumerate(parts(0, 60, judged_by())):
        folding.fold(record(entry, recipe="B", model=Model("m2")) if k % 2 else entry)
    assert folding.alarms == []


def test_an_edited_threshold_moves_no_score_channel():
    folding = Folding().all(parts(0, 1000, judged_by())).all(parts(1000, 1400, judged_by(threshold=0.05)))
    assert {a.alarm_id for a in folding.alarms} == {"threshold-changed"}


def test_a_new_model_is_approved_by_command_and_the_alarm_ends():
    folding = Folding().all(parts(0, 50, judged_by())).all(parts(50, 60, judged_by(version="2")))
    accept = Command("r1", "accept_baseline", "A. Meier", "owner", {"station": "ST4", "stream": "identity"})
    folding.fold(Commanded(accept, received_at=START))
    assert [a.transition for a in folding.alarms] == ["NORM→UNACK", "UNACK→RTNUN", "RTNUN→NORM"]
    assert len(folding.all(parts(60, 90, judged_by(version="2"))).alarms) == 3


# --- all of them -------------------------------------------------------------------------------------------------------------


def test_a_station_without_an_owner_raises_none_of_them():
    folding = Folding(config(owner=None)).all(parts(0, 50)).all(ticks(20))
    assert folding.all(parts(50, 60, lambda entry: values(entry, luminance=0.5))).alarms == []


def test_a_restart_in_the_middle_of_each_changes_nothing():
    entries = [
        *[received(e, 0.5) for e in parts(0, 40, judged_by())],
        *[received(e, 0.5) for e in parts(40, 44, lambda e: values(judged_by()(e), luminance=0.5))],
        *[received(e, 0.5) for e in parts(44, 60, judged_by(version="2"))],
        *[received(e, 0.5, 3600) for e in parts(60, 75, judged_by())],
        *[received(e, 0.5) for e in parts(75, 90, judged_by())],
        *[received(part(k, rows(1)[0]), 0.5) for k in range(90, 97)],
        *ticks(20, start=300),
        *[received(record(e, part_id="P1"), 0.5) for e in parts(200, 210, judged_by())],
    ]
    whole = Folding().all(entries)
    assert {a.alarm_id for a in whole.alarms} == {
        "picture-blind",
        "model-changed",
        "clock-differs",
        "picture-frozen",
        "not-monitored",
        "ids-repeated",
    }
    broken = Folding()
    for entry in entries:
        broken.fold(entry)
        broken = broken.restarted()
    assert broken.alarms == whole.alarms
