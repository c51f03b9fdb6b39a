"""The outcome gap: exact e-values, evidence as the oracle says, figures that mean what they are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ParameterError, ShapeError
from detectors.outcome_gap import OutcomeGap, oracle
from detectors.outcome_gap.detector import audits, bets

claims = st.floats(1e-6, 1.0)


def labels(n, first=0):
    return np.arange(first, first + n, dtype=np.int64)


@given(claims)
def test_a_bet_is_fair_when_the_claim_is_exact(p):
    good, bad = bets(np.array([p, p]), np.array([0.0, 1.0]))[:, :, 0]
    assert p * bad + (1.0 - p) * good == pytest.approx(np.ones(6), rel=1e-9)


@given(claims, st.floats(0.0, 1.0))
def test_a_bet_never_gains_when_parts_are_better_than_claimed(p, share):
    true = share * p
    good, bad = bets(np.array([p, p]), np.array([0.0, 1.0]))[:, :, 0]
    assert (true * bad + (1.0 - true) * good <= 1.0 + 1e-9).all()


# 1 - p loses its digits next to 1, where the oracle divides by it.
checkable = st.one_of(st.floats(1e-6, 0.99), st.just(1.0))


@given(st.lists(st.tuples(checkable, st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=80), st.floats(1.0, 1e4))
def test_evidence_and_crossings_are_the_oracles(rows, threshold):
    x = np.array(rows)
    detector, trail, crossings = OutcomeGap(threshold), [], []
    for t in range(len(x)):
        crossings += detector.update(x[t : t + 1], labels(1, t))
        trail.append(float(detector.evidence[0]))
    expected, expected_crossings = oracle.monitor(x.tolist(), labels(len(x)).tolist(), threshold)
    if [c.at for c in crossings] == [c[0] for c in expected_crossings]:
        assert trail == pytest.approx([e[0] for e in expected], rel=1e-9, abs=1e-12)
    else:  # only a tie with the threshold itself may be decided otherwise
        below, above = (oracle.monitor(x.tolist(), labels(len(x)).tolist(), threshold * f)[1] for f in (1 - 1e-9, 1 + 1e-9))
        assert below != above


def test_the_size_of_a_crossing_is_observed_minus_claimed_since_its_onset():
    rng = np.random.default_rng(3)
    x = np.vstack([audits(rng, 2000), audits(rng, 2000, confident_misses=0.05)])
    detector = OutcomeGap(20_000.0)
    crossing = detector.update(x, labels(4000))[0]
    assert 2000 < crossing.at < 2300
    since = x[crossing.onset.estimate : crossing.at + 1]
    assert crossing.size == pytest.approx(since[:, 1].mean() - since[:, 0].mean(), rel=1e-9)
    assert crossing.direction == 1
    assert crossing.onset.earliest <= crossing.onset.estimate <= crossing.onset.latest


def test_observed_and_claimed_are_those_of_the_audits_judged():
    detector = OutcomeGap(1e6)
    assert np.isnan(detector.observed)
    assert np.isnan(detector.claimed)
    detector.update(np.array([[0.1, 1.0], [0.3, 0.0], [0.2, np.nan], [np.nan, 1.0]]), labels(4))
    assert (detector.judged, detector.observed, detector.claimed) == (2, 0.5, pytest.approx(0.2))


def test_a_missing_claim_or_outcome_is_as_if_the_row_had_not_come():
    x = audits(np.random.default_rng(4), 200, confident_misses=0.1)
    gaps = np.insert(np.insert(x, 100, [np.nan, 1.0], axis=0), 50, [0.1, np.nan], axis=0)
    plain, gappy = OutcomeGap(1e12), OutcomeGap(1e12)
    plain.update(x, np.zeros(200, dtype=np.int64))
    gappy.update(gaps, np.zeros(202, dtype=np.int64))
    assert plain.evidence.tobytes() == gappy.evidence.tobytes()


def test_choosing_audits_by_score_does_not_raise_false_alarms():
    """Selection by low confidence: the test conditions on p, so it stays under T / c (METHODS 3)."""
    rng = np.random.default_rng(5)
    x = audits(rng, 600_000)
    chosen = x[(x[:, 0] > 0.01) | (rng.random(len(x)) < 0.05)]
    threshold = 500.0
    crossings = OutcomeGap(threshold).update(chosen, labels(len(chosen)))
    assert len(crossings) <= len(chosen) / threshold


def test_rows_that_cannot_be_audits_are_refused_and_change_nothing():
    detector = OutcomeGap(100.0)
    detector.update(np.array([[0.1, 1.0]]), labels(1))
    before = detector.save()
    for row, error in (
        ([0.0, 1.0], ParameterError),
        ([1.1, 1.0], ParameterError),
        ([0.1, 0.5], ParameterError),
        ([np.inf, 1.0], ShapeError),
    ):
        with pytest.raises(error):
            detector.update(np.array([[0.1, 1.0], row]), labels(2, 1))
    with pytest.raises(ShapeError):
        detector.update(np.zeros((2, 3)), labels(2))
    after = detector.save()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_a_saved_state_continues_to_the_same_bits_and_a_foreign_one_changes_nothing():
    x = audits(np.random.default_rng(6), 600, confident_misses=0.02)
    whole, first, second = OutcomeGap(1e9), OutcomeGap(1e9), OutcomeGap(1e9)
    whole.update(x, labels(600))
    first.update(x[:300], labels(300))
    second.load(first.save())
    second.update(x[300:], labels(300, 300))
    a, b = whole.save(), second.save()
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)
    with pytest.raises(ShapeError):
        second.load({"total": np.ones(3)})
    c = second.save()
    assert all(b[name].tobytes() == c[name].tobytes() for name in b)
