"""Two models on the same frames: the exact test and bounds against sums done by hand."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from detectors.errors import ParameterError
from detectors.estimate import mcnemar, share


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_twice_the_sum_of_the_smaller_tail(one, other):
    n = one + other
    tail = Fraction(sum(comb(n, k) for k in range(min(one, other) + 1)), 2**n)
    assert mcnemar(one, other).p == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-12)
    assert mcnemar(one, other).p == mcnemar(other, one).p


def test_a_published_example_is_reproduced():
    """Agresti 2002, Categorical Data Analysis, table 10.1 (approval, 150 and 86 discordant): p < 0.0001; and 1 against 9."""
    assert mcnemar(150, 86).p < 1e-4
    assert mcnemar(1, 9).p == pytest.approx(22 / 1024)
    assert mcnemar(0, 0).p == 1.0


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_bounds_are_those_of_the_exact_binomial_test(found, rest):
    low, high = share(found, found + rest)
    if found + rest:
        expected = binomtest(found, found + rest).proportion_ci(0.95, method="exact")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    else:
        assert (low, high) == (0.0, 1.0)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ParameterError):
        mcnemar(-1, 3)
    with pytest.raises(ParameterError):
        share(4, 3)
