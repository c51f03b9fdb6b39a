"""How well the onset is told: on steps, where it can be, and on ramps, where it is always late."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.contract import Onset
from detectors.level_shift import LevelShift
from detectors.onset import from_lows


def onsets(change, seed):
    """Onsets of 200 channels that change at label 0, c = 3e7, epsilon 0.1, inflation 5 %, after 500 parts in control."""
    rng, columns = np.random.default_rng(seed), 200
    detector = LevelShift(np.full(columns, 0.1), np.full(columns, 0.05), np.full(columns, 3e7))
    assert detector.update(rng.standard_normal((500, columns)), np.arange(-500, 0)) == []
    found: dict[int, Onset] = {}
    t = 0
    while len(found) < columns:
        at = np.arange(t, t + 50)
        for crossing in detector.update(rng.standard_normal((50, columns)) + change(at)[:, None], at):
            found.setdefault(crossing.column, crossing.onset)
        t += 50
    return list(found.values())


def coverage(found):
    return float(np.mean([o.earliest <= 0 <= o.latest for o in found]))


@pytest.mark.parametrize(("size", "covered"), [(0.5, 0.95), (1.0, 0.95), (2.0, 0.8)])
def test_the_interval_covers_the_onset_of_a_step(size, covered):
    found = onsets(lambda at: np.full(at.size, size), 1)
    assert coverage(found) >= covered
    assert abs(np.median([o.estimate for o in found])) <= 10


@pytest.mark.parametrize(("slope", "covered"), [(0.0005, 0.8), (0.001, 0.8), (0.003, 0.8)])
def test_the_interval_covers_the_onset_of_a_ramp_though_the_estimate_is_late(slope, covered):
    found = onsets(lambda at: slope * at, 2)
    assert coverage(found) >= covered
    assert np.mean([o.estimate > 0 for o in found]) >= 0.95


def test_an_onset_never_lies_before_the_evidence_began():
    assert from_lows([90, 80], 0, 200, 60) == Onset(estimate=91, earliest=61, latest=91)


def test_the_interval_spans_the_bets():
    assert from_lows([90, 40, 95], 0, 100, 0) == Onset(estimate=91, earliest=41, latest=96)


def test_a_crossing_by_a_single_part_has_its_onset_there():
    assert from_lows([7], 0, 8, 7) == Onset(estimate=8, earliest=8, latest=8)
