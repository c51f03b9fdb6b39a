"""What /metrics shows: the snapshot as metric families, with as many series as configuration and channel table allow, no more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agent.ports import ChannelView, Snapshot, Snapshots, StationView
from agent.views.prometheus import audits, checks, estimates, feedback, review
from agent.views.prometheus.families import Series, ratio
from agent.views.prometheus.families import counter as _counter
from agent.views.prometheus.families import gauge as _gauge

STATION_STATES = ("learning", "armed", "suspended", "not_armed")
STREAM_STATES = ("learning", "candidate", "armed", "suspended", "refused")
PRIORITIES = ("info", "warning", "critical")
# Bounds of what records could otherwise multiply: recipes and models (streams), reasons.
MAX_STREAMS = 64  # per station
MAX_CHANNELS = 4096  # per station
MAX_REASONS = 64  # per family
OTHER = "other"


class SnapshotCollector(Collector):
    """Reads the current snapshot at each scrape; keeps nothing."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """All families, always all of them: a family that vanishes cannot be alarmed on."""
        snapshot = self._snapshots.current()
        yield from _agent(snapshot)
        yield from _stations(snapshot)
        yield from _truth(snapshot)
        yield from checks.families(snapshot)
        yield from audits.families(snapshot)
        yield from audits.blind_spots(snapshot)
        yield from estimates.families(snapshot)
        yield from feedback.families(snapshot)
        yield from _streams(snapshot)
        yield from _channels(snapshot)
        yield from _limits(snapshot)
        yield from _alarms(snapshot)
        yield from review.families(snapshot)
        yield from _counts(snapshot)
        yield from _edges("tap", snapshot.taps)
        yield from _edges("sink", snapshot.sinks)

    def describe(self) -> list[Metric]:
        """Nothing: registering does not read the snapshot."""
        return []


def _one(value: float) -> Series:
    return [((), value)]


def _bounded(counts: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """The names in order of size; what is more than allowed is added up as `other`."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    yield from ((name, float(count)) for name, count in ranked[:MAX_REASONS])
    if len(ranked) > MAX_REASONS:
        yield OTHER, float(sum(count for _, count in ranked[MAX_REASONS:]))


