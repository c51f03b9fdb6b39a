"""What the kernel knows about its own clock: whether somebody keeps it right, and how wrong it may be."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

_STA_UNSYNC = 0x0040  # <sys/timex.h>
_TIME_ERROR = 5
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")  # touched at each answer of a server: systemd-timesyncd.service(8)
_TIMESYNCD_S = 3 * 2048.0  # three times the longest pause between them (PollIntervalMaxSec=)


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """is_synced: a time service disciplines it. max_error_s: its own bound on the error."""

    is_synced: bool
    max_error_s: float


def kernel_clock() -> KernelClock:
    """As the kernel reports it. Raises OSError where it may not be asked (some containers)."""
    answer = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    synced = state != _TIME_ERROR and not answer.status & _STA_UNSYNC
    return KernelClock(is_synced=synced, max_error_s=answer.maxerror / 1e6)


def is_synced(timesyncd: Path = _TIMESYNCD) -> bool | None:
    """Whether a time service keeps the clock: the kernel's word, else (a sandbox may forbid the question) that of timesyncd's
    file; None where neither says.
    """
    try:
        return kernel_clock().is_synced
    except OSError:
        pass
    try:
        return time.time() - timesyncd.stat().st_mtime < _TIMESYNCD_S
    except OSError:
        return None
