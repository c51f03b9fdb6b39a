"""The recursion, the budget and the onset, on numbers one can check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import budget
from detectors.errors import ParameterError, ShapeError
from detectors.evidence import EvidenceBank
from detectors.level_shift import LevelShift


def bank(thresholds, bets=1):
    return EvidenceBank(bets, np.array(thresholds, float))


def fold(b, *rows):
    """Rows of e-values, each (J, K), in one call."""
    return b.fold(np.array(rows, float))


def test_evidence_is_the_shiryaev_roberts_sum():
    b = bank([1000.0])
    fold(b, [[2.0]], [[3.0]], [[0.5]])
    assert b.evidence[0] == (((0 + 1) * 2 + 1) * 3 + 1) * 0.5


def test_evidence_of_several_bets_is_their_mean():
    for bets in (1, 2, 3, 5, 6, 8):
        b = bank([1e9, 1e9], bets)
        e = np.arange(2.0, 2.0 + bets)[:, None] * np.array([[1.0, 0.5]])
        fold(b, e, e)
        np.testing.assert_allclose(b.evidence, ((1 + e) * e).mean(axis=0), rtol=1e-14)


@pytest.mark.parametrize("bets", range(1, 20))
def test_without_a_row_evidence_is_exactly_nothing(bets):
    b = bank([5.0, 5.0], bets)
    assert b.evidence.tolist() == [0.0, 0.0]
    fold(b, np.full((bets, 2), 0.3))
    b.restart(1)
    assert b.evidence[0] > 0.0
    assert b.evidence[1] == 0.0


def test_a_batch_is_summed_wherever_a_column_could_have_reached_its_threshold():
    e = np.array([[1.0], [1.0]])
    at_threshold, below = bank([4.0], 2), bank([np.nextafter(4.0, 5.0)], 2)
    assert fold(at_threshold, *[e] * 5) == (4, [0])
    assert fold(below, *[e] * 4)[1].tolist() == []


@pytest.mark.parametrize("columns", [1, 2, 7])
@pytest.mark.parametrize("bets", [1, 6, 8, 16])
def test_rows_folded_together_or_one_by_one_give_the_same_bits(columns, bets):
    e = np.random.default_rng(columns).lognormal(-0.5, 1.0, (50, bets, columns))
    together, single = (bank([1e300] * columns, bets) for _ in range(2))
    together.fold(e.copy())
    for row in e:
        single.fold(row[None].copy())
    assert together.evidence.tobytes() == single.evidence.tobytes()
    assert together.state()["s"].tobytes() == single.state()["s"].tobytes()


def test_folding_stops_at_the_first_row_that_crosses():
    b = bank([10.0, 10.0])
    folded, crossed = fold(b, [[0.5, 0.5]], [[12.0, 1.0]], [[1.0, 50.0]])
    assert (folded, crossed.tolist()) == (2, [0])
    assert b.restart(0) == (1.5 * 12.0, 0)
    assert b.evidence.tolist() == [0.0, 1.5]


def test_evidence_beyond_ten_thresholds_is_reported_as_ten_thresholds():
    b = bank([10.0])
    assert fold(b, [[1e300]])[1].tolist() == [0]
    assert b.restart(0) == (100.0, 0)


def test_a_column_not_measured_keeps_its_bits():
    b = bank([1e9, 1e9])
    fold(b, [[1.1, 1.1]])
    kept = b.evidence
    b.fold(np.array([[[1.1, 1.0]]]), np.array([[True, False]]))
    assert b.evidence[0] > kept[0]
    assert b.evidence[1] == kept[1]


def test_a_mixture_of_no_bets_is_refused():
    with pytest.raises(ParameterError):
        bank([10.0], 0)


def test_a_threshold_below_one_is_refused():
    with pytest.raises(ParameterError):
        bank([0.5])


def test_the_budget_is_shared_out_exactly():
    channel, outcome = budget.station_shares(0.5, 0.2, 25)
    assert channel * 25 + outcome == pytest.approx(0.5, rel=1e-15)
    assert budget.threshold(864_000, channel) == pytest.approx(864_000 * 25 / 0.4)


def test_a_budget_that_buys_more_alarms_than_updates_gives_threshold_one():
    assert budget.threshold(1.0, 5.0) == 1.0


@pytest.mark.parametrize("arguments", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (float("nan"), 1.0)])
def test_a_threshold_needs_updates_and_a_share(arguments):
    with pytest.raises(ParameterError):
        budget.threshold(*arguments)


def shift(columns=1, **changes):
    parameters = {"epsilon": np.zeros(columns), "inflation": np.zeros(columns), "thresholds": np.full(columns, 1e4)} | changes
    return LevelShift(**parameters)


def test_the_size_of_a_crossing_is_the_mean_since_its_onset():
    rng = np.random.default_rng(3)
    z = np.concatenate([rng.standard_normal(400), rng.standard_normal(200) + 1.0])[:, None]
    (crossing, *_) = shift().update(z, np.arange(600))
    since = z[crossing.onset.estimate : crossing.at + 1]
    assert crossing.size == pytest.approx(since.mean(), rel=1e-9)
    assert crossing.direction == 1


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_mean_at_the_edge_of_the_tolerance_still_keeps_the_bound(side):
    z = np.random.default_rng(4).standard_normal((3000, 100)) + 0.1 * side
    detector = shift(100, epsilon=np.full(100, 0.1), thresholds=np.full(100, 1000.0))
    crossings = detector.update(z, np.arange(3000))
    bound = 3000 * 100 / 1000.0
    assert 0 < len(crossings) <= bound


def test_a_value_far_outside_is_taken_as_the_limit_and_keeps_everything_finite():
    detector = shift()
    (crossing,) = detector.update(np.array([[1e300]]), np.array([1]))
    assert crossing.evidence == 1e5
    assert all(np.isfinite(a.astype(float)).all() for a in detector.save().values())


@pytest.mark.parametrize(("name", "value"), [("epsilon", -0.1), ("inflation", -0.1), ("thresholds", 0.0)])
def test_parameters_outside_their_bounds_are_refused(name, value):
    with pytest.raises(ParameterError):
        shift(**{name: np.array([value])})


@pytest.mark.parametrize("changes", [{"epsilon": np.zeros(2)}, {"inflation": np.array([np.nan])}, {"thresholds": np.ones((1, 1))}])
def test_parameters_of_another_shape_are_refused(changes):
    with pytest.raises(ShapeError):
        shift(**changes)
