"""The vision tool's own measurements: declared they are watched in their unit, undeclared they are listed, and none is mixed up."""

import math

import numpy as np
import pytest

from agent.core.measured import MAX_PLACES
from agent.core.plans import Plans
from agent.core.undeclared import MAX_NAMES, MAX_VALUES
from detectors.channels import IMAGE_CHANNELS, SCORE_CHANNELS
from tests.core.folding import Folding, config, part, raw_rows

HOLE = {"name": "hole_d", "unit": "mm", "tolerance": 0.01}
SLOT = {"name": 'Tool 3."slot"', "unit": "°", "tolerance": 0.05, "label": "slot angle", "lowest": -90.0, "highest": 90.0}
NAMES = (HOLE["name"], SLOT["name"])
STREAM = "measured/main//A"


def station(*declared, **more):
    given = {"outcomes": {"mode": "none"}, "baseline": {"parts": 400, "min_stream_parts": 300, "steadiness": "assumed"}}
    return config(measurements=[HOLE, SLOT] if not declared else list(declared), **{**given, **more})


def parts(first, last, change=lambda k, values: values, **more):
    """Parts without a picture, whose measurements are in control but for `change`."""
    rng = np.random.default_rng([7, first])
    made = []
    for k in range(first, last):
        values = {HOLE["name"]: 5.0 + 0.02 * float(rng.standard_normal()), SLOT["name"]: 30.0 + 0.1 * float(rng.standard_normal())}
        made.append(part(k, None, measurements=change(k, values), **more))
    return made


def larger(by, name=HOLE["name"]):
    return lambda k, values: {**values, name: values[name] + by}


def without(*names):
    return lambda k, values: {name: value for name, value in values.items() if name not in names}


def said(folding):
    return [(a.alarm_id, a.code, a.transition) for a in folding.alarms]


def channels(folding, stream=STREAM):
    return {c.channel: c for c in folding.station.channels if c.stream == stream}


def streams(folding):
    return {s.stream: s.state for s in folding.station.streams if s.stream.startswith("measured")}


@pytest.fixture(scope="module")
def grown():
    return Folding(station()).all(parts(0, 500)).all(parts(500, 560, larger(0.12)))


# --- watched ------------------------------------------------------------------------------------------------------------------


def test_a_measurement_that_grew_is_named_with_its_unit_and_since_when(grown):
    (alarm,) = grown.alarms
    assert (alarm.alarm_id, alarm.code, alarm.andon) == ("part-measurements", "measure_larger", "amber")
    assert alarm.text.startswith("ST4 hole_d 0.")
    assert " mm larger since about 06:2" in alarm.text
    assert (alarm.evidence.channel, alarm.evidence.unit) == ("hole_d", "mm")
    assert alarm.evidence.change == pytest.approx(0.12, abs=0.02)  # six standard deviations: far beyond what scores reach
    assert 490 <= int(alarm.evidence.onset.part_id[1:]) <= 505


def test_german_names_it_too():
    german = station().model_copy(update={"agent": station().agent.model_copy(update={"language": "de"})})
    (alarm,) = Folding(german).all(parts(0, 500)).all(parts(500, 560, larger(-0.12))).alarms
    assert alarm.text.startswith("ST4 hole_d 0.")
    assert " mm kleiner seit etwa 06:2" in alarm.text
    assert "5 Teile von Hand nachmessen" in alarm.response


def test_a_label_is_said_in_place_of_the_tools_name_which_stays_in_the_evidence():
    (alarm,) = Folding(station()).all(parts(0, 500)).all(parts(500, 600, larger(0.5, SLOT["name"]))).alarms
    assert alarm.text.startswith("ST4 slot angle 0.")
    assert " ° larger since" in alarm.text
    assert alarm.evidence.channel == SLOT["name"]


def test_a_long_name_without_label_leaves_room_for_the_rest():
    name = "Inspection.Job7." + "x" * 100 + ".Result_mm"
    measured = lambda k, values: {name: values["hole_d"]}  # noqa: E731
    folding = Folding(station({**HOLE, "name": name})).all(parts(0, 500, measured))
    (alarm,) = folding.all(parts(500, 600, lambda k, values: {name: values["hole_d"] + 0.12})).alarms
    assert ".Result_mm 0." in alarm.text
    assert "since about" in alarm.text
    assert alarm.evidence.channel == name


