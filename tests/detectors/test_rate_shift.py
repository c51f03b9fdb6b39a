"""Rate shift: e-values over the whole null, baselines that bound what they claim, figures that mean what they are called."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.rate_shift import RateBaseline, RateShift, cases, fit, oracle
from detectors.rate_shift.bets import BETS, FLOOR, bets, variance

NULLS = [
    (0.0, 0.0004, 1.0),
    (0.006, 0.0106, 0.0),
    (0.006, 0.0106, 0.02),
    (0.4, 0.6, 0.01),
    (0.9, 0.97, 0.005),
    (0.02, 0.02 + 1e-9, 0.3),
]
known = RateBaseline(rate=0.02, low=0.018, high=0.022, correlation=0.005, group=1, blocks=60)


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


def chances(mean, n, correlation):
    """Beta-binomial probabilities of 0 to n."""
    counts = np.arange(n + 1)
    if mean in (0.0, 1.0):
        return (counts == n * mean).astype(float)
    if correlation == 0.0:
        return binom.pmf(counts, n, mean)
    if correlation == 1.0:
        return np.where(counts == 0, 1 - mean, np.where(counts == n, mean, 0.0))
    total = 1 / correlation - 1
    return betabinom.pmf(counts, n, mean * total, (1 - mean) * total)


@pytest.mark.parametrize(("low", "high", "correlation"), NULLS)
@pytest.mark.parametrize("n", [1, 7, 50, 200, 1600])
def test_no_bet_gains_on_beta_binomial_blocks_anywhere_in_the_null(low, high, correlation, n):
    counts = np.arange(n + 1.0)
    e = bets(counts, np.full(n + 1, float(n)), low, high, correlation)[:, :, 0]
    for mean, share in itertools.product(np.linspace(low, high, 7), (0.0, 0.3, 1.0)):
        assert (chances(mean, n, share * correlation) @ e <= 1 + 1e-9).all(), (mean, share)


@given(
    st.sampled_from(NULLS),
    st.sampled_from([1, 20, 200]),
    st.floats(0.0, 1.0),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(1e-3, 1.0)), min_size=1, max_size=4),
)
def test_no_bet_gains_on_any_distribution_with_the_moments_of_the_null(null, n, place, support):
    """Points and weights as they come, pulled towards a mean within the null until the variance is allowed."""
    low, high, correlation = null
    mean = low + place * (high - low)
    points, weights = (np.array(values) for values in zip(*support, strict=True))
    weights /= weights.sum()
    points = points - weights @ points
    spread = float(weights @ points**2)
    with np.errstate(over="ignore"):  # a mean next to 0 leaves no room below it
        room = max(-points.min() / mean if mean else np.inf, points.max() / (1 - mean), 1e-300)
    scale = min(np.sqrt(float(variance(mean, np.array([float(n)]), correlation)[0]) / spread) if spread > 1e-12 else 0.0, 1 / room)
    x = np.clip(mean + points * scale, 0.0, 1.0)
    e = bets(x * n, np.full(x.size, float(n)), low, high, correlation)[:, :, 0]
    assert (weights @ e <= 1 + 1e-6).all()


def test_blocks_that_are_all_alike_are_a_baseline_too():
    known = fit(np.tile([20.0, 200.0], (60, 1)), tolerance=0.1)
    assert (known.rate, known.correlation) == (0.1, 0.0)
    assert 0.08 < known.low < 0.1 < known.high < 0.12


def test_a_bet_is_fair_at_its_worst_distribution():
    """Two points, the lower on the edge: no smaller price would do, whatever the shape of the counts."""
    low, high, correlation, n = 0.01, 0.02, 0.01, np.array([200.0])
    s = np.sqrt(variance(high, n, correlation))[0]
    for j, reach in enumerate((1.0, 2.0, 4.0, 8.0)):
        below, above = reach * s, s / reach  # mean 0 and variance s^2 with these weights
        weights = np.array([above, below]) / (above + below)
        x = np.maximum(np.array([high - below, high + above]), 0.0)
        if high - below < 0:
            continue  # a share below 0 cannot be: the price leaves a little there
        e = bets(x * n, np.repeat(n, 2), low, high, correlation)[:, j, 0]
        assert weights @ e == pytest.approx(1.0, rel=1e-9)


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from(NULLS))
def test_the_bets_are_the_oracles(rejects, parts, null):
    rejects = min(rejects, parts)
    fast = bets(np.array([float(rejects)]), np.array([float(parts)]), *null)[0, :, 0]
    assert fast.shape == (BETS,)
    assert fast == pytest.approx(oracle.bets(rejects, parts, *null), rel=1e-7)
    assert (fast >= FLOOR).all()


@pytest.mark.parametrize(("to", "direction"), [(0.06, 1), (0.004, -1), (0.0, -1), (1.0, 1)])
def test_a_crossing_says_which_way_and_how_far_the_rate_has_gone(to, direction):
    rng = np.random.default_rng(3)
    x = np.vstack([cases.blocks(rng, 300, rate=0.02, correlation=0.005), cases.blocks(rng, 300, rate=to, correlation=0.005)])
    crossing = RateShift(known, 20_000.0).update(x, labels(600))[0]
    assert 300 <= crossing.at < 380
    assert crossing.direction == direction
    since = x[crossing.onset.estimate : crossing.at + 1].sum(axis=0)
    assert crossing.size == pytest.approx(since[0] / since[1] - 0.02)
    assert 285 <= crossing.onset.estimate <= 315


def test_counts_that_cannot_be_are_refused_and_change_nothing():
    detector = RateShift(known, 100.0)
    detector.update(np.array([[9.0, 200.0]]), labels(1))
    before = detector.save()
    for row, error in (
        ([1.0, 0.0], ParameterError),
        ([-1.0, 5.0], ParameterError),
        ([6.0, 5.0], ParameterError),
        ([np.inf, 5.0], ShapeError),
    ):
        with pytest.raises(error):
            detector.update(np.array([[9.0, 200.0], row]), labels(2, 1))
    assert all(before[name].tobytes() == array.tobytes() for name, array in detector.save().items())


@pytest.mark.parametrize(("rate", "correlation"), [(0.002, 0.0), (0.008, 0.01), (0.02, 0.03), (0.3, 0.01)])
def test_a_baseline_s_bounds_hold_the_truth_as_often_as_stated(rate, correlation):
    """Each bound at its level: 0.5 % for the rate on either side, 1 % for the spread, with room for bursts; 120 blocks each."""
    rng = np.random.default_rng(11)
    missed = np.zeros(3)
    learned = 0
    for _ in range(400):
        try:
            found = cases.learned(rng, 120, rate=rate, correlation=correlation)
        except BaselineRefused:
            continue
        learned += 1
        within = correlation * 199 / (200 * found.group - 1)  # blocks taken together are less alike within
        missed += (rate < found.low, rate > found.high, within > found.correlation)
    assert learned >= 388
    assert (missed / learned <= (0.015, 0.02, 0.05)).all()


def test_blocks_that_go_by_lots_are_taken_together_until_they_do_not():
    rng = np.random.default_rng(12)
    shares = np.repeat(rng.beta(0.02 * 99, 0.98 * 99, 120), 4)
    found = fit(np.column_stack([rng.binomial(200, shares), np.full(480, 200)]).astype(float), tolerance=0.1)
    assert found.group in (4, 8)
    assert found.correlation > 0.002


def test_a_baseline_in_which_the_rate_moved_is_refused_with_the_reason():
    rng = np.random.default_rng(13)
    moved = np.vstack([cases.blocks(rng, 120, rate=0.01, correlation=0.0), cases.blocks(rng, 120, rate=0.04, correlation=0.0)])
    with pytest.raises(BaselineRefused, match=r"resemble|drifted"):
        fit(moved, tolerance=0.1)
    with pytest.raises(BaselineRefused, match="29 blocks of parts, 60 needed"):
        fit(moved[:29], tolerance=0.1)


def test_too_few_rejects_say_nothing_about_their_spread_and_none_is_assumed():
    found = fit(np.column_stack([np.eye(1, 60)[0], np.full(60, 200.0)]), tolerance=0.1)
    assert found.correlation == 1.0
    assert found.low < 1 / 12_000 < found.high < 0.001
    none = fit(np.column_stack([np.zeros(60), np.full(60, 200.0)]), tolerance=0.1)
    assert (none.low, none.correlation) == (0.0, 1.0)
    five_percent = np.column_stack([np.full(20, 10.0), np.full(20, 200.0)])
    assert RateShift(none, 1e6).update(five_percent, labels(20))


def test_a_tolerated_change_lies_within_the_bounds():
    rows = cases.blocks(np.random.default_rng(14), 100, rate=0.1, correlation=0.0)
    found = fit(rows, tolerance=0.5)
    assert found.low == pytest.approx(found.rate * 0.5)
    assert found.high == pytest.approx(found.rate * 1.5)


def test_the_detectable_rate_is_found_in_about_the_time_stated():
    rate = known.detectable(20_000.0, 200, 50)
    assert 0.022 < rate < 0.06
    rng = np.random.default_rng(15)
    delays = []
    for _ in range(40):
        detector = RateShift(known, 20_000.0)
        delays.append(cases.delay(detector, rng, to=rate, correlation=known.correlation, group=1))
    assert 25 < np.mean(delays) < 100
    assert np.isnan(known.detectable(1e300, 200, 1))


def test_a_baseline_survives_its_arrays():
    assert RateBaseline.from_arrays(known.to_arrays()) == known
    with pytest.raises(ShapeError):
        RateBaseline.from_arrays({"rate": np.array(0.1)})
    with pytest.raises(ParameterError):
        RateBaseline(rate=0.1, low=0.2, high=0.1, correlation=0.0, group=1, blocks=60)
