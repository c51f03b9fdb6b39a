"""Where bets stood lowest, found in what is kept of the past."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.walk import PER_LEVEL, SLOTS, Walk


def walked(steps, labels=None, measured=None):
    """A walk of one sum over one column."""
    walk = Walk(1, 1)
    at = list(range(len(steps))) if labels is None else labels
    known = None if measured is None else np.array(measured)[:, None]
    walk.add(np.array(steps, float)[:, None, None], at, known)
    return walk


def test_the_low_is_the_last_minimum_before_the_row_reached():
    trace = walked([-1, -1, 2, -2, 3, 3], labels=[10, 11, 14, 15, 15, 16]).trace(0)
    assert trace.counts.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert trace.sums[:, 0].tolist() == [0, -1, -2, 0, -2, 1, 4]
    assert trace.labels.tolist() == [9, 10, 11, 14, 15, 15, 16]
    assert trace.lows(trace.sums).tolist() == [4]


def test_the_row_reached_is_no_low():
    trace = walked([1, -5]).trace(0)
    assert trace.lows(trace.sums).tolist() == [0]


def test_a_restart_forgets_what_was_before():
    walk = walked([-1, -1, -1])
    walk.restart(0, 2)
    walk.add(np.array([[[4.0]], [[5.0]]]), [3, 7])
    trace = walk.trace(0)
    assert (trace.labels.tolist(), trace.counts.tolist(), trace.sums[:, 0].tolist()) == ([2, 3, 7], [0, 1, 2], [0, 4, 9])
    assert walk.count(0) == 2


def test_where_a_column_was_not_measured_it_stands_where_it_stood():
    trace = walked([-1, 0, 0, 3], labels=[1, 2, 3, 4], measured=[True, False, False, True]).trace(0)
    assert (trace.labels.tolist(), trace.counts.tolist()) == ([0, 1, 4], [0, 1, 2])


def test_a_column_first_measured_late_begins_there():
    walk = Walk(1, 2)
    steps, known = np.array([[[1.0, 0.0]]] * 3), np.array([[True, False]] * 3)
    walk.add(steps, [100, 101, 102], known)
    walk.add(np.array([[[0.0, 2.0]]]), [103], ~known[:1])
    late = walk.trace(1)
    assert (late.labels.tolist(), late.counts.tolist(), late.sums[:, 0].tolist()) == ([102, 103], [0, 1], [0, 2])
    assert walk.count(0) == 3


@pytest.mark.parametrize("rows", [10, 100, 1000, 100_000])
def test_what_is_kept_lies_no_further_apart_than_a_sixteenth_of_its_age(rows):
    walk = Walk(1, 1)
    walk.add(np.zeros((rows, 1, 1)), list(range(1, rows + 1)))
    labels = walk.trace(0).labels
    age = rows - labels
    assert labels[-1] == rows
    assert labels.size <= SLOTS + 1
    gaps, ages = np.diff(labels), age[:-1]
    assert (gaps <= np.maximum(1, ages / PER_LEVEL)).all()
    assert (gaps[ages < 2 * PER_LEVEL] == 1).all()


def test_sums_kept_are_those_of_their_rows():
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((5000, 2, 3))
    walk = Walk(2, 3)
    for cut in range(0, 5000, 700):
        walk.add(steps[cut : cut + 700], list(range(cut, min(cut + 700, 5000))))
    trace = walk.trace(2)
    np.testing.assert_allclose(trace.sums[1:], steps.cumsum(axis=0)[trace.labels[1:], :, 2], rtol=1e-12)