def test_one_that_varies_more_is_named():
    wobbles = lambda k, values: {**values, "hole_d": 5.0 + 2.2 * (values["hole_d"] - 5.0)}  # noqa: E731
    folding = Folding(station()).all(parts(0, 500)).all(parts(500, 600, wobbles))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code) == ("part-measurements-spread", "varies_more")
    assert alarm.text.startswith("ST4 hole_d varies ")


def test_the_incident_knows_the_tool_and_names_the_measurement_with_its_blanks():
    folding = Folding(station()).all(parts(0, 500)).all(parts(500, 600, larger(0.5, SLOT["name"])))
    incident = folding.core.view().incidents[0]
    assert incident.causes[0].cause == "tool"
    (sign,) = incident.signs
    assert (sign.family, sign.code, sign.channel) == ("measurements", "measure_larger", SLOT["name"])


def test_the_alarm_is_over_when_the_measurement_is_back(grown):
    folding = Folding(station()).all(parts(0, 500)).all(parts(500, 560, larger(0.12))).all(parts(560, 800))
    assert said(folding)[:2] == [
        ("part-measurements", "measure_larger", "NORM→UNACK"),
        ("part-measurements", "measure_larger", "UNACK→RTNUN"),
    ]


def test_in_control_nothing_is_said_and_a_restart_at_any_place_changes_nothing():
    entries = parts(0, 500) + parts(500, 560, larger(0.12)) + parts(560, 700)
    straight = Folding(station()).all(entries)
    for at in (1, 399, 400, 401, 505, 600):
        stopped = Folding(station()).all(entries[:at]).restarted().all(entries[at:])
        assert stopped.alarms == straight.alarms
        assert repr(stopped.station) == repr(straight.station)  # NaN differs from itself
    assert Folding(station()).all(parts(0, 1000)).alarms == []


def test_a_ratio_is_said_in_percent():
    folding = Folding(station({**HOLE, "transform": "log"})).all(parts(0, 500, without(SLOT["name"])))
    (alarm,) = folding.all(parts(500, 600, lambda k, v: {"hole_d": 1.1 * v["hole_d"]})).alarms
    assert (alarm.evidence.unit, alarm.evidence.change) == ("%", pytest.approx(10.0, abs=2.0))


# --- places -------------------------------------------------------------------------------------------------------------------


def test_each_view_position_and_recipe_learns_by_itself_and_parts_that_share_a_frame_are_all_taken():
    given = station(positions=["1", "2"])
    shared = []
    for k in range(0, 20, 2):
        shared += parts(k, k + 1, position="1", frame_id=f"F{k}", recipe="A/x")
        shared += parts(k + 1, k + 2, position="2", frame_id=f"F{k}", recipe="B")
    folding = Folding(given).all(shared)
    shown = {s.stream: s.parts for s in folding.station.streams if s.stream.startswith("measured")}
    assert shown == {"measured/main/1/A/x": 19, "measured/main/2/B": 19}  # span of the station's parts


def test_a_recipes_own_declaration_stands_in_for_the_views():
    own = {**HOLE, "recipe": "B", "unit": "in", "tolerance": 0.5}
    folding = Folding(station(HOLE, own)).all(parts(0, 500)).all(parts(500, 1000, recipe="B"))
    assert channels(folding)["hole_d"].unit == "mm"
    assert (channels(folding, "measured/main//B")["hole_d"].unit, channels(folding, "measured/main//B")["hole_d"].tolerance) == (
        "in",
        0.5,
    )


def test_a_part_whose_picture_shows_nothing_is_not_measured():
    black = np.full(len(IMAGE_CHANNELS), np.nan)
    black[0] = 1.0
    rng = np.random.default_rng(3)
    seen = [part(k, row, measurements={"hole_d": 5.0}) for k, row in enumerate(raw_rows(rng, 5))]
    folding = Folding(station()).all(seen)
    before = folding.core.view()
    folding.all(part(k, black, measurements={"hole_d": 99.0, "other": 1.0}) for k in range(5, 8))
    assert folding.station.counters["frames_showing_nothing"] == 3
    assert [m.name for m in folding.station.measurements] == [m.name for m in before.stations[0].measurements]


def test_more_recipes_than_are_kept_are_counted():
    folding = Folding(station())
    for k in range(MAX_PLACES + 3):
        folding.all(parts(k, k + 1, recipe=f"R{k}"))
    assert folding.station.counters["too_many_streams"] > 0


# --- missing, implausible, later ----------------------------------------------------------------------------------------------


