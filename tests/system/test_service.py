"""The shipped unit under a real systemd: comes up, is watched, comes back, gives up only on its configuration."""

from __future__ import annotations

import json
import re

import pytest

from agent.records import Inspected
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader
from tests.brokers import until
from tests.crash.harness import Agents, facts, record_lines, run_to_the_end, scenario, write_config
from tests.system.box import CONFIG, RESULTS, UNIT, wait_s

pytestmark = pytest.mark.system

STATION = '[[stations]]\nid = "ST4"\n'
FOLLOW = f'[[taps]]\ntype = "jsonl"\nname = "line"\npaths = ["/{RESULTS}/*.jsonl"]\npoll_s = 0.1\n'
# A broker that is not there: the sink goes on trying, which is life.
SINK = '[[sinks]]\ntype = "mqtt"\nname = "plant"\nport = 1\n'
HUNG = (
    "[Service]\nWatchdogSec=2s\nExecStart=\nExecStart=/opt/linewarden/bin/python /opt/tests/hung_agent.py run --config /" + CONFIG
)


def test_the_exposure_is_at_most_1_2_and_verify_has_nothing_to_say(box):
    box.write(CONFIG, STATION)
    checked = box.call("systemd-analyze", "verify", UNIT)
    assert (checked.returncode, checked.stderr) == (0, "")
    unit = f"/etc/systemd/system/{UNIT}"
    report = box.run("systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit)
    exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", report).group(1))
    assert exposure <= 1.2, report


def test_it_is_started_when_it_says_ready_and_stops_in_order(box):
    box.write(CONFIG, STATION + FOLLOW)
    box.start()
    assert (box.show("ActiveState"), box.show("StatusText")) == ("active", "watching")
    assert box.status()["stations"][0]["station"] == "ST4"
    assert "process_resident_memory_bytes" in box.run(
        "python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    )
    assert box.show("NRestarts") == "0"
    box.run("systemctl", "stop", UNIT)
    assert (box.show("Result"), box.show("ExecMainStatus")) == ("success", "0")


def test_the_limits_of_the_unit_are_in_force_by_systemds_account(box):
    box.write(CONFIG, STATION)
    box.start()
    figures = {name: box.show(name) for name in ("MemoryMax", "MemoryHigh", "CPUQuotaPerSecUSec", "TasksMax", "OOMPolicy")}
    assert figures == {
        "MemoryMax": str(1 << 30),
        "MemoryHigh": str(768 << 20),
        "CPUQuotaPerSecUSec": "1.500000s",
        "TasksMax": "128",
        "OOMPolicy": "continue",
    }


@pytest.mark.parametrize(
    ("seam", "worker"), [("core", "core"), ("tap", "tap line"), ("sink", "sink plant"), ("view", "view prometheus")]
)
def test_a_worker_that_hangs_makes_the_watchdog_fire_and_the_service_comes_back(box, seam, worker):
    box.write(CONFIG, STATION + FOLLOW + SINK)
    box.override(HUNG)
    box.start()
    (box.root / "run/hang").mkdir(exist_ok=True)
    flag = box.root / "run/hang" / seam
    flag.touch()
    try:
        until(lambda: "Watchdog timeout" in box.journal(), 30, "the watchdog fires")
    finally:
        flag.unlink()
    box.comes_back(1)
    said = box.journal()
    assert set(re.findall(r"^ERROR (.+) has given no sign of life for \d+ s; the watchdog is not fed$", said, re.MULTILINE)) == {
        worker
    }
    assert "in hangs_when_told" in said, "where every thread stood is in the journal"


def test_idle_workers_feed_the_watchdog(box):
    box.write(CONFIG, STATION + FOLLOW + SINK)
    box.override(HUNG)
    box.start()
    wait_s(9)  # longer than the core (2 s) and the edges (6 s) may be silent
    assert (box.show("ActiveState"), box.show("NRestarts")) == ("active", "0")
    assert "no sign of life" not in box.journal()


def test_a_configuration_with_problems_is_reported_and_not_tried_again(box):
    box.write(CONFIG, STATION + '[[taps]]\ntype = "jsonl"\nname = "line"\npathes = []\n[agent]\nlanguage = "fr"\n')
    assert box.call("systemctl", "start", UNIT).returncode != 0
    wait_s(3)  # three times RestartSec
    assert (box.show("ActiveState"), box.show("ExecMainStatus"), box.show("NRestarts")) == ("failed", "78", "0")
    assert "taps[0].pathes" in box.journal()
    assert "agent.language" in box.journal()


def test_a_program_outside_the_tap_group_reaches_neither_socket_nor_state(box):
    box.write(CONFIG, STATION)
    box.start()
    for group, reaches in (("linewarden-tap", 0), ("nogroup", 1)):
        found = box.call("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", "test", "-x", "/run/linewarden")
        assert found.returncode == reaches, group
    found = box.call("setpriv", "--reuid=65534", "--regid=linewarden-tap", "--clear-groups", "ls", "/var/lib/linewarden/")
    assert found.returncode != 0


def test_the_sandbox_refuses_what_the_agent_never_needs_and_nothing_else(box):
    box.write(CONFIG, STATION)
    box.override("[Service]\nExecStartPre=/opt/linewarden/bin/python /opt/tests/probe.py\n")
    box.start()
    found = json.loads(next(line for line in box.journal().splitlines() if line.startswith('{"got_through"')))
    assert found == {"got_through": [], "does_not_work": [], "is_root": False, "capabilities": 5 * ["0000000000000000"]}


def test_killed_again_and_again_it_comes_back_by_itself_and_no_alarm_is_lost(box, tmp_path):
    lines = record_lines(scenario(), frames=True)
    tap = {"type": "jsonl", "name": "line", "paths": [f"/{RESULTS}/*.jsonl"], "trusted": True, "poll_s": 0.05}
    config = write_config(tmp_path, tap).read_text().replace(str(tmp_path / "state"), "/var/lib/linewarden")
    box.write(CONFIG, config)
    box.start()
    kills = 6
    size = len(lines) // (kills + 1) + 1
    for number, first in enumerate(range(0, len(lines), size)):
        with (box.root / RESULTS / "line.jsonl").open("ab") as file:
            file.writelines(line + b"\n" for line in lines[first : first + size])
        if number < kills:
            until(lambda at=first: box.parts() > at * 0.6, 30, "it is in the middle of the work")
            box.run("systemctl", "kill", "--signal=KILL", UNIT)
            box.comes_back(number + 1)
    expected_parts = sum(b'"verdict"' in line for line in lines)
    until(lambda: box.parts() == expected_parts, 60, "everything is folded")
    assert int(box.show("NRestarts")) == kills
    box.run("systemctl", "stop", UNIT)

    host = tmp_path / "unkilled"
    host.mkdir()
    (host / "line.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    unkilled = write_config(host, {**tap, "paths": [str(host / "line.jsonl")]})
    with Agents() as agents:
        run_to_the_end(agents, unkilled, len(lines))
    expected = facts(host / "state")
    assert {fact[0] for fact in expected} >= {"bad-parts-passed"}, "the scenario must raise alarms, else nothing is compared"
    killed = box.kept(tmp_path / "killed")
    assert facts(killed) == expected
    with Reader(killed / STORE_NAME) as store:
        parts = [entry.record.part_id for _, entry in store.entries() if isinstance(entry, Inspected)]
    assert len(parts) == len(set(parts)) == expected_parts
