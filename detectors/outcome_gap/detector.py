"""Outcome gap: do verified passed parts fail more often than their claims say?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detectors import arrays
from detectors.column import ColumnDetector
from detectors.contract import BoolArray, Conformance, Crossing, FloatArray, IntArray, OracleResult
from detectors.errors import ParameterError

ODDS = (2.0, 4.0, 8.0)
"""Risk-adjusted bets: the odds of a defect are this many times the claimed odds."""
SHARES = (0.003, 0.01, 0.03)
"""Contamination bets: this share of the passed parts is bad whatever the model said."""
BETS = len(ODDS) + len(SHARES)


class OutcomeGap(ColumnDetector):
    """E-detector for the null "each part's probability of being bad, given the past and its claim, is at most its claim".

    Input rows: (claim, outcome) of verified passed parts, claim in (0, 1], outcome 1 bad, 0 good; NaN in either = not measured.
    Claims are upper bounds (ClaimMap), so this finds harm only. Equal weights on six bets: README.md says why.
    threshold: evidence c at which it alarms; E[false alarms in T audits] <= T / c. Raises ParameterError.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__(BETS, np.array([float(threshold)]))  # counted: bad ones and claimed bad ones
        self._total = np.zeros(3)  # audits, bad ones, claimed bad ones: ever

    @property
    def judged(self) -> int:
        """Audits folded so far."""
        return int(self._total[0])

    @property
    def observed(self) -> float:
        """Share of the audited passed parts that were bad, over all judged; NaN before the first."""
        return float(self._total[1] / self._total[0]) if self._total[0] else np.nan

    @property
    def claimed(self) -> float:
        """Mean claim of the same parts: what `observed` should not exceed; NaN before the first."""
        return float(self._total[2] / self._total[0]) if self._total[0] else np.nan

    def update(self, x: FloatArray, at: IntArray) -> list[Crossing]:
        """Fold T audits (claim, outcome), (T, 2) float64, in order; at: labels (T,) int64.

        A row with NaN in either is skipped. A crossing's size is the observed minus the claimed share of bad parts since the onset
        estimate. Raises ShapeError, and ParameterError for a claim outside (0, 1] or an outcome that is neither 0 nor 1.
        """
        x = arrays.finite_or_missing(arrays.rows(x, 2))
        at = arrays.labels(at, x.shape[0])
        measured = _checked(x)
        rows, labels = x[measured], at[measured].tolist()
        claim, outcome = rows[:, 0], rows[:, 1]
        e = bets(claim, outcome)
        for row in np.column_stack([np.ones(len(rows)), outcome, claim]):  # row by row: a batch has no say in the bits
            self._total += row
        return [self._crossing(k, reached) for k, reached in self._columns.fold(e, rows[:, ::-1, None], labels)]

    def _size(self, k: int, first: float, second: float, rows: int) -> float:  # noqa: ARG002  the same for all
        return (first - second) / rows

    def _own(self) -> dict[str, NDArray[Any]]:
        return {"total": self._total}


def bets(claim: FloatArray, outcome: FloatArray) -> FloatArray:
    """E-values of audited parts, (T, BETS, 1), for claims (T,) in (0, 1] and outcomes (T,) 0 or 1.

    Odds bet: q = d p / (1 - p + d p), e = (q/p)^y ((1-q)/(1-p))^(1-y) (Steiner, Cook, Farewell, Treasure 2000; arXiv 2510.25573).
    Contamination bet: q = p + s (1 - p), the same e. Both written so that p = 1 needs no special case.
    """
    p, bad = claim[:, None], outcome[:, None] == 1.0
    odds, shares = np.array(ODDS), np.array(SHARES)
    scale = 1.0 - p + odds * p
    risk = np.where(bad, odds, 1.0) / scale
    mixed = np.where(bad, (p + shares * (1.0 - p)) / p, 1.0 - shares)
    return np.ascontiguousarray(np.concatenate([risk, mixed], axis=1)[:, :, None])


def _checked(x: FloatArray) -> BoolArray:
    """Which rows are measured. Raises ParameterError for claims and outcomes that cannot be."""
    claim, outcome = x[:, 0], x[:, 1]
    measured: BoolArray = ~(np.isnan(claim) | np.isnan(outcome))
    if (measured & ((claim <= 0.0) | (claim > 1.0))).any():
        raise ParameterError("claims must lie in (0, 1]", hint="take them from a ClaimMap")
    if (measured & (outcome != 0.0) & (outcome != 1.0)).any():
        raise ParameterError("outcomes must be 0 (good) or 1 (bad)")
    return measured


# --- conformance ------------------------------------------------------------------------------------------------------------

CONFORMANCE_THRESHOLD = 300.0


def conformance() -> Conformance:
    """What `tests/conformance` runs this folder against."""
    return Conformance(
        name="outcome_gap",
        build=lambda: OutcomeGap(CONFORMANCE_THRESHOLD),
        null_rows=audits,
        changed_rows=lambda generator, length: audits(generator, length, confident_misses=0.5),
        oracle=_oracle,
        measure=_measure,
    )


def _oracle(rows: list[list[float]], labels: list[int]) -> OracleResult:
    from detectors.outcome_gap import oracle  # only tests pay for it

    return oracle.monitor(rows, labels, CONFORMANCE_THRESHOLD)


def audits(
    generator: np.random.Generator, length: int, *, confident_misses: float = 0.0, odds: float = 1.0, floor: float = 2e-4
) -> FloatArray:
    """Simulated audits (claim, outcome) of METHODS 3, (length, 2), with claims max(p, floor).

    p ~ 0.97 Beta(0.5, 2500) + 0.03 Beta(2, 38), outcomes Bernoulli(p). confident_misses: a share of parts bad whatever p.
    odds: the odds of a defect are this times the claimed ones, for every part.
    """
    near = generator.random(length) < 0.03
    p = np.where(near, generator.beta(2.0, 38.0, length), generator.beta(0.5, 2500.0, length))
    true = odds * p / (1.0 - p + odds * p)
    true = true + confident_misses * (1.0 - true)
    bad = generator.random(length) < true
    return np.column_stack([np.maximum(p, floor), bad.astype(np.float64)])


def _measure(case: Mapping[str, object]) -> float:
    """Mean delay in audits of a change after a warm-up in control, or false alarms in a long run in control, of one case."""
    number = {key: float(cast("float", value)) for key, value in case.items() if isinstance(value, int | float)}
    generator = np.random.default_rng(int(number["seed"]))
    change = {key: number[key] for key in ("confident_misses", "odds", "floor") if key in number}
    length, repeats = int(number["audits"]), int(number["repeats"])
    labels = np.arange(length, dtype=np.int64)
    if case["figure"] == "false_alarms":
        detectors = [OutcomeGap(number["threshold"]) for _ in range(repeats)]
        return float(sum(len(d.update(audits(generator, length, **change), labels)) for d in detectors))
    delays = []
    warm_up = int(number["warm_up"])
    for _ in range(repeats):
        detector, waited = OutcomeGap(number["threshold"]), 0
        detector.update(audits(generator, warm_up), np.full(warm_up, -1, dtype=np.int64))
        while not (crossings := detector.update(audits(generator, length, **change), labels + waited)):
            waited += length
        delays.append(crossings[0].at + 1)
    return float(np.mean(delays))
