"""`linewarden doctor`: every check in its failing and in its passing state, and the command as a person runs it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main as command_line
from agent.doctor import broker as broker_check
from agent.doctor import clock as clock_check
from agent.doctor import disk, measurements, mosquitto, permissions, store
from agent.doctor.finding import Finding
from agent.runtime.clock import SystemClock
from agent.runtime.timekeeping import KernelClock, kernel_clock
from agent.sinks.mqtt import Options as SinkOptions
from agent.taps.mqtt import Options as TapOptions
from tests.brokers import Broker, Plant, free_port, needs_mosquitto, until
from tests.certificates import Authority, needs_openssl
from tests.channels.scenes import scene
from tests.cli.test_commands import PROGRAM, REGISTER, Agent, config, parts
from tests.edges import inspection
from tests.frames.pictures import encoded
from tests.mqtt_link.driving import listener, text

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run(capsys: pytest.CaptureFixture[str], file: Path) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and the findings by check."""
    code = command_line.run(["doctor", "--config", str(file), "--json"])
    body = json.loads(capsys.readouterr().out)
    assert body["ok"] is (code == 0)
    found: dict[str, list[dict[str, str]]] = {}
    for finding in body["findings"]:
        found.setdefault(finding["check"], []).append(finding)
        if finding["severity"] != "ok":
            assert finding["why"], finding
            assert finding["next_step"], finding
    return code, found


def graded(findings: Any) -> dict[str, str]:
    return {f.check: f.severity for f in findings}


def only(findings: Any, check: str) -> Finding:
    (found,) = [f for f in findings if f.check == check]
    return found


# --- the command --------------------------------------------------------------------------------------------------------------


def test_a_wrong_configuration_is_all_there_is_to_say_and_exits_1(capsys, tmp_path):
    file = text(tmp_path / "wrong.toml", '[agent]\nlangage = "de"\n[[stations]]\nid = "ST4"\ntier = 9\n')
    code, found = run(capsys, file)
    assert (code, set(found)) == (1, {"config"})
    assert [f["seen"].split(":")[0] for f in found["config"]] == ["agent.langage", "stations[0].tier"]
    assert "did you mean" in found["config"][0]["next_step"]


def test_a_configuration_that_does_not_exist_is_a_finding_too(capsys, tmp_path):
    code, found = run(capsys, tmp_path / "none.toml")
    assert (code, found["config"][0]["severity"]) == (1, "fail")


def test_before_the_first_start_and_without_a_broker_everything_else_is_looked_at(capsys, tmp_path):
    port = free_port()
    file = config(tmp_path, f'[[sinks]]\ntype = "mqtt"\nname = "plant"\nport = {port}\n')
    code, found = run(capsys, file)
    assert code == 1
    (reach,) = found["broker.connects"]
    assert (reach["severity"], reach["subject"]) == ("fail", "sink plant")
    assert f"nothing listens at 127.0.0.1:{port}" in reach["seen"]
    assert found["config"][0]["severity"] == "ok"
    assert found["disk.writable"][0]["severity"] == "warn"  # the folder is not there yet
    assert {"clock.date", "clock.synced", "clock.steps", "disk.space", "disk.kind", "store.sqlite", "store.file"} <= set(found)


def test_a_station_that_will_not_arm_is_a_warning(capsys, tmp_path):
    file = config(tmp_path)
    file.write_text(file.read_text().replace(REGISTER, ""))
    code, found = run(capsys, file)
    assert code == 0
    assert (found["config"][0]["severity"], "does not arm" in found["config"][0]["seen"]) == ("warn", True)


