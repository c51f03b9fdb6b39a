"""The core's fold with 1 to 16 stations: records a second when each has a core of its own, and when one core has them all.

    python -m benchmarks.speed.fold [--json OUT]

Scenario ids: fold-1, fold-2, fold-4, fold-8, fold-16 (stations; inspections with a score and 29 image channels, from the first part
judged against a baseline on) and learn-1 to learn-16 (the parts before, the fit among them); grey-1 (one station whose camera
has no colour, two channels never measured) and measured-200 (200 measurements of the vision tool's own declared besides), in
processor time of fold-1. Journal and store are not in it.
Seconds are of processor time: the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from agent.config.model import Config
from agent.core.fold import Core
from agent.records import Inspected, decode
from agent.store.writer import SqliteStore
from benchmarks.speed.agent import LEARNED, inspections
from detectors.channels import IMAGE_CHANNELS

JUDGED = 1000
STATIONS = (1, 2, 4, 8, 16)
REPEATS = 3
NAMES = tuple(f"m{k}" for k in range(200))
AT = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
REGISTER = {"owner": "a", "deputy": "b", "decision": "c", "consequence": "d", "tier": 3, "threshold": 0.5}


def entries(station: str, seed: int) -> list[Inspected]:
    """A station's records, decoded and measured."""
    read = [decode(line, {}) for line in inspections(LEARNED + JUDGED, station=station, seed=seed)]
    return [Inspected(record, frame, AT, "line") for record, frame in read]


def grey(station: str, seed: int) -> list[Inspected]:
    """The same without colour."""
    colours = [k for k, spec in enumerate(IMAGE_CHANNELS) if spec.name in ("red_green", "blue_green")]

    def without(entry: Inspected) -> Inspected:
        assert entry.frame is not None
        values = tuple(None if k in colours else value for k, value in enumerate(entry.frame.values))
        return replace(entry, frame=replace(entry.frame, values=values))

    return [without(entry) for entry in entries(station, seed)]


def measured(station: str, seed: int) -> list[Inspected]:
    """The same with measurements."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            entry,
            record=replace(entry.record, measurements=dict(zip(NAMES, rng.standard_normal(len(NAMES)).tolist(), strict=True))),
        )
        for entry in entries(station, seed)
    ]


def seconds(streams: dict[str, list[Inspected]], declared: Sequence[str] = ()) -> tuple[float, float]:
    """(learning, judging), of processor time, of these stations in one core, their records taking turns."""
    section = {"parts": LEARNED, "min_stream_parts": LEARNED}
    measurements = [{"name": name, "unit": "mm", "tolerance": 0.1} for name in declared]
    stations = [{"id": name, **REGISTER, "baseline": section, "measurements": measurements} for name in streams]
    config = Config.model_validate({"stations": stations})
    core = Core(config, SqliteStore(Path(), keep_days=1, max_mb=100, in_memory=True, sinks=[]))
    turns = [entry for row in zip(*streams.values(), strict=True) for entry in row]
    spent = []
    for part in (turns[: LEARNED * len(streams)], turns[LEARNED * len(streams) :]):
        started = time.process_time()
        for entry in part:
            core.fold(entry)
        spent.append(time.process_time() - started)
    if any(
        stream.state != "armed"
        for station in core.view().stations
        for stream in station.streams
        if not stream.stream.startswith(("rates/", "novelty/"))  # those learn longer
    ):
        raise SystemExit("a stream is not judged: the figure would say nothing")
    return spent[0], spent[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    streams = {f"ST{k}": entries(f"ST{k}", k) for k in range(max(STATIONS))}
    alone = [seconds({name: given}) for name, given in streams.items()]
    result = {}
    for count in STATIONS:
        together = seconds(dict(list(streams.items())[:count]))
        for kind, parts, which in (("learn", LEARNED, 0), ("fold", JUDGED, 1)):
            each = count * parts / sum(spent[which] for spent in alone[:count])
            rate = count * parts / together[which]
            result[f"{kind}_{count}"] = {"alone_per_s": each, "together_per_s": rate, "ratio": rate / each}
            print(f"{kind}-{count}: {rate:.0f} records/s together, {each:.0f} each alone, {rate / each:.2f} x")
    one = min(seconds({"ST0": streams["ST0"]})[1] for _ in range(REPEATS))
    for scenario, given, declared in (("grey-1", grey("ST0", 0), ()), ("measured-200", measured("ST0", 0), NAMES)):
        spent = min(seconds({"ST0": given}, declared)[1] for _ in range(REPEATS))
        result[scenario] = {"us": spent / JUDGED * 1e6, "fold_1_us": one / JUDGED * 1e6, "ratio": spent / one}
        print(f"{scenario}: {spent / JUDGED * 1e6:.0f} us a record, {spent / one:.2f} x fold-1")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
