"""The agent as a whole: replay rate, start-up, resident memory, share of a core, bytes written per part.

    python -m benchmarks.speed.agent [--parts 10000] [--json OUT]

Scenario ids: replay-records (inspections with measured frames through tap, fold and store), start-ready (process start to READY on
the notify socket, median of 7), pss-grey and pss-colour (agent and child after frames of 2448×2048), pss-alone (the agent where
records name no frame), cpu-share (agent and child, of one core, 10 parts/s and a 2448×2048 grey JPEG a second), bytes-per-part
(what the live agent gave to the kernel to write, /proc/PID/io, and the store's size on disk). Simulated values; no kit needed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from benchmarks.speed.targets import CPU_SHARE, PSS_ALONE_MB, PSS_WITH_FRAMES_MB, READY_S, beside
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION, ChannelSpec

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
CONFIG = """
[agent]
state_dir = "{folder}/state"
[metrics]
port = 0
[[stations]]
id = "ST4"
owner = "owner"
deputy = "deputy"
decision = "which parts ship"
consequence = "field failure"
tier = 3
threshold = 0.5
[stations.baseline]
parts = {learned}
min_stream_parts = {learned}
[[taps]]
type = "jsonl"
name = "file"
paths = ["{folder}/live.jsonl"]
frames_dir = "{folder}"
trusted = {trusted}
"""
AGENT = [sys.executable, "-m", "agent.cli.main"]
STARTS = 7
SETTLED_S = 5  # of the share of a core: the child has started, the files are open
PARTS_PER_S = 10
LEARNED = 1000
PICTURES = 8
LEARNED_FROM_PICTURES = 200  # the least a baseline takes


def value(spec: ChannelSpec, noise: float) -> float | None:
    """A plausible value of an image channel of a lit, grey picture."""
    if spec.name in ("red_green", "blue_green"):
        return None
    if spec.transform == "log":
        return float(np.exp((4.5 if spec.name == "luminance" else 1.0) + 0.1 * noise))
    return float(1 / (1 + np.exp(3 + 0.5 * noise))) if spec.transform == "logit" else 0.05 * noise


def inspections(
    parts: int, *, image: str = "", image_every: int = 1, frames: bool = True, station: str = "ST4", seed: int = 5
) -> list[bytes]:
    """Records in control, as bytes of one line each; every `image_every`th names the image, or each carries a measured frame."""
    rng = np.random.default_rng(seed)
    lines = []
    for k in range(parts):
        values = [value(spec, noise) for spec, noise in zip(IMAGE_CHANNELS, rng.standard_normal(len(IMAGE_CHANNELS)), strict=True)]
        body: dict[str, object] = {
            "part_id": f"P{k:06d}",
            "station": station,
            "captured_at": (START + timedelta(seconds=k)).isoformat(),
            "verdict": "ok",
            "p_defect": float(1 / (1 + np.exp(3 - rng.standard_normal()))),
            "recipe": "A",
            "context": {"lot": f"L{k // 200}"},
        }
        if image:
            body |= {"image": image.format(k % PICTURES)} if k % image_every == 0 else {}
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

    def __init__(self, folder: Path, *, trusted: bool, learned: int = LEARNED) -> None:
        self.folder = folder
        config = folder / "live.toml"
        config.write_text(CONFIG.format(folder=folder, trusted=str(trusted).lower(), learned=learned))
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

    def pids(self) -> list[int]:
        """The agent, and its frame child where there is one."""
        child = child_of(self.process.pid)
        return [self.process.pid] if child is None else [self.process.pid, child]

    def cpu_s(self) -> list[float]:
        """Processor seconds of each of them, user and system."""
        ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in self.pids()]
        return [(int(user) + int(system)) / os.sysconf("SC_CLK_TCK") for user, system in ticks]

    def end(self) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def replay_rate(parts: int) -> float:
    """Records a second through the command line's replay, process start included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records.jsonl").write_bytes(b"".join(inspections(parts)))
        (folder / "live.toml").write_text(CONFIG.format(folder=folder, trusted="true", learned=LEARNED))
        command = [*AGENT, "replay", "--config", str(folder / "live.toml"), "--trusted", str(folder / "records.jsonl")]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return parts / (time.perf_counter() - started)


def starts() -> float:
    """Seconds to READY, the median."""
    seconds = []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "live.jsonl").touch()
            live = Live(Path(name), trusted=True)
            seconds.append(live.ready_s)
            live.end()
    return statistics.median(seconds)


