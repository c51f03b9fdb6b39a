"""Run lengths: against published tables, against simulation, against METHODS 2."""

from __future__ import annotations

import numpy as np
import pytest

from detectors import arl


@pytest.mark.parametrize(
    ("limit", "shift", "published"),
    # Montgomery, Introduction to Statistical Quality Control, one-sided CUSUM k = 0.5: Siegmund's and Vance's exact values.
    [(4.0, 0.0, 335.37), (5.0, 0.0, 930.89), (4.0, 1.0, 8.38), (5.0, 1.0, 10.38)],
)
def test_cusum_run_lengths_are_the_published_ones(limit, shift, published):
    assert arl.cusum(0.5, limit, shift) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(
    ("weight", "limit", "shift", "published"),
    # Lucas and Saccucci 1990, table 3: schemes of ARL 500.
    [(0.05, 2.615, 0.0, 500.0), (0.10, 2.814, 0.0, 500.0), (0.10, 2.814, 1.0, 10.3), (0.05, 2.615, 0.5, 28.7)],
)
def test_ewma_run_lengths_are_the_published_ones(weight, limit, shift, published):
    assert arl.ewma(weight, limit, shift) == pytest.approx(published, rel=0.015)


@pytest.mark.parametrize("bet", [0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("threshold", [100.0, 20_000.0])
def test_an_e_detector_in_control_runs_at_least_as_long_as_its_threshold(bet, threshold):
    assert arl.shiryaev_roberts(bet, threshold) >= threshold


def test_an_e_detectors_exact_delay_is_the_simulated_one():
    rng = np.random.default_rng(1)
    r, delay = np.zeros(20_000), np.zeros(20_000)
    for t in range(1, 200):
        r = (1.0 + r) * np.exp(rng.standard_normal(r.size) + 1.0 - 0.5)
        delay[(delay == 0) & (r >= 1000.0)] = t
    assert (delay > 0).all()
    standard_error = delay.std() / np.sqrt(delay.size)
    assert abs(arl.shiryaev_roberts(1.0, 1000.0, 1.0) - delay.mean()) < 4 * standard_error


@pytest.mark.parametrize(
    ("reference", "expected"),
    # METHODS 2, mean delay at ARL 20,000, two-sided. Its figures come after a stretch in control; from 0 it takes longer.
    [(0.25, (274, 56, 20, 8.9, 5.8)), (0.5, (1038, 96, 17, 6.2, 3.9))],
)
def test_the_cusum_rows_of_methods_are_reproduced(reference, expected):
    limit = arl.cusum_limit(reference, 40_000.0)  # two sides of 40,000 make 20,000
    for shift, figure in zip((0.25, 0.5, 1.0, 2.0, 3.0), expected, strict=True):
        assert 0.99 <= arl.cusum(reference, limit, shift) / figure <= 1.10


def test_the_ewma_row_of_methods_is_reproduced():
    limit = arl.ewma_limit(0.05, 20_000.0)
    for shift, figure in zip((0.25, 0.5, 1.0, 2.0, 3.0), (471, 67, 18.6, 7.8, 5.0), strict=True):
        assert 0.99 <= arl.ewma(0.05, limit, shift) / figure <= 1.06


def test_a_limit_gives_the_run_length_it_was_asked_for():
    assert arl.cusum(0.5, arl.cusum_limit(0.5, 12_345.0)) == pytest.approx(12_345.0, rel=1e-6)
    assert arl.ewma(0.1, arl.ewma_limit(0.1, 12_345.0)) == pytest.approx(12_345.0, rel=1e-6)
