"""Channels whose runs differ: watched within runs and by run means, honestly, and what the gate still refuses."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.baseline import Baseline, RunMeans, Standardiser, fit
from detectors.baseline.runs import learn, predictive_residuals
from detectors.errors import BaselineRefused

RUN = 200


def offset_runs(rng, count, *, tau, phi=0.0, columns=10, run=RUN):
    """Values (T, C) of variance 1 within runs whose offsets have sd tau, and the runs (T,)."""
    runs = np.arange(count) // run
    noise = rng.standard_normal((count, columns)) * np.sqrt(1.0 - phi**2)
    x = np.empty_like(noise)
    x[0] = rng.standard_normal(columns)
    for t in range(1, count):
        x[t] = phi * x[t - 1] + noise[t]
    return x + tau * rng.standard_normal((runs[-1] + 1, columns))[runs], runs


def starts(runs):
    return np.concatenate([[True], runs[1:] != runs[:-1]])


def learned(x, runs, threshold=1e6) -> Baseline:
    columns = x.shape[1]
    return fit(x, runs, transforms=["none"] * columns, tolerances=np.zeros(columns), thresholds=np.full(columns, threshold))


@pytest.fixture(scope="module")
def baseline():
    return learned(*offset_runs(np.random.default_rng(1), 8000, tau=1.0, phi=0.4))


def test_channels_whose_lots_differ_leave_the_part_level_test_and_are_not_refused(baseline):
    assert baseline.refused == ("",) * 10
    assert baseline.by_runs.all()
    assert baseline.run_spread == pytest.approx(1.0, abs=0.5)
    assert baseline.phi == pytest.approx(0.4, abs=0.04)
    assert (baseline.run_parts == RUN).all()


def test_channels_whose_lots_do_not_differ_stay_with_the_part_level_test():
    assert not learned(*offset_runs(np.random.default_rng(2), 4000, tau=0.0)).by_runs.any()


def test_predictive_residuals_are_independent_and_standard_from_the_runs_first_value_on():
    x, runs = offset_runs(np.random.default_rng(3), 200_000, tau=2.0, phi=0.5, columns=1, run=40)
    layer = learn(x[:, 0], runs, lambda centred: float(centred[1:] @ centred[:-1] / (centred @ centred)))
    z = predictive_residuals(x[:, 0], runs, layer).reshape(-1, 40)
    assert np.abs(z.mean(axis=0)).max() < 0.07
    assert z.std(axis=0) == pytest.approx(np.ones(40), abs=0.05)
    correlations = np.corrcoef(z.T)[np.triu_indices(40, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(len(z))


@pytest.mark.parametrize(("tau", "phi"), [(0.5, 0.0), (2.0, 0.5)])
def test_the_false_alarm_bound_holds_within_runs_between_them_and_of_the_spread(tau, phi):
    rng, c = np.random.default_rng(4), np.full(20, 1000.0)
    known = learned(*offset_runs(rng, 4000, tau=tau, phi=phi, columns=20), threshold=1e6)
    watched = np.array([not reason for reason in known.refused]) & known.by_runs
    assert watched.sum() >= 18
    x, runs = offset_runs(rng, 20_000, tau=tau, phi=phi, columns=20)
    z = Standardiser(known).apply(x, starts(runs))
    z[:, ~watched] = np.nan
    means = RunMeans(known).apply(x, starts(runs))
    for detector, rows in ((known.level(c), z), (known.spread(c), z), (known.run_means(c), means)):
        alarms = len(detector.update(rows, np.arange(len(rows))))
        assert alarms <= float((np.isfinite(rows).sum(axis=0) / detector.thresholds).sum())


def test_a_shift_within_a_run_is_found_there_and_one_of_all_runs_by_their_means():
    rng, c = np.random.default_rng(5), np.full(10, 1e6)
    known = learned(*offset_runs(rng, 12_000, tau=1.0))
    x, runs = offset_runs(rng, 1000, tau=1.0)
    x[700:] += 1.0  # in the middle of a run
    within = known.level(c).update(Standardiser(known).apply(x, starts(runs)), np.arange(1000))
    assert len({crossing.column for crossing in within if 700 <= crossing.at < 800}) >= 9
    x, runs = offset_runs(rng, 20_000, tau=1.0)
    between = known.run_means(c).update(RunMeans(known).apply(x + 2.5, starts(runs)), np.arange(20_000))
    assert {crossing.column for crossing in between} == set(range(10))
    assert all(crossing.direction == 1 for crossing in between)
    assert np.mean([crossing.size * known.run_scale[crossing.column] for crossing in between]) == pytest.approx(2.5, abs=0.4)


def test_from_eight_runs_on_a_step_that_comes_with_a_new_lot_is_found_by_run_means_and_nothing_else_is():
    rng, c = np.random.default_rng(10), np.full(20, 1e6)
    known = learned(*offset_runs(rng, 4000, tau=0.1, columns=20, run=400))
    watched = np.array([not reason for reason in known.refused]) & known.by_runs & ~known.within_alone
    assert watched.sum() >= 10
    x, runs = offset_runs(rng, 40_000, tau=0.1, columns=20, run=400)
    assert known.run_means(c).update(RunMeans(known).apply(x, starts(runs)), np.arange(40_000)) == []
    found = known.run_means(c).update(RunMeans(known).apply(x + 3.0, starts(runs)), np.arange(40_000))
    assert {crossing.column for crossing in found} == set(np.flatnonzero(watched))
    firsts = {crossing.column: crossing.at for crossing in reversed(found)}
    assert max(firsts.values()) < 30 * 400


def test_a_run_mean_is_of_the_runs_first_values_and_comes_once_a_run(baseline):
    x, runs = offset_runs(np.random.default_rng(6), 1000, tau=1.0)
    x[10:20] = np.nan  # ten values short: the first run never gets that long
    means = RunMeans(baseline).apply(x, starts(runs))
    assert np.flatnonzero(np.isfinite(means[:, 0])).tolist() == [399, 599, 799, 999]
    expected = (x[200:400].mean(axis=0) - baseline.run_center) / baseline.run_scale
    assert means[399] == pytest.approx(expected)


def test_cutting_a_stream_gives_the_same_bits_and_a_run_start_forgets(baseline):
    rng = np.random.default_rng(7)
    x, runs = offset_runs(rng, 500, tau=1.0, phi=0.4, run=220)
    x[rng.random(x.shape) < 0.05] = np.nan
    new = starts(runs)
    for kind in (Standardiser, RunMeans):
        whole, pieces, got = kind(baseline).apply(x, new), kind(baseline), []
        for t in range(500):
            got.append(pieces.apply(x[t : t + 1], new[t : t + 1]))
            resumed = kind(Baseline.from_arrays(baseline.to_arrays()))
            resumed.load(pieces.save())
            pieces = resumed
        assert np.concatenate(got).tobytes() == whole.tobytes()
        assert kind(baseline).apply(x[220:440], new[220:440]).tobytes() == whole[220:440].tobytes()


def test_the_stream_scores_what_phase_one_learned_from(baseline):
    x, runs = offset_runs(np.random.default_rng(1), 8000, tau=1.0, phi=0.4)
    z = Standardiser(baseline).apply(x, starts(runs))
    assert z.mean(axis=0) == pytest.approx(np.zeros(10), abs=1e-3)
    assert z.std(axis=0) == pytest.approx(np.ones(10), abs=0.01)


def test_with_too_few_runs_they_are_watched_within_alone_and_runs_that_drift_are_refused_with_what_would_mend_it():
    rng = np.random.default_rng(8)
    x, runs = offset_runs(rng, 4000, tau=1.0, columns=1, run=800)
    assert learned(x, runs).within_alone.all()
    x, runs = offset_runs(rng, 8000, tau=0.3, columns=1)
    drifting = x + np.linspace(0.0, 5.0, 8000)[:, None]
    assert "drifted while it was learned" in learned(drifting, runs).refused[0]


def test_runs_that_do_not_differ_have_no_run_layer():
    x, runs = offset_runs(np.random.default_rng(9), 4000, tau=0.0, columns=1)
    flat = x[:, 0] - np.array([x[runs == r, 0].mean() for r in range(20)])[runs]
    with pytest.raises(BaselineRefused, match="runs do not differ"):
        learn(flat, runs, lambda _: 0.0)
