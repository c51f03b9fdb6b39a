"""The simulated line: seeded, inside its sources, and with failures that are measured, not scripted."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import timedelta

import numpy as np
import pytest

from agent.demo import feed
from agent.demo.line.causes import Cause
from agent.demo.line.conditions import Conditions
from agent.demo.line.magnitudes import ASSUMED, SOURCED
from agent.demo.line.model import FOLDER, Classifier
from agent.demo.line.parts import KNOWN_DEFECTS, Defect
from agent.demo.line.production import Audits, Line, Part, captured_at
from agent.demo.line.scene import field
from agent.demo.scenario import BASELINE_PARTS, DESCRIPTIONS, Scenario, draw_scenario
from agent.records import Event, Inspection, Outcome, decode


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def scenario_of(cause: Cause | None, seed: int = 5) -> Scenario:
    """A short scenario under one cause from its first part on."""
    drawn = draw_scenario(np.random.default_rng(seed), fault=True)
    sizes = {Cause.OVEREXPOSURE: ASSUMED.overexposure, Cause.LAMP_RAISED: ASSUMED.lamp_raised_relief}
    size = ASSUMED.die_share if cause is None else float(np.mean(sizes.get(cause, ASSUMED.die_share)))
    onset = None if cause is None else 1
    return dataclasses.replace(drawn, coil_at=None, onset_at=onset, cause=cause, size=size, last=1600)


def run(scenario: Scenario, classifier: Classifier, seed: int = 7) -> list[Part]:
    line = Line(scenario, classifier, np.random.default_rng(seed))
    parts: list[Part] = []
    while batch := line.make():
        parts += batch
    return parts


def confidence(parts: list[Part]) -> float:
    return 1.0 - float(np.mean([part.p_defect for part in parts if part.passed]))


def escape_rate(parts: list[Part]) -> float:
    return float(np.mean([part.is_defective for part in parts if part.passed]))


@pytest.fixture(scope="module")
def sound(classifier: Classifier) -> list[Part]:
    return run(scenario_of(None), classifier)


def test_the_same_seed_makes_the_same_parts_and_another_seed_others(classifier: Classifier) -> None:
    short = dataclasses.replace(scenario_of(None), last=64)
    first, again, other = (run(short, classifier, seed) for seed in (1, 1, 2))
    assert [feed.inspection(p) for p in first] == [feed.inspection(p) for p in again]
    assert not np.array_equal(first[0].frame, other[0].frame)


def test_the_process_rejects_a_share_that_plants_report() -> None:
    a = ASSUMED
    low, high = SOURCED.reject_share_range
    assert low <= a.scratch_share + a.crack_share + a.missing_hole_share + a.burr_share <= high


def test_the_model_is_the_one_its_provenance_describes() -> None:
    provenance = json.loads((FOLDER / "bracket.json").read_text())
    body = (FOLDER / "bracket.onnx").read_bytes()
    assert hashlib.sha256(body).hexdigest() == provenance["sha256"]
    assert len(body) == provenance["bytes"] < 500_000


def test_the_model_separates_good_from_bad_on_the_line_as_commissioned(sound: list[Part]) -> None:
    good = np.array([p.p_defect for p in sound if not p.is_defective])
    bad = np.array([p.p_defect for p in sound if p.is_defective])
    assert {p.defect for p in sound} == {Defect.NONE, *KNOWN_DEFECTS}
    auc = np.mean(good[:, None] < bad[None, :])
    assert auc > 0.999
    assert escape_rate(sound) < 0.003


@pytest.mark.parametrize("cause", list(DESCRIPTIONS))
def test_under_each_cause_bad_parts_pass_while_the_model_stays_as_sure(
    cause: Cause, sound: list[Part], classifier: Classifier
) -> None:
    failed = run(scenario_of(cause), classifier)
    assert escape_rate(failed) > 0.015
    assert escape_rate(failed) > 10 * escape_rate(sound)
    assert confidence(failed) > confidence(sound) - 2e-4


@pytest.mark.parametrize("seed", range(2))
def test_a_new_coil_moves_pixels_but_not_errors(seed: int, sound: list[Part], classifier: Classifier) -> None:
    drawn = dataclasses.replace(draw_scenario(np.random.default_rng(seed), fault=True), coil_at=1, onset_at=None, last=800)
    parts = run(drawn, classifier)
    before, after = (field(np.stack([p.frame for p in chosen])).mean() for chosen in (sound, parts))
    assert abs(after / before - 1) > 0.02
    assert escape_rate(parts) < 0.005
    assert np.mean([p.passed for p in parts if not p.is_defective]) > 0.99


def test_the_seed_moves_the_onset_and_the_cause_and_no_fault_has_neither() -> None:
    drawn = [draw_scenario(np.random.default_rng(seed), fault=True) for seed in range(30)]
    assert len({s.onset_at for s in drawn}) > 20
    assert {s.cause for s in drawn} == set(DESCRIPTIONS)
    for scenario in drawn:
        assert scenario.coil_at is not None
        assert scenario.onset_at is not None
        assert BASELINE_PARTS < scenario.coil_at < scenario.onset_at < scenario.last
    quiet = draw_scenario(np.random.default_rng(0), fault=False)
    assert (quiet.coil_at, quiet.onset_at, quiet.cause) == (None, None, None)


def test_conditions_change_at_the_onset_and_a_batch_never_straddles_it(classifier: Classifier) -> None:
    scenario = dataclasses.replace(scenario_of(Cause.NEW_DEFECT), onset_at=41, last=64)

    def die_share(part: int) -> float:
        conditions: Conditions = scenario.conditions(part)
        return conditions.die_share

    assert die_share(40) == 0.0
    assert die_share(41) == ASSUMED.die_share
    line = Line(scenario, classifier, np.random.default_rng(1))
    firsts = [batch[0].number for batch in iter(line.make, [])]
    assert firsts == [1, 33, 41]


def test_every_baseline_part_is_examined_then_every_reject_and_the_declared_share_of_passes(sound: list[Part]) -> None:
    audits = Audits(np.random.default_rng(3), BASELINE_PARTS)
    numbered = [dataclasses.replace(p, number=p.number + shift) for shift in (0, BASELINE_PARTS) for p in sound]
    for part in numbered:
        audits.draw(part)
    told = audits.due(captured_at(3 * BASELINE_PARTS))
    assert sum(a.part.number <= len(sound) for a in told) == len(sound)
    later = [a for a in told if a.part.number > BASELINE_PARTS]
    rejects = sum(not p.passed for p in sound)
    assert sum(not a.part.passed for a in later) == rejects
    assert abs(sum(a.part.passed for a in later) / (len(sound) - rejects) - ASSUMED.audit_share) < 0.04
    assert {a.probability for a in later} == {1.0, ASSUMED.audit_share}


def test_the_draw_of_an_audit_does_not_see_the_truth(sound: list[Part]) -> None:
    drawn = []
    for defect in (Defect.NONE, Defect.CRACK):
        audits = Audits(np.random.default_rng(3), BASELINE_PARTS)
        for part in sound:
            audits.draw(dataclasses.replace(part, number=part.number + BASELINE_PARTS, defect=defect))
        drawn.append([a.part.number for a in audits.due(captured_at(10 * BASELINE_PARTS))])
    assert drawn[0] == drawn[1]


def test_an_audit_is_told_after_its_part_and_before_its_outcome_is_due(sound: list[Part]) -> None:
    audits = Audits(np.random.default_rng(3), BASELINE_PARTS)
    for part in sound[:200]:
        audits.draw(part)
        for audit in audits.due(part.captured_at):
            wait = audit.observed_at - audit.part.captured_at
            assert timedelta(0) < wait <= timedelta(seconds=ASSUMED.audit_delay_s)
            assert audit.observed_at <= part.captured_at


def test_records_are_what_the_agent_reads_and_hold_no_truth(sound: list[Part], classifier: Classifier) -> None:
    bad = next(p for p in sound if p.is_defective)
    raw = feed.inspection(bad)
    record, frame = decode(raw)
    assert isinstance(record, Inspection)
    assert frame is None
    assert record.image_inline.startswith(b"\x89PNG")
    assert not any(kind.value.encode() in raw for kind in KNOWN_DEFECTS)
    audits = Audits(np.random.default_rng(0), BASELINE_PARTS)
    audits.draw(bad)
    (audit,) = audits.due(captured_at(BASELINE_PARTS))
    outcome, _ = decode(feed.outcome(audit))
    assert isinstance(outcome, Outcome)
    assert (outcome.part_id, outcome.defective, outcome.confirmed, outcome.defect_class) == (bad.part_id, True, True, "")
    for raw_event, kind in ((feed.new_lot("C1", captured_at(1)), "lot"), (feed.clock(captured_at(1)), "clock")):
        event, _ = decode(raw_event)
        assert isinstance(event, Event)
        assert event.kind == kind
