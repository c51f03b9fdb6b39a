"""Question 2: how long after a step until the alarm, at one and the same false-alarm rate?

Every detector gets the same rows of the same channels: a baseline, then either 20,000 parts in control, whose first alarms give
its false-alarm rate, or 200 parts in control and the change. Delays are parts from the onset to the first alarm, over the channels
that had none in the 200; the alarm on the first changed part has delay 1. Ours is level and spread together, on the word that the
streams are steady, as they are. Detectors with a limit are run once and read at every limit; library peers once per setting of
their grid.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import charts, peers
from benchmarks.quality.cells import Cells
from benchmarks.quality.records import Records, run_length
from benchmarks.quality.scenarios import Change, Null, Source

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
STEPS = ("step-025", "step-05", "step-1", "step-15", "step-2", "step-3")
STREAMS = ("iid", "ar-05")
CHANNELS, REPEATS = 300, 3
CONTROL, WARM_UP, PATIENCE, PIECE = 20_000, 200, 20_000, 500
ARL0 = (200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0)
TARGET = 20_000.0
PEER_BASELINES = (2_000, 10_000)  # slow ones have the first alone
# Channels a library peer is run on; its updates cost 0.2 to 500 us.
PEER_CHANNELS = {"river": 100, "frouros": 20, "alibi": 6}
SLOW_CHANNELS = 6
REFERENCES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0, 1.25, 1.5)
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)


class Limited(Protocol):
    """A detector with a statistic and a limit."""

    def learn(self, x: FloatArray, runs: IntArray) -> None:
        """Phase I; no rows: told that they are N(0, 1)."""

    def again(self) -> Self:
        """Another that has learned the same."""

    def statistic(self, x: FloatArray, runs: IntArray) -> FloatArray:
        """After each row, (T, C)."""


class Ours:
    """The agent's monitor, or its detector alone on rows that are N(0, 1) and known to be."""

    def __init__(self, monitor: Any = None, channels: int = 0) -> None:
        self._monitor, self._channels = monitor, channels

    def learn(self, x: FloatArray, runs: IntArray) -> None:
        from benchmarks.quality import ours  # not in every peer's environment

        self._channels = x.shape[1]
        self._monitor = ours.learned(x, runs, 1e9, steadiness="assumed") if len(x) else ours.Monitor(None, self._channels, 1e9)

    def again(self) -> Self:
        from benchmarks.quality import ours

        return type(self)(ours.Monitor(self._monitor.baseline, self._channels, 1e9), self._channels)

    def statistic(self, x: FloatArray, runs: IntArray) -> FloatArray:
        return self._monitor.evidence(x, runs)


class Textbook:
    """A chart."""

    def __init__(self, chart: charts.Chart) -> None:
        self._chart = chart

    def learn(self, x: FloatArray, _runs: IntArray) -> None:
        if len(x):
            self._chart.learn(x)
        else:
            self._chart.know(x.shape[1])

    def again(self) -> Self:
        return copy.deepcopy(self)

    def statistic(self, x: FloatArray, _runs: IntArray) -> FloatArray:
        return self._chart.statistic(x)


def limited(stream: str) -> dict[str, Callable[[], Limited]]:
    """Detectors with a limit, by name. Autocorrelated rows: charts on residuals, which is what text books advise."""
    residual = stream.startswith("ar")
    made: dict[str, Callable[[], Limited]] = {"ours": Ours}
    made["shewhart"] = lambda: Textbook(charts.shewhart(residual=residual))
    made["western-electric"] = lambda: Textbook(charts.western_electric(residual=residual, all_rules=False))
    for k in REFERENCES:
        made[f"cusum-{k:g}"] = lambda k=k: Textbook(charts.cusum(k, residual=residual))
    for weight in WEIGHTS:
        made[f"ewma-{weight:g}"] = lambda weight=weight: Textbook(charts.ewma(weight, residual=residual))
    return made


def run(cells: Cells, nulls: dict[str, Null], changes: dict[str, Change]) -> None:
    """Every cell: known parameters first, then baselines of 10,000 and 2,000, then the library peers."""
    for stream, baseline in (("iid", 0), ("iid", 10_000), ("ar-05", 10_000), ("iid", 2_000), ("ar-05", 2_000)):
        for name, build in limited(stream).items():
            cells.measure(
                f"delay/{stream}/{baseline or 'known'}/{name}",
                lambda build=build, stream=stream, baseline=baseline: curve(build, nulls[stream], baseline, changes),
            )
    for name, entry in peers.load("level").items():
        if reason := entry.missing():
            print(f"left out: {name}: {reason}")
            continue
        for baseline, stream in itertools.product(PEER_BASELINES[:1] if entry.slow else PEER_BASELINES, STREAMS):
            cells.measure(
                f"delay/{stream}/{baseline}/{name}",
                lambda entry=entry, stream=stream, baseline=baseline: peer_curve(entry, nulls[stream], baseline, changes),
            )


