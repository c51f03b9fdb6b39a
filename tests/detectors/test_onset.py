"""How well the onset is told: on steps, where it can be, and on ramps, where it is always late."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.contract import Onset
from detectors.level_shift import LevelShift
from detectors.onset import SUPPORT, from_lows
from detectors.walk import Trace


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


@pytest.mark.parametrize(("size", "covered"), [(0.5, 0.95), (1.0, 0.95), (2.0, 0.95), (4.0, 0.95)])
def test_the_interval_covers_the_onset_of_a_step(size, covered):
    found = onsets(lambda at: np.full(at.size, size), 1)
    assert coverage(found) >= covered
    assert abs(np.median([o.estimate for o in found])) <= 10


@pytest.mark.parametrize(("slope", "covered"), [(0.0005, 0.92), (0.001, 0.92), (0.003, 0.92)])
def test_the_interval_covers_the_onset_of_a_ramp_though_the_estimate_is_late(slope, covered):
    found = onsets(lambda at: slope * at, 2)
    assert coverage(found) >= covered
    assert np.mean([o.estimate > 0 for o in found]) >= 0.95


def trace(labels, counts=None):
    labels = np.array(labels)
    counts = np.arange(labels.size) if counts is None else np.array(counts)
    return Trace(labels, counts, np.zeros((labels.size, 1)))


def likely(*values):
    return np.array([values], dtype=float)


def test_an_onset_never_lies_before_the_evidence_began():
    assert from_lows([0], 0, trace([60, 61, 62]), likely(0.0, -9.0)) == Onset(estimate=61, earliest=61, latest=61)


def test_the_interval_runs_from_the_first_to_the_last_beginning_the_data_support():
    rows = trace([90, 91, 92, 93, 94, 95])
    assert from_lows([2], 0, rows, likely(-9.0, -SUPPORT, 0.0, -SUPPORT - 0.1, -9.0)) == Onset(estimate=93, earliest=92, latest=93)
    assert from_lows([2], 0, rows, likely(-9.0, -9.0, 0.0, -9.0, -SUPPORT)) == Onset(estimate=93, earliest=93, latest=95)


def test_the_interval_reaches_across_rows_that_are_not_kept():
    rows = trace([0, 16, 32, 48, 49, 50], [0, 16, 32, 48, 49, 50])
    assert from_lows([2], 0, rows, likely(-9.0, -9.0, 0.0, -9.0, -9.0)) == Onset(estimate=33, earliest=17, latest=48)


def test_the_interval_holds_the_estimate_whatever_the_data_support():
    assert from_lows([3], 0, trace([5, 6, 7, 8, 9]), likely(-9.0, 0.0, -9.0, -9.0)) == Onset(estimate=9, earliest=7, latest=9)


def test_a_crossing_by_a_single_part_has_its_onset_there():
    assert from_lows([0], 0, trace([7, 8]), likely(0.0)) == Onset(estimate=8, earliest=8, latest=8)
