"""Importing a plant's outcome file into a running agent: rows per second, memory of both, and that a second import changes nothing.

    python -m benchmarks.speed.outcomes [--outcomes 100000] [--json OUT]

Scenario ids: outcome-import (a semicolon CSV in cp1252 with German headers, day and time in two columns, one row in a thousand
unreadable; parts of the first 20,000 are known to the agent), outcome-import-again (the same file once more). Seconds are of this
machine; processor seconds of the agent and the command are printed beside them, and the peak resident memory of both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
PROGRAM = [sys.executable, "-m", "agent.cli.main"]
PARTS = 20_000
BROKEN_EVERY = 1_000
CONFIG = """
[agent]
state_dir = "{folder}/state"
[metrics]
enabled = false
[[stations]]
id = "ST4"
[stations.outcomes]
mode = "sample"
[[taps]]
type = "jsonl"
name = "parts"
paths = ["{folder}/parts.jsonl"]
"""


def write_parts(path: Path, count: int) -> None:
    with path.open("w") as file:
        for k in range(count):
            at = (START + timedelta(seconds=k)).isoformat()
            file.write(f'{{"part_id":"P{k:07}","station":"ST4","captured_at":"{at}","verdict":"ok","p_defect":0.01}}\n')


def write_outcomes(path: Path, count: int) -> int:
    """How many rows cannot be read."""
    broken = 0
    with path.open("w", encoding="cp1252", newline="") as file:
        file.write("Seriennr;Prüfergebnis;Datum;Uhrzeit\r\n")
        for k in range(count):
            at = START + timedelta(hours=1, seconds=k)
            word = "n.i.O." if k % 500 == 0 else "i.O."
            if k % BROKEN_EVERY == 7:
                word, broken = "vielleicht", broken + 1
            file.write(f"P{k:07};{word};{at:%d.%m.%Y};{at:%H:%M:%S}\r\n")
    return broken


def wait_for(path: Path, agent: subprocess.Popen[bytes]) -> None:
    while agent.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(os.fspath(path)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the agent did not come up")


def status(config: Path) -> dict[str, object]:
    shown = subprocess.run([*PROGRAM, "status", "--json", "--config", config], capture_output=True, check=True)
    station: dict[str, object] = json.loads(shown.stdout)["stations"][0]
    return station


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def run_import(config: Path, file: Path, agent: int) -> dict[str, float]:
    before, cpu_before = time.monotonic(), cpu_s(agent)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [*PROGRAM, "outcome", "import", file, "--station", "ST4", "--config", config, "--json"], stdout=subprocess.PIPE, check=False
    )
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    body = json.loads(done.stdout)
    return {
        "exit": done.returncode,
        "seconds": time.monotonic() - before,
        "cpu_agent_s": cpu_s(agent) - cpu_before,
        "cpu_command_s": usage.ru_utime - children,
        "peak_command_mb": usage.ru_maxrss / 1024,
        "peak_agent_mb": peak_mb(agent),
        "accepted": body["accepted"],
        "known": body["known"],
        "refused": body["refused_lines"],
    }


def measure(count: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, file = folder / "line.toml", folder / "outcomes.csv"
        config.write_text(CONFIG.format(folder=folder))
        write_parts(folder / "parts.jsonl", PARTS)
        broken = write_outcomes(file, count)
        agent = subprocess.Popen([*PROGRAM, "run", "--config", config], stderr=subprocess.DEVNULL)
        try:
            wait_for(folder / "state" / "control.sock", agent)
            while status(config)["parts"] != PARTS:
                time.sleep(0.5)
            first = run_import(config, file, agent.pid)
            after_first = status(config)
            second = run_import(config, file, agent.pid)
            after_second = status(config)
            store_mb = sum(f.stat().st_size for f in (folder / "state").iterdir() if f.is_file()) / 1e6
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(60)
    assert (first["accepted"], first["refused"]) == (count - broken, broken), first
    assert (second["accepted"], second["known"]) == (0, count - broken), second
    assert after_first["outcomes"] == after_second["outcomes"] == count - broken
    assert after_first["counters"] == after_second["counters"], "the second import changed a counter"
    return {"outcomes": count, "outcome-import": first, "outcome-import-again": second, "store_mb": store_mb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outcomes", type=int, default=100_000, help="rows of the file")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    figures = measure(chosen.outcomes)
    for scenario in ("outcome-import", "outcome-import-again"):
        row = figures[scenario]
        assert isinstance(row, dict)
        print(
            f"{scenario:22} {chosen.outcomes:,} rows: {row['seconds']:.0f} s (processor: agent {row['cpu_agent_s']:.0f} s, command "
            f"{row['cpu_command_s']:.0f} s), {row['accepted']:,} imported, {row['known']:,} known, {row['refused']:,} refused; "
            f"peak memory: command {row['peak_command_mb']:.0f} MB, agent {row['peak_agent_mb']:.0f} MB"
        )
    print(f"store {figures['store_mb']:.0f} MB; the second import changed no counter and no sum")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
