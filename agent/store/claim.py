"""The model's claim in two bytes: thousandths of its log odds, so that a claim of 1e-6 keeps three figures as one of 0.5 does."""

from __future__ import annotations

from math import exp, log

_MOST = 32_767  # thousandths: 6e-15 and its mirror, beyond which a claim is as good as certain


def to_code(p_defect: float | None) -> int | None:
    """None for none."""
    if p_defect is None:
        return None
    if p_defect <= 0.0 or p_defect >= 1.0:
        return -_MOST if p_defect <= 0.0 else _MOST
    return max(-_MOST, min(_MOST, round(1000.0 * log(p_defect / (1.0 - p_defect)))))


def from_code(code: int | None) -> float | None:
    """The claim to three figures; the outermost codes are 0 and 1."""
    if code is None:
        return None
    return float(code > 0) if abs(code) == _MOST else float(f"{1.0 / (1.0 + exp(-code / 1000.0)):.3g}")
