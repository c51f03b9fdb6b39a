"""The running agent, 100,000 bad records over each tap: it stays up, in bounded memory, and accounts for every one of them."""

from __future__ import annotations

import json
import random
import signal
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.app.fuzzing import REASONS, counted, entries, inspection, judged, memory_mb, mixed
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.cli.test_commands import REGISTER, Agent, run
from tests.frames.hostile import hostile
from tests.frames.pictures import PNG, encoded, picture

pytestmark = pytest.mark.system

FUZZED = 100_000
WITHIN_S = 120.0
# Resident at most, megabytes. The agent: its libraries, a full inbox of large records and SQLite's cache; the child: its libraries
# and a small picture. The child of the hostile pictures holds 50 megapixels in colour besides.
AGENT_MB, CHILD_MB, LARGE_CHILD_MB = 150.0, 120.0, 400.0
ADDRESS_SPACE_MB = 1024.0  # frames.memory_mb as it is by default
BASE = "linewarden/v1"
SMALL = encoded(".png", picture(2, 64, 64))


def child_of(pid):
    """The frame child."""
    return next(int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split())


class Line:
    """A station's agent with one tap named `tap`."""

    def __init__(self, folder, tap):
        file = folder / "line.toml"
        file.write_text(
            f'[agent]\nstate_dir = "{folder / "state"}"\n[metrics]\nenabled = false\n[[stations]]\nid = "ST4"\n{REGISTER}'
            f'[stations.outcomes]\nmode = "sample"\n[[taps]]\nname = "tap"\n{tap}'
        )
        self.agent = Agent(file)
        self.state = folder / "state"

    def status(self, capsys):
        code, out, err = run(capsys, "status", "--config", self.agent.config, "--json")
        assert code == 0, err
        return json.loads(out)

    def handed_over(self, capsys):
        """Records and refusals the core was given."""
        figures = self.status(capsys)["taps"]["tap"]
        return figures["records"] + figures["refused"]

    def ended(self, child_mb):
        """Stop it; what it held at most is within the caps, and it was one child all along."""
        pid = self.agent.process.pid
        child = child_of(pid)
        held = {"agent": memory_mb(pid, "VmHWM"), "child": memory_mb(child, "VmHWM"), "space": memory_mb(child, "VmPeak")}
        assert self.agent.stop() == 0
        assert held["agent"] <= AGENT_MB, held
        assert held["child"] <= child_mb, held
        assert held["space"] <= ADDRESS_SPACE_MB, held
        return child


@pytest.fixture
def line(tmp_path):
    """Starts an agent; none is left behind."""
    started = []

    def begin(tap):
        started.append(Line(tmp_path, tap))
        return started[-1]

    yield begin
    for each in started:
        if each.agent.process.poll() is None:
            each.agent.stop(signal.SIGKILL)


def assert_accounted_for(state, sent, good, reasons):
    """Journalled, refused by a known reason, or a duplicate: nothing else became of a record; the good ones are judged."""
    refused, duplicates = counted(state, "refused"), counted(state, "duplicates")
    assert set(refused) <= reasons
    assert set(refused) >= {"not_json", "schema", "too_large"}
    assert sum(refused.values()) > FUZZED // 2
    assert len(entries(state)) + sum(refused.values()) + sum(duplicates.values()) == sent
    assert judged(state) >= set(good)


