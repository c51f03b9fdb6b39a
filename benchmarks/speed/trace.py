"""`linewarden trace` in a store of 30 million parts: seconds from a cold start, and what the trace index costs a part.

    python -m benchmarks.speed.trace [--parts 30000000] [--folder DIR] [--json OUT]

Scenario ids: trace-serial, trace-box, trace-time, trace-begins (serials that begin so), trace-unknown: the command as a user runs
it, in a fresh process, the store's pages dropped from the cache before (fadvise, checked by fincore), no agent; median
and slowest of 5, at places drawn from the whole store. trace-bytes: the store's size per part, all tables, with 2 % of the parts
audited. Two stations, serials of 16 characters, boxes of 500, lots of 2,000. The rows are written in part order by
the writer's statement; the file is kept in --folder, and filled on when it has fewer parts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
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
from agent.store.claim import to_code
from agent.store.times import to_micros
from agent.store.trace import BLOCK_PARTS, index_of, key_of
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


def rows(store: SqliteStore, first: int, last: int) -> Iterator[tuple[object, ...]]:
    """Rows of the table of parts, two stations side by side, a part a second each; what parts share is written on the way."""
    claims = [to_code(1 / (1 + math.exp(3 - 2 * random.Random(k).gauss(0, 1)))) for k in range(997)]
    numbers = [store._tx.name(name) for name in STATIONS]  # noqa: SLF001
    makes: dict[tuple[int, ...], int] = {}
    boxes: dict[tuple[int, int], int] = {}
    start = to_micros(START)
    for number in range(first, last):
        station, index = number % 2, number // 2 + 1
        make, box = (station, index // LOT, index // 20_000 % 5, index % 4), (station, index // BOX)
        if make not in makes or box not in boxes:
            row = PartRow(
                station=STATIONS[station],
                index=index,
                part_id="",
                captured_at=START,
                verdict="ok",
                recipe=f"R{make[2]}",
                box=f"{STATIONS[station]}-{box[1]:06d}",
                position=f"nest-{make[3]}",
                lot=f"L{make[1]:06d}",
                model="detect 3.1 9b74c9897bac",
            )
            makes[make] = store._trace._make(numbers[station], row)  # noqa: SLF001
            boxes[box] = store._trace._box(numbers[station], row.box, index)  # noqa: SLF001
            store._tx.write("UPDATE boxes SET last = ? WHERE id = ?", ((box[1] + 1) * BOX - 1, boxes[box]))  # noqa: SLF001
        at = start + 1_000_000 * index + number * 7 % 900 * 1000
        if index % BLOCK_PARTS == 0:
            span = (at - 1_000_000, at + (BLOCK_PARTS + 1) * 1_000_000)
            store._trace._write_block(numbers[station], index // BLOCK_PARTS, *span)  # noqa: SLF001
        yield (
            key_of(numbers[station], index),
            serial(station, index),
            at,
            int(index % 200 == 0),
            makes[make],
            claims[index % 997],
            boxes[box],
        )


def fill(folder: Path, parts: int) -> None:
    """A store of so many parts in the folder; one that has some is filled on."""
    store = SqliteStore(folder / STORE_NAME, keep_days=400, max_mb=6 * 1024)
    store._tx.connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  (to fill it sooner; nothing else changes)
    store._tx.connection.execute("PRAGMA cache_size = -200000")  # noqa: SLF001
    newest = store._tx.one("SELECT max(key) FROM parts")  # noqa: SLF001
    done = 0 if newest is None or newest[0] is None else 2 * index_of(newest[0])
    for first in range(done, parts, COMMIT):
        store._tx.begin()  # noqa: SLF001
        chunk = rows(store, first, min(parts, first + COMMIT))
        store._tx.connection.executemany("INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?,?)", chunk)  # noqa: SLF001
        for number in range(first, min(parts, first + COMMIT), AUDITED):
            station, index = number % 2, number // 2 + 1
            at = START + timedelta(seconds=index)
            store.record_outcome(Outcome(serial(station, index), defective=False, observed_at=at, station=STATIONS[station]))
        store.commit(START)
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
