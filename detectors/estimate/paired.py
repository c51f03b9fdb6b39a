"""Two models on the same frames: is what they differ in more than chance?

Sources: McNemar 1947, Psychometrika 12(2), in its exact form (the smaller count of two discordant ones is binomial with 1/2);
Clopper and Pearson 1934, Biometrika 26(4). Both are for one look at a set of frames fixed beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import bdtr, betaincinv

from detectors.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Paired:
    """one, other: frames that only the one, or only the other model judged so. p: by chance as uneven as this, or more so."""

    one: int
    other: int
    p: float


def mcnemar(one: int, other: int) -> Paired:
    """The exact two-sided test that two discordant counts are equal but for chance; p is 1 where there are none."""
    if min(one, other) < 0:
        raise ParameterError(f"counts must not be negative, got {one} and {other}")
    return Paired(one, other, min(1.0, 2.0 * float(bdtr(min(one, other), one + other, 0.5))))


def share(found: int, among: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson bounds of a share; (0, 1) of none."""
    if not 0 <= found <= among:
        raise ParameterError(f"found must lie in 0 to {among}, got {found}")
    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(found, among - found + 1, tail)) if found else 0.0
    high = float(betaincinv(found + 1, among - found, 1.0 - tail)) if found < among else 1.0
    return low, high
