"""Class mix: Dirichlet-multinomial blocks lie in every column's null, rare classes are pooled, new ones are seen."""

import itertools

import numpy as np
import pytest

from detectors.class_mix import ClassMix, MixBaseline, cases, fit
from detectors.class_mix.baseline import UNWATCHED
from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.rate_shift import RateBaseline
from detectors.rate_shift.bets import bets

SHARES = [0.9, 0.06, 0.037, 0.002, 0.001, 0.0]


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


def learned(seed, blocks=240, correlation=0.005):
    return cases.learned(np.random.default_rng(seed), blocks, shares=SHARES, correlation=correlation)


@pytest.mark.parametrize("alpha", [[2.0, 1.0, 0.5], [40.0, 9.0, 1.0]])
def test_a_class_of_a_dirichlet_multinomial_block_is_beta_binomial_and_no_bet_on_it_gains(alpha):
    """Every outcome of 12 parts in 3 classes with its exact chance, each class at the corner of its null."""
    from math import exp, lgamma

    alpha, n = np.array(alpha), 12
    outcomes = [c for c in itertools.product(range(n + 1), repeat=3) if sum(c) == n]
    total = alpha.sum()

    def chance(c):
        ways = lgamma(n + 1) + lgamma(total) - lgamma(n + total)
        return exp(ways + sum(lgamma(k + a) - lgamma(a) - lgamma(k + 1) for k, a in zip(c, alpha, strict=True)))

    chances = np.array([chance(c) for c in outcomes])
    assert chances.sum() == pytest.approx(1.0)
    for k in range(3):
        mean, counts = alpha[k] / total, np.array([float(c[k]) for c in outcomes])
        e = bets(counts, np.full(len(counts), float(n)), 0.8 * mean, mean, 1 / (1 + total))[:, :, 0]
        assert chances @ counts == pytest.approx(n * mean)
        assert (chances @ e <= 1 + 1e-9).all()
        low = bets(counts, np.full(len(counts), float(n)), mean, min(1.2 * mean, 1.0), 1 / (1 + total))[:, :, 0]
        assert (chances @ low <= 1 + 1e-9).all()


def test_rare_classes_are_counted_together_and_new_ones_apart():
    shares = [0.95, 0.0495, 0.0003, 0.0002, 0.0]
    known = cases.learned(np.random.default_rng(1), 240, shares=shares, correlation=0.0)
    assert known.column == (0, 1, 2, 2)
    assert known.members(2) == (2, 3)
    assert known.members(3) == ()
    counts = np.array([[180.0, 10.0, 3.0, 2.0, 5.0]])
    assert known.pooled(counts).tolist() == [[180.0, 10.0, 5.0, 5.0]]
    assert known.rates[3].rate == 0.0 < known.rates[3].high < 0.001


def test_a_class_that_wanders_is_not_watched_and_the_reason_is_kept():
    rng = np.random.default_rng(2)
    walk = np.clip(0.03 + 0.02 * np.sin(np.arange(240) / 40), 0, 1)
    rows = np.array([rng.multinomial(200, [1 - 0.1 - p, p, 0.1]) for p in walk]).astype(float)
    known = fit(rows, tolerance=0.1)
    assert known.column[1] == UNWATCHED
    assert "resemble" in known.reasons[1] or "drifted" in known.reasons[1]
    assert known.column[2] >= 0
    assert known.reasons[2] == ""
    with pytest.raises(BaselineRefused, match="no class can be watched"):
        fit(rows[:30], tolerance=0.1)


@pytest.mark.parametrize("group", [1, 2, 4])
def test_a_column_folds_as_many_blocks_together_as_its_baseline_says(group):
    rate = RateBaseline(rate=0.02, low=0.018, high=0.022, correlation=0.005, group=group, blocks=60)
    unseen = RateBaseline(rate=0.0, low=0.0, high=0.001, correlation=1.0, group=1, blocks=60)
    known = MixBaseline((UNWATCHED, 0), (rate, unseen), ("", ""))
    rng = np.random.default_rng(3)
    rows = cases.blocks(rng, 24, shares=[0.98, 0.02, 0.0], correlation=0.005)
    detector = ClassMix(known, np.full(2, 1e9))
    detector.update(rows, labels(24))
    together = rows[:, 1].reshape(-1, group).sum(axis=1)
    e = bets(together, np.full(len(together), 200.0 * group), rate.low, rate.high, rate.correlation)[:, :, 0]
    r = np.zeros(8)
    for row in e:
        r = (1 + r) * row
    assert detector.evidence[0] == pytest.approx(r.mean())