def test_a_hundred_thousand_in_a_followed_file(tmp_path, line, capsys):
    lines, good = mixed(random.Random(31), FUZZED, data=SMALL)
    (tmp_path / "parts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    running = line(f'type = "jsonl"\npaths = ["{tmp_path / "parts.jsonl"}"]\npoll_s = 0.05\nframes_dir = "{tmp_path}"\n')
    until(lambda: running.handed_over(capsys) == len(lines), WITHIN_S, "all lines read")
    running.ended(CHILD_MB)
    assert_accounted_for(running.state, len(lines), good, REASONS)


def test_a_hundred_thousand_over_the_socket(tmp_path, line):
    lines, good = mixed(random.Random(32), FUZZED, data=SMALL)
    path = tmp_path / "l.sock"
    running = line(f'type = "socket"\npath = "{path}"\nrecords_per_s = 100_000\nmb_per_s = 1000\nframes_dir = "{tmp_path}"\n')
    until(path.exists, 10.0, "the socket is there")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.settimeout(WITHIN_S)
        sender = threading.Thread(target=lambda: (sock.sendall(b"\n".join(lines) + b"\n"), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        answers = [json.loads(answer) for answer in sock.makefile("rb")]  # until the agent, all being committed, hangs up
        sender.join(WITHIN_S)
    assert max(answer.get("ack", 0) for answer in answers) == len(lines)
    running.ended(CHILD_MB)
    assert_accounted_for(running.state, len(lines), good, REASONS)


@needs_mosquitto
def test_a_hundred_thousand_from_a_broker(tmp_path, line, capsys):
    rng = random.Random(33)
    lines, good = mixed(rng, FUZZED, data=SMALL)
    kinds = ["inspection" if b'"ok"' in payload else rng.choice(["inspection", "outcome", "event"]) for payload in lines]
    items = [(f"{BASE}/in/{kind}", payload) for kind, payload in zip(kinds, lines, strict=True)]
    items += [(f"{BASE}/cmd/{rng.choice(['ack', 'shelve', 'none', 'é' * 40])}", payload) for payload in rng.sample(lines, 500)]
    broker = Broker(tmp_path).start()
    try:
        running = line(f'type = "mqtt"\nport = {broker.port}\nframes_dir = "{tmp_path}"\n')
        until(lambda: running.status(capsys)["taps"]["tap"]["connected"] == 1.0, 15.0, "subscribed")
        plant = Plant(broker)
        for first in range(0, len(items), 10_000):
            batch = items[first : first + 10_000]
            plant.publish_all(batch)
            # the broker keeps a bounded queue
            until(lambda n=first: running.handed_over(capsys) >= n, WITHIN_S, f"the first {first} messages taken")
        until(lambda: running.handed_over(capsys) >= len(items), WITHIN_S, "all messages taken")
        plant.close()
        assert running.status(capsys)["taps"]["tap"]["redelivered"] == 0.0
        running.ended(CHILD_MB)
    finally:
        broker.stop()
    assert_accounted_for(running.state, len(items), good, {*REASONS, "wrong_topic"})


def test_a_thousand_hostile_pictures_in_files_are_counted_by_reason(tmp_path, line, capsys):
    (tmp_path / "good.png").write_bytes(PNG)
    records, allowed = [], []
    for number, (_, data, reasons) in enumerate(hostile()):
        (tmp_path / f"{number}.bin").write_bytes(data)
        records += [inspection(2 * number, image=f"{number}.bin"), inspection(2 * number + 1, image="good.png")]
        allowed += [reasons if data else {"unknown_format"}, {""}]
    (tmp_path / "parts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    running = line(f'type = "jsonl"\npaths = ["{tmp_path / "parts.jsonl"}"]\npoll_s = 0.05\nframes_dir = "{tmp_path}"\n')
    until(lambda: running.status(capsys)["stations"][0]["parts"] == len(records), WITHIN_S, "all parts judged")
    shown = running.status(capsys)["stations"][0]["counters"]
    running.ended(LARGE_CHILD_MB)
    frames = [entry.frame for entry in entries(running.state)]
    assert [k for k, (frame, reasons) in enumerate(zip(frames, allowed, strict=True)) if frame.missing not in reasons] == []
    assert len({frame.values for frame in frames[1::2]}) == 1
    missing = Counter(frame.missing for frame in frames if frame.missing)
    assert {name: count for name, count in shown.items() if name.startswith("frame_")} == {
        f"frame_{r}": n for r, n in missing.items()
    }
    assert missing.total() >= 1000
    assert not missing.keys() & {"child_died", "timeout"}
