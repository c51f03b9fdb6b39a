"""Score channels: what the model claims about a part, as numbers that can be watched."""

from __future__ import annotations

import math

import numpy as np

from detectors.contract import FloatArray

# Scores arrive as float32 at best: 1 - p below 6e-8 is rounded away. Clipping at 1e-6 keeps one exact 0 or 1 from dominating.
P_MIN = 1e-6


def scores(p_defect: float, threshold: float) -> FloatArray:
    """The values of SCORE_CHANNELS for one claim, (3,), before their transforms.

    p_defect, threshold: probabilities. A NaN claim gives all NaN; a NaN threshold (or one not strictly inside 0 and 1) NaN margin.
    """
    if math.isnan(p_defect):
        return np.full(3, np.nan)
    p = min(max(p_defect, P_MIN), 1.0 - P_MIN)
    margin = abs(_logit(p) - _logit(threshold)) if 0.0 < threshold < 1.0 else math.nan
    return np.array([p, margin, max(p, 1.0 - p)])


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))
