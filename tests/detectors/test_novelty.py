"""Novelty: distances as the oracle says, p that are conformal, a bound that holds, bets that need no independence in a block."""

import itertools

import numpy as np
import pytest
from scipy.stats import beta, kstest

from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.novelty import LEVEL, Novelty, NoveltyBaseline, cases, fit, oracle
from detectors.novelty.baseline import BLOCK, share_bound
from detectors.novelty.detector import BETS, bets

LOADINGS = np.random.default_rng(0).standard_normal((8, 2))


def parts(rng, count):
    """Eight channels with two common factors."""
    return rng.standard_normal((count, 2)) @ LOADINGS.T + 0.5 * rng.standard_normal((count, 8))


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


@pytest.fixture(scope="module")
def known():
    return fit(parts(np.random.default_rng(1), 4_000))


@pytest.mark.parametrize("bound", [0.0159, 0.2, 0.9])
def test_the_mean_of_a_bet_is_at_most_one_for_any_dependence_in_a_block(bound):
    """Independent parts, parts all alike, and any distribution of the count: only the mean of the share enters."""
    rng = np.random.default_rng(2)
    counts = np.arange(BLOCK + 1.0)
    e = bets(counts / BLOCK, bound)[:, :, 0]
    assert e.shape == (BLOCK + 1, BETS)
    assert (e > 0).all()
    alike = np.zeros(BLOCK + 1)
    alike[0], alike[-1] = 1 - bound, bound
    assert alike @ e == pytest.approx(np.ones(BETS))
    for _ in range(200):
        chances = rng.dirichlet(np.full(BLOCK + 1, 0.2))
        mean = chances @ counts / BLOCK
        if mean > bound:  # draw it back into the null by parts that are never novel
            chances = chances * bound / mean
            chances[0] += 1 - chances.sum()
        assert (chances @ e <= 1 + 1e-9).all()


def test_expected_false_alarms_are_within_t_over_c_over_every_history():
    """Five blocks in which all parts are novel or none is, weighted exactly."""
    bound, threshold = 0.3, 5.0
    expected = 0.0
    for history in itertools.product((0, 1), repeat=5):
        p = np.repeat(np.where(np.array(history) == 1, 0.001, 0.5), BLOCK)[:, None]
        alarms = len(Novelty(bound, threshold).update(p, labels(5 * BLOCK)))
        expected += alarms * bound ** sum(history) * (1 - bound) ** (5 - sum(history))
    assert 0 < expected <= 5 / threshold


def test_distances_and_p_are_the_oracles(known):
    rng = np.random.default_rng(3)
    x = parts(rng, 40)
    x[rng.random(x.shape) < 0.2] = np.nan
    distance, p = known.judge(x)
    z = known.gauge().standardised(x)
    for t in range(40):
        if np.isnan(distance[t]):
            assert np.isnan(x[t]).sum() > 4
            continue
        assert distance[t] == pytest.approx(oracle.distance(z[t].tolist(), known.correlation.tolist()), rel=1e-9)
        assert p[t] == pytest.approx(oracle.conformal_p(distance[t], known.calibration.tolist()))


def test_a_part_is_judged_to_the_same_bits_alone_or_among_others(known):
    x = parts(np.random.default_rng(4), 50)
    x[::7, 2] = np.nan
    whole = known.judge(x)
    single = [known.judge(x[t : t + 1]) for t in range(50)]
    assert whole[0].tobytes() == np.concatenate([one[0] for one in single]).tobytes()
    assert whole[1].tobytes() == np.concatenate([one[1] for one in single]).tobytes()


def test_p_of_ordinary_parts_is_uniform_and_of_others_small(known):
    rng = np.random.default_rng(5)
    ordinary = parts(rng, 2_000)
    assert kstest(known.judge(ordinary)[1], "uniform").statistic < 0.05
    broken = np.column_stack([rng.permutation(ordinary[:, c]) for c in range(8)])  # each channel as ever, together unlike any part
    assert (known.judge(broken)[1] <= LEVEL).mean() > 0.5
    gross = ordinary[:50].copy()
    gross[:, 3] += 20 * ordinary[:, 3].std()
    assert (known.judge(gross)[1] <= LEVEL).all()


