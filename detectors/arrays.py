"""Checks of arrays at the border of a detector."""

from __future__ import annotations

import numpy as np

from detectors.contract import FloatArray, IntArray, SavedState
from detectors.errors import ShapeError


def check_rows(x: FloatArray, at: IntArray, columns: int) -> None:
    """Raises ShapeError unless x is float64 (T, columns) and at int64 (T,), non-decreasing."""
    if x.ndim != 2 or x.shape[1] != columns:
        raise ShapeError(f"rows must have shape (T, {columns}), got {x.shape}")
    if x.dtype != np.float64:
        raise ShapeError(f"rows must be float64, got {x.dtype}")
    if at.shape != (x.shape[0],) or at.dtype != np.int64:
        raise ShapeError(f"labels must be int64 of shape ({x.shape[0]},), got {at.dtype} {at.shape}")
    if at.size > 1 and np.any(np.diff(at) < 0):
        raise ShapeError("labels must not decrease")


def restore(saved: SavedState, name: str, like: FloatArray | IntArray) -> None:
    """Copy the saved array `name` into `like`. Raises ShapeError when it is missing or of another shape or type."""
    value = saved.get(name)
    if value is None or value.shape != like.shape or value.dtype != like.dtype:
        got = "nothing" if value is None else f"{value.dtype} {value.shape}"
        raise ShapeError(f"saved state needs {name} as {like.dtype} {like.shape}, got {got}")
    like[...] = value
