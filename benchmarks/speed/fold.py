"""The core's fold with 1 to 16 stations: records a second when each has a core of its own, and when one core has them all.

    python -m benchmarks.speed.fold [--json OUT]

Scenario ids: fold-1, fold-2, fold-4, fold-8, fold-16 (stations; inspections with a score and 29 image channels, from the first part
judged against a baseline on) and learn-1 to learn-16 (the parts before, the fit among them). Journal and store are not in it.
Seconds are of processor time: the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.config.model import Config
from agent.core.fold import Core
from agent.records import Inspected, decode
from agent.store.writer import SqliteStore
from benchmarks.speed.agent import LEARNED, inspections

JUDGED = 1000
STATIONS = (1, 2, 4, 8, 16)
AT = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
REGISTER = {"owner": "a", "deputy": "b", "decision": "c", "consequence": "d", "tier": 3, "threshold": 0.5}


def entries(station: str, seed: int) -> list[Inspected]:
    """A station's records, decoded and measured."""
    read = [decode(line, {}) for line in inspections(LEARNED + JUDGED, station=station, seed=seed)]
    return [Inspected(record, frame, AT, "line") for record, frame in read]


def seconds(streams: dict[str, list[Inspected]]) -> tuple[float, float]:
    """(learning, judging), of processor time, of these stations in one core, their records taking turns."""
    section = {"parts": LEARNED, "min_stream_parts": LEARNED}
    config = Config.model_validate({"stations": [{"id": name, **REGISTER, "baseline": section} for name in streams]})
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
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
