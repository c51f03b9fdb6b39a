"""False alarms beside their budget, and what became of held parts, as metric families."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from agent.ports import ReviewView, Snapshot

VERDICTS = ("real", "harmless", "unknown", "waiting")
DISPOSITIONS = ("released", "sorted", "scrapped", "undecided")
# Below one month a rate of false alarms says nothing.
LEAST_MONTHS = 1.0


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All of them, always."""
    reviews = [(station.station, station.review) for station in snapshot.stations if station.review is not None]
    budget = GaugeMetricFamily(
        "linewarden_false_alarm_budget", "False alarms a month the station may raise on average.", labels=("station",)
    )
    realised = GaugeMetricFamily(
        "linewarden_false_alarms_per_month",
        "Alarms found harmless at closing, per month since the station was armed; NaN in the first month.",
        labels=("station",),
    )
    judged = GaugeMetricFamily(
        "linewarden_alarms_judged",
        "Alarms the budget counts, by what closing their incidents found; waiting: not closed.",
        labels=("station", "verdict"),
    )
    for name, review in reviews:
        budget.add_metric((name,), review.budget_per_month)
        realised.add_metric((name,), _realised(review))
        for verdict in VERDICTS:
            judged.add_metric((name, verdict), float(getattr(review, verdict)))
    parts = GaugeMetricFamily(
        "linewarden_hold_parts", "Parts of open holds by what was decided of them.", labels=("station", "disposition")
    )
    for station in snapshot.stations:
        counts = Counter[str]()
        for hold in snapshot.holds:
            if hold.station == station.station and hold.open:
                counts.update({kind: getattr(hold, kind) for kind in DISPOSITIONS})
        for kind in DISPOSITIONS:
            parts.add_metric((station.station, kind), float(counts[kind]))
    yield from (budget, realised, judged, parts)


def _realised(review: ReviewView) -> float:
    return review.harmless / review.months if review.months >= LEAST_MONTHS else math.nan