def test_on_a_terminal_and_in_a_pipe_it_says_what_it_saw_and_how_many(tmp_path):
    file = config(tmp_path)
    done = subprocess.run([*PROGRAM, "doctor", "--config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "severity\tcheck\tsubject\tseen\twhy\tnext step"
    assert " ok" in done.stderr
    command = " ".join([*PROGRAM, "doctor", "--config", str(file)])
    drawn = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=False)
    assert "why:" in drawn.stdout
    assert "next:" in drawn.stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An agent with a broker, both at work: the store is in use."""
    folder = tmp_path_factory.mktemp("running")
    broker = Broker(folder).start()
    edges = "".join(f'[[{kind}s]]\ntype = "mqtt"\nname = "{kind}"\nport = {broker.port}\n' for kind in ("tap", "sink"))
    agent = Agent(config(folder, edges))
    parts(folder / "parts.jsonl", 20)
    yield agent, broker
    agent.stop()
    broker.stop()


@needs_mosquitto
def test_beside_a_running_agent_its_own_figures_count_and_nothing_is_disturbed(capsys, running):
    agent, broker = running
    plant = Plant(broker, ("linewarden/#",))

    def tap(figure: str) -> float:
        command_line.run(["status", "--config", str(agent.config), "--json"])
        return float(json.loads(capsys.readouterr().out)["taps"]["tap"][figure])

    until(lambda: tap("connected") == 1.0, 20, "the tap listens")
    plant.publish("linewarden/v1/in/inspection", inspection("x1", at="2026-03-02T07:00:00Z"))
    until(lambda: tap("records") >= 1.0, 20, "the record")
    before = {m.topic for m in plant.messages}
    code, found = run(capsys, agent.config)
    assert code == 0, found
    assert found["agent.answers"][0]["seen"].startswith("running since")
    edges = {f["subject"]: f["severity"] for f in found["agent.tap"] + found["agent.sink"]}
    assert edges == {"parts": "ok", "tap": "ok", "sink": "ok"}
    assert found["store.file"][0]["seen"].startswith("readable, last entry")
    (reading, _) = found["broker.read"]
    assert "the running agent got 1 records" in reading["seen"]
    assert [f["severity"] for f in found["broker.write"]] == ["ok"]
    assert {f["severity"] for f in found["broker.version"]} == {"ok"}

    def new() -> set[str]:
        return {m.topic for m in plant.messages if "heartbeat" not in m.topic} - before

    until(lambda: new() >= set(SinkOptions().trial_topics), 10, "what was tried")
    assert new() == set(SinkOptions().trial_topics)
    assert not [m for m in plant.messages if "doctor" in m.topic and m.retain]
    command_line.run(["status", "--config", str(agent.config), "--json"])
    assert json.loads(capsys.readouterr().out)["taps"]["tap"]["connections"] == 1.0  # not thrown out
    plant.close()


@needs_mosquitto
def test_an_agent_that_hangs_fails_and_one_that_was_killed_is_a_warning(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ANSWER_S", 0.5)
    agent = Agent(config(tmp_path))
    os.kill(agent.process.pid, signal.SIGSTOP)
    code, found = run(capsys, agent.config)
    assert (code, found["agent.answers"][0]["severity"]) == (1, "fail")
    os.kill(agent.process.pid, signal.SIGCONT)
    agent.stop(signal.SIGKILL)
    code, found = run(capsys, agent.config)
    assert (code, found["agent.answers"][0]["severity"]) == (0, "warn")


def test_what_a_running_agent_lost_or_was_refused_is_told():
    edges = {
        "taps": {"line": {"connected": 0.0, "last_error": "nothing listens"}, "files": {"records": 3.0}},
        "sinks": {"plant": {"connected": 1.0, "publish_refused:not_authorized": 4.0, "last_error": "let user write"}},
    }
    tap, sink = store._edges(edges)
    assert (tap.severity, sink.severity) == ("fail", "warn")
    assert "nothing listens" in tap.seen
    assert sink.seen == "publish_refused:not_authorized 4"


def test_measurements_that_arrive_undeclared_or_never_are_told_with_what_to_paste():
    def listed(name: str, why: str) -> dict[str, Any]:
        return {"view": "top", "name": name, "why": why, "values": 7, "sd": 0.5}

    many = [listed(f"m{k}_deg", "not declared") for k in range(6)]
    station = {"station": "ST4", "channels": [], "measurements": [*many, listed("hole", "declared, not received")]}
    told, missing = measurements.examine({"stations": [station]})
    assert (told.severity, told.seen) == ("warn", "6 arrive undeclared: m0_deg, m1_deg, m2_deg, m3_deg, m4_deg and 1 more")
    pasted = tomllib.loads(told.next_step.partition("\n")[2].rpartition("\n\n")[0])["stations"]["measurements"]
    assert pasted[0] == {"name": "m0_deg", "view": "top", "unit": "°", "tolerance": 0.25}
    assert (len(pasted), "status --undeclared" in told.next_step) == (5, True)
    assert missing.seen == "1 declared, not received: hole"
    assert list(measurements.examine({})) == []
    watched = {**station, "measurements": [], "channels": [{"family": "measurements"}]}
    assert [f.severity for f in measurements.examine({"stations": [watched]})] == ["ok"]


# --- the store ----------------------------------------------------------------------------------------------------------------


def test_the_wal_reset_bug_is_told_by_the_version():
    assert store.examine_library((3, 51, 2)).severity == "warn"
    assert store.examine_library((3, 40, 1)).subject == "SQLite 3.40.1"
    assert {store.examine_library(v).severity for v in ((3, 51, 3), (3, 53, 0))} == {"ok"}


def test_a_store_that_is_none_fails(capsys, tmp_path):
    file = config(tmp_path)
    (tmp_path / "state").mkdir(mode=0o750)
    text(tmp_path / "state" / "linewarden.db", "not a database, but long enough to look like one " * 50)
    code, found = run(capsys, file)
    assert (code, found["store.file"][0]["severity"]) == (1, "fail")
    assert "not a database" in found["store.file"][0]["seen"]


def test_the_model_file_is_compared_with_what_the_records_carry(capsys, tmp_path):
    model = text(tmp_path / "model.onnx", "weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    file = config(tmp_path)
    file.write_text(file.read_text().replace('id = "ST4"\n', f'id = "ST4"\nmodel_file = "{model}"\n'))
    assert run(capsys, file)[1]["model.hash"][0]["severity"] == "unknown"
    (tmp_path / "parts.jsonl").write_bytes(inspection("p1", model={"name": "m", "sha256": digest.upper()}) + b"\n")
    agent = Agent(file)

    def hashed() -> str:
        return run(capsys, file)[1]["model.hash"][0]["severity"]

    until(lambda: hashed() == "ok")
    model.write_text("other weights")
    code, found = run(capsys, file)
    assert (code, found["model.hash"][0]["severity"]) == (1, "fail")
    assert digest.upper() in found["model.hash"][0]["seen"]
    model.unlink()
    assert hashed() == "fail"
    agent.stop()


# --- golden frames ----------------------------------------------------------------------------------------------------------


def test_a_golden_frame_is_measured_against_itself(capsys, tmp_path):
    picture = tmp_path / "golden.png"
    file = config(tmp_path)
    drawing = 'fixtures = [[20, 20, 72, 72], [548, 388, 72, 72]]\npart = [170, 120, 300, 240]\noutline = "bright"\n'
    file.write_text(f'{file.read_text()}\n[[stations.references]]\ngolden = "{picture}"\n{drawing}')

    def look():
        code, found = run(capsys, file)
        return code, found["reference.golden"][0]

    code, finding = look()
    assert (code, finding["severity"]) == (1, "fail")
    assert "not found" in finding["seen"]
    picture.write_bytes(encoded(".png", scene()))
    assert look()[1]["severity"] == "ok"
    picture.write_bytes(encoded(".png", scene(has_part=False)))
    finding = look()[1]
    assert finding["severity"] == "warn"
    assert "part_area" in finding["seen"]
    picture.write_bytes(encoded(".png", scene()[:200]))
    assert look()[1]["severity"] == "fail"


# --- the disk -----------------------------------------------------------------------------------------------------------------


def mounted(kind: str, point: str = "/") -> str:
    return f"1 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 35 98:0 / {point} rw,noatime shared:1 - {kind} /dev/x rw\n"


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("ext4", "ok"), ("tmpfs", "fail"), ("nfs4", "fail"), ("overlay", "warn"), ("vfat", "warn"), ("surprisefs", "unknown")],
)
def test_the_kind_of_file_system_is_judged(tmp_path, kind, severity):
    tmp_path.chmod(0o750)
    assert only(disk.examine(tmp_path, 64, mounted(kind)), "disk.kind").severity == severity


def test_the_nearest_mount_counts_and_names_with_blanks_are_read(tmp_path):
    inner = tmp_path / "a b"
    inner.mkdir()
    escaped = str(inner).replace(" ", r"\040")
    assert disk.filesystem(inner, mounted("xfs", escaped)) == "xfs"
    assert disk.filesystem(tmp_path, mounted("xfs", escaped)) == "ext4"


def test_a_real_memory_file_system_is_recognised():
    mounts = disk.Path("/proc/self/mountinfo").read_text()
    if disk.filesystem(Path("/dev/shm"), mounts) != "tmpfs":
        pytest.skip("/dev/shm is no tmpfs here")
    assert only(disk.examine(Path("/dev/shm"), 64, mounts), "disk.kind").severity == "fail"


def test_a_folder_that_is_not_there_or_cannot_be_written_is_told(tmp_path):
    assert only(disk.examine(tmp_path, 64, ""), "disk.writable").severity == "ok"
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
    assert only(disk.examine(tmp_path / "new" / "deep", 64, ""), "disk.writable").severity == "warn"
    assert only(disk.examine(Path("/proc/linewarden"), 64, ""), "disk.writable").severity in {"warn", "fail"}
    read_only = disk._writable(Path("/proc/self"))  # nobody may make files there, root neither
    assert (read_only.severity, "cannot be written" in read_only.seen) == ("fail", True)
    assert text(tmp_path / "file", "x").is_file()
    assert only(disk.examine(tmp_path / "file" / "state", 64, ""), "disk.writable").severity == "fail"


def test_free_space_is_held_against_what_the_store_may_grow_to(tmp_path, monkeypatch):
    def free(mb: int) -> str:
        status = os.statvfs_result((4096, 4096, 10**9, mb * 256, mb * 256, 1, 1, 1, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _: status)
        return disk._space(tmp_path, 100 << 20, 2048 << 20).severity

    assert [free(mb) for mb in (10, 500, 1900, 2100)] == ["fail", "warn", "warn", "ok"]


# --- permissions --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "severity"), [(0o750, "ok"), (0o700, "ok"), (0o755, "warn"), (0o770, "warn"), (0o777, "fail")])
def test_the_state_folder_is_for_the_agent_alone(tmp_path, mode, severity):
    folder, file = tmp_path / "state", text(tmp_path / "c.toml", "")
    folder.mkdir()
    folder.chmod(mode)
    assert only(permissions.examine(file, folder, {}), "permissions.state").severity == severity


@pytest.mark.parametrize(("mode", "severity"), [(0o644, "ok"), (0o640, "ok"), (0o664, "warn"), (0o666, "fail")])
def test_the_configuration_may_be_read_and_not_written_by_others(tmp_path, mode, severity):
    file = text(tmp_path / "c.toml", "")
    file.chmod(mode)
    assert only(permissions.examine(file, tmp_path / "none", {}), "permissions.config").severity == severity


@pytest.mark.parametrize(("mode", "severity"), [(0o600, "ok"), (0o640, "ok"), (0o644, "fail"), (0o660, "warn"), (0o602, "fail")])
def test_a_password_file_is_for_the_agent_alone(tmp_path, mode, severity):
    secret, file = text(tmp_path / "secret", "s"), text(tmp_path / "c.toml", "")
    secret.chmod(mode)
    options = SinkOptions(username="u", password_file=secret)
    found = permissions.examine(file, tmp_path / "none", {"sink plant": options})
    assert only(found, "permissions.credential").severity == severity


def test_certificates_may_be_read_by_all_and_keys_not(tmp_path):
    file, cert, key = (text(tmp_path / name, "x") for name in ("c.toml", "cert", "key"))
    for each in (cert, key):
        each.chmod(0o644)
    options = SinkOptions(tls_ca=cert, tls_cert=cert, tls_key=key)
    found = list(permissions.examine(file, tmp_path / "none", {"sink a": options, "sink b": options}))
    assert {f.subject: f.severity for f in found if f.check == "permissions.credential"} == {str(cert): "ok", str(key): "fail"}
    gone = SinkOptions(tls_ca=tmp_path / "gone")
    assert only(permissions.examine(file, tmp_path / "none", {"sink a": gone}), "permissions.credential").severity == "fail"


def test_a_systemd_credential_that_only_the_service_sees_is_unknown_and_looked_at_when_given(tmp_path, monkeypatch):
    file, options = text(tmp_path / "c.toml", ""), SinkOptions(username="u", password_file=Path("mqtt-password"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    found = only(permissions.examine(file, tmp_path / "none", {"sink a": options}), "permissions.credential")
    assert (found.severity, "CREDENTIALS_DIRECTORY=" in found.next_step) == ("unknown", True)
    text(tmp_path / "mqtt-password", "s").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert only(permissions.examine(file, tmp_path / "none", {"sink a": options}), "permissions.credential").severity == "ok"


def test_a_look_made_as_another_user_says_so(tmp_path, monkeypatch):
    file = text(tmp_path / "c.toml", "")
    assert only(permissions.examine(file, tmp_path, {}), "permissions.user").severity == "ok"
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    assert only(permissions.examine(file, tmp_path, {}), "permissions.user").severity == "unknown"


# --- the clock ----------------------------------------------------------------------------------------------------------------


def look(**more: Any) -> dict[str, str]:
    body = {"now": NOW, "kernel": KernelClock(is_synced=True, max_error_s=0.01), "moved_s": 0.0, "last_record_at": None}
    return graded(clock_check.examine(clock_check.ClockLook(**{**body, **more})))


def test_a_clock_that_is_kept_is_well():
    assert look(last_record_at=NOW - timedelta(days=3)) == {"clock.date": "ok", "clock.synced": "ok", "clock.steps": "ok"}


def test_a_clock_that_is_wrong_unkept_unasked_or_jumps_is_not():
    assert look(now=datetime(1970, 1, 1, 0, 5, tzinfo=UTC))["clock.date"] == "fail"
    assert look(last_record_at=NOW + timedelta(hours=1))["clock.date"] == "fail"
    assert look(last_record_at=NOW + timedelta(seconds=1))["clock.date"] == "ok"
    assert look(kernel=KernelClock(is_synced=False, max_error_s=16.0))["clock.synced"] == "warn"
    assert look(kernel=None)["clock.synced"] == "unknown"
    assert look(moved_s=-3600.0)["clock.steps"] == "warn"


def test_the_kernel_is_asked_and_not_guessed():
    found = kernel_clock()
    assert 0.0 <= found.max_error_s <= 2048.0
    if sys.platform == "linux" and Path("/usr/bin/timedatectl").exists():
        shown = subprocess.run(["timedatectl", "show", "-p", "NTPSynchronized"], capture_output=True, text=True, check=False)
        if shown.returncode == 0:
            assert found.is_synced == ("yes" in shown.stdout)


# --- the broker ---------------------------------------------------------------------------------------------------------------


def asked(options: Any, **figures: float) -> dict[str, Finding]:
    place = "tap line" if isinstance(options, TapOptions) else "sink plant"
    return {f.check: f for f in broker_check.examine(place, options, "test-doctor", SystemClock(), figures)}


@needs_mosquitto
def test_what_the_tap_may_read_is_unknown_until_records_came(tmp_path):
    broker = Broker(tmp_path).start()
    before, after = asked(TapOptions(port=broker.port)), asked(TapOptions(port=broker.port), records=7.0)
    assert (before["broker.read"].severity, after["broker.read"].severity) == ("unknown", "ok")
    assert "mosquitto accepts this even where its access list forbids reading" in before["broker.read"].seen
    broker.stop()


def test_a_refused_subscription_fails(tmp_path):
    from tests.mqtt_link.driving import CONNACK_5

    def refuse(connection: Any) -> None:
        connection.recv(1000)
        connection.sendall(CONNACK_5)
        request = connection.recv(1000)
        mid = request[3:5]  # behind a remaining length of two bytes
        connection.sendall(b"\x90\x09" + mid + b"\x00" + b"\x87" * 6)

    with listener(refuse) as port:
        found = asked(TapOptions(port=port, username="u"))["broker.read"]
    assert found.severity == "fail"
    assert "Not authorized (0x87)" in found.seen
    assert "let user u read linewarden/v1/in/inspection" in found.next_step


@needs_mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_access_list_that_forbids_publishing_is_found_under_both_versions(tmp_path, protocol):
    """Under 3.1.1 by asking the same broker with MQTT 5."""
    acl = text(tmp_path / "acl", "topic readwrite #\n")
    broker = Broker(tmp_path, f"acl_file {acl}\n").start()
    allowed = asked(SinkOptions(port=broker.port, protocol=protocol))["broker.write"]
    assert allowed.severity == ("ok" if protocol == "5" else "warn")
    assert ('protocol = "5"' in allowed.next_step) is (protocol == "3.1.1")
    acl.write_text("topic readwrite #\ntopic deny linewarden/v1/andon/#\n")
    assert broker.process is not None
    os.kill(broker.process.pid, signal.SIGHUP)
    found = {}

    def denied() -> bool:
        found.update(asked(SinkOptions(port=broker.port, protocol=protocol)))
        return found["broker.write"].severity == "fail"

    until(denied)
    assert "andon/linewarden-doctor/request: Not authorized (0x87)" in found["broker.write"].seen
    broker.stop()


def test_a_broker_that_knows_3_1_1_only_hides_its_access_list_and_the_doctor_says_so():
    """Answers CONNECT by its version, and acknowledges whatever is published."""

    def old(connection: Any) -> None:
        first = connection.recv(1000)
        level = first[first.index(b"MQTT") + 4]
        connection.sendall(b"\x20\x02\x00\x00" if level == 4 else b"\x20\x02\x00\x01")

    with listener(old) as port:
        found = asked(SinkOptions(port=port, protocol="3.1.1"))
    assert found["broker.allows"].severity == "unknown"
    assert found["broker.write"].severity == "unknown"
    assert "looks like its acceptance" in found["broker.write"].seen


def test_a_broker_that_leaves_messages_unanswered_fails():
    def mute(connection: Any) -> None:
        connection.recv(1000)
        connection.sendall(b"\x20\x03\x00\x00\x00")

    with listener(mute) as port:
        found = asked(SinkOptions(port=port))
    assert found["broker.write"].severity == "fail"
    assert found["broker.read"].severity == "fail"
    assert found["broker.version"].severity == "unknown"


@needs_mosquitto
def test_what_the_broker_does_not_allow_fails(tmp_path):
    broker = Broker(tmp_path, "retain_available false\n").start()
    found = asked(SinkOptions(port=broker.port))["broker.allows"]
    broker.stop()
    assert (found.severity, "retained messages" in found.seen) == ("fail", True)
    broker = Broker(tmp_path).start()
    assert asked(SinkOptions(port=broker.port))["broker.allows"].severity == "ok"
    broker.stop()


@needs_mosquitto
@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ("persistence true\nmax_queued_messages 100000\n", "ok"),
        ("persistence true\nmax_queued_messages 0\n", "ok"),
        ("persistence true\n", "warn"),
        ("max_queued_messages 5000\n", "warn"),
        ("", "fail"),
    ],
)
def test_a_broker_on_this_machine_is_asked_for_its_own_file(tmp_path, lines, severity):
    broker = Broker(tmp_path)
    kept = [line for line in broker.config.read_text().splitlines() if not line.startswith(("persistence", "max_queued"))]
    included = tmp_path / "conf.d"
    included.mkdir()
    text(included / "queue.conf", f"# a comment\n\npersistence_location {tmp_path}/\n{lines}")
    broker.config.write_text("\n".join([*kept, f"include_dir {included}", ""]))
    broker.start()
    found = asked(TapOptions(port=broker.port))["broker.keeps"]
    broker.stop()
    assert found.severity == severity, found
    assert f"{broker.config}: persistence" in found.seen


def test_queue_limits_of_a_broker_elsewhere_cannot_be_seen_and_its_drops_can(tmp_path):
    options = TapOptions(host="broker.plant")
    quiet, loud = broker_check._keeping("tap line", options, "0"), broker_check._keeping("tap line", options, "25")
    assert (quiet.severity, loud.severity) == ("unknown", "warn")
    assert "cannot be seen from outside" in quiet.seen
    assert "dropped 25 messages" in loud.seen
    assert "max_queued_messages 100000" in quiet.next_step
    assert mosquitto.settings_of(free_port(), tmp_path) is None


def test_the_brokers_version_is_judged():
    told = ("mosquitto version 1.4.15", "mosquitto version 2.0.18", "")
    assert [broker_check._version("tap line", said).severity for said in told] == ["warn", "ok", "unknown"]


@needs_mosquitto
@needs_openssl
def test_tls_that_works_is_well_and_none_towards_another_machine_is_a_warning(tmp_path):
    authority = Authority(tmp_path)
    host = authority.issue("host")
    broker = Broker(tmp_path, f"cafile {authority.cert}\ncertfile {host.cert}\nkeyfile {host.key}\n").start()
    good = asked(SinkOptions(port=broker.port, tls_ca=authority.cert))
    wrong = asked(SinkOptions(port=broker.port, tls_ca=Authority(tmp_path, "other").cert))
    broker.stop()
    assert (good["broker.encrypted"].severity, good["broker.connects"].severity) == ("ok", "ok")
    assert (wrong["broker.connects"].severity, set(wrong)) == ("fail", {"broker.encrypted", "broker.connects"})
    assert "set tls_ca" in wrong["broker.connects"].next_step
    far = broker_check._secrecy("sink plant", SinkOptions(host="10.0.0.9", username="u"))
    assert (far.severity, "password" in far.why) == ("warn", True)
    assert broker_check._secrecy("sink plant", SinkOptions()).severity == "ok"


def test_a_broker_that_never_answers_fails_within_its_timeout():
    with listener() as port:
        found = asked(SinkOptions(port=port, connect_timeout_s=0.5))["broker.connects"]
    assert (found.severity, "did not answer within 0.5 s" in found.seen) == ("fail", True)


@pytest.mark.parametrize(("mode", "severity"), [(0o600, "ok"), (0o604, "fail")])
def test_the_token_of_the_http_tap_is_not_for_everybody(tmp_path: Path, mode: int, severity: str) -> None:
    file, token = tmp_path / "line.toml", tmp_path / "token"
    file.write_text("")
    token.write_text("0123456789abcdef")
    token.chmod(mode)
    found = permissions.examine(file, tmp_path / "none", {}, {"tap web": token})
    assert only(found, "permissions.credential").severity == severity
