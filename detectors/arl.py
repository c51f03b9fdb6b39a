"""Run lengths of charts on independent N(shift, 1) or Bernoulli outcomes, by integral equation or Markov chain, not simulation."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from detectors.contract import FloatArray
from detectors.errors import ParameterError

_NODES = 120  # Gauss-Legendre nodes; ARLs up to 1e6 agree to 6 digits with 200 nodes (tests/detectors/test_arl.py)
_CELLS = 600  # of log(1 + R); 1,200 and 2,400 agree to 0.2 % (tests/detectors/test_challenge.py)
_STATES = 401  # of the chain of the two-sided EWMA; Richardson's second term is below 0.1 % at ARL 20,000


def cusum(reference: float, limit: float, shift: float = 0.0) -> float:
    """Zero-state ARL of the one-sided CUSUM S <- max(0, S + x - reference), alarm at S > limit.

    Page's integral equation L(s) = 1 + L(0) F(k - s) + integral_0^h L(y) f(y + k - s) dy (Page 1954; Goel and Wu 1971), by
    Gauss-Legendre with the atom at 0 as one more unknown. Raises ParameterError.
    """
    if limit <= 0:
        raise ParameterError(f"limit must be positive, got {limit}")
    nodes, weights = _gauss_legendre(0.0, limit)
    start = np.concatenate([[0.0], nodes])
    kernel = np.empty((start.size, start.size))
    kernel[:, 0] = ndtr(reference - start - shift)
    kernel[:, 1:] = weights * _density(nodes[None, :] + reference - start[:, None] - shift)
    return float(np.linalg.solve(np.eye(start.size) - kernel, np.ones(start.size))[0])


def cusum_limit(reference: float, arl0: float) -> float:
    """The limit at which `cusum` has the in-control ARL `arl0`."""
    high = 1.0
    while cusum(reference, high) < arl0:  # far beyond it the equation is too badly conditioned to bracket with
        high *= 1.5
    return float(brentq(lambda h: math.log(cusum(reference, h) / arl0), 0.01, high))


def ewma(weight: float, limit: float, shift: float = 0.0) -> float:
    """Zero-state ARL of the two-sided EWMA Z <- (1 - weight) Z + weight x, alarm at |Z| > limit times its asymptotic sd.

    Markov chain (Brook and Evans 1972; Lucas and Saccucci 1990): states are equal cells, transitions their midpoints'. Raises
    ParameterError.
    """
    if not 0 < weight <= 1 or limit <= 0:
        raise ParameterError(f"need 0 < weight <= 1 and limit > 0, got {weight} and {limit}")
    edge = limit * math.sqrt(weight / (2.0 - weight))
    edges = np.linspace(-edge, edge, _STATES + 1)
    middles = (edges[1:] + edges[:-1]) / 2.0
    reach = ndtr((edges[None, :] - (1.0 - weight) * middles[:, None]) / weight - shift)
    lengths = np.linalg.solve(np.eye(_STATES) - np.diff(reach, axis=1), np.ones(_STATES))
    return float(lengths[_STATES // 2])


def ewma_limit(weight: float, arl0: float) -> float:
    """The limit, in asymptotic sd, at which `ewma` has the in-control ARL `arl0`."""
    return float(brentq(lambda limit: math.log(ewma(weight, limit) / arl0), 1.0, 6.0))


def shiryaev_roberts(bet: float, threshold: float, shift: float = 0.0) -> float:
    """Zero-state ARL of one bet's e-SR: R <- (1 + R) exp(bet x - bet^2 / 2), from R = 0, alarm at R >= threshold.

    Integral equation in log R, cut off 9 sd below where R = 0 leads (Moustakides, Polunchenko, Tartakovsky 2011 solve it in R).
    In control the ARL is at least the threshold: the guarantee the alarm budget rests on. Raises ParameterError.
    """
    if bet <= 0 or threshold <= 0:
        raise ParameterError(f"bet and threshold must be positive, got {bet} and {threshold}")
    nodes, weights = _gauss_legendre(bet * (min(shift, 0.0) - 9.0 - bet / 2.0), math.log(threshold))
    start = np.concatenate([[0.0], np.log1p(np.exp(nodes))])  # log(1 + R), first for R = 0
    x = (nodes[None, :] - start[:, None]) / bet + bet / 2.0
    kernel = np.zeros((start.size, start.size))
    kernel[:, 1:] = weights / bet * _density(x - shift)
    return float(np.linalg.solve(np.eye(start.size) - kernel, np.ones(start.size))[0])


def bernoulli_shiryaev_roberts(limit: float, alternative: float, threshold: float, rate: float) -> float:
    """Zero-state ARL of one Bernoulli bet's e-SR: R <- (1 + R) e, from R = 0, alarm at R >= threshold, outcomes 1 with `rate`.

    e = alternative / limit at 1, (1 - alternative) / (1 - limit) at 0. L(R) = 1 + sum over outcomes below the threshold of
    chance * L((1 + R) e), as a Markov chain on equal cells of log(1 + R), a step between two of them shared by nearness
    (Brook and Evans 1972). Infinite where it is never reached. Raises ParameterError.
    """
    if not (0.0 < limit < alternative < 1.0 and threshold > 0.0 and 0.0 <= rate <= 1.0):
        raise ParameterError(f"need 0 < limit < alternative < 1, threshold > 0 and a rate, got {limit}, {alternative}, {rate}")
    if rate == 0.0:
        return math.inf
    e = np.array([alternative / limit, (1.0 - alternative) / (1.0 - limit)])
    return shiryaev_roberts_chain(np.array([rate, 1.0 - rate]), e, threshold)


def shiryaev_roberts_chain(chances: FloatArray, values: FloatArray, threshold: float) -> float:
    """Zero-state ARL of R <- (1 + R) e, from R = 0, alarm at R >= threshold, where e takes each value, (V,), with its chance.

    As `bernoulli_shiryaev_roberts`, whose outcomes have two. Raises ParameterError.
    """
    if chances.shape != values.shape or not (threshold > 0.0 and (chances >= 0.0).all() and (values > 0.0).all()):
        raise ParameterError(f"need as many chances as positive values, and a threshold > 0, got {chances}, {values}, {threshold}")
    start = np.linspace(0.0, math.log1p(threshold), _CELLS)
    chain = np.eye(_CELLS)
    for chance, e in zip(chances.tolist(), values.tolist(), strict=True):
        reached = np.exp(start) * e
        below = np.flatnonzero(reached < threshold)
        place = np.log1p(reached[below]) / start[1]
        cell = np.minimum(place.astype(np.int64), _CELLS - 2)
        chain[below, cell] -= chance * (1.0 - (place - cell))
        chain[below, cell + 1] -= chance * (place - cell)
    return float(np.linalg.solve(chain, np.ones(_CELLS))[0])


def _gauss_legendre(low: float, high: float) -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / 2.0
    return low + half * (nodes + 1.0), half * weights


def _density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
    return density
