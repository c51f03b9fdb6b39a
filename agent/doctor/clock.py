"""The clock: kept by a time service, not in the past, not jumping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.doctor.finding import Finding, ok
from agent.runtime.timekeeping import KernelClock

BEFORE_THIS_BUILD = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before it has lost its time: no battery, no network yet
BEHIND = timedelta(seconds=5)
STEP_S = 0.1  # a time service slews by 500 ppm at most: 5 ms in the ten seconds a look may take
_WHY = "times in alarms and holds, and certificates, rest on it"
_SYNC = "`timedatectl set-ntp true`, or set up chrony with a server of the plant; then `timedatectl`"


@dataclass(frozen=True, slots=True)
class ClockLook:
    """kernel: None where it may not be asked. moved_s: by how much wall time ran ahead of monotonic time during the look."""

    now: datetime
    kernel: KernelClock | None
    moved_s: float
    last_record_at: datetime | None


def examine(look: ClockLook) -> Iterator[Finding]:
    """Three findings."""
    yield _date(look)
    if look.kernel is None:
        yield Finding(
            "clock.synced", "clock", "unknown", "the kernel may not be asked here", _WHY, "look on the host: `timedatectl`"
        )
    elif not look.kernel.is_synced:
        yield Finding("clock.synced", "clock", "warn", "no time service keeps the clock", _WHY, _SYNC)
    else:
        yield ok("clock.synced", "clock", f"kept by a time service, off by at most {look.kernel.max_error_s:.3g} s")
    if abs(look.moved_s) > STEP_S:
        seen = f"the clock was moved by {look.moved_s:+.1f} s during this look"
        why = "steps disorder the times of parts; two time services may be fighting"
        yield Finding(
            "clock.steps", "clock", "warn", seen, why, "`journalctl -u systemd-timesyncd -u chrony -u ntp`; keep one of them"
        )
    else:
        yield ok("clock.steps", "clock", "did not jump during this look")


def _date(look: ClockLook) -> Finding:
    now, last = look.now, look.last_record_at
    if now < BEFORE_THIS_BUILD:
        seen = f"the clock says {now:%Y-%m-%d %H:%M}, before this software was made"
        return Finding("clock.date", "clock", "fail", seen, _WHY, _SYNC)
    if last is not None and last - now > BEHIND:
        seen = f"the clock says {now:%Y-%m-%d %H:%M:%S}, the journal's last entry {last:%Y-%m-%d %H:%M:%S}"
        return Finding("clock.date", "clock", "fail", seen, f"the clock went back, or was ahead then; {_WHY}", _SYNC)
    return ok("clock.date", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
