"""Residuals of an AR(1): what a value adds to the one before it in the same run."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray, IntArray


def residuals(y: FloatArray, runs: IntArray, center: float, phi: float) -> FloatArray:
    """Residuals of one channel, (T,); NaN where not measured.

    The first value of a run, and the first after a gap, has no predecessor: its distance from the centre is put on the residuals'
    scale, ·√(1 − φ²), as a stationary AR(1) has it.
    """
    centred = y - center
    if phi == 0.0:
        return centred
    before = np.concatenate([[np.nan], centred[:-1]])
    before[1:][runs[1:] != runs[:-1]] = np.nan
    return np.where(np.isfinite(before), centred - phi * before, centred * np.sqrt(1.0 - phi * phi))