def test_a_class_nobody_had_seen_is_found_and_named_as_such():
    known = learned(4)
    detector = ClassMix(known, np.full(len(known.rates), 20_000.0))
    rng = np.random.default_rng(5)
    assert detector.update(cases.blocks(rng, 200, shares=SHARES, correlation=0.005), labels(200)) == []
    changed = cases.blocks(rng, 100, shares=[0.88, 0.06, 0.037, 0.002, 0.001, 0.02], correlation=0.005)
    first = detector.update(changed, labels(100, 200))[0]
    assert first.column == detector.columns - 1
    assert first.direction == 1
    assert 0.01 < first.size < 0.03
    assert 195 <= first.onset.estimate <= 205


@pytest.mark.parametrize(
    ("to", "column", "direction"), [([0.80, 0.16, 0.037, 0.002, 0.001, 0], 1, 1), ([0.958, 0.002, 0.037, 0.002, 0.001, 0], 1, -1)]
)
def test_a_crossing_says_which_class_which_way_and_how_far(to, column, direction):
    known = learned(6)
    detector = ClassMix(known, np.full(len(known.rates), 20_000.0))
    rng = np.random.default_rng(7)
    detector.update(cases.blocks(rng, 100, shares=SHARES, correlation=0.005), labels(100))
    crossings = detector.update(cases.blocks(rng, 100, shares=to, correlation=0.005), labels(100, 100))
    first = next(c for c in crossings if c.column == column)
    assert (first.direction, known.members(first.column)) == (direction, (column,))
    assert first.size == pytest.approx(to[column] - SHARES[column], abs=0.03)
    assert first.at < 130


def test_false_alarms_of_learned_baselines_stay_within_the_bound():
    """60 baselines, c = 50, 300 blocks each: at most T / c expected over all columns."""
    alarms = updates = 0
    for seed in range(60):
        known = learned(100 + seed, 120, 0.01)
        rows = cases.blocks(np.random.default_rng([9, seed]), 300, shares=SHARES, correlation=0.01)
        alarms += len(ClassMix(known, np.full(len(known.rates), 50.0)).update(rows, labels(300)))
        updates += sum(300 // rate.group for rate in known.rates)
    assert 0 < alarms <= updates / 50


def test_counts_that_cannot_be_are_refused_and_change_nothing():
    known = learned(8)
    detector = ClassMix(known, np.full(len(known.rates), 100.0))
    detector.update(np.array([[190.0, 6.0, 3.0, 1.0, 0.0, 0.0]]), labels(1))
    before = detector.save()
    for row, error in (
        ([0.0] * 6, ParameterError),
        ([-1.0, 9.0, 0.0, 0.0, 0.0, 0.0], ParameterError),
        ([1.5, 9.0, 0.0, 0.0, 0.0, 0.0], ParameterError),
        ([np.inf, 9.0, 0.0, 0.0, 0.0, 0.0], ShapeError),
    ):
        with pytest.raises(error):
            detector.update(np.array([row]), labels(1, 1))
    assert all(before[name].tobytes() == array.tobytes() for name, array in detector.save().items())
    with pytest.raises(ShapeError):
        fit(np.zeros(4), tolerance=0.1)
    with pytest.raises(ParameterError):
        fit(np.full((4, 2), np.nan), tolerance=0.1)
    with pytest.raises(ParameterError):
        MixBaseline((1,), (known.rates[0],), ("",))


def test_a_baseline_survives_its_arrays():
    known = learned(10)
    assert MixBaseline.from_arrays(known.to_arrays()) == known
    with pytest.raises(ShapeError):
        MixBaseline.from_arrays({"rate": np.array([0.1])})
