"""linetap.py against the real tap over real sockets: it never blocks, never raises, and counts what it drops."""

from __future__ import annotations

import ast
import json
import math
import multiprocessing
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.client import linetap
from agent.client.linetap import LineTap
from agent.ports import Lost
from tests.brokers import free_port, until
from tests.client.serving import Agent

FILE = Path(linetap.__file__)


@pytest.fixture
def agent(tmp_path):
    with Agent(tmp_path) as agent:
        yield agent


@pytest.fixture(autouse=True)
def quick_reports(monkeypatch):
    monkeypatch.setattr(linetap, "REPORT_S", 0.1)


# --- what arrives -------------------------------------------------------------------------------------------------------------


def test_records_arrive_as_they_were_handed_over_and_are_acknowledged(agent):
    with LineTap(str(agent.path), station="ST4") as tap:
        before = datetime.now(UTC)
        assert tap.inspection("p1", "ok", p_defect=0.25, recipe="lid", measurements={"gap": 1.5}, context={"lot": "L1"}, sequence=7)
        assert tap.outcome("p1", True, source="audit", inclusion_probability=0.05)
        assert tap.event("lamp", "replaced", by="mia")
        agent.arrived(3)
        until(lambda: tap.stats()["acknowledged"] == 3)
        part, truth, event = agent.items
        assert (part.part_id, part.station, part.p_defect, part.recipe, part.sequence) == ("p1", "ST4", 0.25, "lid", 7)
        assert (part.measurements, part.context) == ({"gap": 1.5}, {"lot": "L1"})
        assert before <= part.captured_at <= datetime.now(UTC)
        assert (truth.defective, truth.inclusion_probability) == (True, 0.05)
        assert (event.kind, event.value, event.by) == ("lamp", "replaced", "mia")


def test_pictures_go_by_path_or_inside_the_record(agent, tmp_path):
    with LineTap(str(agent.path), station="ST4") as tap:
        tap.inspection("p1", "ok", image=tmp_path / "a.png")
        tap.inspection("p2", "ok", image=b"\x89PNG" * 60_000)
        tap.inspection("p3", "ok", image=np.zeros(100, np.uint8))
        tap.inspection("p4", "ok", image=bytes(262_145))
        agent.arrived(4)
        assert [d.frame is not None for d in agent.deliveries if not isinstance(d.item, Lost)] == [True, True, True, False]
        assert agent.measurer.asked == [(0, str(tmp_path / "a.png"), ""), (240_000, "", ""), (100, "", "")]
        until(lambda: agent.lost() == {"image_too_large": 1})


def test_numbers_of_other_libraries_times_and_nan_are_understood(agent):
    with LineTap(str(agent.path), station="ST4") as tap:
        tap.inspection(
            "p1",
            "ok",
            p_defect=np.float32(0.5),
            captured_at=datetime(2026, 3, 2, 6, tzinfo=UTC),
            measurements={"a": np.float32("nan"), "b": math.nan, "c": np.int64(3)},
        )
        tap.inspection("p2", "ng", p_defect=math.nan)
        agent.arrived(2)
        assert agent.items[0].captured_at == datetime(2026, 3, 2, 6, tzinfo=UTC)
        assert agent.items[0].measurements == {"c": 3.0}
        assert agent.items[1].p_defect is None


def test_what_the_caller_changes_afterwards_changes_nothing(agent):
    measurements = {"gap": 1.0}
    with LineTap(str(agent.path), station="ST4") as tap:
        for i in range(50):
            measurements["gap"] = float(i)
            tap.inspection(f"p{i}", "ok", measurements=measurements)
        agent.arrived(50)
        assert [item.measurements["gap"] for item in agent.items] == [float(i) for i in range(50)]


def test_the_agents_refusals_are_seen_in_the_figures(agent):
    with LineTap(str(agent.path), station="ST4") as tap:
        tap.inspection("p1", "maybe")
        agent.arrived(1)
        until(lambda: tap.stats()["refused"] == 1)
        assert tap.stats()["last_refusal"].startswith("schema: ")


def test_tcp_does_the_same(tmp_path):
    port = free_port()
    with Agent(tmp_path, port=port) as agent, LineTap(f"tcp:127.0.0.1:{port}", station="ST4") as tap:
        tap.inspection("p1", "ok")
        agent.arrived(1)
        until(lambda: tap.stats()["acknowledged"] == 1)


