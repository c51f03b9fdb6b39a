"""Spread shift and its way back."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.errors import ParameterError, ShapeError
from detectors.spread_shift import SpreadBack, SpreadShift
from detectors.spread_shift.bets import WIDER_SEEN


def shift(columns=1, c=1e4, narrowest=1.0, widest=1.0):
    return SpreadShift(*(np.full(columns, value) for value in (narrowest, widest, c)))


@pytest.mark.parametrize(("sd", "direction"), [(2.0, 1), (0.5, -1)])
def test_the_size_of_a_crossing_is_the_root_mean_square_since_its_onset(sd, direction):
    rng = np.random.default_rng(1)
    z = np.concatenate([rng.standard_normal(400), rng.standard_normal(200) * sd])[:, None]
    (crossing, *_) = shift().update(z, np.arange(600))
    since = z[crossing.onset.estimate : crossing.at + 1]
    assert crossing.size == pytest.approx(np.sqrt((since**2).mean()), rel=1e-9)
    assert crossing.direction == direction
    assert 380 <= crossing.onset.estimate <= 420


@pytest.mark.parametrize("mean", [-0.3, 0.3])
def test_a_mean_inside_the_tolerance_keeps_the_bound(mean):
    z = np.random.default_rng(2).standard_normal((3000, 100)) + mean
    assert len(shift(100, 1000.0, 0.95, 1.09).update(z, np.arange(3000))) <= 300


def test_what_is_dropped_is_forgotten_and_other_columns_keep_theirs():
    rng = np.random.default_rng(3)
    detector = shift(2, 1e9)
    detector.update(rng.standard_normal((20, 2)) * 1.8, np.arange(20))
    kept = detector.evidence
    detector.drop(0, 19)
    assert detector.evidence.tolist() == [0.0, kept[1]]


def test_one_wild_part_proves_little_and_keeps_everything_finite():
    detector = shift(c=1e6)
    assert detector.update(np.array([[1e300]]), np.array([1])) == []
    assert detector.evidence[0] < 1e4


def back(sd, standing, seed=4, rows=4000):
    """Rows until a column with this sd is shown to be back, and how many times."""
    rng, detector = np.random.default_rng(seed), SpreadBack(np.full(20, 0.95), np.full(20, 1.05), 1000.0)
    found = [t for t in range(rows) for _ in detector.update(rng.standard_normal((1, 20)) * sd, np.full(20, standing))]
    return (found[0] if found else None), len(found)


@pytest.mark.parametrize("standing", [-1, 1])
def test_a_spread_that_is_normal_again_is_shown_to_be(standing):
    first, count = back(1.0, standing)
    assert first is not None
    assert first < 500
    assert count >= 20


@pytest.mark.parametrize(("sd", "standing"), [(np.sqrt(WIDER_SEEN * 1.05), 1), (2.0, 1), (0.8, -1), (0.5, -1)])
def test_a_spread_that_stays_is_called_over_no_oftener_than_promised(sd, standing):
    assert back(sd, standing)[1] <= 4000 * 20 / 1000


def test_narrow_values_with_wild_ones_among_them_are_not_called_back():
    rng, detector = np.random.default_rng(6), SpreadBack(np.full(20, 0.9), np.full(20, 1.2), 1000.0)
    rows = np.where(rng.random((4000, 20)) < 0.02, 3.5, 0.55 * rng.standard_normal((4000, 20)))
    assert sum(len(detector.update(row[None], np.full(20, -1))) for row in rows) <= 4000 * 20 / 1000


def test_the_way_back_keeps_its_evidence_over_a_checkpoint_and_takes_only_what_stands():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((200, 3))
    standing = np.array([1, 0, -1])
    one, other = (SpreadBack(np.full(3, 0.95), np.full(3, 1.05), 1e9) for _ in range(2))
    for row in rows[:100]:
        one.update(row[None], standing)
    other.load(one.save())
    for row in rows[100:]:
        assert one.update(row[None], standing) == other.update(row[None], standing)
    assert one.save()["s"].tobytes() == other.save()["s"].tobytes()
    assert one.save()["s"][0, 1] == 1.0
    one.drop(0)
    assert one.save()["s"][0, 0] == 1.0


@pytest.mark.parametrize("changes", [{"narrowest": 0.0}, {"widest": -1.0}, {"c": 0.5}])
def test_parameters_outside_their_bounds_are_refused(changes):
    with pytest.raises(ParameterError):
        shift(**changes)


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ShapeError):
        SpreadShift(np.ones(2), np.ones(1), np.ones(1))
