"""Trend: lines as the oracle says, intervals that hold what they say, an alarm whose price is the sum over its decisions."""

import math

import numpy as np
import pytest
from scipy.stats import linregress
from scipy.stats import t as student

from detectors.errors import ParameterError, ShapeError
from detectors.trend import Trend, oracle
from detectors.trend.cases import Lamp, watched
from detectors.trend.detector import BLOCK_DAYS, BLOCKS, MIN_BLOCKS
from detectors.trend.line import WIDEN, WIDEN_TEST, beyond, meets, through


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


def trend(limit=0.7, direction=-1, horizon=20.0, threshold=1000.0, decaying=True):
    return Trend(np.array([limit]), np.array([direction]), np.array([horizon]), np.array([threshold]), np.array([decaying]))


def line_of(rng, n=12, slope=-0.5, sd=1.0):
    t = np.arange(n) * 5.0
    return t, 100 + slope * t + sd * rng.standard_normal(n)


def test_without_outliers_the_line_is_least_squares():
    t, y = line_of(np.random.default_rng(1), sd=0.0)
    y += np.random.default_rng(1).uniform(-1, 1, y.size)
    found, reference = through(t, y, np.zeros(12, np.int64)), linregress(t, y)
    assert found.slope == pytest.approx(reference.slope)
    assert found.at(0.0) == pytest.approx(reference.intercept)
    assert found.deviation / math.sqrt(found.spread) == pytest.approx(reference.stderr)


def test_a_wild_block_hardly_moves_the_line():
    t, y = line_of(np.random.default_rng(2), sd=0.1)
    wild = y.copy()
    wild[10] += 1e4
    plain, robust = through(t, y, np.zeros(12, np.int64)), through(t, wild, np.zeros(12, np.int64))
    assert robust.slope == pytest.approx(plain.slope, abs=0.02)


def test_levels_may_step_between_epochs_and_the_slope_is_that_within():
    t, y = line_of(np.random.default_rng(3), sd=0.1)
    epoch = np.repeat([0, 1, 4], 4)
    stepped = y + np.repeat([0.0, 30.0, -20.0], 4)
    found = through(t, stepped, epoch)
    assert found.slope == pytest.approx(-0.5, abs=0.03)
    assert found.at(60.0) == pytest.approx(100 - 30 - 20, abs=1.0)
    assert found.free == 12 - 3 - 1
    assert through(t[:4], y[:4], np.array([0, 0, 1, 1])) is None


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("slope", [0.4, 0.05, -0.3])
def test_the_interval_ends_where_the_band_meets_the_limit(direction, slope):
    t, y = line_of(np.random.default_rng(4), slope=direction * slope, sd=0.3)
    line, limit, now = through(t, y, np.zeros(12, np.int64)), 100.0 + direction * 60, 57.0
    estimate, earliest, latest = meets(line, limit, direction, now, 0.95)
    band = WIDEN * student.ppf(0.975, line.free)
    assert earliest <= estimate <= latest
    for time, side in ((earliest, 1), (latest, -1)):
        if math.isfinite(time) and time > 0:
            gap = direction * (limit - line.at(now + time))
            assert gap == pytest.approx(side * band * line.error(now + time), rel=1e-6)
    if slope < 0:
        assert estimate == math.inf


def test_a_limit_that_is_passed_is_reached_now():
    t, y = line_of(np.random.default_rng(5), sd=0.1)
    assert meets(through(t, y, np.zeros(12, np.int64)), 200.0, -1, 60.0, 0.95) == (0.0, 0.0, 0.0)


def test_the_test_is_students():
    t, y = line_of(np.random.default_rng(6))
    line = through(t, y, np.zeros(12, np.int64))
    expected = student.cdf((line.at(80.0) - 70.0) / (WIDEN_TEST * line.error(80.0)), line.free)
    assert beyond(line, 70.0, -1, 80.0) == pytest.approx(expected)
    for free in (2, 5, 8, 13, 14):
        for value in (-7.5, -1.0, 0.3):
            assert oracle.tail(value, free) == pytest.approx(student.cdf(value, free), rel=1e-9)


def test_p_is_small_no_more_often_than_it_says_at_the_edge_of_the_null():
    """4,000 windows of independent days per size, on the limit and flat: P(p <= a) <= a, as each decision's price requires."""
    rng = np.random.default_rng(7)
    for blocks in (8, 16):
        t, epoch = np.arange(blocks) * 5.0, np.zeros(blocks, np.int64)
        p = np.array([beyond(through(t, rng.standard_normal(blocks), epoch), 0.0, 1, t[-1] + 22) for _ in range(4_000)])
        for a in (0.1, 0.02, 0.005):
            assert (p <= a).mean() <= a
        assert (p <= 0.3).mean() > 0.05