# --- what goes wrong ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/nowhere/at/all.sock", "tcp:127.0.0.1:1", "tcp:nonsense", "", "x" * 500])
def test_a_wrong_address_raises_nothing_and_is_seen_in_the_figures(address):
    tap = LineTap(address)
    assert tap.inspection("p1", "ok")
    until(lambda: tap.stats()["last_error"] != "")
    assert tap.close(0.1) is False


def test_no_argument_makes_it_raise_and_each_useless_record_is_counted(agent):
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

        def __buffer__(self, flags: int) -> memoryview:
            raise RuntimeError("no")

    loop: dict[str, Any] = {}
    loop["self"] = loop
    with LineTap(str(agent.path), station="ST4") as tap:
        tap.inspection(Hostile(), "ok")
        tap.inspection("p", "ok", image=Hostile())
        tap.inspection("p", "ok", image=7)
        tap.inspection("p", "ok", context=loop)
        tap.inspection("p", "ok", measurements={"a": math.inf})
        tap.inspection("p", "ok", note="x" * (1 << 20))
        tap.inspection("p", "ok", model={b"bytes": 1})
        tap.inspection("good", "ok")
        until(lambda: "good" in agent.names)
        until(lambda: agent.lost() == {"invalid": 6, "too_large": 1})
        assert tap.stats()["dropped"] == {"invalid": 6, "too_large": 1}


def test_an_absent_agent_costs_bounded_memory_and_the_oldest_are_dropped_and_reported_when_it_comes(tmp_path):
    tap = LineTap(str(tmp_path / "t.sock"), station="ST4", max_records=100)
    for start in range(0, 1_000, 100):
        for i in range(start, start + 100):
            assert tap.inspection(f"p{i}", "ok")
        until(lambda: not tap._handed)
    assert tap.stats()["waiting"] == 100
    assert tap.stats()["dropped"] == {"buffer_full": 900}
    with Agent(tmp_path) as agent:
        agent.arrived(100)
        assert agent.names == [f"p{i}" for i in range(900, 1_000)]
        until(lambda: agent.lost() == {"buffer_full": 900})
        until(lambda: tap.stats()["acknowledged"] == 100)
        assert tap.close()


def test_memory_is_bounded_in_bytes_too(tmp_path):
    tap = LineTap(str(tmp_path / "t.sock"), station="ST4", max_mb=2)
    for i in range(40):
        tap.inspection(f"p{i}", "ok", image=bytes(200_000))
    until(lambda: not tap._handed)
    assert tap._kept_bytes <= 2_000_000
    assert tap.stats()["waiting"] == 7
    tap.close(0)


def test_the_queue_between_caller_and_thread_is_bounded_even_if_the_thread_never_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(LineTap, "_run", lambda self: None)
    tap = LineTap(str(tmp_path / "t.sock"))
    tracemalloc.start()
    taken = sum(tap.inspection(f"p{i}", "ok", image=bytes(256_000)) for i in range(2_000))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 100 << 20
    assert taken + tap.stats()["dropped"]["handover_full"] == 2_000


def test_what_was_not_acknowledged_is_sent_again_to_the_next_agent_and_nothing_else(tmp_path):
    tap = LineTap(str(tmp_path / "t.sock"), station="ST4")
    with Agent(tmp_path, commit_up_to=5) as first:
        for i in range(20):
            tap.inspection(f"p{i}", "ok")
        first.arrived(20)
        until(lambda: tap.stats()["acknowledged"] == 5)
    with Agent(tmp_path) as second:
        second.arrived(15)
        assert second.names == [f"p{i}" for i in range(5, 20)]
        assert [a.captured_at for a in first.items[5:]] == [b.captured_at for b in second.items]  # recognised as the same
        until(lambda: tap.stats()["acknowledged"] == 20)
    assert tap.close()


def test_a_report_whose_acknowledgement_was_lost_is_counted_once(tmp_path):
    tap = LineTap(str(tmp_path / "t.sock"), station="ST4")
    with Agent(tmp_path, commit_up_to=0) as first:
        tap.inspection("p", "ok", image=7)
        until(lambda: first.lost() == {"invalid": 1})
    with Agent(tmp_path, position=first.deliveries[-1].position) as second:
        tap.inspection("p2", "ok")
        second.arrived(1)
        until(lambda: not tap._report)
        assert second.lost() == {}
    assert tap.close()


