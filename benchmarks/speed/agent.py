"""The agent as a whole: replay rate, start-up, resident memory, bytes written per part.

    python -m benchmarks.speed.agent [--parts 4000]

Scenario ids: replay-records (inspections with measured frames through tap, fold and store), start-ready (process start to READY on
the notify socket), pss-agent and pss-child (after frames of 2448×2048 grey), bytes-per-part (what the live agent gave to the
kernel to write, /proc/PID/io, and the store's size on disk). Simulated values; no kit needed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
CONFIG = """
[agent]
state_dir = "{folder}/state"
[metrics]
enabled = false
[[stations]]
id = "ST4"
owner = "owner"
deputy = "deputy"
decision = "which parts ship"
consequence = "field failure"
tier = 3
threshold = 0.5
[stations.baseline]
parts = 1000
[[taps]]
type = "jsonl"
name = "file"
paths = ["{folder}/live.jsonl"]
frames_dir = "{folder}"
trusted = {trusted}
poll_s = 0.05
"""
AGENT = [sys.executable, "-m", "agent.cli.main"]


def inspections(parts: int, *, image: str = "", frames: bool = True) -> list[bytes]:
    """Records in control, as bytes of one line each."""
    rng = np.random.default_rng(5)
    lines = []
    for k in range(parts):
        noise = rng.standard_normal(len(IMAGE_CHANNELS))
        values = [
            float(np.exp(1 + 0.1 * v) if s.transform == "log" else 1 / (1 + np.exp(3 - 0.5 * v)) if s.transform == "logit" else v)
            for s, v in zip(IMAGE_CHANNELS, noise, strict=True)
        ]
        body: dict[str, object] = {
            "part_id": f"P{k:06d}",
            "station": "ST4",
            "captured_at": (START + timedelta(seconds=k)).isoformat(),
            "verdict": "ok",
            "p_defect": float(1 / (1 + np.exp(3 - rng.standard_normal()))),
            "recipe": "A",
            "context": {"lot": f"L{k // 200}"},
        }
        if image:
            body["image"] = image
        elif frames:
            body["frame"] = {"values": values, "table": TABLE_VERSION}
        lines.append(json.dumps(body).encode() + b"\n")
    return lines


def pss_mb(pid: int) -> float:
    """Proportional set size of one process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1024


def child_of(pid: int) -> int | None:
    """The frame child."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            return int(child)
    return None


class Live:
    """An agent of its own in `folder`, followed until it is stopped."""

    def __init__(self, folder: Path, *, trusted: bool) -> None:
        self.folder = folder
        config = folder / "live.toml"
        config.write_text(CONFIG.format(folder=folder, trusted=str(trusted).lower()))
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(folder / "notify"))
        self.notify.settimeout(30)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [*AGENT, "run", "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stderr=subprocess.DEVNULL,
        )
        while b"READY=1" not in self.notify.recv(4096):
            pass
        self.ready_s = time.perf_counter() - started

    def parts(self) -> int:
        """Parts the agent has judged."""
        answer = subprocess.run(
            [*AGENT, "status", "--json", "--config", str(self.folder / "live.toml")], capture_output=True, check=True
        )
        return int(json.loads(answer.stdout)["stations"][0]["parts"])

    def until(self, parts: int) -> None:
        """Wait for them."""
        deadline = time.monotonic() + 120
        while self.parts() < parts:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {self.parts()} of {parts} parts were judged within 120 s")
            time.sleep(0.2)

    def written(self) -> int:
        """Bytes given to storage so far."""
        return int(
            next(x for x in Path(f"/proc/{self.process.pid}/io").read_text().splitlines() if x.startswith("write_bytes")).split()[1]
        )

    def end(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def replay_rate(parts: int) -> float:
    """Records a second through the command line's replay, process start included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records.jsonl").write_bytes(b"".join(inspections(parts)))
        (folder / "live.toml").write_text(CONFIG.format(folder=folder, trusted="true"))
        command = [*AGENT, "replay", "--config", str(folder / "live.toml"), "--trusted", str(folder / "records.jsonl")]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return parts / (time.perf_counter() - started)


def disk(parts: int) -> tuple[float, float, float]:
    """(seconds to READY, bytes written per part at ten parts a second, store bytes per part)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        (folder / "live.jsonl").touch()
        live = Live(folder, trusted=True)
        lines = inspections(parts)
        with (folder / "live.jsonl").open("ab") as file:
            for first in range(0, parts, 10):
                file.writelines(lines[first : first + 10])
                file.flush()
                time.sleep(1.0)
        live.until(parts)
        written = live.written()
        live.end()
        size = (folder / "state" / "linewarden.db").stat().st_size
        return live.ready_s, written / parts, size / parts


def memory(frames: int = 40) -> tuple[float, float]:
    """PSS of agent and child, megabytes, after 5-megapixel grey frames."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (2048, 2448), dtype=np.uint8), (9, 9), 3)
        cv2.imwrite(str(folder / "frame.jpg"), image)
        (folder / "live.jsonl").write_bytes(b"".join(inspections(frames, image="frame.jpg")))
        live = Live(folder, trusted=False)
        live.until(frames)
        child = child_of(live.process.pid)
        result = pss_mb(live.process.pid), 0.0 if child is None else pss_mb(child)
        live.end()
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=10_000, help="parts replayed")
    parser.add_argument("--live-parts", type=int, default=300, help="parts of the disk figure, ten a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    agent, child = memory()
    ready_s, written, size = disk(options.live_parts)
    result = {
        "replay_records_per_s": replay_rate(options.parts),
        "start_ready_s": ready_s,
        "pss_agent_mb": agent,
        "pss_child_mb": child,
        "bytes_written_per_part": written,
        "store_bytes_per_part": size,
    }
    print(f"replay-records: {result['replay_records_per_s']:.0f} records/s, {options.parts} parts with frames")
    print(f"start-ready: {ready_s:.2f} s")
    print(f"pss-agent: {agent:.0f} MB, pss-child: {child:.0f} MB after 5-megapixel grey frames, together {agent + child:.0f} MB")
    print(f"bytes-per-part: {written:.0f} written at 10 parts/s, {size:.0f} in the store after {options.live_parts} parts")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
