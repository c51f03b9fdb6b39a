"""What linetap costs the vision program that calls it, with the agent alive, stopped (SIGSTOP) and absent.

    python -m benchmarks.speed.linetap [--calls 2000] [--json]

Scenario ids: call-py (a record of ten members), call-py-picture (with 60 kB of picture inside), call-cpp (the C++ example, where
there is a compiler): p50 and p99 of one call, 500 calls a second. loop-py: a loop of 100 parts/s that filters a 1-megapixel picture
and runs some Python for each; blocks with and without linetap (60 kB of picture inside each record) take turns. Its figure:
milliseconds of work a part, with over without, and what is lost, as medians over neighbouring blocks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.client import linetap
from agent.client.linetap import LineTap

CONFIG = """
[agent]
state_dir = "{folder}/state"
[metrics]
enabled = false
[[stations]]
id = "ST4"
[[taps]]
type = "socket"
name = "line"
path = "{folder}/l.sock"
records_per_s = 1000.0
mb_per_s = 100.0
"""
STATES = ("alive", "stopped", "absent")
PITCH_S = 0.002
PART_S = 0.01
BLOCK = 20
BLOCKS = 30
PICTURE = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()


@contextlib.contextmanager
def agent(folder: Path, state: str) -> Iterator[str]:
    """The address of an agent in this state."""
    address = str(folder / "l.sock")
    if state == "absent":
        yield address
        return
    config = folder / "line.toml"
    config.write_text(CONFIG.format(folder=folder))
    process = subprocess.Popen([sys.executable, "-m", "agent.cli.main", "run", "--config", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not Path(address).exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit("the agent did not come up")
            time.sleep(0.05)
        if state == "stopped":
            process.send_signal(signal.SIGSTOP)
        yield address
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def hand_over(tap: LineTap, k: int, image: bytes | None) -> None:
    tap.inspection(
        f"P{k:06d}",
        "ok",
        p_defect=0.02,
        image=image,
        recipe="A",
        sequence=k + 1,
        measurements={"gap_mm": 1.5, "width_mm": 20.1},
        context={"lot": "L1", "shift": "A"},
        latency_ms=7.5,
    )


def quantiles(micros: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(micros, [50, 99])
    return {"p50_us": float(p50), "p99_us": float(p99), "max_us": float(max(micros))}


def calls(address: str, count: int, image: bytes | None) -> dict[str, float]:
    tap = LineTap(address, station="ST4")
    hand_over(tap, 0, image)  # starts its thread
    time.sleep(0.3)
    micros = []
    for k in range(1, count + 1):
        time.sleep(PITCH_S)
        started = time.perf_counter()
        hand_over(tap, k, image)
        micros.append((time.perf_counter() - started) * 1e6)
    dropped = sum(tap.stats()["dropped"].values())
    tap.close(0.2)
    return {**quantiles(micros), "dropped": dropped}


def example(folder: Path) -> Path | None:
    """The C++ example compiled; None without a compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        return None
    source = Path(linetap.__file__).with_name("linetap.cpp")
    subprocess.run([compiler, "-std=c++17", "-O2", "-pthread", str(source), "-o", str(folder / "example")], check=True)
    return folder / "example"


def part(image: np.ndarray) -> float:
    """What a vision program does for one part: a filter that lets other threads run, and Python that does not."""
    blurred = cv2.GaussianBlur(image, (9, 9), 2)
    total = 0
    for k in range(10_000):
        total += k & 7
    return float(blurred[0, 0]) + total


def block(image: np.ndarray, tap: LineTap | None) -> list[float]:
    """Milliseconds of work for each part of one block at 100 parts/s."""
    spent = []
    due = time.perf_counter()
    for k in range(BLOCK):
        due += PART_S
        time.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        part(image)
        if tap is not None:
            hand_over(tap, k, PICTURE)
        spent.append((time.perf_counter() - started) * 1e3)
    return spent


def loop(address: str) -> dict[str, float]:
    cv2.setNumThreads(1)
    image = np.random.default_rng(2).integers(0, 256, (1000, 1000), dtype=np.uint8)
    bare, tapped = [], []
    with LineTap(address, station="ST4") as tap:
        for _ in range(BLOCKS + 1):  # the first of each is to warm up
            bare.append(block(image, None))
            tapped.append(block(image, tap))
        tap.close(0.0)
    pairs = np.array([[np.median(ms) for ms in blocks[1:]] for blocks in (bare, tapped)])
    ratio = float(np.median(pairs[1] / pairs[0]))
    lost_us = float(np.median(pairs[1] - pairs[0])) * 1e3
    p99 = [float(np.percentile(blocks[1:], 99)) for blocks in (bare, tapped)]
    return {
        "bare_ms": float(np.median(pairs[0])),
        "tapped_ms": float(np.median(pairs[1])),
        "ratio": ratio,
        "lost_us": lost_us,
        "lost_share": lost_us / (PART_S * 1e6),
        "bare_p99_ms": p99[0],
        "tapped_p99_ms": p99[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.linetap", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for state in STATES:
        with tempfile.TemporaryDirectory(prefix="linewarden-linetap-") as name:
            folder = Path(name)
            program = example(folder)
            with agent(folder, state) as address:
                rows.append({"id": "call-py", "agent": state, **calls(address, options.calls, None)})
                rows.append({"id": "call-py-picture", "agent": state, **calls(address, options.calls, PICTURE)})
                if program is not None:
                    command = [program, address, "ST4", str(options.calls), str(PITCH_S * 1e3)]
                    done = subprocess.run(command, check=True, capture_output=True)
                    rows.append({"id": "call-cpp", "agent": state, **json.loads(done.stdout)})
                rows.append({"id": "loop-py", "agent": state, **loop(address)})
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'scenario':16} {'agent':8} {'p50 µs':>8} {'p99 µs':>8} {'max µs':>9}")
    for row in rows:
        if row["id"] != "loop-py":
            print(f"{row['id']:16} {row['agent']:8} {row['p50_us']:8.1f} {row['p99_us']:8.1f} {row['max_us']:9.1f}")
    for row in rows:
        if row["id"] == "loop-py":
            print(
                f"loop-py, agent {row['agent']}: {row['tapped_ms']:.3f} ms a part with linetap, {row['bare_ms']:.3f} without: "
                f"{row['ratio']:.3f} ×, {row['lost_us']:.0f} µs or {row['lost_share']:.2%} of the 10 ms; "
                f"p99 {row['tapped_p99_ms']:.2f} against {row['bare_p99_ms']:.2f} ms"
            )


if __name__ == "__main__":
    main()
