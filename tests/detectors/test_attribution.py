"""Attribution: the rules of METHODS 7, one sentence each, and that silence counts only where somebody watched."""

from __future__ import annotations

import pytest

from detectors.attribution import CAUSES, CLUES, Happening, Symptom, attribute, joined
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, SCORE_CHANNELS
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
    for cause in CAUSES:
        assert any(clue.speaks.get(cause, 0.0) > 0.0 for clue in CLUES)
