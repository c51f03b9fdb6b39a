"""What /metrics shows of the audit planner and of the blind spot."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agent.ports import Snapshot
from agent.views.prometheus.families import counter, gauge


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All of them, of every station that has a planner."""
    key = ("station",)
    shown = [((s.station,), s.audits) for s in snapshot.stations if s.audits is not None]
    yield gauge("audit_probability", "Mean chance of a passed part to be drawn now.", key, [(k, a.probability) for k, a in shown])
    yield gauge(
        "audit_tightened", "1 while more are drawn: something is at advise.", key, [(k, float(a.tightened)) for k, a in shown]
    )
    yield gauge("audits_waiting", "Requests neither answered nor past their deadline.", key, [(k, a.waiting) for k, a in shown])
    yield counter(
        "audits_expected",
        "Sum of the chances of all passed parts: what was drawn should be near.",
        key,
        [(k, a.expected) for k, a in shown],
    )
    counts = [((*k, name), float(count)) for k, a in shown for name, count in a.counts.items()]
    yield counter("audit_requests", "What became of requests, by kind.", (*key, "what"), counts)
    yield gauge(
        "audits_unanswered_ratio", "Share of the latest requests not answered.", key, [(k, a.unanswered_share) for k, a in shown]
    )
    yield gauge(
        "outcomes_late_ratio", "Share of the latest outcomes that came too late.", key, [(k, a.late_share) for k, a in shown]
    )


def blind_spots(snapshot: Snapshot) -> Iterator[Metric]:
    """How long misses could go unnoticed: +Inf never found, NaN not known yet."""
    key = ("station", "failure_mode")
    shown = [((s.station, b.failure_mode), b) for s in snapshot.stations for b in s.blind_spots]
    yield gauge(
        "blind_spot_days",
        "Production days until a rise of misses would be found, at most, at present audits, check parts and scores.",
        key,
        [(k, b.days) for k, b in shown],
    )
    yield gauge("blind_spot_rise_ratio", "The rise asked about: share that passes.", key, [(k, b.rise) for k, b in shown])
    yield gauge("blind_spot_limit_days", "Longer is an alarm.", key, [(k, b.limit_days) for k, b in shown])
