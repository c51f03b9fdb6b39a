"""Rates under audit sampling: bounds that hold at every moment, whatever the drawing, and the slow way's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from detectors.errors import ParameterError, ShapeError
from detectors.estimate import Tally, clean_needed, interval, oracle, verdicts
from detectors.estimate.rate import EXCESSES, FRACTION_WEIGHTS, FRACTIONS


def tally(*classes: tuple[float, int, int]) -> Tally:
    return Tally(*(np.array(column, dtype=float) for column in zip(*classes, strict=True)))


@given(st.lists(st.tuples(st.sampled_from([0.02, 0.1, 1.0]), st.booleans()), min_size=1, max_size=60))
def test_the_bounds_are_the_oracles_to_a_step_of_its_grid(audits):
    grid = [10 ** (k / 10) for k in range(-50, 0)]
    low, high = oracle.bounds(
        audits,
        grid,
        floor=0.02,
        fractions=list(zip(FRACTIONS.tolist(), FRACTION_WEIGHTS.tolist(), strict=True)),
        excesses=EXCESSES.tolist(),
        confidence=0.9,
    )[-1]
    found = interval(tally(*((p, 1, int(bad)) for p, bad in audits)), floor=0.02, confidence=0.9)
    step = 10**0.1
    assert low <= found.low * (1 + 1e-9)
    assert found.low <= max(low, grid[0]) * step
    assert high >= found.high * (1 - 1e-9) or high == 1.0
    assert found.high >= min(high, grid[-1] * step) / step * (1 - 1e-9)


@given(st.lists(st.tuples(st.sampled_from([0.05, 0.3, 1.0]), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6))
def test_order_and_pieces_have_no_say_and_bounds_enclose_the_likely(classes):
    classes = [(p, good + bad, bad) for p, good, bad in classes]
    whole = interval(tally(*classes), floor=0.05)
    cut = sum((tally(one) for one in reversed(classes[:-1])), tally(classes[-1]))
    again = interval(cut, floor=0.05)
    assert (whole.low, whole.high) == pytest.approx((again.low, again.high), rel=1e-6)
    assert 0.0 <= whole.low < whole.high <= 1.0


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
@pytest.mark.parametrize("policy", ["even", "by score", "switched"])
def test_looking_after_every_audit_does_not_break_the_confidence(rate, policy):
    """90 % intervals of 400 histories, looked at after every audit: both sides together miss in at most a tenth, at any time."""
    rng = np.random.default_rng(hash_of(rate, policy))
    missed = 0
    histories, audits = 400, 1500
    for _ in range(histories):
        bad = rng.random(audits) < rate
        if policy == "even":
            probability = np.full(audits, 0.02)
        elif policy == "by score":
            probability = np.where(rng.random(audits) < 0.5, 0.02, 0.5)
        else:
            probability = np.where(np.arange(audits) < audits // 2, 0.02, 1.0)
        missed += leaves(rate, probability, bad)
    assert missed <= 0.1 * histories + 3 * math.sqrt(0.09 * histories)


def hash_of(rate: float, policy: str) -> int:
    return int(rate * 1e6) + len(policy)


def leaves(rate: float, probability: np.ndarray, bad: np.ndarray) -> bool:
    """Whether the true rate is ever outside: the wealth of the bets against it, audit by audit."""
    weights = 0.02 / probability
    excess = np.minimum(EXCESSES, (1 - rate) / rate)
    surprise = bad - rate
    below = np.log1p(np.multiply.outer(-weights * surprise, np.minimum(FRACTIONS, 1 - 1e-12) / (1 - rate)))
    above = np.log1p(np.multiply.outer(weights * surprise, excess * (1 - 1e-12) / (1 - rate)))
    with np.errstate(over="ignore"):
        wealth_below = np.exp(np.cumsum(below, axis=0)) @ FRACTION_WEIGHTS
        wealth_above = np.exp(np.cumsum(above, axis=0)).mean(axis=1)
    return bool(max(wealth_below.max(), wealth_above.max()) >= 2 / 0.1)


@pytest.mark.parametrize(("audited", "bad", "most"), [(1000, 0, 1.2), (5000, 5, 1.6), (100_000, 200, 1.2)])
def test_looking_at_any_time_costs_little_beside_clopper_pearsons_one_look(audited, bad, most):
    found = interval(Tally.census(audited, bad), floor=1.0)
    assert beta.ppf(0.975, bad + 1, audited - bad) < found.high < most * beta.ppf(0.975, bad + 1, audited - bad)


@given(st.sampled_from([1e-4, 0.02, 0.3]), st.integers(0, 300), st.integers(0, 2), st.sampled_from([0.02, 1.0]))
def test_so_many_clean_audits_show_it_and_one_fewer_does_not(most, audited, bad, probability):
    start = tally((probability, max(audited, bad), bad))
    more = clean_needed(start, most, floor=0.02)
    high = [interval(start + tally((0.02, n, 0)), floor=0.02).high for n in (max(more - 1, 0), more)]
    assert high[1] <= most * (1 + 1e-6)
    assert more == 0 or high[0] >= most * (1 - 1e-6)


def test_the_true_miss_rate_is_found_where_all_rejects_and_a_fiftieth_of_the_passes_are_looked_at():
    """METHODS 4: a sensitivity of 80 % looks like 99.5 %."""
    rng = np.random.default_rng(4)
    held, naive = 0, []
    for _ in range(100):
        parts, rate = 400_000, 0.01
        bad = rng.binomial(parts, rate)
        caught = rng.binomial(bad, 0.8)
        wrongly = rng.binomial(parts - bad, 0.005)
        rejected = caught + wrongly
        passed = parts - rejected
        audited = rng.binomial(passed, 0.02)
        found = rng.hypergeometric(bad - caught, passed - (bad - caught), audited)
        got = verdicts(passed, rejected, tally((0.02, audited, found)), Tally.census(rejected, caught), floors=(0.02, 1.0))
        held += got.miss.low <= 0.2 <= got.miss.high
        assert got.miss.low <= got.miss.estimate <= got.miss.high < 1.0
        assert got.overkill.low <= 0.005 <= got.overkill.high
        naive.append(got.naive_miss)
    assert held >= 95
    assert np.mean(naive) < 0.01


def test_each_audited_part_stands_for_those_that_were_not():
    drawn = tally((0.02, 100, 1), (1.0, 50, 10))
    assert drawn.estimate == pytest.approx((1 / 0.02 + 10) / (100 / 0.02 + 50))
    assert drawn.naive == pytest.approx(11 / 150)


def test_without_audits_nothing_is_known_and_said_so():
    found = interval(tally((1.0, 0, 0)), floor=0.02)
    assert math.isnan(found.estimate)
    assert (found.low, found.high) == (0.0, 1.0)
    nothing = verdicts(0, 0, tally((1.0, 0, 0)), tally((1.0, 0, 0)), floors=(0.02, 1.0))
    assert (nothing.miss.low, nothing.miss.high) == (0.0, 1.0)
    assert math.isnan(nothing.naive_miss)


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="below the floor"):
        interval(tally((0.01, 5, 0)), floor=0.02)
    with pytest.raises(ParameterError, match="in \\(0, 1\\]"):
        tally((0.0, 5, 0))
    with pytest.raises(ParameterError, match="0 to all"):
        tally((0.5, 5, 6))
    with pytest.raises(ShapeError):
        Tally(np.ones(2), np.ones(1), np.ones(1))
    with pytest.raises(ParameterError, match="more parts were audited"):
        verdicts(10, 0, Tally.census(11, 0), Tally.census(0, 0), floors=(1.0, 1.0))
    with pytest.raises(ParameterError, match="confidence"):
        interval(Tally.census(1, 0), floor=1.0, confidence=1.0)
    with pytest.raises(ParameterError, match="in \\(0, 1\\)"):
        clean_needed(Tally.census(1, 0), 0.0, floor=1.0)
