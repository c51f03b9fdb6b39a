"""A view with a reference: streams of their own scope, hard limits from the first frame, a share of the budget."""

import math

import numpy as np
import pytest

from agent.core.plans import Plans
from agent.records import Frame, Inspected
from detectors.channels import CAMERA_CHANNELS, IMAGE_CHANNELS, SCORE_CHANNELS, TABLE_VERSION
from tests.core.folding import Folding, config, part, raw_rows

REFERENCE = {
    "golden": "/nowhere/golden.png",
    "fixtures": [[0, 0, 40, 40], [200, 0, 40, 40]],
    "part": [50, 50, 100, 100],
    "outline": "bright",
    "calipers": [{"name": "slot", "from": [60, 90], "to": [120, 90]}],
}
DIGEST = "0123456789ab"
UNMEASURED = ("part_red_green", "part_blue_green")


def station(**more):
    return config(references=[REFERENCE], **more)


SPECS = Plans(station().stations[0]).compared("main", "A")
NAMES = [spec.name for spec in SPECS]
AT_REST = {"fixture_match": 0.97, "part_match": 0.9, "part_margin": 40.0, "coherence": 0.3, "slot": 80.0}


def compared(entry, rng, reference=DIGEST, **changes):
    """The frame of a part with what was measured against its reference; changes: values by name."""
    values = []
    for spec in SPECS:
        centre = AT_REST.get(spec.name, 0.0)
        noise = float(rng.standard_normal())
        value = math.exp(spec.tolerance * noise) if spec.transform == "log" else centre + spec.tolerance * noise
        given = changes.get(spec.name, value)
        values.append(None if spec.name in UNMEASURED or given is None else given)
    frame = Frame((*entry.frame.values, *values), TABLE_VERSION, reference=reference)
    return Inspected(entry.record, frame)


def parts(first, last, reference=DIGEST, recipe="A", **changes):
    rows = raw_rows(np.random.default_rng([1, first]), last - first)
    rng = np.random.default_rng([2, first])
    return [compared(part(k, rows[k - first], recipe=recipe), rng, reference, **changes) for k in range(first, last)]


def said(folding):
    return [(a.alarm_id, a.code, a.transition) for a in folding.alarms]


# --- hard limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"part_area": 0.001, "part_margin": None}, "part_missing", "ST4 NO PART IN VIEW since 06:02."),
        ({"part_margin": 0.0}, "part_out_of_field", "ST4 PART OUT OF FIELD since 06:02."),
    ],
)
def test_a_part_that_is_missing_or_cut_off_is_said_at_the_third_even_while_learning(change, code, text):
    folding = Folding(station()).all(parts(0, 50)).all(parts(50, 53, **change))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code, alarm.andon, alarm.part_id) == ("picture-blind", code, "amber", "P00052")
    assert alarm.text.startswith(text)
    assert folding.station.counters["frames_showing_nothing"] == 3
    assert said(folding.all(parts(53, 64)))[1:] == [("picture-blind", code, "UNACK→RTNUN")]


def test_the_limits_are_the_stations():
    loose = station(picture={"least_part": 0.0, "least_margin_px": -100.0})
    folding = Folding(loose).all(parts(0, 50)).all(parts(50, 60, part_area=0.001, part_margin=0.0))
    assert folding.alarms == []
    strict = station(picture={"least_margin_px": 50.0})
    assert [a.code for a in Folding(strict).all(parts(0, 5)).alarms] == ["part_out_of_field"]


def test_without_a_reference_neither_can_be_said():
    folding = Folding().all(part(k, row) for k, row in enumerate(raw_rows(np.random.default_rng(3), 20)))
    assert folding.alarms == []
    assert not [s for s in folding.station.streams if s.stream.startswith(("part/", "fixtures/"))]


# --- streams ------------------------------------------------------------------------------------------------------------------


def names(folding):
    return {stream.stream for stream in folding.station.streams}