def test_one_missing_in_some_records_is_still_watched_and_its_absence_says_nothing():
    every_third = lambda k, values: values if k % 3 else without("hole_d")(k, values)  # noqa: E731
    folding = Folding(station()).all(parts(0, 700, every_third))
    assert channels(folding)["hole_d"].refused == ""
    assert folding.alarms == []
    folding.all(parts(700, 740, without("hole_d")))
    assert folding.alarms == []
    assert channels(folding)["hole_d"].updates == 200  # of 300 after arming, none while it was missing


@pytest.mark.parametrize("gone", [without("hole_d"), without(*NAMES)])
def test_one_that_no_longer_comes_is_said_with_its_last_time_and_ends_when_it_is_back(gone):
    folding = Folding(station()).all(parts(0, 500)).all(parts(500, 530, gone)).restarted().all(parts(530, 560, gone))
    alarm = folding.alarms[0]
    assert (alarm.alarm_id, alarm.part_id, alarm.evidence.onset.part_id) == ("measurements-missing", "P00549", "P00500")
    count = 1 if gone(0, dict.fromkeys(NAMES, 1.0)) else 2
    assert alarm.text == f"ST4 hole_d no longer measured since 06:25: {count} of 2 measurements missing, unwatched."
    assert len(folding.alarms) == 1
    assert said(folding.all(parts(560, 565)))[-1] == ("measurements-missing", "measurements_missing", "UNACK→RTNUN")


def test_one_that_comes_seldom_is_missing_only_after_twenty_of_its_intervals():
    seldom = lambda k, values: values if k % 10 == 0 else without("hole_d")(k, values)  # noqa: E731
    folding = Folding(station()).all(parts(0, 600, seldom)).all(parts(600, 780, without("hole_d")))
    assert folding.alarms == []
    assert [a.code for a in folding.all(parts(780, 830, without("hole_d"))).alarms] == ["measurements_missing"]


def test_a_value_that_cannot_be_is_left_out_and_counted():
    broken = lambda k, values: {**values, SLOT["name"]: -999.0, "hole_d": math.nan if k % 2 else values["hole_d"]}  # noqa: E731
    folding = Folding(station()).all(parts(0, 500)).all(parts(500, 550, broken))
    assert folding.station.counters["measurements_implausible"] == 50
    assert channels(folding)[SLOT["name"]].updates == channels(folding)["hole_d"].updates - 25


@pytest.mark.parametrize("value", [1e300, -1e300, 1e12, 5e-324])
def test_no_number_upsets_the_fold(value):
    wild = lambda k, values: {**values, "hole_d": value if k % 7 == 0 else values["hole_d"], "new": value}  # noqa: E731
    Folding(station()).all(parts(0, 500, wild)).all(parts(500, 600, wild)).restarted().all(parts(600, 610))


def test_a_name_that_appears_later_learns_by_itself_while_the_others_stay_watched():
    folding = Folding(station()).all(parts(0, 500, without(SLOT["name"])))
    assert streams(folding) == {STREAM: "armed"}
    assert list(channels(folding)) == ["hole_d"]  # the other takes no place in it
    assert [(m.name, m.why) for m in folding.station.measurements] == [(SLOT["name"], "declared, not received")]
    folding.all(parts(500, 700))
    assert streams(folding) == {STREAM: "armed", "measured-2/main//A": "learning"}
    assert folding.station.measurements == ()
    (alarm,) = folding.all(parts(700, 750, larger(0.12))).alarms
    assert alarm.evidence.channel == "hole_d"
    folding.all(parts(750, 1000))
    assert streams(folding) == {STREAM: "armed", "measured-2/main//A": "armed"}
    more = folding.restarted().all(parts(1000, 1100, larger(0.5, SLOT["name"]))).alarms[-1]
    assert (more.evidence.channel, more.stream) == (SLOT["name"], "measured-2/main//A")


def test_what_hardly_comes_at_all_never_takes_a_stream_for_good():
    seldom = lambda k, values: values if k % 50 == 0 else without(SLOT["name"])(k, values)  # noqa: E731
    folding = Folding(station()).all(parts(0, 3000, seldom))
    assert set(streams(folding)) <= {STREAM, "measured-2/main//A"}


# --- the configuration changes ------------------------------------------------------------------------------------------------


def reconfigured(folding, *declared):
    folding.configuration = station(*declared)
    return folding.restarted()


