"""What a sample of n independent normal values leaves unknown of their mean and variance."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincinv, stdtrit


def mean(n: int, level: float) -> float:
    """By how many sd the true mean may differ from the sample's: t(level, n − 1)/√n."""
    return float(stdtrit(n - 1, level) / np.sqrt(n))


def variance(n: int, level: float) -> float:
    """η: by how much, as a share, the true variance may exceed the sample's: (n − 1)/χ²(level, n − 1) − 1."""
    return float((n - 1) / (2.0 * gammaincinv((n - 1) / 2.0, level)) - 1.0)
