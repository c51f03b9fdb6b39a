"""Steady or not: what a baseline has to show before a channel is watched, and how often it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from detectors.baseline import RunMeans, Standardiser, fit, steady
from detectors.baseline.runs import NEVER


def wandering(rng, rows, columns, share):
    """Rows of variance 1, this share of it an AR(1) of 0.99."""
    slow = lfilter([np.sqrt(1 - 0.99**2)], [1, -0.99], rng.standard_normal((rows + 1000, columns)), axis=0)[1000:]
    return np.sqrt(1 - share) * rng.standard_normal((rows, columns)) + np.sqrt(share) * slow


def learned(x, runs=None, **options):
    runs = np.zeros(len(x), np.int64) if runs is None else runs
    columns = x.shape[1]
    nothing = {"transforms": ["none"] * columns, "tolerances": np.zeros(columns), "thresholds": np.full(columns, 3e7)}
    return fit(x, runs, **(nothing | options))


def share_armed(x, **options):
    return float(np.mean([not reason for reason in learned(x, **options).refused]))


# --- the likelihood ratio


def test_the_periodogram_ratio_is_the_gaussian_likelihood_ratio():
    """Whittle's approximation against the exact densities of what neither mean nor scale has a say in."""
    rng, n, sd = np.random.default_rng(1), 600, math.sqrt(0.1)
    lags = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    contrasts = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, n - 1))]))[0][:, 1:]
    within = contrasts.T @ (0.9 * np.eye(n) + 0.1 * 0.99**lags) @ contrasts
    inverse, half = np.linalg.inv(within), 0.5 * np.linalg.slogdet(within)[1]
    for x in (*rng.standard_normal((n, 6)).T, *wandering(rng, n, 6, 0.1).T):
        values = contrasts.T @ x
        exact = -half - 0.5 * (n - 1) * math.log((values @ inverse @ values) / (values @ values))
        got = steady.wandering(x, sd)
        assert (
            got == pytest.approx(exact, abs=1.5) or min(got, exact) > 3.0
        )  # far from the answer "steady" the ends of x have a say


def test_the_ratio_of_runs_is_that_of_their_means_contrasts():
    rng, sizes, sd = np.random.default_rng(2), np.array([30, 50, 20, 80, 40]), 0.4
    runs = np.repeat(np.arange(5), sizes)
    z = rng.standard_normal(runs.size) + 0.4 * rng.standard_normal(5)[runs]
    means = np.array([z[runs == run].mean() for run in range(5)])
    contrasts = np.linalg.qr(np.column_stack([np.ones(5), rng.standard_normal((5, 4))]))[0][:, 1:]

    def log_density(variances):
        within = contrasts.T @ np.diag(variances) @ contrasts
        values = contrasts.T @ means
        return -0.5 * (values @ np.linalg.inv(within) @ values + np.linalg.slogdet(within)[1])

    expected = log_density(1 / sizes + sd * sd) - log_density(1 / sizes)
    assert steady.differing(z, runs, sd) == pytest.approx(expected, abs=1e-9)
    assert steady.differing(z, np.zeros(z.size, np.int64), sd) == pytest.approx(0.0, abs=1e-9)


# --- what a baseline can tell


def test_500_parts_tell_nobody_whether_a_channel_wanders():
    rng = np.random.default_rng(3)
    assert share_armed(rng.standard_normal((500, 200))) == 0.0
    assert share_armed(wandering(rng, 500, 200, 0.1)) == 0.0


def test_2000_parts_arm_a_steady_channel_and_4000_practically_every_one():
    rng = np.random.default_rng(4)
    assert share_armed(rng.standard_normal((2000, 300))) > 0.85
    assert share_armed(rng.standard_normal((4000, 100))) == 1.0


def test_a_slow_tenth_is_taken_for_steady_at_most_once_in_ten_thousand_whatever_the_size_of_the_baseline():
    rng, sd, taken = np.random.default_rng(5), steady.slow_sd(0.0), 0
    for rows in (1000, 1500, 2000):
        taken += sum(steady.wandering(column, sd) < -math.log(steady.ODDS) for column in wandering(rng, rows, 4000, 0.1).T)
    assert taken <= 4  # of 12,000: 1.2 expected at most


def test_what_a_refusal_says_is_needed_is_about_what_it_takes():
    rng = np.random.default_rng(6)
    needed = learned(rng.standard_normal((500, 1))).needed[0]
    assert needed == steady.parts_needed(steady.slow_sd(0.0))
    sd = steady.slow_sd(0.0)
    shown = np.mean([steady.wandering(x, sd) < -math.log(steady.ODDS) for x in rng.standard_normal((1000, needed))])
    assert shown == pytest.approx(0.99, abs=0.01)


def test_a_refusal_for_want_of_parts_says_so_and_how_many_would_do():
    reason, needed = (
        learned(np.random.default_rng(7).standard_normal((500, 1))).refused[0],
        steady.parts_needed(steady.slow_sd(0.0)),
    )
    assert "500 values cannot tell a steady channel from one that wanders slowly" in reason
    assert f"keep learning: a steady channel shows it within about {needed} values" in reason


def test_who_tolerates_much_needs_fewer_parts():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((1000, 100))
    assert share_armed(x, tolerances=np.full(100, 0.3)) > 0.95
    assert share_armed(x) < 0.5


def test_steadiness_may_be_assumed_and_what_is_seen_to_wander_is_refused_all_the_same():
    rng = np.random.default_rng(9)
    assert share_armed(rng.standard_normal((500, 50)), steadiness="assumed") >= 0.96
    assert share_armed(wandering(rng, 4000, 50, 0.1), steadiness="assumed") < 0.05


# --- few runs


@pytest.fixture(scope="module")
def few_runs():
    """20 channels learned from three set-ups of 1,000 parts that differ by 0.5 sd."""
    rng = np.random.default_rng(10)
    runs = np.arange(3000) // 1000
    return learned(rng.standard_normal((3000, 20)) + 0.5 * rng.standard_normal((3, 20))[runs], runs, thresholds=np.full(20, 1e4))


def test_channels_of_too_few_runs_are_watched_within_runs_alone(few_runs):
    assert few_runs.refused == ("",) * 20
    assert few_runs.within_alone.sum() >= 19
    assert (few_runs.run_parts[few_runs.within_alone] == NEVER).all()


def test_set_ups_a_baseline_never_saw_raise_nothing_within_runs(few_runs):
    rng = np.random.default_rng(11)
    runs = np.arange(60_000) // 1000
    x = rng.standard_normal((60_000, 20)) + 2.0 * rng.standard_normal((60, 20))[runs]
    new = np.concatenate([[True], runs[1:] != runs[:-1]])
    thresholds = np.full(20, 1e4)
    z = Standardiser(few_runs).apply(x, new)
    z[:, ~few_runs.within_alone] = np.nan
    crossings = few_runs.level(thresholds).update(z, np.arange(60_000))
    assert len(crossings) <= 60_000 * 20 / few_runs.level(thresholds).thresholds[0]
    assert np.isnan(RunMeans(few_runs).apply(x, new)[:, few_runs.within_alone]).all()


def test_a_shift_in_the_middle_of_a_run_is_found(few_runs):
    rng = np.random.default_rng(12)
    x = rng.standard_normal((1000, 20)) + 3.0
    x[500:] += 1.0
    z = Standardiser(few_runs).apply(x, np.arange(1000) == 0)
    found = few_runs.level(np.full(20, 1e4)).update(z, np.arange(1000))
    assert len({crossing.column for crossing in found if 500 <= crossing.at < 600}) >= 18