def feed(folder: Path, lines: list[bytes]) -> None:
    """Append them, ten a second."""
    due = time.monotonic()
    with (folder / "live.jsonl").open("ab", buffering=0) as file:
        for line in lines:
            file.write(line)
            due += 1 / PARTS_PER_S
            time.sleep(max(0.0, due - time.monotonic()))


def disk(parts: int) -> tuple[float, float]:
    """(bytes written per part at ten parts a second, store bytes per part)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        (folder / "live.jsonl").touch()
        live = Live(folder, trusted=True)
        feed(folder, inspections(parts))
        live.until(parts)
        written = live.written()
        live.end()
        return written / parts, (folder / "state" / "linewarden.db").stat().st_size / parts


def pictures(folder: Path, *, colour: bool) -> str:
    """5-megapixel JPEGs in the folder; their name, to be numbered."""
    for k in range(PICTURES):
        image = cv2.GaussianBlur(np.random.default_rng(k).integers(0, 256, (2048, 2448), dtype=np.uint8), (9, 9), 3)
        cv2.imwrite(str(folder / f"frame{k}.jpg"), cv2.merge([image, image[::-1], image[:, ::-1]]) if colour else image)
    return "frame{}.jpg"


def memory(parts: int, *, colour: bool | None = None) -> list[float]:
    """PSS of the agent, and of the child where there is one, megabytes, behind the fit of a baseline. colour None: no frames."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = "" if colour is None else pictures(folder, colour=colour)
        (folder / "live.jsonl").write_bytes(b"".join(inspections(parts, image=image, frames=False)))
        live = Live(folder, trusted=False, learned=LEARNED if colour is None else LEARNED_FROM_PICTURES)
        live.until(parts)
        result = [pss_mb(pid) for pid in live.pids()]
        live.end()
        return result


def cpu_share(lasting_s: int) -> list[float]:
    """Share of one core that agent and child take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "live.jsonl").touch()
        image = pictures(folder, colour=False)
        live = Live(folder, trusted=False)
        lines = inspections((SETTLED_S + lasting_s) * PARTS_PER_S, image=image, image_every=PARTS_PER_S)
        feed(folder, lines[: SETTLED_S * PARTS_PER_S])
        before, started = live.cpu_s(), time.monotonic()
        feed(folder, lines[SETTLED_S * PARTS_PER_S :])
        after, lasted_s = live.cpu_s(), time.monotonic() - started
        live.end()
        return [(then - first) / lasted_s for first, then in zip(before, after, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=10_000, help="parts replayed")
    parser.add_argument("--live-parts", type=int, default=300, help="parts of the disk figure, ten a second")
    parser.add_argument("--cpu-s", type=int, default=60, help="seconds of the share of a core")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ready_s = starts()
    print(f"start-ready: {ready_s:.2f} s, median of {STARTS} {beside(ready_s, READY_S)}")
    result: dict[str, object] = {"start_ready_s": ready_s}
    for name in ("grey", "colour"):
        agent, child = memory(LEARNED_FROM_PICTURES + 50, colour=name == "colour")
        together = agent + child
        print(
            f"pss-{name}: agent {agent:.0f} MB, child {child:.0f} MB, together {together:.0f} MB after 5-megapixel {name} frames"
            f" {beside(together, PSS_WITH_FRAMES_MB)}"
        )
        result[f"pss_{name}_mb"] = {"agent": agent, "child": child, "together": together}
    (alone,) = memory(2 * LEARNED)
    print(f"pss-alone: {alone:.0f} MB without frames, {2 * LEARNED} parts {beside(alone, PSS_ALONE_MB)}")
    agent, child = cpu_share(options.cpu_s)
    print(
        f"cpu-share: {agent + child:.2%} of one core (agent {agent:.2%}, child {child:.2%}) at {PARTS_PER_S} parts/s with a"
        f" 5-megapixel frame a second {beside(100 * (agent + child), 100 * CPU_SHARE)}"
    )
    written, size = disk(options.live_parts)
    print(
        f"bytes-per-part: {written:.0f} written at {PARTS_PER_S} parts/s, {size:.0f} in the store after {options.live_parts} parts"
    )
    rate = replay_rate(options.parts)
    print(f"replay-records: {rate:.0f} records/s, {options.parts} parts with frames")
    result |= {"pss_alone_mb": alone, "cpu_share": {"agent": agent, "child": child, "together": agent + child}}
    result |= {"bytes_written_per_part": written, "store_bytes_per_part": size, "replay_records_per_s": rate}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
