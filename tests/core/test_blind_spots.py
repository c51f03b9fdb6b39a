"""How long a rise of misses could go unnoticed, and when that is too long."""

import math
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from agent.core.blind_spots import BlindSpots
from detectors.challenge import days_until_found
from detectors.outcome_gap import OutcomeGap, audits_until_found
from tests.core.folding import START, Folding, config, outcome, part

SET = {"name": "holes", "failure_mode": "hole", "parts": ["M1"]}


class Truth:
    """The outcome side as asked."""

    judged = 0
    claims = [2e-4] * 97 + [0.02] * 3


def spots(outcomes="sample", sets=(SET,), **more):
    options = config(outcomes={"mode": outcomes}, challenge_sets=list(sets), **more).stations[0]
    return BlindSpots(options, audit_threshold=50_000.0, challenge_threshold=50_000.0, language="en")


def days(subject, n, *, first=0, audits=0, shown=0, rejected=0, truth=None):
    """Whole days of 1,000 parts, and the first part of the next."""
    truth, found = truth or Truth(), []
    total = getattr(truth, "shown", 0)
    for day in range(first, first + n):
        for k in range(1000 if day < first + n - 1 else 1):
            at = START + timedelta(days=day, seconds=k)
            kind = "hole" if k < rejected else None
            found += subject.inspected(at, kind, truth, lambda: Counter(hole=truth.shown), "P")
            if k == 0 and day < first + n - 1:
                truth.judged += audits
                total += shown
                truth.shown = total
    return found


def test_challenges_alone_give_the_detector_s_own_figure():
    subject, truth = spots("none"), Truth()
    truth.shown = 0
    days(subject, 9, shown=15, truth=truth)
    assert subject.days["hole"] == pytest.approx(days_until_found(0.02, 50_000.0, 0.2, 15.0))
    assert subject.days["escapes"] == math.inf


def test_it_is_not_known_before_a_whole_day_and_never_where_nothing_looks():
    subject, truth = spots(), Truth()
    truth.shown = 0
    days(subject, 1, truth=truth)
    assert all(math.isnan(d) for d in subject.days.values())
    assert spots("none", ()).days == {"escapes": math.inf}


def test_twice_the_audits_halve_it_and_none_make_it_endless():
    figures = []
    for audits in (50, 100, 0):
        subject, truth = spots(), Truth()
        truth.shown = 0
        days(subject, 9, audits=audits, truth=truth)
        figures.append(subject.days["escapes"])
    waited = 28_800.0 / 86_400.0  # until a cohort is judged
    assert figures[0] - waited == pytest.approx(2 * (figures[1] - waited))
    assert figures[2] == math.inf


def test_what_two_looks_miss_is_not_promised_to_be_found():
    figures = []
    for looks_miss in (0.0, 0.23):
        subject, truth = spots(blind_spot={"looks_miss": looks_miss, "escape_ppm": 3_000.0}), Truth()
        truth.shown = 0
        days(subject, 9, audits=200, truth=truth)
        figures.append(subject.days["escapes"])
    bad = audits_until_found(np.array(Truth.claims), 50_000.0, 0.003 * 0.77**2)
    assert figures[1] == pytest.approx(bad / 200 + 28_800.0 / 86_400.0)
    assert figures[1] > 1.5 * figures[0]


def test_a_mode_that_is_often_rejected_is_found_by_audits_sooner():
    figures = []
    for rejected in (5, 50):
        subject, truth = spots(), Truth()
        truth.shown = 0
        days(subject, 9, audits=200, rejected=rejected, truth=truth)
        figures.append(subject.days["hole"])
    assert figures[1] < figures[0] / 5


def test_beyond_the_tier_s_limit_it_is_an_alarm_after_seven_days_until_a_day_within_it():
    subject, truth = spots("none", tier=1), Truth()
    truth.shown = 0
    assert days(subject, 7, shown=1, truth=truth) == []
    (began,) = days(subject, 2, first=7, shown=1, truth=truth)
    assert (began.alarm_id, began.stands, began.limit) == ("blind-spot-hole", True, 4.0)
    (ended,) = days(subject, 8, first=9, shown=60, truth=truth)
    assert not ended.stands


def test_a_station_without_audits_and_challenges_is_blind_without_end_and_says_so_without_an_alarm():
    subject, truth = spots("none", ()), Truth()
    truth.shown = 0
    assert days(subject, 12, truth=truth) == []
    assert subject.views()[0].days == math.inf


def test_the_station_measures_it_from_what_it_folds_and_a_restart_changes_nothing():
    def folded(cut):
        folding = Folding(config(challenge_sets=[SET], tier=1))
        for k in range(9 * 100):
            folding.fold(part(k, None, seconds=864.0))
            folding.fold(outcome(k, defective=False, seconds=864.0, after_s=1.0))
            if k % 20 == 0:
                entry = part(k, None, seconds=864.0)
                fields = {name: getattr(entry.record, name) for name in entry.record.__struct_fields__}
                folding.fold(type(entry)(type(entry.record)(**{**fields, "part_id": "M1", "verdict": "ng"}), None))
            if cut and k % 11 == 0:
                folding.restarted()
        return folding

    whole, cut = folded(cut=False), folded(cut=True)
    shown = {b.failure_mode: b for b in whole.station.blind_spots}
    assert shown["hole"].measured_days == 7
    assert shown["hole"].days == pytest.approx(days_until_found(0.02, *_threshold(whole), 0.2, 5.0), rel=0.05)
    assert cut.station.blind_spots == whole.station.blind_spots
    assert [a.alarm_id for a in cut.alarms] == [a.alarm_id for a in whole.alarms]
    assert "blind-spot-hole" in [a.alarm_id for a in whole.alarms]


def _threshold(folding):
    return (folding.station.challenges[0].threshold,)


@pytest.mark.parametrize("share", [0.003, 0.01, 0.05])
def test_the_audits_needed_are_never_promised_too_few_and_not_twice_too_many(share):
    rng = np.random.default_rng(620)
    claims = np.where(rng.random(2000) < 0.03, 0.03, 2e-4)
    promised = audits_until_found(claims, 5000.0, share)
    delays = []
    for _ in range(60):
        detector, waited = OutcomeGap(5000.0), 0
        while True:
            rows = np.column_stack([rng.choice(claims, 200), (rng.random(200) < share).astype(np.float64)])
            crossed = detector.update(rows, np.arange(waited, waited + 200, dtype=np.int64))
            if crossed:
                delays.append(crossed[0].at + 1)
                break
            waited += 200
    mean, error = np.mean(delays), np.std(delays) / np.sqrt(len(delays))
    assert mean - 2.6 * error < promised < 2.0 * mean, (promised, mean)
