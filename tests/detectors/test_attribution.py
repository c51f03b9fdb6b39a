"""Attribution: the rules of METHODS 7, one sentence each, and that silence counts only where somebody watched."""

from __future__ import annotations

import pytest

from detectors.attribution import CHANNEL_MARK, Happening, Symptom, attribute, joined
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, SCORE_CHANNELS
from detectors.clues import ACCOUNTS, CAUSES, CLUES, shapes
from detectors.contract import Onset

ALL = ("lighting", "optics", "camera", "geometry", "material", "scores", "outcomes", "identity")


def symptom(family, code, at=1000, *, width=50, channel="", size=2.0):
    return Symptom(family, code, Onset(at, at - width, at + width), channel, size)


def light(*codes, at=1000):
    return [symptom("lighting", code, at) for code in codes]


def top(symptoms, events=(), watched=ALL):
    return attribute(symptoms, events, watched).causes[0].cause


def test_every_alarm_of_a_channel_has_a_cause_to_name():
    for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS):
        for code in (spec.up, spec.down):
            assert attribute([symptom(spec.family, code)], (), ALL).causes, code


@pytest.mark.parametrize(
    ("symptoms", "cause"),
    [
        (light("darker"), "lamp"),
        (light("contrast_lower", "top_left_brighter", "bottom_right_brighter"), "window"),
        (light("darker", "left_darker", "right_brighter"), "lamp_segment"),
        ([symptom("optics", "top_blurred"), symptom("optics", "blurred"), symptom("scores", "scores_higher", 1010)], "focus"),
        ([*light("top_brighter", "bottom_darker"), symptom("camera", "view_left"), symptom("optics", "blurred")], "camera"),
        ([*light("top_brighter", "bottom_darker"), symptom("geometry", "part_higher")], "fixture"),
        ([symptom("geometry", "measure_smaller"), symptom("scores", "scores_higher")], "tool"),
        ([*light("brighter"), symptom("material", "part_brighter"), symptom("scores", "nearer_threshold")], "material"),
        ([symptom("outcomes", "bad_parts_passed")], "new_defect"),
        ([symptom("identity", "model_changed"), symptom("scores", "scores_lower")], "model"),
        ([symptom("identity", "threshold_changed")], "threshold"),
    ],
)
def test_each_rule_of_methods_7_ranks_its_cause_first(symptoms, cause):
    assert top(symptoms) == cause


def test_the_picture_before_the_scores_speaks_for_light_and_the_scores_alone_for_material_or_process():
    first = attribute([*light("darker", at=900), symptom("scores", "scores_higher", 1000)], (), ALL).causes[0]
    assert (first.cause, "picture_first" in first.reasons) == ("lamp", True)
    alone = attribute([symptom("scores", "scores_higher")], (), ALL)
    assert {cause.cause for cause in alone.causes[:2]} == {"material", "tool"}


def test_silence_says_something_only_of_a_family_that_was_watching():
    seen = [symptom("outcomes", "bad_parts_passed")]
    watched = attribute(seen, (), ALL)
    assert watched.causes[0].reasons == ("escapes_unseen", "escapes")
    assert attribute(seen, (), ("outcomes",)).causes[0].reasons == ("escapes",)
    assert watched.blind == ("camera", "geometry", "lighting", "material", "optics", "scores")


@pytest.mark.parametrize("family", ["lighting", "optics", "camera", "geometry", "material", "scores"])
def test_drift_alone_never_shows_harm(family):
    codes = [
        code
        for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS)
        if spec.family == family
        for code in (spec.up, spec.down)
    ]
    everything = attribute([symptom(family, code) for code in codes], (), ALL)
    assert not everything.harm
    assert everything.blind == ()


@pytest.mark.parametrize("code", ["bad_parts_passed", "model_changed", "threshold_changed"])
def test_truth_and_identity_show_harm(code):
    assert attribute([symptom("outcomes" if code.startswith("bad") else "identity", code)], (), ALL).harm


def test_an_event_counts_inside_the_onset_interval_and_not_outside_it():
    seen = light("darker", "top_left_brighter", "top_right_brighter")
    near = attribute(seen, [Happening("lot", 960)], ALL)
    far = attribute(seen, [Happening("lot", 700)], ALL)
    assert "lot_event" in near.causes[0].reasons
    share = {result: {c.cause: c.share for c in result.causes}["material"] for result in (near, far)}
    assert share[near] > share[far]
    assert attribute([], [Happening("lot", 0)], ALL).causes == ()


def test_two_causes_at_once_are_both_named():
    both = attribute([*light("darker"), symptom("identity", "model_changed")], (), ALL)
    assert {cause.cause for cause in both.causes[:2]} == {"lamp", "model"}


def spread(family, channel, code="varies_more"):
    return Symptom(family, code, Onset(1000, 950, 1050), f"spread of imaging/main{CHANNEL_MARK}{channel}", 0.0, "spread_shift")