def curve(build: Callable[[], Limited], null: Null, baseline: int, changes: dict[str, Change]) -> dict[str, Any]:
    """Delays of every step at limits for every ARL0."""
    learned = [_learned(build, null, baseline, repeat) for repeat in range(REPEATS)]
    control = [_records(copy.deepcopy(source), detector.again(), None) for source, detector in learned]
    pooled = _pool([after for _before, after in control])
    limits = {arl0: pooled.limit(arl0) for arl0 in ARL0}
    points = []
    steps = {
        step: [_records(copy.deepcopy(s), d.again(), changes[step], max(limits.values())) for s, d in learned] for step in STEPS
    }
    for limit in limits.values():
        arl0, alarms = run_length(pooled.passages(limit), CONTROL)
        delays = {}
        for step, repeats in steps.items():
            found = np.concatenate([after.passages(limit)[before.maximum < limit] for before, after in repeats])
            delays[step] = _summary(found)
        points.append({"setting": {"limit": limit}, "arl0": arl0, "alarms": alarms, "delays": delays})
    return {"stream": null.name, "baseline": baseline, "channels": CHANNELS * REPEATS, "points": points}


def _learned(build: Callable[[], Limited], null: Null, baseline: int, repeat: int) -> tuple[Source, Limited]:
    """A detector after Phase I, and the stream it goes on with."""
    source, detector = Source(null, CHANNELS, repeat), build()
    detector.learn(*source.take(baseline))
    return source, detector


def _records(source: Source, detector: Limited, change: Change | None, enough: float = np.inf) -> tuple[Records, Records]:
    """Records of the statistic in the warm-up, and after it: in control, or changed until all columns have reached `enough`."""
    before, after = Records(CHANNELS), Records(CHANNELS)
    if change is None:
        for _ in range(CONTROL // PIECE):
            after.add(detector.statistic(*source.take(PIECE)))
        return before, after
    before.add(detector.statistic(*source.take(WARM_UP)))
    piece = 50  # large steps are found within one
    while after.rows < PATIENCE and (np.maximum(after.maximum, before.maximum) < enough).any():
        x, runs = source.take(piece)
        after.add(detector.statistic(change.apply(x, after.rows), runs))
        piece = PIECE
    return before, after


def _pool(parts: list[Records]) -> Records:
    pooled = Records(sum(part.maximum.size for part in parts))
    for index, part in enumerate(parts):
        pooled.take(part, index * part.maximum.size)
    return pooled


def _summary(delays: FloatArray) -> dict[str, float]:
    """Mean delay with its standard error; channels that never alarmed enter with the parts watched, and are counted."""
    missed = int(np.isinf(delays).sum())
    delays = np.minimum(delays, PATIENCE)
    error = float(delays.std(ddof=1) / np.sqrt(delays.size)) if delays.size > 1 else float("nan")
    return {"mean": float(delays.mean()) if delays.size else float("nan"), "se": error, "channels": delays.size, "missed": missed}


def peer_curve(entry: peers.Entry, null: Null, learned: int, changes: dict[str, Change]) -> dict[str, Any]:
    """The same of a library peer, at its defaults and at every setting of its grid."""
    channels = SLOW_CHANNELS if entry.slow else PEER_CHANNELS[entry.name.split("-")[0]]
    source = Source(null, CHANNELS, 0)
    baseline, control = source.take(learned)[0][:, :channels], source.take(CONTROL)[0][:, :channels]
    points = [_peer_point(entry, options, baseline, control, changes) for options in [entry.defaults, *entry.settings]]
    return {"stream": null.name, "baseline": learned, "channels": channels, "points": points}


def _peer_point(
    entry: peers.Entry, options: peers.Options, baseline: FloatArray, control: FloatArray, changes: dict[str, Change]
) -> dict[str, Any]:
    def learned(column: int) -> peers.Peer:
        peer = entry.build(entry.defaults | options)
        peer.learn(baseline[:, column].tolist())
        return peer

    columns = range(baseline.shape[1])
    arl0, alarms = run_length(np.array([peers.first_alarm(learned(k), control[:, k].tolist()) for k in columns]), len(control))
    delays: dict[str, dict[str, float]] = {}
    if arl0 < 100.0:  # an alarm every hundred parts is no monitor: not worth the hours
        return {"setting": options, "arl0": arl0, "alarms": alarms, "delays": delays}
    for step in STEPS:
        changed = changes[step].apply(control[WARM_UP:])
        found = []
        for k in columns:
            peer = learned(k)
            if np.isinf(peers.first_alarm(peer, control[:WARM_UP, k].tolist())):
                found.append(peers.first_alarm(peer, changed[:, k].tolist()))
        delays[step] = _summary(np.array(found))
    return {"setting": options, "arl0": arl0, "alarms": alarms, "delays": delays}
