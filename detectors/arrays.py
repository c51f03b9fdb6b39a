"""Checks of arrays at the package's borders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contract import FloatArray, IntArray, SavedState
from detectors.errors import ShapeError

_LINE = 8  # float64 in a cache line of 64 bytes


def rows(x: FloatArray, columns: int) -> FloatArray:
    """`x` itself when it is (T, columns) float64. Raises ShapeError."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64 or x.ndim != 2 or x.shape[1] != columns:
        raise ShapeError(f"batch must be float64 of shape (T, {columns}), got {_described(x)}")
    return x


def finite_or_missing(x: FloatArray) -> FloatArray:
    """`x` itself when it holds no infinities; NaN, not measured, is allowed. Raises ShapeError."""
    if np.isinf(x).any():
        raise ShapeError("batch must not hold infinities", hint="refuse infinite values where they come in")
    return x


def labels(at: IntArray, length: int) -> IntArray:
    """`at` itself when it is (length,) int64 and non-decreasing. Raises ShapeError."""
    if not isinstance(at, np.ndarray) or at.dtype != np.int64 or at.shape != (length,):
        raise ShapeError(f"labels must be int64 of shape ({length},), got {_described(at)}")
    if length > 1 and (at[1:] < at[:-1]).any():
        raise ShapeError("labels must not decrease")
    return at


def vector(values: FloatArray, length: int, name: str) -> FloatArray:
    """A contiguous copy of a finite (length,) float vector. Raises ShapeError."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != (length,):
        raise ShapeError(f"{name} must be float64 of shape ({length},), got {_described(values)}")
    if not np.isfinite(values).all():
        raise ShapeError(f"{name} must be finite")
    return values.copy()


def aligned(*shape: int) -> FloatArray:
    """Zeros that begin at a cache line: numpy's own begin 16 bytes into one, which costs vector loads a third more."""
    size = math.prod(shape)
    room = np.zeros(size + _LINE)
    first = -(room.ctypes.data // room.itemsize) % _LINE
    return room[first : first + size].reshape(shape)


@contextmanager
def unbuffered() -> Iterator[None]:
    """In here numpy takes arrays that are no single block as they lie: many short rows are not copied into its buffer first."""
    with np.errstate():  # ends the setting with it
        np.setbufsize(16)
        yield


def restore(state: dict[str, NDArray[Any]], saved: SavedState) -> None:
    """Write saved arrays into the arrays of `state`, in place, all or none. Raises ShapeError when names, shapes or types
    differ.
    """
    if state.keys() != saved.keys():
        raise ShapeError(f"saved state must hold {sorted(state)}, got {sorted(saved)}")
    for name, target in state.items():
        source = saved[name]
        if source.shape != target.shape or source.dtype != target.dtype:
            raise ShapeError(f"saved {name} must be {target.dtype} of shape {target.shape}, got {_described(source)}")
    for name, target in state.items():
        target[...] = saved[name]


def _described(x: object) -> str:
    if isinstance(x, np.ndarray):
        return f"{x.dtype} of shape {x.shape}"
    return type(x).__name__