@pytest.mark.parametrize("shape", ["linear", "exponential"])
def test_intervals_hold_the_truth_in_nine_of_ten_lamps(shape):
    rng = np.random.default_rng(8)
    held = []
    for _ in range(80):
        days = rng.uniform(100, 600)
        found, left = watched(rng, Lamp(shape, days, 0.005, 0.5, 0.7, 40, 0.01), int(days * rng.uniform(0.4, 0.95)))
        held.append(found.earliest <= max(left, 0.0) <= found.latest)
        assert found.earliest <= found.estimate <= found.latest
    assert np.mean(held) >= 0.9


def test_before_it_can_know_it_says_how_many_days_more():
    detector = trend()
    assert detector.time_to_limit(0).more_days == MIN_BLOCKS * BLOCK_DAYS
    light = 1 - 0.3 * np.arange(200) / 200 + 0.004 * np.random.default_rng(9).standard_normal(200)
    detector.update(light[:12, None], labels(12))
    early = detector.time_to_limit(0)
    assert (early.is_informative, early.more_days) == (False, 13)
    assert math.isnan(early.slope)
    detector.update(light[12:120, None], labels(108, 12))
    found = detector.time_to_limit(0)
    assert found.is_informative
    assert found.earliest <= 80 <= found.latest
    assert found.slope == pytest.approx(-0.0015, rel=0.2)


def test_what_does_not_age_has_a_lower_bound_and_no_date():
    detector = trend()
    detector.update((1 + 0.004 * np.random.default_rng(10).standard_normal(BLOCKS * BLOCK_DAYS))[:, None], labels(80))
    found = detector.time_to_limit(0)
    assert not found.is_informative
    assert found.latest == found.more_days == math.inf
    assert found.earliest > 100
    assert not detector.is_due(0)


def test_a_lamp_is_advised_before_its_horizon_and_alarms_before_it_is_worn_out():
    detector, advised, alarmed = trend(horizon=30.0), None, None
    rng = np.random.default_rng(11)
    for day in range(1, 300):
        light = (1 - 0.3 * day / 300) * math.exp(0.003 * rng.standard_normal())
        crossings = detector.update(np.array([[light]]), np.array([day], np.int64))
        if crossings and alarmed is None:
            alarmed = crossings[0]
        if advised is None and day % BLOCK_DAYS == 0 and detector.is_due(0):
            advised = day
    assert 220 <= advised <= 275
    assert advised <= alarmed.at < 300
    assert alarmed.direction == -1
    assert alarmed.size == pytest.approx(-0.001 * 77, rel=0.2)
    assert alarmed.onset.estimate == pytest.approx(alarmed.at - 79, abs=1)


def test_a_declared_cleaning_leaves_the_slope_and_another_lamp_leaves_nothing():
    rng = np.random.default_rng(12)
    light = (1 - 0.001 * np.arange(80)) * np.exp(0.002 * rng.standard_normal(80))
    light[40:] *= 1.05
    told, untold = trend(), trend()
    for detector in (told, untold):
        detector.update(light[:40, None], labels(40))
    told.step(0)
    for detector in (told, untold):
        detector.update(light[40:, None], labels(40, 40))
    assert told.time_to_limit(0).slope == pytest.approx(-0.001, rel=0.15)
    assert untold.time_to_limit(0).slope > -0.0005
    told.forget(0)
    assert told.time_to_limit(0).more_days == MIN_BLOCKS * BLOCK_DAYS
    assert told.evidence[0] == 0.0


def test_a_day_on_which_another_channel_alone_was_measured_counts_as_a_day():
    detector = Trend(np.full(2, 5.0), np.ones(2, np.int64), np.full(2, 10.0), np.full(2, 1e3), np.zeros(2, np.bool_))
    x = np.column_stack([np.arange(100.0), np.arange(100.0)]) * 0.02
    x[::2, 1] = np.nan
    detector.update(x, labels(100))
    assert [detector.time_to_limit(k).slope for k in (0, 1)] == pytest.approx([0.02, 0.02])


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError):
        trend(direction=0)
    with pytest.raises(ParameterError):
        trend(horizon=0.0)
    with pytest.raises(ParameterError):
        trend(limit=0.0)
    with pytest.raises(ParameterError):
        trend(threshold=0.5)
    with pytest.raises(ParameterError):
        trend().update(np.array([[0.0]]), labels(1))
    with pytest.raises(ShapeError):
        Trend(np.ones(2), np.ones(1, np.int64), np.ones(1), np.ones(1), np.zeros(1, np.bool_))


def test_a_line_without_scatter_has_an_interval_of_nothing():
    t = np.arange(12) * 5.0
    line = through(t, 100.0 - 0.5 * t, np.zeros(12, np.int64))
    assert meets(line, 60.0, -1, 57.0, 0.95) == pytest.approx((23.0, 23.0, 23.0), abs=1e-6)
    flat = through(t, np.full(12, 5.0), np.zeros(12, np.int64))
    assert meets(flat, 4.0, -1, 57.0, 0.95) == (math.inf, math.inf, math.inf)
