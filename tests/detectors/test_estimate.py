"""Rates under audit sampling: bounds that hold at every moment, whatever the drawing, and the slow way's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from detectors.errors import ParameterError, ShapeError
from detectors.estimate import (
    Interval,
    Tally,
    clean_needed,
    effectiveness,
    interval,
    kappa,
    oracle,
    run_bound,
    run_needed,
    told_share,
    verdicts,
)
from detectors.estimate.rate import EXCESSES, FRACTION_WEIGHTS, FRACTIONS


def tally(*classes: tuple[float, int, int]) -> Tally:
    return Tally(*(np.array(column, dtype=float) for column in zip(*classes, strict=True)))


@given(st.lists(st.tuples(st.sampled_from([0.02, 0.1, 1.0]), st.booleans()), min_size=1, max_size=60))
def test_the_bounds_are_the_oracles_to_a_step_of_its_grid(audits):
    grid = [10 ** (k / 10) for k in range(-50, 0)]
    low, high = oracle.bounds(
        audits,
        grid,
        floor=0.02,
        fractions=list(zip(FRACTIONS.tolist(), FRACTION_WEIGHTS.tolist(), strict=True)),
        excesses=EXCESSES.tolist(),
        confidence=0.9,
    )[-1]
    found = interval(tally(*((p, 1, int(bad)) for p, bad in audits)), floor=0.02, confidence=0.9)
    step = 10**0.1
    assert low <= found.low * (1 + 1e-9)
    assert found.low <= max(low, grid[0]) * step
    assert high >= found.high * (1 - 1e-9) or high == 1.0
    assert found.high >= min(high, grid[-1] * step) / step * (1 - 1e-9)


@given(
    st.lists(st.tuples(st.sampled_from([0.02, 0.03, 0.5]), st.booleans()), min_size=1, max_size=60), st.sampled_from([0.02, 0.015])
)
def test_a_bound_is_itself_refuted_and_a_millionth_inside_it_is_not(audits, floor):
    """Rounding is outwards: never a bound the bets have not earned."""
    found = interval(tally(*((p, 1, int(bad)) for p, bad in audits)), floor=floor)
    grid = [
        m for bound, inside in ((found.low, 1 + 1e-6), (found.high, 1 - 1e-6)) if 0 < bound < 1 for m in (bound, bound * inside)
    ]
    bets = list(zip(FRACTIONS.tolist(), FRACTION_WEIGHTS.tolist(), strict=True))
    slow = oracle.bounds(audits, grid, floor=floor, fractions=bets, excesses=EXCESSES.tolist(), confidence=0.95)
    assert slow[-1] == (found.low, found.high)


@given(st.lists(st.tuples(st.sampled_from([0.05, 0.3, 1.0]), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6))
def test_order_and_pieces_have_no_say_and_bounds_enclose_the_likely(classes):
    classes = [(p, good + bad, bad) for p, good, bad in classes]
    whole = interval(tally(*classes), floor=0.05)
    cut = sum((tally(one) for one in reversed(classes[:-1])), tally(classes[-1]))
    again = interval(cut, floor=0.05)
    assert (whole.low, whole.high) == pytest.approx((again.low, again.high), rel=1e-6)
    assert 0.0 <= whole.low < whole.high <= 1.0


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
@pytest.mark.parametrize("policy", ["even", "by score", "switched"])
def test_looking_after_every_audit_does_not_break_the_confidence(rate, policy):
    """90 % intervals of 400 histories, looked at after every audit: both sides together miss in at most a tenth, at any time."""
    rng = np.random.default_rng(hash_of(rate, policy))
    missed = 0
    histories, audits = 400, 1500
    for _ in range(histories):
        bad = rng.random(audits) < rate
        if policy == "even":
            probability = np.full(audits, 0.02)
        elif policy == "by score":
            probability = np.where(rng.random(audits) < 0.5, 0.02, 0.5)
        else:
            probability = np.where(np.arange(audits) < audits // 2, 0.02, 1.0)
        missed += leaves(rate, probability, bad)
    assert missed <= 0.1 * histories + 3 * math.sqrt(0.09 * histories)


def hash_of(rate: float, policy: str) -> int:
    return int(rate * 1e6) + len(policy)


def leaves(rate: float, probability: np.ndarray, bad: np.ndarray) -> bool:
    """Whether the true rate is ever outside: the wealth of the bets against it, audit by audit."""
    weights = 0.02 / probability
    excess = np.minimum(EXCESSES, (1 - rate) / rate)
    surprise = bad - rate
    below = np.log1p(np.multiply.outer(-weights * surprise, np.minimum(FRACTIONS, 1 - 1e-12) / (1 - rate)))
    above = np.log1p(np.multiply.outer(weights * surprise, excess * (1 - 1e-12) / (1 - rate)))
    with np.errstate(over="ignore"):
        wealth_below = np.exp(np.cumsum(below, axis=0)) @ FRACTION_WEIGHTS
        wealth_above = np.exp(np.cumsum(above, axis=0)).mean(axis=1)
    return bool(max(wealth_below.max(), wealth_above.max()) >= 2 / 0.1)


@pytest.mark.parametrize(("audited", "bad", "most"), [(1000, 0, 1.2), (5000, 5, 1.6), (100_000, 200, 1.2)])
def test_looking_at_any_time_costs_little_beside_clopper_pearsons_one_look(audited, bad, most):
    found = interval(Tally.census(audited, bad), floor=1.0)
    assert beta.ppf(0.975, bad + 1, audited - bad) < found.high < most * beta.ppf(0.975, bad + 1, audited - bad)


@given(st.sampled_from([1e-4, 0.02, 0.3]), st.integers(0, 300), st.integers(0, 2), st.sampled_from([0.02, 1.0]))
def test_so_many_clean_audits_show_it_and_one_fewer_does_not(most, audited, bad, probability):
    start = tally((probability, max(audited, bad), bad))
    more = clean_needed(start, most, floor=0.02)
    high = [interval(start + tally((0.02, n, 0)), floor=0.02).high for n in (max(more - 1, 0), more)]
    assert high[1] <= most * (1 + 1e-6)
    assert more == 0 or high[0] >= most * (1 - 1e-6)


def test_the_true_miss_rate_is_found_where_all_rejects_and_a_fiftieth_of_the_passes_are_looked_at():
    """METHODS 4: a sensitivity of 80 % looks like 99.5 %."""
    rng = np.random.default_rng(4)
    held, naive = 0, []
    for _ in range(100):
        parts, rate = 400_000, 0.01
        bad = rng.binomial(parts, rate)
        caught = rng.binomial(bad, 0.8)
        wrongly = rng.binomial(parts - bad, 0.005)
        rejected = caught + wrongly
        passed = parts - rejected
        audited = rng.binomial(passed, 0.02)
        found = rng.hypergeometric(bad - caught, passed - (bad - caught), audited)
        got = verdicts(passed, rejected, tally((0.02, audited, found)), Tally.census(rejected, caught), floors=(0.02, 1.0))
        held += got.miss.low <= 0.2 <= got.miss.high
        assert got.miss.low <= got.miss.estimate <= got.miss.high < 1.0
        assert got.overkill.low <= 0.005 <= got.overkill.high
        naive.append(got.naive_miss)
    assert held >= 95
    assert np.mean(naive) < 0.01


def test_each_audited_part_stands_for_those_that_were_not():
    drawn = tally((0.02, 100, 1), (1.0, 50, 10))
    assert drawn.estimate == pytest.approx((1 / 0.02 + 10) / (100 / 0.02 + 50))
    assert drawn.naive == pytest.approx(11 / 150)


def test_without_audits_nothing_is_known_and_said_so():
    found = interval(tally((1.0, 0, 0)), floor=0.02)
    assert math.isnan(found.estimate)
    assert (found.low, found.high) == (0.0, 1.0)
    nothing = verdicts(0, 0, tally((1.0, 0, 0)), tally((1.0, 0, 0)), floors=(0.02, 1.0))
    assert (nothing.miss.low, nothing.miss.high) == (0.0, 1.0)
    assert math.isnan(nothing.naive_miss)


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="below the floor"):
        interval(tally((0.01, 5, 0)), floor=0.02)
    with pytest.raises(ParameterError, match="in \\(0, 1\\]"):
        tally((0.0, 5, 0))
    with pytest.raises(ParameterError, match="0 to all"):
        tally((0.5, 5, 6))
    with pytest.raises(ShapeError):
        Tally(np.ones(2), np.ones(1), np.ones(1))
    with pytest.raises(ParameterError, match="more parts were audited"):
        verdicts(10, 0, Tally.census(11, 0), Tally.census(0, 0), floors=(1.0, 1.0))
    with pytest.raises(ParameterError, match="confidence"):
        interval(Tally.census(1, 0), floor=1.0, confidence=1.0)
    with pytest.raises(ParameterError, match="in \\(0, 1\\)"):
        clean_needed(Tally.census(1, 0), 0.0, floor=1.0)


# --- published examples -------------------------------------------------------------------------------------------------------


def known(share: float) -> Interval:
    return Interval(share, share, share)


def test_begg_and_greenes_correction_of_the_liver_scans_takes_the_sensitivity_down_and_the_specificity_up():
    """Drum, Christacopoulos 1972, "Hepatic scintigraphy in clinical decision making", J. Nucl. Med. 13(12): of 429 positive scans
    263 were verified (231 diseased), of 221 negative ones 81 (27 diseased); 89.5 and 62.8 % become 83.6 and 73.8 %.

    The counts are those of the data set hepatic_pvb in the R package PVBcorrect, compared row by row. The corrected shares follow
    by arithmetic, 231 · 429/263 of it and 27 · 221/81; their printed form was not seen.
    """
    got = verdicts(221, 429, tally((81 / 221, 81, 27)), tally((263 / 429, 263, 231)), floors=(81 / 221, 263 / 429))
    caught, missed = 231 * 429 / 263, 27 * 221 / 81
    assert 1 - got.miss.estimate == pytest.approx(caught / (caught + missed))
    assert 1 - got.naive_miss == pytest.approx(0.895, abs=5e-4)
    assert 1 - got.miss.estimate == pytest.approx(0.836, abs=5e-4)
    assert 1 - got.overkill.estimate == pytest.approx(0.738, abs=5e-4)
    assert got.miss.low < got.miss.estimate < got.miss.high


# good called bad, bad called good; kappa, miss and false alarm rate
AIAG = {"A": (5, 3, 0.88, 0.063, 0.049), "B": (2, 3, 0.92, 0.063, 0.020), "C": (9, 6, 0.77, 0.125, 0.088)}
CALLED_BAD = {"A": 50, "B": 47}  # of 150 decisions
ALWAYS_RIGHT = {"A": (13, 29), "B": (13, 32), "C": (12, 28)}  # of 16 bad and 34 good parts, those judged rightly all three times


@pytest.mark.parametrize("appraiser", AIAG)
def test_agreement_is_as_aiags_worked_example_has_it(appraiser):
    """AIAG MSA, 3rd edition p. 127, 4th p. 134: 50 parts, three appraisers, three trials; 48 decisions on bad parts, 102 on good.

    The manual was not seen. The wrong decisions fit what texts quote of it (4th edition, table III-C-1 and p. 139), below; kappa
    and both rates follow from them by arithmetic.
    """
    wrongly_bad, wrongly_good, rounded, missed, alarms = AIAG[appraiser]
    if appraiser in CALLED_BAD:
        assert 48 - wrongly_good + wrongly_bad == CALLED_BAD[appraiser]
    for parts, right, wrong in zip((16, 34), ALWAYS_RIGHT[appraiser], (wrongly_good, wrongly_bad), strict=True):
        assert parts - right <= wrong <= 3 * (parts - right)
    assert wrongly_good / 48 == pytest.approx(missed, abs=6e-4)
    assert wrongly_bad / 102 == pytest.approx(alarms, abs=6e-4)
    shares = known(48 / 150), known(wrongly_bad / 102), known((48 - wrongly_good) / 48)
    assert kappa(*shares).estimate == pytest.approx(rounded, abs=5e-3)
    assert effectiveness(*shares).estimate == pytest.approx(1 - (wrongly_bad + wrongly_good) / 150)
    assert kappa(*shares).estimate == pytest.approx(oracle.kappa(48 - wrongly_good, wrongly_good, wrongly_bad, 102 - wrongly_bad))


def test_clopper_pearsons_interval_of_96_percent_in_50_is_inside_ours():
    """48 of 50: 86.29 to 99.51 %, which texts on attribute agreement print."""
    found = interval(Tally.census(50, 2), floor=1.0)
    assert 1 - found.high < 0.8629
    assert 1 - found.low > 0.9951


@pytest.mark.parametrize(("limit", "needed"), [(50e-6, 59_914), (0.02, 149), (0.05, 59), (0.1, 29), (0.2, 14)])
def test_a_success_run_is_as_long_as_its_formula_has_it(limit, needed):
    """n = log(1 - C) / log(1 - p), rounded up, at C = 95 %; 59 for 5 % is the example texts give, the others are computed."""
    assert needed == math.ceil(math.log(0.05) / math.log(1 - limit))
    assert run_needed(Tally.census(0, 0), limit, floor=1.0) == needed
    assert run_bound(Tally.census(needed, 0), floor=1.0) <= limit < run_bound(Tally.census(needed - 1, 0), floor=1.0)
    assert run_bound(Tally.census(needed, 0), floor=1.0) == pytest.approx(beta.ppf(0.95, 1, needed), rel=1e-6)


def test_a_run_ends_with_a_find():
    assert math.isnan(run_bound(Tally.census(10, 1), floor=1.0))
    with pytest.raises(ParameterError, match="ended with a find"):
        run_needed(Tally.census(10, 1), 0.02, floor=1.0)


# --- verdict beside truth, against the slow way -------------------------------------------------------------------------------

counts = st.integers(0, 60)


@given(counts, counts, counts, counts)
def test_corrected_rates_are_the_oracles_which_counts_every_part_by_the_parts_it_stands_for(good_pass, bad_pass, good_out, bad_out):
    """A tenth of the passes and a half of the rejects were looked at."""
    got = verdicts(
        10 * (good_pass + bad_pass),
        2 * (good_out + bad_out),
        tally((0.1, good_pass + bad_pass, bad_pass)),
        tally((0.5, good_out + bad_out, bad_out)),
        floors=(0.1, 0.5),
    )
    looked = [(True, False, 0.1)] * good_pass + [(True, True, 0.1)] * bad_pass
    looked += [(False, False, 0.5)] * good_out + [(False, True, 0.5)] * bad_out
    miss, overkill = oracle.verdict_rates(looked)
    if good_pass + bad_pass and good_out + bad_out:
        assert got.miss.estimate == pytest.approx(miss, nan_ok=True)
        assert got.overkill.estimate == pytest.approx(overkill, nan_ok=True)


span = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted)


@given(span, span, span, st.lists(st.tuples(*[st.floats(0.0, 1.0)] * 3), min_size=1, max_size=20))
def test_no_shares_within_their_bounds_give_an_agreement_outside_its(first, outside, inside, within):
    intervals = [Interval(math.nan, low, high) for low, high in (first, outside, inside)]
    bounds = kappa(*intervals), effectiveness(*intervals)
    for place in [*within, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.0)]:
        f, o, i = (low + where * (high - low) for (low, high), where in zip((first, outside, inside), place, strict=True))
        table = (f * i, f * (1 - i), (1 - f) * o, (1 - f) * (1 - o))
        agreed = oracle.kappa(*table)
        if not math.isnan(agreed) and min(f, 1 - f, sum(table[::2]), 1 - sum(table[::2])) > 1e-6:
            assert bounds[0].low - 1e-6 <= agreed <= bounds[0].high + 1e-6
        assert bounds[1].low - 1e-9 <= table[0] + table[3] <= bounds[1].high + 1e-9


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_what_nobody_looked_at_may_be_all_bad_or_all_good(bad, good, unknown):
    made = bad + good + unknown
    found = told_share(made, bad, good)
    assert 0.0 <= found.low <= bad / max(1, made)
    assert (bad + unknown) / max(1, made) <= found.high <= 1.0
    if not unknown:
        census = interval(Tally.census(made, bad), floor=1.0)
        assert found.low == pytest.approx(census.low)
        assert found.high == pytest.approx(census.high, abs=0.02)
    with pytest.raises(ParameterError, match="cannot have been told"):
        told_share(made, bad + 1, good + unknown)
