"""Where containment starts."""

from datetime import UTC, datetime

import numpy as np
import pytest

from agent.config.model import OutcomesSection
from agent.core.ledger import Pending
from agent.core.truth import Truth
from detectors.onset import SUPPORT

AT = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 60  # clean audits that support 50,000 ppm


def truth() -> Truth:
    options = OutcomesSection(mode="sample", max_escape_ppm=50_000.0)
    return Truth(options, threshold=1e6, parts=10_000, min_own=500)


def audit(subject: Truth, index: int, *, bad: bool = False) -> None:
    subject.judge(Pending(index, f"P{index}", AT, passed=True, p_defect=0.01, scope="main", defective=bad, audited=True))


def test_without_a_verification_it_starts_at_the_first_part_judged():
    subject = truth()
    audit(subject, 7)
    assert subject.containment(1_000, SIZE) == (7, False)


def test_it_starts_where_the_last_clean_run_began_that_was_over_before_the_onset():
    subject = truth()
    for k in range(SIZE):
        audit(subject, 100 + k)
    audit(subject, 200, bad=True)
    for k in range(SIZE):
        audit(subject, 300 + k)
    assert subject.containment(10_000, SIZE) == (300, True)
    assert subject.containment(300 + SIZE, SIZE) == (300, True)
    assert subject.containment(300 + SIZE - 1, SIZE) == (100, True), "the later run lies in the onset interval"
    assert subject.containment(120, SIZE) == (100, False), "no run was over: the first part judged"


def test_a_long_clean_run_verifies_again_every_eighth_of_its_length():
    subject = truth()
    for k in range(3 * SIZE):
        audit(subject, k)
    starts = {subject.containment(onset, SIZE)[0] for onset in range(SIZE, 3 * SIZE + 1)}
    assert sorted(starts) == list(range(0, 2 * SIZE + 1, 8))


def test_a_run_one_audit_short_or_with_a_find_verifies_nothing():
    subject = truth()
    for k in range(SIZE - 1):
        audit(subject, k)
    assert not subject.containment(10_000, SIZE)[1]
    audit(subject, SIZE, bad=True)
    for k in range(SIZE - 1):
        audit(subject, 100 + k)
    assert not subject.containment(10_000, SIZE)[1]


def test_a_clean_run_too_short_to_have_shown_the_failure_verified_nothing_of_it():
    subject = truth()
    audit(subject, 1)
    audit(subject, 2, bad=True)
    for k in range(4 * SIZE):
        audit(subject, 1_000 + k)
    audit(subject, 2_000, bad=True)
    for k in range(SIZE):
        audit(subject, 3_000 + k)
    assert subject.containment(10_000, subject.clean_needed(12, 80)) == (3_000, True), "at least 4.37 in 80: 55 clean audits"
    first, verified = subject.containment(10_000, subject.clean_needed(6, 150))  # at least 1.29 in 150: 348 clean audits
    assert (first, verified) == (1, False), "no run was as long"
    first, verified = subject.containment(10_000, subject.clean_needed(6, 75))  # 174 clean audits, of the 240 in a row
    assert verified
    assert 1_000 <= first <= 1_000 + 4 * SIZE - 174
    assert first + 8 > 1_000 + 4 * SIZE - 174 - 8, "not much longer than needed"


@pytest.mark.parametrize(("judged", "verified"), [(100, False), (70, True)])
def test_a_clean_run_counts_once_its_length_excludes_every_rate_the_finds_support(judged, verified):
    found, clean = 6, 3 * SIZE
    subject = truth()
    for k in range(clean):
        audit(subject, k)
    mean = 3.0 / clean * judged  # at the rate that so many clean ones exclude
    assert (found * np.log(found / mean) - (found - mean) > SUPPORT) == verified
    assert subject.containment(10_000, subject.clean_needed(found, judged))[1] == verified


@pytest.mark.parametrize("needed", [SIZE, 3 * SIZE])
def test_what_is_held_is_covered_by_as_many_clean_audits_of_later_parts_as_would_have_shown_the_failure(needed):
    subject, began = truth(), 500
    for k in range(began + 1 - 2 * SIZE, began + 1):
        audit(subject, k)  # clean, of parts made before
    covered = []
    for k in range(began + 1, began + 1 + needed + SIZE):
        audit(subject, k)
        if subject.verified_since(began, needed):
            covered.append(k)
    assert began + needed <= covered[0] <= began + needed + SIZE // 8 + 1
    audit(subject, covered[0] + 500, bad=True)
    assert subject.verified_since(began, needed), "it was verified, whatever came later"
    assert not subject.verified_since(covered[0] + 500, SIZE)


@pytest.mark.parametrize(("claims", "claimed"), [("learned", 0.05 * 2_000), ("declared", 0.0001 * 2_000)])
def test_where_claims_are_declared_labels_do_not_raise_them(claims, claimed):
    subject = Truth(OutcomesSection(mode="sample", max_escape_ppm=100.0, claims=claims), threshold=1e9, parts=2_000, min_own=500)
    for k in range(4_000):
        bad = k % 25 == 0  # 4 % of the labelled ones
        subject.judge(Pending(k, f"P{k}", AT, passed=True, p_defect=0.01, scope="main", defective=bad, learns=True))
        if k == 2_000:
            before = subject.claimed
    assert subject.state == "armed"
    assert subject.claimed - before == pytest.approx(claimed, rel=0.2)


def test_claims_that_were_learned_are_in_force_again_when_the_limit_no_longer_judges():
    def labelled(subject, first, count):
        before = subject.claimed
        for k in range(first, first + count):
            part = Pending(k, f"P{k}", AT, passed=True, p_defect=0.01, scope="main", defective=k % 25 == 0, learns=True)
            subject.judge(part)
        return subject.claimed - before

    options = {"mode": "sample", "max_escape_ppm": 100.0}
    subject, per_part = Truth(OutcomesSection(**options), threshold=1e9, parts=2_000, min_own=500), []
    labelled(subject, 0, 2_001)
    for claims in ("learned", "declared", "learned"):
        saved, subject = (
            subject.save(),
            Truth(OutcomesSection(**options, claims=claims), threshold=1e9, parts=2_000, min_own=500),
        )
        subject.load(saved)
        per_part.append(labelled(subject, 3_000 + 1_000 * len(per_part), 500) / 500)
    assert per_part[1] == pytest.approx(1e-4)
    assert per_part[0] == pytest.approx(per_part[2])
    assert per_part[0] > 0.03


@pytest.mark.parametrize("audits", [SIZE - 1, SIZE, 2 * SIZE])
def test_a_saved_one_continues_as_it_was(audits):
    first = truth()
    for k in range(audits):
        audit(first, k)
    second = truth()
    second.load(first.save())
    for subject in (first, second):
        for k in range(SIZE):
            audit(subject, 500 + k)
    assert [first.containment(onset, SIZE) for onset in range(700)] == [second.containment(onset, SIZE) for onset in range(700)]
