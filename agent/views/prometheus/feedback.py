"""What /metrics shows of what was reported at the line: by what was seen and what came of it, never by who."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agent.ports import Snapshot
from agent.views.prometheus.families import counter, gauge


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All of them, of every station."""
    key = ("station",)
    shown = [((s.station,), s.feedback) for s in snapshot.stations if s.feedback is not None]
    yield gauge("feedback_waiting", "Reports from the line not answered yet.", key, [(k, f.waiting) for k, f in shown])
    yield gauge("feedback_overdue", "Of these, past their deadline.", key, [(k, f.overdue) for k, f in shown])
    counts = [((*k, name), float(count)) for k, f in shown for name, count in f.counts.items()]
    yield counter("feedback", "Reports by what was seen, and what became of them.", (*key, "what"), counts)