def test_distances_with_channels_missing_compare_with_whole_ones(known):
    x = parts(np.random.default_rng(6), 3_000)
    x[:, [1, 6]] = np.nan
    assert (known.judge(x)[1] <= LEVEL).mean() < 0.025


def test_the_share_bound_is_the_99_percent_point_and_holds_over_baselines():
    assert share_bound(2_000) == pytest.approx(0.0159, abs=5e-5)
    assert share_bound(2_000) == pytest.approx(beta.ppf(0.99, 20, 1981))
    assert share_bound(2_000, 2.0) > share_bound(2_000)
    rng = np.random.default_rng(7)
    exceeded = 0
    for _ in range(500):
        cut = np.sort(rng.random(2_000))[-20]  # of uniform distances: the share novel is what lies above
        exceeded += 1 - cut > share_bound(2_000)
    assert 0 < exceeded <= 13  # 5 expected, 99.9 % Poisson
    with pytest.raises(ParameterError):
        share_bound(50)


def test_parts_novel_in_clusters_count_as_fewer():
    rng = np.random.default_rng(8)
    x = parts(rng, 8_000)
    assert fit(x).effect == 1.0
    heaps = rng.random(8_000 // 50) < 0.03
    x[np.repeat(heaps, 50)] *= 2.0
    clustered = fit(x)
    assert clustered.effect > 2.0
    assert clustered.share > share_bound(4_000)


def test_a_share_of_novel_parts_is_found_with_its_onset_and_size(known):
    rng = np.random.default_rng(9)
    x = np.vstack([parts(rng, 2_000), parts(rng, 1_000)])
    odd = np.flatnonzero(rng.random(1_000) < 0.1) + 2_000
    x[odd] *= 3.0
    detector = Novelty(known.share, 20_000.0)
    first = detector.update(known.judge(x)[1][:, None], labels(3_000))[0]
    assert 2_000 < first.at < 2_500
    assert 1_800 <= first.onset.estimate <= 2_050
    assert 0.03 < first.size < 0.2
    assert first.direction == 1


def test_what_cannot_be_learned_from_is_refused_with_the_reason():
    rng = np.random.default_rng(10)
    with pytest.raises(BaselineRefused, match="1500 parts to calibrate on, 2000 needed"):
        fit(parts(rng, 3_000))
    with pytest.raises(BaselineRefused, match="no channel varies"):
        fit(np.ones((4_000, 3)))
    holed = parts(rng, 4_000)
    holed[rng.random(holed.shape) < 0.4] = np.nan
    with pytest.raises(BaselineRefused, match=r"80 needed"):
        fit(holed)
    flat = parts(rng, 4_000)
    flat[:, 2] = 5.0
    assert fit(flat).used.tolist() == [c != 2 for c in range(8)]
    with pytest.raises(ShapeError):
        fit(np.zeros(4))
    for share in (0.0, 1.0):
        with pytest.raises(ParameterError):
            Novelty(share, 100.0)
    with pytest.raises(ParameterError):
        Novelty(0.1, 100.0).update(np.array([[1.5]]), labels(1))


def test_the_bound_costs_little_and_plain_one_percent_breaks_the_promise():
    """METHODS 6, exactly: x1.7 with plain 0.01, which grows with the threshold; with the bound it falls."""
    plain = [cases.false_alarm_factor(0.01, 2.0, c, 2_000) for c in (10_000.0, 100_000.0)]
    bound = [cases.false_alarm_factor(share_bound(2_000), 2.0, c, 2_000) for c in (10_000.0, 100_000.0)]
    assert plain[1] > plain[0] > 1.0
    assert bound[1] < bound[0] < 0.1


def test_a_baseline_survives_its_arrays(known):
    again = NoveltyBaseline.from_arrays(known.to_arrays())
    x = parts(np.random.default_rng(11), 20)
    assert again.judge(x)[0].tobytes() == known.judge(x)[0].tobytes()
    assert again.share == known.share
    with pytest.raises(ShapeError):
        NoveltyBaseline.from_arrays({"share": np.array(0.1)})
