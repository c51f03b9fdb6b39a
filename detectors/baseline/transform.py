"""Raw channel values to the scale statistics run on: log for intensities and variances, logit for shares and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.contract import FloatArray
from detectors.errors import ParameterError

KINDS = ("none", "log", "logit")
CODES = {kind: code for code, kind in enumerate(KINDS)}


def codes(transforms: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Transforms by name as codes, (C,). Raises ParameterError."""
    unknown = [kind for kind in transforms if kind not in CODES]
    if unknown:
        raise ParameterError(f"transforms must be among {', '.join(KINDS)}, got {unknown[0]}")
    return np.array([CODES[kind] for kind in transforms], dtype=np.int64)


def transform(x: FloatArray, kinds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> FloatArray:
    """X after its columns' transforms, (T, C) → (T, C); values outside a transform's domain become NaN: not measured."""
    logs, logits = kinds != CODES["none"], kinds == CODES["logit"]
    if not logs.any():
        return x + (x - x)  # infinite becomes NaN
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(logits, x / (1.0 - x), x)
        y: FloatArray = np.where(logs, np.log(ratio), x)
        y -= y - y  # infinite becomes NaN, the rest stays
    return y