@pytest.mark.parametrize(
    ("symptoms", "causes"),
    [
        ([symptom("lighting", "darker", size=5.0), symptom("camera", "view_left")], {"lamp", "camera"}),
        ([*light("contrast_lower"), symptom("optics", "blurred", size=3.0)], {"window", "focus"}),
        ([*light("darker"), symptom("geometry", "measure_smaller")], {"lamp", "tool"}),
        ([symptom("identity", "threshold_changed"), symptom("optics", "blurred")], {"threshold", "focus"}),
    ],
)
def test_what_one_cause_cannot_account_for_names_a_second_beside_it(symptoms, causes):
    found = attribute(symptoms, (), ALL)
    assert found.both
    assert {cause.cause for cause in found.causes[:2]} == causes


def test_what_a_cause_brings_with_it_names_no_second():
    moved = [symptom("camera", "view_left", size=9.0), *light("left_darker", "right_brighter"), symptom("scores", "scores_higher")]
    assert not attribute([*moved, spread("optics", "edge_spread")], (), ALL).both
    bad = [*light("darker", "clipped_less"), symptom("outcomes", "bad_parts_passed"), symptom("rates", "reject_rate_lower")]
    assert not attribute(bad, (), ALL).both


def test_a_side_effect_is_small_and_comes_with_its_cause():
    moved = symptom("camera", "view_left", size=9.0)
    small, large = (symptom("lighting", "darker", size=size) for size in (1.5, 5.0))
    later = symptom("lighting", "darker", 1400, size=1.5)
    assert not attribute([moved, small], (), ALL).both
    for other in (large, later):
        found = attribute([moved, other], (), ALL)
        assert (found.both, {cause.cause for cause in found.causes[:2]}) == (True, {"camera", "lamp"})


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ([spread("lighting", "luminance")], "lamp"),
        ([spread("camera", "camera_shift_x")], "camera"),
        ([spread("geometry", "part_shift_x")], "fixture"),
        ([symptom("class_mix", "classes_new_more"), symptom("novelty", "novel_parts_more")], "new_defect"),
        ([symptom("novelty", "novel_parts_more")], "new_defect"),
        (light("brighter", "contrast_lower"), "stray_light"),
    ],
)
def test_spread_novelty_class_mix_and_added_light_have_causes_of_their_own(seen, cause):
    assert top(seen, watched=(*ALL, "novelty", "class_mix")) == cause


def test_run_means_speak_for_what_differs_from_lot_to_lot():
    level, runs = (
        Symptom("lighting", "darker", Onset(1000, 950, 1050), f"a{CHANNEL_MARK}luminance", 2.0, test)
        for test in ("level_shift", "run_means")
    )
    shares = [{c.cause: c.share for c in attribute([s], (), ALL).causes}["material"] for s in (level, runs)]
    assert shares[1] > shares[0]


def test_a_thing_that_moves_is_not_taken_for_a_dark_segment():
    assert shapes({"top_darker", "bottom_brighter"}) == {"moved"}
    assert shapes({"top_left_darker", "bottom_left_darker"}) == {"side_darker"}
    assert shapes({"top_left_darker", "top_right_darker", "bottom_left_brighter"}) == {"side_darker", "tilted"}
    assert top(light("top_darker", "bottom_brighter")) != "lamp_segment"
    assert top(light("top_darker", "top_left_darker", "top_right_darker", "bottom_brighter", "darker")) == "lamp_segment"


def test_shares_are_ordered_and_sum_to_one_and_the_order_of_symptoms_is_nothing():
    seen = [*light("darker", "contrast_lower"), symptom("optics", "blurred"), symptom("scores", "scores_higher")]
    one, other = (attribute(order, (), ALL) for order in (seen, seen[::-1]))
    assert one == other
    shares = [cause.share for cause in one.causes]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)


def test_a_symptom_seen_again_keeps_its_onset_and_one_the_other_way_round_replaces_it():
    first = symptom("lighting", "brighter", 1000, channel="luminance", size=2.0)
    again = symptom("lighting", "brighter", 1400, channel="luminance", size=5.0)
    (kept,) = joined([first], [again])
    assert (kept.onset, kept.size) == (first.onset, 5.0)
    turned = symptom("lighting", "darker", 2000, channel="luminance")
    assert joined([kept], [turned]) == (turned,)


def test_no_clue_speaks_twice_under_one_name_and_every_cause_has_one_for_it():
    assert len({clue.reason for clue in CLUES}) == len(CLUES)
    assert ACCOUNTS.keys() == set(CAUSES)
    for cause in CAUSES:
        assert any(clue.speaks.get(cause, 0.0) > 0.0 for clue in CLUES)


@pytest.mark.parametrize("tile", [(), ("middle_blurred",)])
def test_parts_that_lie_loosely_are_the_fixture_though_a_place_they_cross_is_blurred(tile):
    loose = [spread("geometry", "part_shift_x"), spread("lighting", "tile_left"), symptom("scores", "nearer_threshold")]
    assert attribute([*loose, *(symptom("optics", code) for code in tile)], (), ALL).causes[0].cause == "fixture"
    blurred = [symptom("optics", code, size=4.0) for code in ("blurred", "detail_lost", "middle_blurred")]
    assert attribute([*loose, *blurred], (), ALL).causes[0].cause == "focus"
