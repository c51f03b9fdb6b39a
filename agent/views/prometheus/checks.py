"""What /metrics shows of challenge parts."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agent.ports import Snapshot
from agent.views.prometheus.families import counter, gauge, ratio

CORRECTNESS = ("unverified", "verified", "overdue", "failed")
STATES = ("good", "due", "overdue", "failed", "expired", "never")


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All of them, with a series per configured set."""
    key = ("station", "set", "failure_mode")
    shown = [((s.station, c.set, c.failure_mode), c) for s in snapshot.stations for c in s.challenges]
    yield gauge(
        "station_correctness",
        "1 for what challenge parts say of the station.",
        ("station", "correctness"),
        [((s.station, word), float(s.correctness == word)) for s in snapshot.stations for word in CORRECTNESS],
    )
    yield gauge(
        "challenge_state",
        "1 for the state of the set's check.",
        (*key, "state"),
        [((*k, state), float(c.state == state)) for k, c in shown for state in STATES],
    )
    yield gauge(
        "challenge_parts_at_risk",
        "Parts made since the last good check began.",
        key,
        [(k, float(c.parts_at_risk)) for k, c in shown],
    )
    yield gauge("challenge_limit_parts", "Most parts at risk declared.", key, [(k, float(c.limit_parts)) for k, c in shown])
    yield gauge(
        "challenge_age_seconds",
        "Since the last good check began, by the source's clock.",
        key,
        [(k, c.age_s) for k, c in shown if c.age_s is not None],
    )
    results = [
        ((*k, word), float(n)) for k, c in shown for word, n in (("good", c.done), ("failed", c.failed), ("overdue", c.overdue))
    ]
    yield counter("challenge_checks", "Checks by result; overdue: not made in time.", (*key, "result"), results)
    yield counter("challenge_presentations", "Challenge parts shown.", key, [(k, float(c.presented)) for k, c in shown])
    yield counter("challenge_misses", "Of these, judged wrongly.", key, [(k, float(c.missed)) for k, c in shown])
    yield gauge(
        "challenge_evidence_ratio",
        "Evidence that this failure mode is missed more often than declared; 1 alarms.",
        key,
        [(k, ratio(c.evidence, c.threshold)) for k, c in shown],
    )
