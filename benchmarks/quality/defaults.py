"""Question 4: how often does each detector alarm on one channel in control, set as people set it?

Alarms per 100,000 parts, starting anew after each; baseline of 2,000 parts. Ours has the budget of 1 in 100,000 parts on this one
channel; library peers have their defaults, charts the limits of their text books. Slow peers see fewer channels and parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.quality import charts, peers
from benchmarks.quality.cells import Cells
from benchmarks.quality.scenarios import Change, Null, Source

BASELINE, PARTS, PIECE = 2_000, 20_000, 2_000
CHANNELS = 300
PEER_CHANNELS = {"river": 20, "frouros": 5, "alibi": 2}
SLOW_CHANNELS, SLOW_PARTS = 2, 10_000
# As people set them up: Montgomery's text book's usual limits; Western Electric's four rules; dummies for scale.
CHARTS: dict[str, tuple[Callable[[], charts.Chart], float]] = {
    "Shewhart, 3 sd": (charts.shewhart, 3.0),
    "Shewhart and Western Electric rules": (charts.western_electric, 1.0),
    "EWMA 0.2, limit 2.86": (lambda: charts.ewma(0.2), 2.86),
    "CUSUM 0.5, limit 5": (lambda: charts.cusum(0.5), 5.0),
    "CUSUM 0.5, limit 5, on AR residuals": (lambda: charts.cusum(0.5, residual=True), 5.0),
    "always fires": (charts.always, 1.0),
    "never fires": (charts.never, 1.0),
}


def run(cells: Cells, nulls: dict[str, Null], _changes: dict[str, Change]) -> None:
    """Every cell."""
    for null in nulls.values():
        cells.measure(f"defaults/{null.name}/ours", lambda null=null: ours(null))
        for name, (build, limit) in CHARTS.items():
            cells.measure(f"defaults/{null.name}/{name}", lambda null=null, build=build, limit=limit: chart(null, build(), limit))
    for name, entry in peers.load("level").items():
        if reason := entry.missing():
            print(f"left out: {name}: {reason}")
            continue
        for null in nulls.values():
            cells.measure(f"defaults/{null.name}/{name}", lambda null=null, entry=entry: peer(null, entry))


def ours(null: Null) -> dict[str, Any]:
    """The agent's monitor."""
    from benchmarks.quality.ours import learned  # not in every peer's environment

    source = Source(null, CHANNELS, 0)
    monitor = learned(*source.take(BASELINE), threshold=100_000.0)
    alarms = sum(len(monitor.watch(*source.take(PIECE))) for _ in range(PARTS // PIECE))
    return _result(alarms, CHANNELS - monitor.refused, PARTS) | {"refused": monitor.refused, "of": CHANNELS}


def chart(null: Null, made: charts.Chart, limit: float) -> dict[str, Any]:
    """A textbook chart."""
    source = Source(null, CHANNELS, 0)
    made.learn(source.take(BASELINE)[0])
    return _result(sum(made.alarms(source.take(PIECE)[0], limit) for _ in range(PARTS // PIECE)), CHANNELS, PARTS)


def peer(null: Null, entry: peers.Entry) -> dict[str, Any]:
    """A library's detector."""
    channels = SLOW_CHANNELS if entry.slow else PEER_CHANNELS[entry.name.split("-")[0]]
    parts = SLOW_PARTS if entry.slow else PARTS
    source = Source(null, CHANNELS, 0)
    baseline, control = source.take(BASELINE)[0], source.take(PARTS)[0]
    alarms = 0
    for k in range(channels):
        made = entry.build(entry.defaults)
        made.learn(baseline[:, k].tolist())
        alarms += sum(made.update(value) for value in control[:parts, k].tolist())
    return _result(alarms, channels, parts)


def _result(alarms: int, channels: int, parts: int) -> dict[str, Any]:
    watched = channels * parts
    rate = alarms / watched * 1e5 if watched else None
    return {"alarms": alarms, "channels": channels, "parts": parts, "per_100000": rate}
