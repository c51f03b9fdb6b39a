"""The whole agent behind its socket tap, and vision programs that use linetap: the same alarms, nothing starved, nobody blocked."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.cli import main as command_line
from agent.client.linetap import LineTap
from agent.documents import AlarmDoc
from agent.records import Gap, Tick
from agent.store.reader import Reader
from tests.app.test_broker_outage import LEARNED, lines
from tests.brokers import until
from tests.cli.test_commands import REGISTER, Agent

STATION = (
    '[[stations]]\nid = "{}"\n' + REGISTER + "threshold = 0.5\nparts_per_month = 10_000\n"
    '[stations.outcomes]\nmode = "none"\n' + f"[stations.baseline]\nparts = {LEARNED}\nsteadiness = 'assumed'\n"
)


def configured(folder: Path, **options: object) -> Path:
    file = folder / "line.toml"
    body = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    file.write_text(
        f'[agent]\nstate_dir = "{folder / "state"}"\ncommit_interval_s = 0.1\n[metrics]\nenabled = false\n'
        + STATION.format("ST4")
        + STATION.format("ST5")
        + f'[[taps]]\ntype = "socket"\nname = "line"\npath = "{folder / "l.sock"}"\n{body}'
    )
    return file


def facts(documents: Any) -> list[Any]:
    return [(d.alarm_id, d.occurrence_id, d.transition, d.part_id, msgspec.to_builtins(d.evidence)) for d in documents]


def live_facts(folder: Path) -> list[Any]:
    with Reader(folder / "state/linewarden.db") as reader:
        return facts(document for _, document in reader.alarm_events())


def journalled(folder: Path) -> int:
    with Reader(folder / "state/linewarden.db") as reader:
        return sum(not isinstance(entry, Tick | Gap) for _, entry in reader.entries())


def counters(folder: Path) -> dict[tuple[str, str], int]:
    with Reader(folder / "state/linewarden.db") as reader:
        return reader.counters()


def paced(tap: LineTap, records: list[dict[str, Any]]) -> None:
    for record in records:
        while tap.stats()["waiting"] > 800:
            time.sleep(0.005)
        assert tap.send(record)


@pytest.fixture
def start():
    """Starts an agent; none is left behind."""
    started: list[Agent] = []

    def begin(config: Path) -> Agent:
        started.append(Agent(config))
        return started[-1]

    yield begin
    for agent in started:
        if agent.process.poll() is None:
            agent.stop(signal.SIGKILL)


@pytest.fixture
def recorded(tmp_path):
    """Records with a shift in the scores, and the alarms their replay raises."""
    text = [*lines(0, LEARNED + 100, 0.0), *lines(LEARNED + 100, 400, 1.5)]
    (tmp_path / "parts.jsonl").write_text("".join(text))
    config = configured(tmp_path, records_per_s=20_000)
    out = tmp_path / "replayed"
    assert command_line.run(["replay", "--config", str(config), str(tmp_path / "parts.jsonl"), "--out", str(out)]) == 0
    alarms = facts(msgspec.json.decode(line, type=AlarmDoc) for line in out.read_bytes().splitlines())
    assert alarms
    return config, [{"type": "inspection", **json.loads(line)} for line in text], alarms


def test_the_alarms_are_those_of_a_replay_of_the_same_records(tmp_path, start, recorded):
    config, records, replayed = recorded
    agent = start(config)
    with LineTap(str(tmp_path / "l.sock"), station="ST4") as tap:
        paced(tap, records)
        until(lambda: tap.stats()["acknowledged"] == len(records), 30, "all committed")
    assert agent.stop() == 0
    assert live_facts(tmp_path) == replayed


def test_the_alarms_are_the_same_when_the_agent_is_killed_in_between_and_comes_back(tmp_path, start, recorded):
    config, records, replayed = recorded
    tap = LineTap(str(tmp_path / "l.sock"), station="ST4")
    for part in range(3):  # absent at first, killed twice
        for record in records[part * 450 : (part + 1) * 450]:
            assert tap.send(record)
        agent = start(config)
        least = part * 450 + 100
        until(lambda least=least: tap.stats()["acknowledged"] > least, 30, "some are committed")
        if part < 2:
            agent.stop(signal.SIGKILL)
    until(lambda: tap.stats()["acknowledged"] >= len(records), 30, "all committed")
    assert tap.stats()["dropped"] == {}
    assert tap.stats()["connections"] >= 3
    tap.close()
    assert agent.stop() == 0
    assert live_facts(tmp_path) == replayed
    assert journalled(tmp_path) == len(records)


def test_a_stopped_agent_blocks_no_caller_and_gets_everything_when_it_goes_on(tmp_path, start):
    agent = start(configured(tmp_path, records_per_s=20_000))
    tap = LineTap(str(tmp_path / "l.sock"), station="ST4")
    tap.inspection("before", "ok")
    until(lambda: tap.stats()["acknowledged"] == 1)
    agent.process.send_signal(signal.SIGSTOP)
    slowest = 0.0
    for i in range(3_000):
        started = time.thread_time()
        assert tap.inspection(f"p{i}", "ok", context={"note": "x" * 200})
        slowest = max(slowest, time.thread_time() - started)
        while len(tap._handed) > 500:
            time.sleep(0.005)
    assert slowest < 0.01
    assert tap.stats()["acknowledged"] == 1
    agent.process.send_signal(signal.SIGCONT)
    until(lambda: tap.stats()["acknowledged"] == 3_001, 30, "all committed")
    assert tap.close()
    assert agent.stop() == 0
    assert journalled(tmp_path) == 3_001


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def flood(tmp_path: Path, start: Any, seconds: float) -> None:
    """ST4 at fifty times its quota, beside ST5 at a tenth of its own; everything is judged, or counted as lost."""
    quota = 100
    agent = start(configured(tmp_path, records_per_s=quota, burst_s=1))
    noisy = LineTap(str(tmp_path / "l.sock"), station="ST4", max_records=500)
    normal = LineTap(str(tmp_path / "l.sock"), station="ST5")
    stop = threading.Event()
    sent = 0

    def shout() -> None:
        nonlocal sent
        while not stop.wait(0.01):
            for _ in range(quota // 2):
                noisy.inspection(f"N{sent}", "ok", p_defect=0.01)
                sent += 1

    shouting = threading.Thread(target=shout)
    shouting.start()
    time.sleep(1.5)
    before, slowest, pending = resident_kb(agent.process.pid), 0.0, []
    started = time.monotonic()
    count = 0
    while time.monotonic() - started < seconds:
        normal.inspection(f"Q{count}", "ok", p_defect=0.01)
        count += 1
        pending.append((count, time.monotonic()))
        time.sleep(0.1)
        done = normal.stats()["acknowledged"]
        while pending and pending[0][0] <= done:
            slowest = max(slowest, time.monotonic() - pending.pop(0)[1])
    stop.set()
    shouting.join()
    grown = resident_kb(agent.process.pid) - before
    until(lambda: normal.stats()["acknowledged"] == count, 10, "the normal station is judged")
    until(lambda: noisy.stats()["waiting"] == 0 and not noisy._report, 30, "the rest of the flood is judged")
    assert sent > 20 * quota * seconds
    assert normal.stats()["dropped"] == {}
    assert slowest < 3.0
    assert grown < 20_000
    noisy.close(10)
    normal.close(10)
    assert agent.stop() == 0
    with Reader(tmp_path / "state/linewarden.db") as reader:
        judged = {name: len(list(reader.passed_parts(name, 1, 1 << 40))) for name in ("ST4", "ST5")}
    lost = sum(total for (counter, _), total in counters(tmp_path).items() if counter == "lost_records")
    assert judged["ST5"] == count
    assert judged["ST4"] + lost == sent
    assert judged["ST4"] <= quota * (seconds + 40)
    print(f"flood: sent {sent}, judged {judged}, lost {lost}, slowest acknowledgement {slowest:.2f} s, resident +{grown} kB")


def test_a_flooding_station_leaves_its_neighbour_and_the_agents_memory_alone(tmp_path, start):
    flood(tmp_path, start, 4.0)


@pytest.mark.system
def test_a_minute_of_flood_leaves_the_neighbour_and_the_agents_memory_alone(tmp_path, start):
    flood(tmp_path, start, 60.0)


def test_what_senders_lost_is_in_status_and_metrics(tmp_path, start, capsys):
    file = configured(tmp_path)
    agent = start(file)
    with LineTap(str(tmp_path / "l.sock"), station="ST4") as tap:
        tap.inspection("p1", "ok", image=7)
        tap.inspection("p2", "ok")
        until(lambda: tap.stats()["acknowledged"] == 1 and not tap._report)
    time.sleep(1.2)  # a snapshot is at most a second old
    assert command_line.run(["status", "--config", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert ["lost_records", "line:invalid", 1] in shown["counters"]
    assert shown["taps"]["line"]["lost"] == 1.0
    agent.stop()


COMPILER = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: apt-get install -y g++")
def test_the_cpp_example_is_judged_to_the_last_part(tmp_path, start):
    from agent.client import linetap

    source = Path(linetap.__file__).with_name("linetap.cpp")
    subprocess.run([COMPILER, "-std=c++17", "-pthread", str(source), "-o", str(tmp_path / "example")], check=True, timeout=300)
    agent = start(configured(tmp_path, records_per_s=20_000))
    command = [tmp_path / "example", str(tmp_path / "l.sock"), "ST4", "500", "1"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert agent.stop() == 0
    assert (result["acknowledged"], result["dropped"]) == (502, 0)
    assert journalled(tmp_path) == 502
