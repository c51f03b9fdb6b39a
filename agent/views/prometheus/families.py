"""Metric families from series: one prefix, one way to make them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

Labels = tuple[str, ...]
Series = Iterable[tuple[Labels, float]]


def gauge(name: str, text: str, labels: tuple[str, ...], series: Series) -> Metric:
    """What goes up and down."""
    family = GaugeMetricFamily(f"linewarden_{name}", text, labels=labels)
    for values, value in series:
        family.add_metric(values, value)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], series: Series) -> Metric:
    """A counter; `_total` is added to its name."""
    family = CounterMetricFamily(f"linewarden_{name}", text, labels=labels)
    for values, value in series:
        family.add_metric(values, value)
    return family


def ratio(evidence: float, threshold: float) -> float:
    """Evidence over its threshold: 1 alarms."""
    return evidence / threshold if threshold > 0 else math.nan
