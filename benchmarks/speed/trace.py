"""`linewarden trace` in a store of 30 million parts: seconds from a cold start, and what the trace index costs a part.

    python -m benchmarks.speed.trace [--parts 30000000] [--folder DIR] [--json OUT]

Scenario ids: trace-serial, trace-box, trace-time, trace-begins (serials that begin so), trace-unknown: the command as a user runs
it, in a fresh process, the store's pages dropped from the cache before (fadvise, checked by fincore), no agent; median
and slowest of 5, at places drawn from the whole store. trace-bytes: the store's size per part, all tables, with 2 % of the parts
audited. Two stations, serials of 16 characters, boxes of 500, lots of 2,000. The writer itself writes the rows, in part
order; the file is kept in --folder and used again when it has as many parts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.ports import PartRow
from agent.records import Outcome
from agent.state_folder import STORE_NAME
from agent.store.writer import SqliteStore
from benchmarks.speed.targets import TRACE_BYTES, TRACE_S, beside

START = datetime(2025, 1, 6, 6, 0, tzinfo=UTC)
STATIONS = ("ST4", "ST5")
REPEATS = 5
COMMIT = 50_000
BOX, LOT, AUDITED = 500, 2_000, 50


def serial(station: int, index: int) -> str:
    """As a marking laser writes them."""
    return f"24F{station}-{index:09d}-{index * 7 % 10}"


def rows(parts: int) -> Iterator[PartRow]:
    """Two stations side by side, a part a second each."""
    claims = [1 / (1 + math.exp(3 - 2 * random.Random(k).gauss(0, 1))) for k in range(997)]
    for number in range(parts):
        station, index = number % 2, number // 2 + 1
        yield PartRow(
            station=STATIONS[station],
            index=index,
            part_id=serial(station, index),
            captured_at=START + timedelta(seconds=index, milliseconds=number * 7 % 900),
            verdict="ng" if index % 200 == 0 else "ok",
            recipe=f"R{index // 20_000 % 5}",
            box=f"{STATIONS[station]}-{index // BOX:06d}",
            p_defect=claims[index % 997],
            position=f"nest-{index % 4}",
            lot=f"L{index // LOT:06d}",
            model="detect 3.1 9b74c9897bac",
        )


def fill(folder: Path, parts: int) -> None:
    """A store of so many parts in the folder, unless it is there."""
    path = folder / STORE_NAME
    if path.exists():
        with sqlite3.connect(path) as db:
            if db.execute("SELECT count(*) FROM part_times").fetchone()[0] >= parts >> 8:
                return
        path.unlink()
    store = SqliteStore(path, keep_days=400, max_mb=6 * 1024)
    store._tx.connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  (to fill it sooner; nothing else changes)
    for number, row in enumerate(rows(parts), start=1):
        store.record_part(row)
        if number % AUDITED == 0:
            store.record_outcome(Outcome(row.part_id, defective=False, observed_at=row.captured_at, station=row.station))
        if number % COMMIT == 0:
            store.commit(row.captured_at)
    store.commit(row.captured_at)
    store.close()


def drop(path: Path) -> None:
    """The file out of the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def cached_share(path: Path) -> float:
    """Of the file, what the page cache holds; NaN where fincore is not installed."""
    try:
        answer = subprocess.run(
            ["fincore", "--bytes", "--noheadings", "--output", "res,size", str(path)], capture_output=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return math.nan
    resident, size = (int(figure) for figure in answer.stdout.split())
    return resident / size


def asked(folder: Path, *arguments: str) -> tuple[float, int]:
    """Seconds and parts found by the command, from a cold start."""
    drop(folder / STORE_NAME)
    command = [sys.executable, "-m", "agent.cli.main", "trace", *arguments, "--state-dir", str(folder), "--json", "--limit", "0"]
    started = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    return seconds, len(json.loads(answer.stdout)) if answer.stdout else 0


def questions(parts: int) -> dict[str, list[tuple[list[str], int]]]:
    """Per scenario, what is asked and how many parts are to be found."""
    draw = random.Random(4)
    asked_for: dict[str, list[tuple[list[str], int]]] = {}
    for _ in range(REPEATS):
        station, index = draw.randrange(2), draw.randrange(BOX, parts // 2 - 2 * BOX)
        moment = START + timedelta(seconds=index)
        span = ["--from", moment.isoformat(), "--to", (moment + timedelta(seconds=299.95)).isoformat()]
        box = f"{STATIONS[station]}-{index // BOX:06d}"
        asked_for.setdefault("trace-serial", []).append(([serial(station, index)], 1))
        asked_for.setdefault("trace-box", []).append((["--box", box], BOX))
        asked_for.setdefault("trace-time", []).append(([*span, "--station", STATIONS[station], "--position", "nest-2"], 75))
        asked_for.setdefault("trace-begins", []).append(([f"24F{station}-{index // 10:08d}*"], 10))
        asked_for.setdefault("trace-unknown", []).append(([f"99X-{index}"], 0))
    return asked_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=30_000_000, help="parts in the store")
    parser.add_argument("--folder", type=Path, help="keep the store here and use it again")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        fill(folder, options.parts)
        print(f"filled in {time.perf_counter() - started:.0f} s")
        size = (folder / STORE_NAME).stat().st_size
        print(f"trace-bytes: {size / options.parts:.1f} a part, {size / 1e9:.2f} GB {beside(size / options.parts, TRACE_BYTES)}")
        result: dict[str, object] = {"parts": options.parts, "bytes_per_part": size / options.parts, "store_bytes": size}
        drop(folder / STORE_NAME)
        print(f"in the page cache after dropping: {cached_share(folder / STORE_NAME):.1%}")
        for name, each in questions(options.parts).items():
            seconds = []
            for arguments, expected in each:
                took, found = asked(folder, *arguments)
                if abs(found - expected) > 1:
                    raise SystemExit(f"{name} {' '.join(arguments)} found {found} parts, expected {expected}")
                seconds.append(took)
            median, slowest = statistics.median(seconds), max(seconds)
            print(f"{name}: {median:.2f} s, slowest {slowest:.2f} s of {REPEATS} {beside(slowest, TRACE_S)}")
            result[name] = {"median_s": median, "slowest_s": slowest}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