def test_another_unit_learns_anew_and_another_tolerance_does_not():
    armed = Folding(station()).all(parts(0, 500))
    kept = reconfigured(armed, {**HOLE, "tolerance": 0.02}, SLOT)
    assert streams(kept) == {STREAM: "armed"}
    anew = reconfigured(kept, {**HOLE, "unit": "in"}, SLOT).all(parts(500, 510))
    assert streams(anew) == {STREAM: "learning"}


def test_one_declared_later_learns_beside_those_that_are_armed_and_is_no_longer_listed_as_undeclared():
    armed = Folding(station(HOLE)).all(parts(0, 500))
    assert [m.name for m in armed.station.measurements] == [SLOT["name"]]
    more = reconfigured(armed, SLOT, HOLE).all(parts(500, 510))  # the order of declarations does not matter
    assert streams(more) == {STREAM: "armed", "measured-2/main//A": "learning"}
    assert more.station.measurements == ()
    (alarm,) = more.all(parts(510, 560, larger(0.12))).alarms
    assert alarm.evidence.channel == "hole_d"


def test_an_alarm_of_a_stream_that_is_no_longer_declared_ends_with_the_next_part(grown):
    gone = reconfigured(Folding(station()).all(parts(0, 500)).all(parts(500, 560, larger(0.12))), {**HOLE, "unit": "in"})
    gone.all(parts(560, 561))
    assert said(gone)[-1] == ("part-measurements", "measure_larger", "UNACK→RTNUN")


@pytest.mark.parametrize("left", [[SLOT], [{**HOLE, "recipe": "other"}]])
def test_what_is_missing_and_no_longer_declared_is_no_longer_an_alarm(left):
    folding = Folding(station()).all(parts(0, 100)).all(parts(100, 160, without("hole_d")))
    assert said(folding) == [("measurements-missing", "measurements_missing", "NORM→UNACK")]
    reconfigured(folding, *left).restarted().all(parts(160, 165, without("hole_d")))
    assert said(folding)[1:] == [("measurements-missing", "measurements_missing", "UNACK→RTNUN")]


# --- undeclared ---------------------------------------------------------------------------------------------------------------


def test_what_is_not_declared_is_listed_with_its_first_values_and_not_watched():
    folding = Folding(station(HOLE)).all(parts(0, MAX_VALUES + 10)).restarted()
    (listed,) = folding.station.measurements
    assert (listed.view, listed.name, listed.why, listed.values) == ("main", SLOT["name"], "not declared", MAX_VALUES)
    assert (listed.mean, listed.sd) == (pytest.approx(30.0, abs=0.02), pytest.approx(0.1, abs=0.01))
    assert listed.lowest < 30.0 < listed.highest
    assert SLOT["name"] not in channels(folding)


def test_hundreds_of_names_are_listed_and_any_more_are_counted():
    many = lambda k, values: {f"m{i + 200 * k}": 1.0 for i in range(200)}  # noqa: E731
    folding = Folding(station(HOLE)).all(parts(0, 2, many))
    assert [m.why for m in folding.station.measurements].count("not declared") == MAX_NAMES
    assert folding.station.counters["measurements_not_listed"] == 400 - MAX_NAMES


def test_hundreds_of_declared_names_are_watched_in_one_stream():
    declared = [{"name": f"m{i}", "unit": "mm", "tolerance": 0.1} for i in range(250)]
    rng = np.random.default_rng(5)
    entries = [part(k, None, measurements={f"m{i}": float(v) for i, v in enumerate(rng.standard_normal(250))}) for k in range(450)]
    folding = Folding(station(*declared)).all(entries)
    assert streams(folding) == {STREAM: "armed"}
    assert len(channels(folding)) == 250
    assert folding.alarms == []


# --- budget -------------------------------------------------------------------------------------------------------------------


def test_only_what_is_declared_takes_a_share_of_the_budget_and_recipes_do_not_add_up():
    plain = len(IMAGE_CHANNELS) + len(SCORE_CHANNELS) + 1  # and novelty
    other = {**SLOT, "recipe": "B"}
    cases = [
        (station(HOLE), plain + 1 + 2),
        (station(HOLE, SLOT), plain + 2 + 2),
        (station(HOLE, {**HOLE, "recipe": "B"}), plain + 1 + 2),
        (station(HOLE, other), plain + 2 + 2),
        (station(HOLE, views=["main", "side"]), 2 * plain + 1 + 2),
        (station(HOLE, positions=["1", "2"]), 2 * (plain + 1) + 2),
    ]
    for configuration, columns in cases:
        plans = Plans(configuration.stations[0])
        assert plans.channel_share * columns == pytest.approx(0.5)
