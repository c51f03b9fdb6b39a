"""The same records replayed, and live over a real mosquitto or through linetap and the socket tap: are the alarms identical?

    python -m benchmarks.kit.live overexpose --share 0.05 --parts 5000 --road socket

Frames of the shipped log are written as files that the records name, so that both roads decode and measure them in
the agent's own child; parts drawn beyond it carry no frame. Compared: alarm_id, occurrence_id, transition, part_id, evidence with
its onset. Exit 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.client.linetap import LineTap
from agent.documents import AlarmDoc
from agent.records import Gap, Tick
from agent.store.reader import Reader
from benchmarks.kit.extend import baseline, extended, records
from benchmarks.kit.source import FULL_STRENGTH, Kit, find
from tests.brokers import Broker, until

CONFIG = """
[agent]
state_dir = "{state}"
[metrics]
enabled = false
[[stations]]
id = "EL-01"
owner = "owner"
deputy = "deputy"
decision = "which cells ship"
consequence = "power lost in the field"
tier = 2
parts_per_month = 864000
[stations.outcomes]
mode = "sample"
delay_s = 28800
audits_per_month = {audits}
"""
ROADS = {
    "mqtt": """
[[taps]]
type = "mqtt"
name = "line"
port = {port}
prefix = "plant"
frames_dir = "{frames}"
""",
    "socket": """
[[taps]]
type = "socket"
name = "line"
path = "{socket}"
records_per_s = 100000.0
frames_dir = "{frames}"
""",
}
Fact = tuple[str, str, str, str, Any]


def facts(documents: list[AlarmDoc]) -> list[Fact]:
    """What must be equal."""
    return [(d.alarm_id, d.occurrence_id, d.transition, d.part_id, msgspec.to_builtins(d.evidence)) for d in documents]


def write_frames(
    kit: Kit, name: str, folder: Path, rows: list[dict[str, Any]], image_of: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The records, each inspection naming a file in `folder` that holds the exact pixels its model saw."""
    spec = kit.specs[name]
    for row in rows:
        if row["type"] == "inspection":
            image = image_of.get(row["part_id"])
            bare = {key: value for key, value in row.items() if key != "frame"}
            if image is None:
                yield bare
                continue
            index = int(row["part_id"][-6:])
            touched = name != "incontrol" and kit.degrade.params(spec, index) is not None
            settled = touched and index - spec["onset_index"] >= spec["ramp_parts"] and spec["kind"] != "fade"
            tag = "clean" if not touched else "full" if settled else str(index)
            file = folder / f"{name}-{tag}-{Path(image).stem}.png" if touched else folder / Path(image).name
            if not file.exists():
                if touched:
                    at = FULL_STRENGTH if settled else index
                    cv2.imwrite(str(file), kit.degrade.frame(str(kit.root), spec, at, image))
                else:
                    shutil.copy(kit.root / image, file)
            yield {**bare, "image": file.name}
        else:
            yield row


def images(kit: Kit, name: str) -> dict[str, str]:
    """Kit image of every part of a shipped log."""
    log = kit.log(name)
    return dict(zip(log.part_ids, log.images, strict=True))


def publish(port: int, lines: list[tuple[str, bytes]]) -> float:
    """All records at once, QoS 1; seconds it took the broker to take them."""
    client = Client(CallbackAPIVersion.VERSION2, "line", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(100)
    client.connect("127.0.0.1", port)
    client.loop_start()
    started = time.monotonic()
    sent = [client.publish(f"plant/linewarden/v1/in/{kind}", raw, qos=1) for kind, raw in lines]
    for one in sent:
        one.wait_for_publish(120)
    client.disconnect()
    client.loop_stop()
    return time.monotonic() - started


def hand_over(address: Path, rows: list[dict[str, Any]]) -> float:
    """All records through linetap, no faster than it takes them; seconds until all are acknowledged."""
    started = time.monotonic()
    tap = LineTap(str(address))
    for row in rows:
        while tap.stats()["waiting"] > 900:
            time.sleep(0.002)
        tap.send(row)
    until(lambda: tap.stats()["acknowledged"] == len(rows), 600, "every record is acknowledged")
    assert tap.close(), tap.stats()
    assert not tap.stats()["dropped"]
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kit.live", description=__doc__.split("\n")[0])
    parser.add_argument("drift", nargs="?", default="overexpose")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--parts", type=int, default=30_000)
    parser.add_argument("--road", choices=sorted(ROADS), default="mqtt")
    options = parser.parse_args()
    kit = find()
    with tempfile.TemporaryDirectory(prefix="linewarden-live-") as name:
        folder = Path(name)
        frames = folder / "frames"
        frames.mkdir()
        rows = []
        for drift, parts, share in (
            ("incontrol", baseline(kit), 1.0),
            (options.drift, extended(kit, options.drift, 0, options.parts), options.share),
        ):
            rows += write_frames(kit, drift, frames, list(records(parts, share, 0)), images(kit, drift))
        file = folder / "records.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        state, config, broker = folder / "state", folder / "live.toml", Broker(folder)
        given = {"port": broker.port, "socket": folder / "line.sock", "frames": frames}
        config.write_text(CONFIG.format(state=state, audits=864_000 * 0.6 * options.share) + ROADS[options.road].format_map(given))
        replayed = replay(config, file, frames)
        if options.road == "socket":
            live = run_live(config, state, rows, lambda: hand_over(folder / "line.sock", rows))
        else:
            broker.start()
            lines = [(row["type"], json.dumps(row).encode()) for row in rows]
            try:
                live = run_live(config, state, rows, lambda: publish(broker.port, lines))
            finally:
                broker.stop()
    print(f"replayed {len(replayed)} alarm events, live {len(live)}")
    for fact in replayed:
        print("  ", fact[0], fact[2], fact[3], "evidence", f"{fact[4]['value']:.6g}", "onset", fact[4]["onset"]["part_id"])
    if replayed != live:
        print("DIFFERENT: live gave", *live, sep="\n   ")
        sys.exit(1)
    print("identical: alarm_id, occurrence_id, transition, part_id, onset, evidence")


def replay(config: Path, file: Path, frames: Path) -> list[Fact]:
    out = file.with_suffix(".out")
    started = time.monotonic()
    command = [sys.executable, "-m", "agent.cli.main", "replay", "--config", str(config), str(file)]
    subprocess.run([*command, "--frames", str(frames), "--out", str(out)], check=True)
    print(f"replay took {time.monotonic() - started:.1f} s")
    return facts([msgspec.json.decode(line, type=AlarmDoc) for line in out.read_bytes().splitlines()])


def run_live(config: Path, state: Path, rows: list[dict[str, Any]], send: Callable[[], float]) -> list[Fact]:
    started = time.monotonic()
    agent = subprocess.Popen([sys.executable, "-m", "agent.cli.main", "run", "--config", str(config)])
    try:
        until((state / "control.sock").exists, 30, "the agent is up")
        time.sleep(1)  # its subscription reaches the broker
        print(f"sent in {send():.1f} s")
        with Reader(state / "linewarden.db") as reader:
            until(lambda: folded(reader) >= len(rows), 600, "every record is folded")
            print(f"live took {time.monotonic() - started:.1f} s for {len(rows)} records")
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(60)
    with Reader(state / "linewarden.db") as reader:
        return facts([document for _, document in reader.alarm_events()])


def folded(reader: Reader) -> int:
    """Records in the journal."""
    time.sleep(2.0)
    return sum(not isinstance(entry, Tick | Gap) for _, entry in reader.entries())


if __name__ == "__main__":
    main()
