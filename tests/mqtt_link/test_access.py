"""Passwords and access lists against a real mosquitto: what each refusal is counted as, and what the user is told."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.mqtt_link.events import Connected
from agent.sinks import mqtt as sink_plugin
from agent.taps import mqtt as tap_plugin
from tests.brokers import Broker, needs_mosquitto, until
from tests.edges import FixedSnapshots, ListInbox, MemoryOutbox, Running, context
from tests.mqtt_link.driving import options, outcome, text, trouble
from tests.sinks.test_mqtt_sink import gap

pytestmark = needs_mosquitto
ENDS = ("closed", "session_taken_over")  # later mosquittos may say it
ALL = "user agent\ntopic readwrite #\n"


def guarded(folder: Path, rules: str = ALL) -> Broker:
    """A broker that asks for a password (agent, s3cret) and obeys the access list `acl` in its folder."""
    passwords, acl = folder / "passwords", text(folder / "acl", rules)
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "agent", "s3cret"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = Broker(folder, f"password_file {passwords}\nacl_file {acl}\n")
    broker.config.write_text(broker.config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    return broker.start()


@pytest.fixture
def broker(tmp_path: Path):
    broker = guarded(tmp_path)
    yield broker
    broker.stop(signal.SIGKILL)


def login(folder: Path, password: str = "s3cret\n") -> dict[str, Any]:
    return {"username": "agent", "password_file": text(folder / "secret", password)}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_password_of_the_file_opens_the_door_and_a_wrong_one_does_not(broker, tmp_path, protocol):
    assert isinstance(outcome(options(broker.port, **login(tmp_path), protocol=protocol)), Connected)
    assert isinstance(outcome(options(broker.port, **login(tmp_path, "s3cret\r\n"), protocol=protocol)), Connected)
    for wrong in (login(tmp_path, "wrong\n"), {"username": "nobody"}, {}):
        found = trouble(options(broker.port, **wrong, protocol=protocol))
        assert found.kind == "connect_refused"
        assert found.reason in {"not_authorized", "bad_user_name_or_password"}
        assert "password_file" in found.hint
        assert "(0x8" in found.message  # the code itself


def test_a_password_file_that_is_missing_empty_or_binary_is_named(broker, tmp_path):
    file = tmp_path / "secret"
    for content, message in ((None, "cannot be read: no such file"), (b"\n", "is empty"), (b"\xff\xfe\n", "is not UTF-8")):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        found = trouble(options(broker.port, username="agent", password_file=file))
        assert found.reason == "credentials"
        assert f"password_file {file} {message}" in found.message


def test_a_bare_name_is_a_systemd_credential_where_the_agent_was_given_any(broker, tmp_path, monkeypatch):
    given = tmp_path / "credentials"
    given.mkdir()
    text(given / "mqtt-password", "s3cret")
    wanted = options(broker.port, username="agent", password_file=Path("mqtt-password"))
    monkeypatch.chdir(tmp_path)
    found = trouble(wanted)
    assert "LoadCredential=" in found.hint
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    assert isinstance(outcome(wanted), Connected)


def test_a_password_changed_in_its_file_is_used_at_the_next_attempt(broker, tmp_path):
    tap = tap_plugin.build(
        "line", tap_plugin.Options(port=broker.port, reconnect_max_s=0.3, **login(tmp_path, "old\n")), context(tmp_path)
    )
    with Running(lambda stop: tap.run(ListInbox(), None, stop)):
        until(lambda: tap.health()["connection_failures"] >= 1)
        text(tmp_path / "secret", "s3cret\n")
        until(lambda: tap.health()["connected"] == 1.0)


def test_the_password_is_in_no_message_and_no_log(broker, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "hunter2-and-more"
    found = trouble(options(broker.port, **login(tmp_path, secret)))
    assert secret not in caplog.text + str(found)


def sink_of(broker: Broker, folder: Path, **more: Any) -> Any:
    wanted = {"port": broker.port, "reconnect_max_s": 0.3, "retry_s": 0.1, **login(folder), **more}
    return sink_plugin.build("plant", sink_plugin.Options(**wanted), context(folder))


def test_a_revoked_right_to_publish_is_counted_logged_and_taken_up_again_when_restored(broker, tmp_path, caplog):
    outbox, sink = MemoryOutbox(), sink_of(broker, tmp_path)
    assert broker.process is not None
    with Running(lambda stop: sink.run(outbox, FixedSnapshots(), stop)):
        outbox.commit(gap(1))
        until(lambda: outbox.marks.get("plant") == 1)
        text(tmp_path / "acl", "user agent\ntopic readwrite linewarden/v1/status\n")
        os.kill(broker.process.pid, signal.SIGHUP)
        until(lambda: outbox.commit(gap(2)) or sink.health().get("publish_refused:not_authorized", 0) >= 1)
        refused_at = outbox.marks["plant"]
        assert refused_at < outbox.last_id()
        text(tmp_path / "acl", ALL)
        os.kill(broker.process.pid, signal.SIGHUP)
        until(lambda: outbox.marks["plant"] == outbox.last_id())
        assert sink.health()["connections"] == 1.0  # it never had to come back
    assert "broker refused linewarden/v1/gap: Not authorized (0x87)" in caplog.text
    assert "let user agent write linewarden/v1/gap in the broker's access list" in caplog.text


def test_under_3_1_1_a_refused_message_looks_like_a_delivered_one(tmp_path):
    """The limit the pages and the doctor state: proven, so that nobody takes the silence for delivery."""
    broker = guarded(tmp_path, "user agent\ntopic readwrite linewarden/v1/status\n")
    outbox, sink = MemoryOutbox(), sink_of(broker, tmp_path, protocol="3.1.1")
    with Running(lambda stop: sink.run(outbox, FixedSnapshots(), stop)):
        outbox.commit(gap(1))
        until(lambda: outbox.marks.get("plant") == 1)
        assert not [name for name in sink.health() if name.startswith("publish_refused")]
    broker.stop()


def test_a_message_larger_than_the_broker_takes_is_refused_here_and_does_not_end_the_connection(tmp_path):
    from agent.documents import GapDoc
    from agent.messages import message

    broker = guarded(tmp_path)
    broker.stop()
    broker.config.write_text(broker.config.read_text() + "max_packet_size 1000\n")
    broker.start()
    outbox, sink = MemoryOutbox(), sink_of(broker, tmp_path)
    with Running(lambda stop: sink.run(outbox, FixedSnapshots(), stop)):
        until(lambda: sink.health()["connected"] == 1.0)
        outbox.commit(message(GapDoc(station="S" * 2000, kind="lost", from_at=None, to_at=None, count=1)))
        outbox.commit(gap(2))
        until(lambda: sink.health().get("publish_refused:packet_too_large", 0) >= 2)
        until(lambda: sink.health()["confirmed"] >= 1)
        assert sink.health()["connections"] == 1.0
    broker.stop()


def test_two_clients_of_one_name_are_told_what_may_be_the_cause(broker, tmp_path):
    """Mosquitto 2.0.11 closes the older connection without a word, under MQTT 5 too."""

    def tap() -> Any:
        wanted = tap_plugin.Options(port=broker.port, reconnect_max_s=0.3, client_id="same", **login(tmp_path))
        return tap_plugin.build("line", wanted, context(tmp_path))

    first, second = tap(), tap()
    with (
        Running(lambda stop: first.run(ListInbox(), None, stop)),
        Running(lambda stop: second.run(ListInbox(), None, stop)),
    ):
        until(lambda: all(sum(tap.health().get(f"disconnected:{r}", 0) for r in ENDS) >= 1 for tap in (first, second)))
    assert "client_id" in str(first.health()["last_error"])