def _agent(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge("build_info", "Version that is running; always 1.", ("version",), [((snapshot.version,), 1.0)])
    yield _gauge("start_time_seconds", "When the agent started, Unix time.", (), _one(snapshot.started_at.timestamp()))
    yield _gauge("snapshot_time_seconds", "When the core last showed its state, Unix time.", (), _one(snapshot.at.timestamp()))
    yield _counter("journal_entries", "Entries ever journalled: the sequence number reached.", (), _one(snapshot.seq))
    yield _gauge("uncommitted_entries", "Entries taken and not yet committed.", (), _one(snapshot.uncommitted))
    yield _gauge("outbox_messages", "Committed messages that some sink has not confirmed.", (), _one(snapshot.outbox_depth))
    yield _gauge("store_size_bytes", "Size of the store on disk.", (), _one(snapshot.store_bytes))


def _stations(snapshot: Snapshot) -> Iterator[Metric]:
    stations, key = snapshot.stations, ("station",)
    states = [((s.station, state), float(s.state == state)) for s in stations for state in STATION_STATES]
    verdicts = [((s.station, verdict), n) for s in stations for verdict, n in (("ok", s.passed), ("ng", s.rejected))]
    seen = [((s.station,), s.last_captured_at.timestamp()) for s in stations if s.last_captured_at is not None]
    reasons = [((s.station, name), count) for s in stations for name, count in _bounded(s.counters)]
    lamps = [((s.station,), float(s.andon.code)) for s in stations if s.andon is not None]
    yield _gauge("station_state", "1 for the state the station is in.", (*key, "state"), states)
    yield _counter("inspections", "Inspections folded, marked ones included.", key, [((s.station,), s.parts) for s in stations])
    yield _counter("parts", "Parts by verdict, without marked ones.", (*key, "verdict"), verdicts)
    yield _gauge("last_capture_time_seconds", "When the latest part was captured, Unix time of the source.", key, seen)
    yield _counter("station_records", "Records that took a special way, by reason.", (*key, "reason"), reasons)
    unwatched = [((s.station, why), float(n)) for s in stations for why, n in Counter(m.why for m in s.measurements).items()]
    yield _gauge("andon_code", "Lamp asked for: 0 none, 1 white, 2 amber, 3 amber flash and blue.", key, lamps)
    yield _gauge(
        "measurements_not_watched", "Measurements of the vision tool's that are not watched, by reason.", (*key, "why"), unwatched
    )


def _truth(snapshot: Snapshot) -> Iterator[Metric]:
    stations, key = snapshot.stations, ("station",)
    evidence = [((s.station,), ratio(s.outcome_evidence, s.outcome_threshold)) for s in stations]
    yield _counter("outcomes", "Outcomes joined or waiting.", key, [((s.station,), s.outcomes) for s in stations])
    yield _counter(
        "audits_judged", "Matured audits the outcome test has judged.", key, [((s.station,), s.audits_judged) for s in stations]
    )
    yield _gauge("outcome_evidence_ratio", "Evidence that more bad parts pass than claimed; 1 alarms.", key, evidence)
    yield _gauge(
        "claimed_escape_parts",
        "Bad parts the model's claims admit among audits.",
        key,
        [((s.station,), s.claimed_escapes) for s in stations],
    )
    yield _gauge(
        "observed_escape_parts", "Bad parts found among audits.", key, [((s.station,), s.observed_escapes) for s in stations]
    )


def _streams(snapshot: Snapshot) -> Iterator[Metric]:
    key = ("station", "stream")
    shown = [(s.station, stream) for s in snapshot.stations for stream in s.streams[:MAX_STREAMS]]
    states = [((station, v.stream, state), float(v.state == state)) for station, v in shown for state in STREAM_STATES]
    hidden = [((s.station,), float(max(0, len(s.streams) - MAX_STREAMS))) for s in snapshot.stations]
    yield _gauge("stream_state", "1 for the state the stream is in.", (*key, "state"), states)
    yield _gauge("stream_parts", "Parts of the stream so far.", key, [((station, v.stream), v.parts) for station, v in shown])
    yield _gauge(
        "stream_needed_parts", "Parts its baseline needs.", key, [((station, v.stream), v.parts_needed) for station, v in shown]
    )
    yield _gauge("streams_not_shown", "Streams beyond what metrics show.", ("station",), hidden)


def _channels(snapshot: Snapshot) -> Iterator[Metric]:
    key = ("station", "stream", "channel")
    shown = [((s.station, v.stream, v.channel), v) for s in snapshot.stations for v in _shown_channels(s)]
    ratios = [(labels, ratio(v.evidence, v.threshold)) for labels, v in shown if not v.refused]
    shifts = [((*labels, v.unit), v.smallest_shift) for labels, v in shown if not math.isnan(v.smallest_shift)]
    yield _gauge(
        "channel_watched",
        "1 when the channel is watched, 0 when its baseline was refused.",
        key,
        [(k, float(not v.refused)) for k, v in shown],
    )
    yield _gauge("channel_evidence_ratio", "Evidence against in control; 1 alarms.", key, ratios)
    yield _gauge("channel_updates", "Updates since the evidence last restarted.", key, [(k, float(v.updates)) for k, v in shown])
    yield _gauge("channel_smallest_shift", "Smallest change that can be detected, in the unit given.", (*key, "unit"), shifts)


def _limits(snapshot: Snapshot) -> Iterator[Metric]:
    """Slow ageing; days are production days, +Inf where the limit is never reached."""
    key = ("station", "limit")
    shown = [((s.station, v.limit), v) for s in snapshot.stations for v in s.limits]
    bounds = [((*labels, bound), getattr(v, bound)) for labels, v in shown for bound in ("days", "earliest", "latest")]
    spans = [((*labels[:2], "estimate" if labels[2] == "days" else labels[2]), days) for labels, days in bounds]
    yield _gauge("limit_distance", "Production days until the limit: estimate and 95 % interval.", (*key, "bound"), spans)
    yield _gauge(
        "limit_informative",
        "1 when the interval is narrow enough to plan by.",
        key,
        [(k, float(v.is_informative)) for k, v in shown],
    )
    yield _gauge(
        "limit_informative_after",
        "Production days until it is; +Inf while no ageing is seen.",
        key,
        [(k, v.more_days) for k, v in shown],
    )
    yield _gauge("limit_due", "1 when the limit may be reached within its horizon.", key, [(k, float(v.is_due)) for k, v in shown])
    yield _gauge(
        "limit_evidence_ratio",
        "Evidence that it surely will be; 1 alarms.",
        key,
        [(k, ratio(v.evidence, v.threshold)) for k, v in shown],
    )
    yield _counter(
        "novel_parts",
        "Parts unlike any learned, told to the audit planner.",
        ("station",),
        [((s.station,), s.novel_parts) for s in snapshot.stations],
    )


def _shown_channels(station: StationView) -> list[ChannelView]:
    streams = {v.stream for v in station.streams[:MAX_STREAMS]}
    return [v for v in station.channels if v.stream in streams][:MAX_CHANNELS]


def _alarms(snapshot: Snapshot) -> Iterator[Metric]:
    active = Counter[tuple[str, str]]((a.station, a.priority) for a in snapshot.alarms if a.active)
    waiting = Counter[tuple[str, str]]((a.station, a.priority) for a in snapshot.alarms if a.state in {"UNACK", "RTNUN"})
    incidents = Counter(i.station for i in snapshot.incidents if i.open)
    holds = Counter(h.station for h in snapshot.holds if h.open)
    held = Counter[str]()
    for hold in snapshot.holds:
        held[hold.station] += hold.parts if hold.open else 0
    names = [s.station for s in snapshot.stations]
    grid = [(name, priority) for name in names for priority in PRIORITIES]
    labels = ("station", "priority")
    yield _gauge("alarms_active", "Alarms whose condition holds now.", labels, [(k, float(active[k])) for k in grid])
    yield _gauge("alarms_unacknowledged", "Alarms nobody has acknowledged.", labels, [(k, float(waiting[k])) for k in grid])
    yield _gauge("incidents_open", "Incidents not closed.", ("station",), [((n,), float(incidents[n])) for n in names])
    yield _gauge("holds_open", "Holds not released.", ("station",), [((n,), float(holds[n])) for n in names])
    yield _gauge(
        "held_parts",
        "Passed parts under open holds; one part may be under several.",
        ("station",),
        [((n,), float(held[n])) for n in names],
    )


def _counts(snapshot: Snapshot) -> Iterator[Metric]:
    by_reason: dict[str, dict[str, Counter[str]]] = {"refused": {}, "lost_records": {}}
    duplicates, rest = Counter[str](), Counter[str]()
    for (counter, labels), total in snapshot.counters.items():
        tap, _, reason = labels.partition(":")
        if counter in by_reason:
            by_reason[counter].setdefault(tap, Counter())[reason] += total
        elif counter == "duplicates":
            duplicates[tap] += total
        else:
            rest[counter] += total
    for counter, name, text in (
        ("refused", "refused_records", "Records that could not be used."),
        ("lost_records", "lost_records", "Records their sender dropped before the tap had them, by its own count."),
    ):
        series = [((tap, reason), n) for tap, counts in sorted(by_reason[counter].items()) for reason, n in _bounded(counts)]
        yield _counter(name, text, ("tap", "reason"), series)
    yield _counter("duplicate_records", "Records that came again.", ("tap",), [((tap,), n) for tap, n in _bounded(duplicates)])
    yield _counter("other_records", "What else the core counted, by kind.", ("kind",), [((kind,), n) for kind, n in _bounded(rest)])


def _edges(kind: str, health: Mapping[str, Mapping[str, float | str]]) -> Iterator[Metric]:
    """Figures of taps or sinks; texts among them are for `linewarden status`."""
    figures = [((name, figure), value) for name, f in health.items() for figure, value in f.items() if not isinstance(value, str)]
    connected = [((name,), value) for (name, figure), value in figures if figure == "connected"]
    troubles = [((name, *figure.split(":", 1)), value) for (name, figure), value in figures if ":" in figure]
    rest = [(labels, value) for labels, value in figures if labels[1] != "connected" and ":" not in labels[1]]
    yield _gauge(f"{kind}_connected", f"1 when the {kind} is connected.", (kind,), connected)
    yield _gauge(
        f"{kind}_figure",
        f"What the {kind} counts since it started, by name.",
        (kind, "figure"),
        rest[: MAX_REASONS * max(1, len(health))],
    )
    yield _counter(
        f"{kind}_troubles",
        f"What went wrong at the {kind}, by kind and reason; a broker's reason code has the name the standard gives it.",
        (kind, "kind", "reason"),
        troubles[: MAX_REASONS * max(1, len(health))],
    )
