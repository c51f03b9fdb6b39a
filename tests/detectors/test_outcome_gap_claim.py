"""The claim map: bounds that hold, that rise, and that are refused where labels are thin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc

from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.outcome_gap import FLOOR_CONFIRMED, FLOOR_UNCONFIRMED, ClaimMap, fit_claim_map


def passes(seed, n, *, rate=lambda p: p):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 8.0, n)
    return p, (rng.random(n) < rate(p)).astype(np.float64)


@given(st.integers(0, 2**32 - 1), st.integers(200, 3000), st.booleans())
def test_claims_rise_with_the_score_and_never_fall_below_the_floor(seed, n, tied):
    p, bad = passes(seed, n)
    if tied:
        p = np.round(p, 1)
    claims = fit_claim_map(p, bad, floor=FLOOR_UNCONFIRMED)
    claimed = claims.claim(np.linspace(0.0, 1.0, 101))
    assert (np.diff(claimed) >= 0.0).all()
    assert (claimed >= FLOOR_UNCONFIRMED).all()
    assert (claimed <= 1.0).all()
    assert claims.passes.sum() == n
    assert claims.finds.sum() == bad.sum()


def test_each_bound_is_the_clopper_pearson_one_of_its_bin_at_90_percent():
    claims = fit_claim_map(*passes(5, 2000), floor=FLOOR_CONFIRMED)
    assert claims.bounds.size >= 5
    # by definition: at the bound, as few finds or fewer have probability 10 %
    tail = 1.0 - betainc(claims.finds + 1.0, claims.passes - claims.finds, claims.bounds)
    own = np.append(True, np.diff(claims.bounds) > 0.0)
    assert tail[own] == pytest.approx(0.1)
    assert (tail[~own] <= 0.1).all()  # lifted to the bound before it


def test_no_find_in_n_passes_claims_about_2_3_over_n():
    p, _ = passes(6, 4000)
    claims = fit_claim_map(p, np.zeros(4000), floor=FLOOR_CONFIRMED)
    assert claims.bounds == pytest.approx([1.0 - 0.1 ** (1 / 4000)])


def test_many_clean_passes_claim_the_floor():
    p, _ = passes(6, 40_000)
    assert fit_claim_map(p, np.zeros(40_000), floor=FLOOR_CONFIRMED).bounds == pytest.approx([FLOOR_CONFIRMED])


def test_finds_everywhere_claim_certainty():
    p, _ = passes(7, 300)
    assert fit_claim_map(p, np.ones(300), floor=FLOOR_CONFIRMED).bounds.tolist() == [1.0]


def test_a_claim_is_exceeded_on_average_in_few_baselines():
    """Ten per cent of bounds are exceeded by design; the claim averaged over passes is exceeded in at most one baseline in ten."""
    fresh = passes(8, 20_000)[0]
    exceeded = sum(
        fit_claim_map(*passes([9, k], 2000), floor=FLOOR_CONFIRMED).claim(fresh).mean() < fresh.mean() for k in range(200)
    )
    assert exceeded <= 20


def test_a_bin_begins_at_a_cut_so_that_those_above_may_be_audited_more_often_than_those_below():
    """Audits of the scores above the cut alone: with the cut their claim is what they deserve, without it too little."""
    p, bad = passes(13, 20_000)
    cut = float(np.quantile(p, 0.995))
    often, deserved = np.array([cut, float(p.max())]), float(p[p >= cut].mean())
    with_cut = fit_claim_map(p, bad, floor=FLOOR_CONFIRMED, cuts=[cut])
    assert cut in with_cut.edges
    assert with_cut.claim(often).mean() > deserved
    assert fit_claim_map(p, bad, floor=FLOOR_CONFIRMED).claim(often).mean() < deserved
    assert fit_claim_map(p, bad, floor=FLOOR_CONFIRMED, cuts=[-1.0, 2.0]).bounds.size > 0, "beyond all scores it cuts nothing"


def test_what_the_scores_say_does_not_matter_only_their_order():
    p, bad = passes(10, 2000)
    plain, warped = fit_claim_map(p, bad, floor=FLOOR_CONFIRMED), fit_claim_map(p**3, bad, floor=FLOOR_CONFIRMED)
    assert warped.claim(p**3).tolist() == plain.claim(p).tolist()


def test_rows_that_are_not_labelled_are_left_out():
    p, bad = passes(11, 1000)
    some = np.where(np.arange(1000) % 3 == 0, np.nan, bad)
    kept = ~np.isnan(some)
    with_gaps, without = fit_claim_map(p, some, floor=2e-4), fit_claim_map(p[kept], bad[kept], floor=2e-4)
    assert with_gaps.bounds.tolist() == without.bounds.tolist()


def test_fewer_than_200_labelled_passes_are_refused():
    with pytest.raises(BaselineRefused, match="at least 200 labelled baseline passes, got 199") as refusal:
        fit_claim_map(*passes(1, 199), floor=2e-4)
    assert "max_escape_ppm" in refusal.value.hint


@pytest.mark.parametrize("share", [0.949, 0.0, float("nan")])
def test_thin_labels_are_refused(share):
    with pytest.raises(BaselineRefused, match="at least 95% of the baseline passes"):
        fit_claim_map(*passes(1, 400), floor=2e-4, labelled_share=share)
    fit_claim_map(*passes(1, 400), floor=2e-4, labelled_share=0.95)


def test_a_score_that_is_missing_claims_nothing():
    assert np.isnan(ClaimMap.constant(0.001).claim(np.array([np.nan, 0.5]))).tolist() == [True, False]


def test_a_declared_limit_claims_the_same_for_every_score():
    assert ClaimMap.constant(50e-6).claim(np.array([0.0, 0.3, 1.0])).tolist() == [50e-6] * 3
    for p in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(ParameterError, match="declared escape rate"):
            ClaimMap.constant(p)


def test_a_map_survives_being_saved_and_a_foreign_one_is_refused():
    claims = fit_claim_map(*passes(12, 2000), floor=2e-4)
    again = ClaimMap.from_arrays(claims.to_arrays())
    scores = np.linspace(0, 1, 1001)
    assert again.claim(scores).tolist() == claims.claim(scores).tolist()
    with pytest.raises(ShapeError, match="edges, bounds, passes and finds"):
        ClaimMap.from_arrays({"edges": np.empty(0)})
    with pytest.raises(ShapeError, match="must have shapes"):
        ClaimMap.from_arrays(claims.to_arrays() | {"edges": np.empty(0)})
    with pytest.raises(ParameterError, match="must rise"):
        ClaimMap.from_arrays(claims.to_arrays() | {"bounds": claims.bounds[::-1]})


def test_input_that_is_no_baseline_is_refused():
    with pytest.raises(ShapeError, match="same shape"):
        fit_claim_map(np.zeros(300), np.zeros(299), floor=2e-4)
    with pytest.raises(ParameterError, match="floor"):
        fit_claim_map(*passes(1, 300), floor=0.0)
    with pytest.raises(ParameterError, match="outcomes"):
        fit_claim_map(np.zeros(300), np.full(300, 0.5), floor=2e-4)
    with pytest.raises(ShapeError, match="scores"):
        ClaimMap.constant(0.1).claim(np.zeros((2, 2)))
