"""Checkpoint bytes: plain values and numpy arrays, bit for bit."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.errors import StoreError

_ARRAY = 1


def _encode(value: object) -> msgspec.msgpack.Ext:
    if isinstance(value, np.ndarray):
        header = msgspec.msgpack.encode((value.dtype.str, value.shape))
        return msgspec.msgpack.Ext(_ARRAY, len(header).to_bytes(2, "little") + header + np.ascontiguousarray(value).tobytes())
    raise NotImplementedError(f"cannot checkpoint a {type(value).__name__}")


def _decode(code: int, data: memoryview) -> NDArray[np.generic]:
    if code != _ARRAY:
        raise StoreError(f"unknown value type {code} in a checkpoint")
    size = int.from_bytes(data[:2], "little")
    dtype, shape = msgspec.msgpack.decode(data[2 : 2 + size], type=tuple[str, tuple[int, ...]])
    return np.frombuffer(bytes(data[2 + size :]), dtype=np.dtype(dtype)).reshape(shape).copy()


def pack(state: Any) -> bytes:
    """Bytes of a checkpoint."""
    return msgspec.msgpack.encode(state, enc_hook=_encode)


def unpack(raw: bytes) -> Any:
    """The state of a checkpoint; arrays are writable copies. Raises StoreError when the bytes are not one."""
    try:
        return msgspec.msgpack.decode(raw, ext_hook=_decode)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, TypeError) as error:
        raise StoreError(f"not a checkpoint: {error}") from error
