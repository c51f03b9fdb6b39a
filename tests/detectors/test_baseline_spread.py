"""What second moments of z a baseline allows: E[e] over new parts, given a table learned from n, and under tolerated shifts."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.baseline import Standardiser, fit
from detectors.baseline.spread import allowed
from detectors.baseline.table import column_scores, quantile_table
from detectors.spread_shift.bets import NARROWER, SLOPES, SPREADS, Z_LIMIT


def means(z, narrowest, widest):
    """Mean e of every bet over scores z, whatever their shape."""
    squares = np.minimum(np.abs(z), Z_LIMIT) ** 2
    moments = [narrowest if j < NARROWER else widest for j in range(len(SPREADS))]
    return np.array([np.exp(squares * (slope / v)).mean() / s for slope, v, s in zip(SLOPES, moments, SPREADS, strict=True)])


@pytest.mark.parametrize("n", [200, 500, 4000])
def test_the_mean_of_e_over_new_parts_exceeds_one_in_few_baselines_whatever_the_continuous_distribution(n):
    """The law of a continuous channel's z given its table depends on n alone: uniform values stand for every one."""
    rng = np.random.default_rng(n)
    grid = (np.arange(10_000) + 0.5) / 10_000
    limits = None
    over = np.zeros(3)
    for _ in range(300):
        sample = np.sort(rng.random(n))
        knots, scores = quantile_table(sample)
        limits = limits or allowed(sample, knots, scores, 0.0)
        over += means(column_scores(grid, knots, scores), *limits) > 1.0
    assert over.max() / 300 <= 0.04
    assert limits is not None
    assert 0.6 < limits[0] < 1.0 < limits[1] < 1.25


@pytest.mark.parametrize("draw", ["normal", "exponential", "tied"])
def test_a_tolerated_shift_leaves_the_mean_of_e_at_most_one(draw):
    rng = np.random.default_rng(2)
    sample = {
        "normal": rng.standard_normal,
        "exponential": rng.standard_exponential,
        "tied": lambda count: rng.poisson(1.2, count).astype(np.float64),
    }[draw]
    used = sample(4000)
    knots, scores = quantile_table(used)
    shift = 0.3 * float(used.std())
    limits = allowed(used, knots, scores, shift)
    new = sample(400_000)
    for moved in (-shift, -0.7 * shift, 0.0, 0.3 * shift, shift):
        assert means(column_scores(new + moved, knots, scores), *limits).max() <= 1.0


def test_ties_make_the_allowed_spread_narrower_not_an_alarm():
    rng = np.random.default_rng(3)
    x = rng.poisson(0.9, (4000, 20)).astype(np.float64)
    c = np.full(20, 1000.0)
    baseline = fit(x, np.arange(4000) // 200, transforms=["none"] * 20, tolerances=np.zeros(20), thresholds=np.full(20, 1e6))
    assert set(baseline.spread_reasons) == {""}
    assert (baseline.narrowest < 0.9).all()
    z = Standardiser(baseline).apply(rng.poisson(0.9, (10_000, 20)).astype(np.float64), np.zeros(10_000, bool))
    detector = baseline.spread(c)
    assert len(detector.update(z, np.arange(10_000))) <= 10_000 * 20 / detector.thresholds[0]


def test_a_spread_that_comes_and_goes_is_refused_and_the_level_stays_watched():
    rng = np.random.default_rng(4)
    loud = np.where((np.arange(6000) // 200) % 3 == 0, 2.5, 1.0)
    x = (rng.standard_normal(6000) * loud)[:, None]
    baseline = fit(x, np.arange(6000) // 200, transforms=["none"], tolerances=np.zeros(1), thresholds=np.full(1, 1e6))
    assert baseline.refused == ("",)
    assert "the spread goes by lots" in baseline.spread_reasons[0]
