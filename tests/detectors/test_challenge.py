"""Challenge parts: exact e-values, exact run lengths, and what a number of clean presentations proves."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from detectors import arl
from detectors.challenge import (
    Challenge,
    clean_needed,
    days_until_found,
    miss_rate_bound,
    oracle,
    presentations_until_found,
    verification,
)
from detectors.challenge.bets import BETS, alternatives, bets
from detectors.errors import ParameterError, ShapeError

rates = st.floats(1e-6, 0.999)


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


@given(rates, st.floats(0.0, 1.0))
def test_a_bet_is_fair_at_the_limit_and_loses_below_it(limit, share):
    found, missed = bets(np.array([[0.0], [1.0]]), np.array([limit]))[:, :, 0]
    assert limit * missed + (1 - limit) * found == pytest.approx(np.ones(BETS), rel=1e-9)
    true = share * limit
    assert (true * missed + (1 - true) * found <= 1 + 1e-9).all()


@given(rates, st.sampled_from([0.0, 1.0]))
def test_the_bets_are_the_oracles(limit, y):
    assert bets(np.array([[y]]), np.array([limit]))[0, :, 0] == pytest.approx(oracle.bets(y, limit), rel=1e-7)


@pytest.mark.parametrize("limit", [0.02, 0.3])
@pytest.mark.parametrize("threshold", [2.0, 20.0])
def test_expected_false_alarms_are_within_t_over_c_over_every_history(limit, threshold):
    """All 2^10 outcomes of 10 presentations, weighted exactly, at the limit and below."""
    histories = np.array(list(itertools.product([0.0, 1.0], repeat=10)))
    alarms = np.array([len(Challenge(np.array([limit]), np.array([threshold])).update(h[:, None], labels(10))) for h in histories])
    misses = histories.sum(axis=1)
    for rate in (limit, limit / 3):
        chances = rate**misses * (1 - rate) ** (10 - misses)
        assert chances.sum() == pytest.approx(1.0)
        assert 0 < chances @ alarms <= 10 / threshold


def test_the_run_length_is_the_one_every_history_gives():
    """Survival to n presentations summed over histories until hardly any is left; the chain agrees to 1 %."""
    limit, alternative, threshold, rate = 0.1, 0.5, 20.0, 0.7
    alive, length = {0.0: 1.0}, 0.0
    for _ in range(40):
        length += sum(alive.values())
        following: dict[float, float] = {}
        for r, chance in alive.items():
            for e, step in ((alternative / limit, rate), ((1 - alternative) / (1 - limit), 1 - rate)):
                after = round((1 + r) * e, 6)
                if after < threshold:
                    following[after] = following.get(after, 0.0) + chance * step
        alive = {r: chance for r, chance in following.items() if chance > 1e-9}
    assert sum(alive.values()) < 1e-6
    assert arl.bernoulli_shiryaev_roberts(limit, alternative, threshold, rate) == pytest.approx(length, rel=0.01)


def test_in_control_the_run_length_is_at_least_the_threshold():
    for limit, odds, threshold in ((0.02, 4.0, 500.0), (0.02, 64.0, 500.0), (0.2, 4.0, 100.0)):
        alternative = odds * limit / (1 - limit + odds * limit)
        assert arl.bernoulli_shiryaev_roberts(limit, alternative, threshold, limit) >= threshold
    assert arl.bernoulli_shiryaev_roberts(0.02, 0.1, 10.0, 0.0) == math.inf


def test_the_chain_has_cells_enough(monkeypatch):
    hard = (0.01, 0.03, 50_000.0, 0.013)  # small steps, many of them
    found = [arl.bernoulli_shiryaev_roberts(0.02, 0.25, 500.0, 0.2), arl.bernoulli_shiryaev_roberts(*hard)]
    monkeypatch.setattr(arl, "_CELLS", 1200)
    finer = [arl.bernoulli_shiryaev_roberts(0.02, 0.25, 500.0, 0.2), arl.bernoulli_shiryaev_roberts(*hard)]
    assert found == pytest.approx(finer, rel=0.002)


@pytest.mark.parametrize(("limit", "rate", "within"), [(0.02, 0.1, 1.35), (0.02, 0.5, 1.25), (0.05, 1.0, 1.4)])
def test_the_blind_spot_is_never_shorter_than_the_truth_and_not_much_longer(limit, rate, within):
    repeats, rng = 250, np.random.default_rng(5)
    detector, found, t = Challenge(np.full(repeats, limit), np.full(repeats, 2000.0)), np.zeros(repeats), 0
    while not found.all():
        for crossing in detector.update((rng.random((1, repeats)) < rate).astype(float), labels(1, t)):
            found[crossing.column] = found[crossing.column] or t + 1
        t += 1
    bound = presentations_until_found(limit, 2000.0, rate)
    assert found.mean() - 3 * found.std() / np.sqrt(repeats) <= bound <= within * found.mean()
    assert days_until_found(limit, 2000.0, rate, 6.0) == pytest.approx(bound / 6)


def test_what_is_not_a_rise_or_not_presented_is_never_found():
    assert presentations_until_found(0.02, 2000.0, 0.02) == math.inf
    assert days_until_found(0.02, 2000.0, 0.5, 0.0) == math.inf
    with pytest.raises(ParameterError):
        days_until_found(0.02, 2000.0, 0.5, -1.0)


def test_149_clean_presentations_support_two_percent_and_148_do_not():
    assert clean_needed(0.02) == 149
    assert clean_needed(5e-5) == 59_914
    assert verification(0, 149, 0.02).is_informative
    short = verification(0, 148, 0.02)
    assert (short.is_informative, short.more) == (False, 1)
    assert short.upper == pytest.approx(1 - 0.05 ** (1 / 148))
    assert verification(0, 0, 0.02).more == 149
    assert verification(0, 0, 0.02).upper == 1.0


@given(st.integers(0, 6), st.integers(0, 300), st.sampled_from([0.01, 0.02, 0.05, 0.2]))
def test_a_bound_is_exact_and_more_is_the_least_that_does(misses, presentations, limit):
    misses = min(misses, presentations)
    upper = miss_rate_bound(misses, presentations)
    if misses < presentations:
        assert binom.cdf(misses, presentations, upper) == pytest.approx(0.05, rel=1e-6)
    found = verification(misses, presentations, limit)
    if found.more:
        assert miss_rate_bound(misses, presentations + found.more) <= limit
        assert miss_rate_bound(misses, presentations + found.more - 1) > limit
    else:
        assert upper <= limit


def test_a_run_of_clean_presentations_is_counted_from_its_first_and_broken_by_a_miss():
    nan = np.nan
    detector = Challenge(np.array([0.02, 0.02]), np.array([1e6, 1e6]))
    rows = np.array([[1.0, nan], [0.0, nan], [nan, 0.0], [0.0, 0.0], [nan, nan], [0.0, 1.0]])
    detector.update(rows, labels(6, 10))
    assert detector.presented.tolist() == [4, 3]
    assert detector.missed.tolist() == [1, 1]
    assert detector.clean.tolist() == [3, 0]
    assert detector.clean_since.tolist() == [11, -1]


def test_a_mode_that_goes_blind_is_found_and_the_others_are_not_blamed():
    detector = Challenge(np.array([0.02, 0.02, 0.02]), np.full(3, 2000.0))
    rows = np.zeros((40, 3))
    rows[20:, 1] = 1.0
    first = detector.update(rows, labels(40))[0]
    assert (first.column, first.at, first.direction) == (1, 22, 1)
    assert first.onset.estimate == 20
    assert first.size == pytest.approx(1.0 - 0.02)


def test_outcomes_and_limits_that_cannot_be_are_refused():
    detector = Challenge(np.array([0.02]), np.array([100.0]))
    with pytest.raises(ParameterError):
        detector.update(np.array([[0.5]]), labels(1))
    with pytest.raises(ShapeError):
        detector.update(np.zeros((1, 2)), labels(1))
    assert detector.presented.tolist() == [0]
    for limit in (0.0, 1.0):
        with pytest.raises(ParameterError):
            Challenge(np.array([limit]), np.array([100.0]))
    with pytest.raises(ParameterError):
        clean_needed(0.0)
    with pytest.raises(ParameterError):
        miss_rate_bound(3, 2)
    with pytest.raises(ParameterError):
        arl.bernoulli_shiryaev_roberts(0.1, 0.05, 10.0, 0.2)


def test_bets_lie_between_the_limit_and_one():
    q = alternatives(np.array([1e-4, 0.02, 0.9]))
    assert (np.diff(q, axis=0) > 0).all()
    assert ((q > [1e-4, 0.02, 0.9]) & (q < 1)).all()
