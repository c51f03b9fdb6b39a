"""How sure a counted share is: Wilson's interval (1927), 95 %."""

from __future__ import annotations

from math import sqrt

_Z = 1.959964


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Lower and upper bound of a share of which `hits` in `of` were counted; (0, 1) where none were."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def counted(hits: int, of: int) -> str:
    """Hits as a share with its interval."""
    low, high = wilson(hits, of)
    return f"{hits} of {of} ({hits / max(1, of):.1%}, 95 % interval {low:.1%} to {high:.1%})"
