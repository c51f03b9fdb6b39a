"""What /metrics shows of rates and agreement: the latest month of each station, all together, by recipe and by failure mode."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agent.ports import EstimateView, FigureView, Snapshot, StationView
from agent.views.prometheus.families import gauge

BOUNDS = ("estimate", "low", "high")
_RATES = {
    "escape_rate": "Bad parts passed, of the parts passed",
    "miss_rate": "Bad parts passed, of the bad parts",
    "overkill_rate": "Good parts rejected, of the good parts",
    "rejects_good": "Good parts among the rejected ones looked at",
    "false_alarm_rate": "Good check parts rejected, of those presented",
    "effectiveness": "Parts on which verdict and truth agree",
    "kappa": "Agreement of verdict and truth beyond chance (Cohen)",
}


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """One family a figure, with its bounds; NaN where nothing was looked at. No naive figure: it must not stand alone."""
    key = ("station", "recipe", "failure_mode", "source")
    shown = [((s.station, v.recipe, v.failure_mode, f.source), f) for s in snapshot.stations for v in _latest(s) for f in v.figures]
    for name, text in _RATES.items():
        series = [((*labels, bound), getattr(f, bound)) for labels, f in shown if f.figure == name for bound in BOUNDS]
        unit = name if name == "kappa" else f"{name}_ratio"
        yield gauge(unit, f"{text}, latest month: estimate and bounds that hold at any time.", (*key, "bound"), series)
    judged = [((*labels, f.figure), f) for labels, f in shown if f.judgement]
    yield gauge("estimate_limit_ratio", "What a figure is judged against.", (*key, "figure"), [(k, f.limit) for k, f in judged])
    yield gauge(
        "estimate_judgement",
        "-1 not informative, 0 within its limit, 1 beyond.",
        (*key, "figure"),
        [(k, _judgement(f)) for k, f in judged],
    )
    yield gauge(
        "estimate_needed_parts",
        "Parts to be looked at, all good, until a figure can be judged; +Inf where no number would do.",
        (*key, "figure"),
        [(k, float("inf") if f.more is None else f.more) for k, f in judged],
    )
    totals = [((s.station,), v) for s in snapshot.stations for v in _latest(s) if not v.recipe and not v.failure_mode]
    yield gauge(
        "claimed_escape_ratio",
        "Bad parts among the passed by the model's own claims, latest month; stands beside escape_rate_ratio.",
        ("station",),
        [(k, v.claimed) for k, v in totals],
    )


def _latest(station: StationView) -> list[EstimateView]:
    """Of the latest month; recipes and modes are as many as the core keeps apart."""
    month = station.estimates[0].month if station.estimates else ""
    return [view for view in station.estimates if view.month == month]


def _judgement(figure: FigureView) -> float:
    return {"within": 0.0, "beyond": 1.0}.get(figure.judgement, -1.0)
