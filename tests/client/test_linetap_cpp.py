"""The C++ client, compiled and run against the real tap."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from agent.client import linetap
from tests.brokers import free_port
from tests.client.serving import Agent

SOURCE = Path(linetap.__file__).with_name("linetap.cpp")
COMPILER = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: apt-get install -y g++")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("cpp") / "linetap"
    command = [COMPILER, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", str(SOURCE), "-o", str(path)]
    subprocess.run(command, check=True, timeout=300)
    return path


def run(program: Path, address: object, parts: int, pause_ms: float) -> dict[str, float]:
    done = subprocess.run([program, str(address), "ST4", str(parts), str(pause_ms)], check=True, timeout=60, capture_output=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def test_every_part_of_the_example_arrives_in_order_and_is_acknowledged(program, tmp_path):
    with Agent(tmp_path) as agent:
        result = run(program, agent.path, 300, 0.5)
        assert agent.names == [*(f"C-{i}" for i in range(300)), "C-0", "event"]
        assert (result["acknowledged"], result["dropped"], result["refused"], result["all_acknowledged"]) == (302, 0, 0, True)
        part = agent.items[49]
        assert (part.verdict, part.p_defect, part.recipe, part.sequence) == ("ng", 0.93, 'lid "A" 5 µm', 50)
        assert (part.measurements, part.context, part.station) == ({"gap_mm": 1.5}, {"lot": "L1"}, "ST4")


def test_tcp_does_the_same(program, tmp_path):
    port = free_port()
    with Agent(tmp_path, port=port) as agent:
        assert run(program, f"tcp:127.0.0.1:{port}", 20, 1)["acknowledged"] == 22
        assert len(agent.items) == 22


def test_an_absent_agent_delays_nobody_and_what_is_too_much_is_dropped_and_counted(program, tmp_path):
    result = run(program, tmp_path / "nobody.sock", 30_000, 0)
    assert result["acknowledged"] == 0
    assert result["all_acknowledged"] is False
    assert 30_002 - 10_000 - 1024 <= result["dropped"] <= 30_002 - 1024
    assert result["p99_us"] < 1000


def test_what_was_dropped_is_reported_when_the_agent_comes_and_the_rest_arrives(program, tmp_path):
    process = subprocess.Popen([program, str(tmp_path / "t.sock"), "ST4", "12000", "0.05"], stdout=subprocess.PIPE)
    time.sleep(0.5)  # it fills what it keeps
    with Agent(tmp_path) as agent:
        result = json.loads(process.communicate(timeout=30)[0])
        assert result["all_acknowledged"] is True
        assert result["acknowledged"] == len(agent.items)
        assert sum(agent.lost().values()) == result["dropped"]
        assert len(agent.items) + result["dropped"] == 12_002


def test_an_agent_that_goes_and_comes_back_gets_what_was_not_acknowledged(program, tmp_path):
    with Agent(tmp_path, commit_up_to=50) as first:
        process = subprocess.Popen([program, str(tmp_path / "t.sock"), "ST4", "400", "2"], stdout=subprocess.PIPE)
        first.arrived(100)
    with Agent(tmp_path) as second:
        result = json.loads(process.communicate(timeout=30)[0])
        assert (result["acknowledged"], result["dropped"]) == (402, 0)
        assert second.names[0] == "C-50"
        assert len(second.items) == 352
