"""Likely causes in incidents and alarms: ranked, worded, renewed when something else happens, and kept over a restart."""

from __future__ import annotations

import msgspec
import pytest

from agent.core.causes import BLIND, CAUSES, REASONS, RESPONSES, say_blind, say_blind_shortly, say_causes
from agent.core.texts import LIMIT
from agent.records import Inspected
from detectors import attribution
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import Folding, config, line

NAMES = [spec.name for spec in IMAGE_CHANNELS]
LUMINANCE, TILT = NAMES.index("luminance"), NAMES.index("tilt_x")


def scaled(row, factor, column=LUMINANCE):
    row = row.copy()
    row[column] *= factor
    return row


def darker(k, row):
    return scaled(row, 0.85) if k >= 1200 else row


@pytest.fixture(scope="module")
def dark():
    return Folding().all(line(1, 2000, change=darker))


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_cause_its_response_and_every_reason_have_words(language):
    assert CAUSES[language].keys() == RESPONSES[language].keys() == set(attribution.CAUSES)
    assert all(len(response) <= LIMIT for response in RESPONSES[language].values())
    assert REASONS[language].keys() == {clue.reason for clue in attribution.CLUES}


def test_causes_are_said_as_likely_and_none_as_unknown():
    assert say_causes("en", ("lamp", "window")) == "Lamp/exposure or dirty window likely."
    assert say_causes("de", ("lamp",)) == "Wohl Lampe/Belichtung."
    assert say_causes("de", ("lamp", "camera"), both=True) == "Wohl Lampe/Belichtung und Kamerahalter."
    assert say_causes("en", ()) == "Cause unknown."


def test_what_was_blind_to_harm_is_said_and_what_saw_it_is_not():
    assert say_blind("en", ("lighting", "scores")) == "Nothing of it was seen in: light, the model's scores."
    assert say_blind("en", ()) == ""
    assert say_blind_shortly("en", ("lighting", "optics", "scores"), ("outcomes",)) == " Not seen in picture and scores."
    assert (
        say_blind_shortly("de", ("optics", "scores", "rates"), ("outcomes", "lighting"))
        == " Unsichtbar in Modellwerten und Ausschuss."
    )
    assert say_blind_shortly("en", (), ("outcomes",)) == ""
    assert BLIND["en"].keys() == BLIND["de"].keys()


def test_an_incident_carries_its_causes_with_reasons_and_shows_no_harm_for_drift_alone(dark):
    incident = dark.core.view().incidents[0]
    first = incident.causes[0]
    assert (first.cause, first.text, first.likelihood) == ("lamp", "lamp/exposure", "likely")
    assert {"darker", "alike_everywhere"} <= {reason.code for reason in first.reasons}
    assert (incident.harm, incident.blind) == ("not_shown", ())


def test_the_alarm_names_the_likely_cause_and_what_to_do_about_it(dark):
    (alarm,) = [a for a in dark.alarms if a.transition]
    assert alarm.text.endswith("Lamp/exposure likely.")
    assert alarm.response == RESPONSES["en"]["lamp"]


def test_two_causes_at_once_are_said_as_both():
    def dark_and_veiled(k, row):
        if k >= 1200:
            row = scaled(row, 0.8)
        return scaled(row, 0.7, NAMES.index("contrast")) if k >= 1600 else row

    folding = Folding().all(line(1, 2400, change=dark_and_veiled))
    incident = folding.core.view().incidents[0]
    assert incident.both
    assert [(cause.cause, cause.likelihood) for cause in incident.causes[:2]] == [("lamp", "likely"), ("window", "likely")]


def test_a_recipe_changeover_raises_nothing():
    records = line(1, 3000)
    other = [
        msgspec.structs.replace(e, record=msgspec.structs.replace(e.record, recipe="B"))
        if isinstance(e, Inspected) and 1600 <= k < 2600
        else e
        for k, e in enumerate(records)
    ]
    assert Folding().all(other).alarms == []


def test_a_harmless_coil_is_told_as_drift_and_never_as_harm():
    def coil(k, row):
        return scaled(row, 0.93) if k >= 1200 else row

    folding = Folding().all(line(1, 2400, change=coil))
    incident = folding.core.view().incidents[0]
    assert incident.harm == "not_shown"
    assert incident.hold is None
    assert {alarm.andon for alarm in folding.alarms} == {"amber"}


def test_bad_parts_without_any_other_sign_name_the_families_that_were_blind():
    before, after = line(3, 2000), line(3, 2000, first=2000, escapes=0.12)
    folding = Folding().all(sorted(before + after, key=lambda e: getattr(e.record, "captured_at", None) or e.record.observed_at))
    incident = folding.core.view().incidents[0]
    assert incident.causes[0].cause == "new_defect"
    assert incident.harm == "shown"
    assert incident.blind == ("lighting", "optics", "scores")
    assert incident.blind_text == "Nothing of it was seen in: light, sharpness, the model's scores."
    assert incident.hold is not None
    (alarm,) = [a for a in folding.alarms if a.alarm_id == "bad-parts-passed" and a.transition]
    assert alarm.text.endswith("Not seen in picture and scores.")


def test_another_cause_behind_a_standing_alarm_is_a_new_occurrence():
    def other(k, row):
        row = scaled(row, 1.15) if k >= 1200 else row
        if k >= 1600:
            row = row.copy()
            row[TILT] -= 0.3
            row[NAMES.index("contrast")] *= 0.6
        return row

    folding = Folding().all(line(1, 2400, change=other))
    raised = [a for a in folding.alarms if a.alarm_id == "picture-light" and a.transition.endswith("UNACK")]
    assert [a.transition for a in raised] == ["NORM→UNACK", "UNACK→UNACK"]
    assert len({a.occurrence_id for a in raised}) == 2
    assert "window" in raised[1].text


def test_a_restart_changes_no_cause_and_no_text(dark):
    folding = Folding()
    for k, entry in enumerate(line(1, 2000, change=darker)):
        folding.fold(entry)
        if k % 501 == 0:
            folding.restarted()
    assert folding.core.view().incidents == dark.core.view().incidents
    assert [a.text for a in folding.alarms] == [a.text for a in dark.alarms]


def test_a_lot_told_by_the_records_alone_counts_as_an_event():
    folding = Folding(config()).all(line(1, 2000, change=darker))
    reasons = {reason.code for cause in folding.core.view().incidents[0].causes for reason in cause.reasons}
    assert "lot_event" in reasons
