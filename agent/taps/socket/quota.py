"""Quotas: how much a station may send; a saved-up burst, then a steady rate."""

from __future__ import annotations


class Bucket:
    """Tokens that come at `rate` a second, saved for at most `burst_s`; taking more than there are is paid back by waiting."""

    def __init__(self, rate: float, burst_s: float, now: float) -> None:
        self._rate = rate
        self._most = rate * burst_s
        self._tokens = self._most
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until something may be taken; 0.0 when it may be now."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, -self._tokens / self._rate)

    def take(self, amount: float) -> None:
        """Take it, going below nothing where it is more than there is."""
        self._tokens -= amount


class Quota:
    """One station's two: records and bytes."""

    def __init__(self, records_per_s: float, bytes_per_s: float, burst_s: float, now: float) -> None:
        self._buckets = {"records": Bucket(records_per_s, burst_s, now), "bytes": Bucket(bytes_per_s, burst_s, now)}

    def wait_s(self, now: float) -> tuple[float, str]:
        """How long to wait, and for which of the two."""
        return max((bucket.wait_s(now), what) for what, bucket in self._buckets.items())

    def take(self, records: float, size_bytes: int) -> None:
        """Take from both."""
        self._buckets["records"].take(records)
        self._buckets["bytes"].take(size_bytes)