def test_the_camera_belongs_to_the_view_and_the_part_to_its_recipe():
    folding = Folding(station()).all(parts(0, 5)).all(parts(5, 10, recipe="B/2"))
    assert {name for name in names(folding) if name.startswith(("fixtures", "part"))} == {
        f"fixtures/main/{DIGEST}",
        f"part/main//A/{DIGEST}",
        f"part/main//B/2/{DIGEST}",
    }


def test_another_golden_frame_learns_anew():
    folding = Folding(station()).all(parts(0, 5)).all(parts(5, 10, reference="ba9876543210"))
    assert {f"fixtures/main/{DIGEST}", "fixtures/main/ba9876543210"} <= names(folding)


def test_a_moved_camera_is_said_to_have_moved_and_a_moved_part_not_to_be_the_camera():
    armed, again = (Folding(station()).all(parts(0, 1000)) for _ in range(2))
    armed.all(parts(1000, 1150, camera_shift_x=6.0))
    assert [(a.alarm_id, a.code) for a in armed.alarms] == [("camera-moved", "view_right")]
    assert armed.alarms[0].text.startswith(("ST4 view moved right 5.", "ST4 view moved right 6"))
    again.all(parts(1000, 1150, part_shift_y=-3.0))
    assert [(a.alarm_id, a.code) for a in again.alarms] == [("part-geometry", "part_higher")]


def test_a_caliper_is_named_and_measured_in_its_unit():
    folding = Folding(station()).all(parts(0, 1000)).all(parts(1000, 1150, slot=82.0))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code, alarm.evidence.channel, alarm.evidence.unit) == (
        "part-geometry",
        "measure_larger",
        "slot",
        "px",
    )
    assert alarm.text.startswith("ST4 slot ")


def test_in_control_nothing_is_said_and_a_restart_changes_nothing():
    straight = Folding(station()).all(parts(0, 1500))
    stopped = Folding(station()).all(parts(0, 1500)[:900]).restarted().all(parts(0, 1500)[900:])
    assert straight.alarms == stopped.alarms == []
    assert repr(straight.station.channels) == repr(stopped.station.channels)  # NaN differs from itself


def test_a_reference_that_is_drawn_otherwise_after_a_restart_is_dropped_and_learned_anew():
    folding = Folding(station()).all(parts(0, 1000))
    folding.configuration = config(references=[{**REFERENCE, "calipers": []}])
    folding.restarted()
    assert f"part/main//A/{DIGEST}" not in names(folding)
    assert f"fixtures/main/{DIGEST}" in names(folding)


# --- what cannot be compared --------------------------------------------------------------------------------------------------


def test_a_frame_whose_golden_frame_cannot_be_used_is_judged_without_it_and_counted():
    rows = raw_rows(np.random.default_rng(5), 10)
    folding = Folding(station()).all(part(k, row) for k, row in enumerate(rows))
    assert folding.station.counters["frames_without_reference"] == 10
    assert any(name.startswith("imaging/") for name in names(folding))


def test_a_frame_of_another_size_than_the_golden_one_is_counted():
    nothing = dict.fromkeys(NAMES)
    folding = Folding(station()).all(parts(0, 10, **nothing))
    assert folding.station.counters["frames_unlike_reference"] == 10


# --- budget -------------------------------------------------------------------------------------------------------------------


def test_only_what_is_drawn_takes_a_share_of_the_budget():
    plain = len(IMAGE_CHANNELS) + len(SCORE_CHANNELS) + 1  # and novelty
    cases = [
        (config(), plain + 2),  # and reject rate and class mix
        (station(), plain + len(SPECS) + 2),
        (config(references=[{**REFERENCE, "part": None, "outline": "none", "calipers": []}]), plain + len(CAMERA_CHANNELS) + 2),
        (station(views=["main", "side"]), 2 * plain + len(SPECS) + 2),
        # Two references of one view: a part is held against one of them.
        (config(references=[REFERENCE, {**REFERENCE, "recipe": "B", "calipers": []}]), plain + len(SPECS) + 2),
    ]
    for configuration, channels in cases:
        plans = Plans(configuration.stations[0])
        assert plans.channel_share * channels == pytest.approx(0.5 * 0.8)