def test_a_listener_that_never_reads_never_delays_the_caller(tmp_path):
    """What a stopped agent looks like: the kernel accepts, nobody reads, nobody answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "t.sock"))
        listener.listen(8)
        tap = LineTap(str(tmp_path / "t.sock"), station="ST4", max_records=500)
        slowest = 0.0
        for i in range(5_000):
            started = time.thread_time()
            tap.inspection(f"p{i}", "ok", context={"note": "x" * 200})
            slowest = max(slowest, time.thread_time() - started)
            if i % 500 == 0:
                time.sleep(0.03)
        assert slowest < 0.01
        stats = tap.stats()
        until(lambda: not tap._handed)
        assert tap.stats()["waiting"] <= 500
        assert sum(tap.stats()["dropped"].values()) + tap.stats()["waiting"] == 5_000, stats
        started = time.monotonic()
        assert tap.close(0.1) is False
        assert time.monotonic() - started < 0.6


@pytest.mark.parametrize("answer", [b"\xff\xfe\n", b"[1]\n", b'{"ack":"x"}\n', b'{"ack":999999}\n', b"{\n", b"x" * 100_000])
def test_nonsense_from_the_other_end_breaks_nothing(tmp_path, answer):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "t.sock"))
        listener.listen(8)
        tap = LineTap(str(tmp_path / "t.sock"), station="ST4")
        tap.inspection("p1", "ok")
        peer, _ = listener.accept()
        peer.sendall(answer)
        peer.close()
    with Agent(tmp_path) as agent:
        tap.inspection("p2", "ok")
        until(lambda: "p2" in agent.names)
    tap.close(0)


def test_several_threads_may_call_and_nothing_is_lost(agent):
    with LineTap(str(agent.path), station="ST4") as tap:

        def work(name: int) -> None:
            for i in range(100):
                tap.inspection(f"{name}-{i}", "ok")
                time.sleep(0.0005)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        agent.arrived(500)
        for n in range(5):
            assert [name for name in agent.names if name.startswith(f"{n}-")] == [f"{n}-{i}" for i in range(100)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_sends_its_own_and_not_its_parents(agent):
    tap = LineTap(str(agent.path), station="ST4")
    tap.inspection("parent", "ok")
    agent.arrived(1)

    def child() -> None:
        tap.inspection("child", "ok")
        tap.close(5)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    agent.arrived(2)
    process.join(10)
    assert process.exitcode == 0
    assert sorted(agent.names) == ["child", "parent"]
    assert tap.close()


def test_a_program_that_just_ends_still_hands_over_what_it_had(agent):
    program = f"""
import sys
sys.path.insert(0, {str(FILE.parent)!r})
from linetap import LineTap
tap = LineTap({str(agent.path)!r}, station="ST4")
tap.inspection("last", "ok")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
    assert agent.names == ["last"]


def test_calls_after_close_are_counted_and_quiet(agent):
    tap = LineTap(str(agent.path), station="ST4")
    tap.inspection("p1", "ok")
    agent.arrived(1)
    assert tap.close(5)
    assert tap.inspection("p2", "ok") is False
    assert tap.stats()["dropped"] == {"handover_full": 1}
    assert tap.close()


# --- one file for old Pythons -------------------------------------------------------------------------------------------------


def test_it_is_python_3_8_and_imports_the_standard_library_of_3_8_only():
    tree = ast.parse(FILE.read_text(), feature_version=(3, 8))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    known_in_3_8 = {
        "__future__", "atexit", "binascii", "collections", "collections.abc", "contextlib", "datetime", "json", "math", "os",
        "socket", "threading", "time", "typing",
    }  # fmt: skip
    assert names <= known_in_3_8


def works(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


OLD = [found for version in (8, 9, 10) if (found := shutil.which(f"python3.{version}")) and works(found)]


def test_it_runs_under_the_oldest_python_found(agent):
    """3.8 where it is on the path, else the next; the version is printed (`pytest -rP`)."""
    python = OLD[0] if OLD else sys.executable
    program = f"""
import sys
sys.path.insert(0, {str(FILE.parent)!r})
from linetap import LineTap
with LineTap({str(agent.path)!r}, station="ST4") as tap:
    assert tap.inspection("p1", "ok", p_defect=float("nan"), image=b"x" * 100, measurements={{"a": float("nan"), "b": 1.0}})
    assert tap.outcome("p1", False)
    assert tap.event("lamp")
    tap.inspection("p2", "ok", image=3)
    tap.close(10)
    print(sys.version_info[:2], tap.stats())
"""
    done = subprocess.run(
        [python, "-W", "error", "-c", program],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    print(done.stdout)
    assert done.stderr == ""
    assert agent.lost() == {"invalid": 1}
    assert sorted(name for name in agent.names) == ["event", "p1", "p1"]
    assert json.dumps("acknowledged") in done.stdout.replace("'", '"')
