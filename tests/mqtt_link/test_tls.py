"""TLS against a real mosquitto: who is trusted, who is let in, and what the user is told when not."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.mqtt_link.events import Connected
from tests.brokers import Broker, free_port, needs_mosquitto, until
from tests.certificates import Authority, Pair, needs_openssl, openssl
from tests.edges import ListInbox, Running, context, inspection
from tests.mqtt_link.driving import listener, options, outcome, trouble

pytestmark = [needs_mosquitto, needs_openssl]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Authority:
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def own(authority: Authority) -> Pair:
    return authority.issue("agent1")


def tls_broker(folder: Path, authority: Authority, host: Pair, extra: str = "") -> Broker:
    return Broker(folder, f"cafile {authority.cert}\ncertfile {host.cert}\nkeyfile {host.key}\n{extra}").start()


@pytest.fixture(scope="module")
def broker(folder: Path, authority: Authority):
    broker = tls_broker(folder, authority, authority.issue("host"))
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, authority: Authority):
    """A broker that admits only holders of a certificate, and takes the user's name from it."""
    folder = tmp_path_factory.mktemp("mutual")
    broker = tls_broker(folder, authority, authority.issue("host2"), "require_certificate true\nuse_identity_as_username true\n")
    yield broker
    broker.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_whose_authority_is_trusted_is_connected_to(broker, authority, protocol):
    assert isinstance(outcome(options(broker.port, tls_ca=authority.cert, protocol=protocol)), Connected)


def test_a_broker_of_another_authority_is_not_trusted(broker, stranger):
    found = trouble(options(broker.port, tls_ca=stranger.cert))
    assert (found.kind, found.reason) == ("connect_failed", "certificate_untrusted")
    assert f"set tls_ca to the certificate of the authority that signed the broker's; {stranger.cert}" in found.hint


def test_a_certificate_for_another_name_is_refused_and_the_hint_shows_its_names(tmp_path, authority):
    broker = tls_broker(tmp_path, authority, authority.issue("other", names="DNS:broker.plant"))
    by_address = trouble(options(broker.port, tls_ca=authority.cert))
    by_name = trouble(options(broker.port, tls_ca=authority.cert, host="localhost"))
    broker.stop()
    assert by_address.reason == by_name.reason == "certificate_wrong_name"
    assert "not for the address 127.0.0.1" in by_address.message
    assert "not for localhost" in by_name.message
    assert f"openssl s_client -connect localhost:{broker.port}" in by_name.hint


def test_an_expired_certificate_is_named_as_such_with_a_word_on_the_clock(tmp_path, authority):
    broker = tls_broker(tmp_path, authority, authority.issue("old", days=-1))
    found = trouble(options(broker.port, tls_ca=authority.cert))
    broker.stop()
    assert found.reason == "certificate_expired"
    assert "timedatectl" in found.hint


def test_a_client_certificate_lets_the_agent_in(asking, authority, own):
    mine = {"tls_ca": authority.cert, "tls_cert": own.cert, "tls_key": own.key}
    assert isinstance(outcome(options(asking.port, **mine)), Connected)
    assert isinstance(outcome(options(asking.port, **mine, protocol="3.1.1")), Connected)


def test_key_and_certificate_may_be_one_file(asking, authority, own, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(own.cert.read_bytes() + own.key.read_bytes())
    assert isinstance(outcome(options(asking.port, tls_ca=authority.cert, tls_cert=both)), Connected)


def test_a_missing_client_certificate_is_said_to_be_missing(asking, authority):
    found = trouble(options(asking.port, tls_ca=authority.cert))
    assert (found.kind, found.reason) == ("connect_failed", "own_certificate_missing")
    assert found.hint.startswith("set tls_cert and tls_key")


def test_a_client_certificate_of_another_authority_is_said_to_be_refused(asking, authority, stranger):
    wrong = stranger.issue("intruder")
    found = trouble(options(asking.port, tls_ca=authority.cert, tls_cert=wrong.cert, tls_key=wrong.key))
    assert found.reason == "own_certificate_refused"


def test_an_expired_client_certificate_is_said_to_have_expired(asking, authority):
    old = authority.issue("former", days=-1)
    found = trouble(options(asking.port, tls_ca=authority.cert, tls_cert=old.cert, tls_key=old.key))
    assert found.reason == "own_certificate_expired"


def test_files_that_cannot_be_used_are_named_with_their_option(broker, authority, stranger, own, tmp_path):
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate\n")
    locked = tmp_path / "locked.key"
    openssl("ec", "-in", own.key, "-aes256", "-passout", "pass:x", "-out", locked)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"tls_ca": tmp_path / "gone.pem"}, f"tls_ca {tmp_path}/gone.pem cannot be read: no such file or directory"),
        ({"tls_ca": garbage}, f"tls_ca {garbage} holds no certificate"),
        ({"tls_ca": authority.cert, "tls_cert": garbage}, f"tls_cert {garbage} cannot be used"),
        ({"tls_ca": authority.cert, "tls_cert": own.cert}, f"tls_cert {own.cert} cannot be used"),
        (
            {"tls_ca": authority.cert, "tls_cert": own.cert, "tls_key": stranger.issue("x").key},
            "cannot be used: KEY_VALUES_MISMATCH",
        ),
        ({"tls_ca": authority.cert, "tls_cert": own.cert, "tls_key": locked}, "tls_key is protected by a passphrase"),
    ]
    for more, message in cases:
        found = trouble(options(broker.port, **more))
        assert (found.kind, found.reason) == ("connect_failed", "credentials")
        assert message in found.message
        assert found.hint


def test_without_tls_on_a_tls_port_the_hint_says_so(broker):
    found = trouble(options(broker.port))
    assert found.reason == "closed_unanswered"
    assert "does this port want TLS" in found.hint


def test_with_tls_on_a_plain_port_the_hint_says_so(tmp_path, authority):
    broker = Broker(tmp_path).start()
    found = trouble(options(broker.port, tls_ca=authority.cert))
    broker.stop()
    assert found.reason in {"closed_in_handshake", "not_tls"}
    assert "TLS" in found.hint


def test_a_listener_that_never_answers_the_handshake_is_given_up_after_the_timeout(authority):
    with listener() as port:
        started = time.monotonic()
        found = trouble(options(port, tls_ca=authority.cert, connect_timeout_s=0.5))
        assert 0.4 < time.monotonic() - started < 3
    assert found.reason == "no_answer"


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path, authority, stranger):
    """tls_ca is read at each attempt: an authority changed on both sides needs no restart of the agent."""
    from agent.taps.mqtt import Options, build

    trusted = tmp_path / "trusted.pem"
    shutil.copy(stranger.cert, trusted)
    broker = tls_broker(tmp_path, authority, authority.issue("renewed"))
    tap = build("line", Options(port=broker.port, tls_ca=trusted, reconnect_max_s=0.3), context(tmp_path))
    with Running(lambda stop: tap.run(ListInbox(), None, stop)):
        until(lambda: tap.health().get("connect_failed:certificate_untrusted", 0) >= 1)
        shutil.copy(authority.cert, trusted)
        until(lambda: tap.health()["connected"] == 1.0)
    broker.stop()


def test_records_larger_than_a_tls_record_and_many_at_once_arrive_whole(tmp_path, authority):
    """What TLS has decrypted already is not seen by poll: it must be read all the same."""
    from agent.taps.mqtt import Options, build
    from tests.brokers import Plant

    plain = free_port()
    broker = tls_broker(tmp_path, authority, authority.issue("host3"), f"listener {plain} 127.0.0.1\n")
    tap, inbox = build("line", Options(port=broker.port, tls_ca=authority.cert, window=500), context(tmp_path)), ListInbox()
    with Running(lambda stop: tap.run(inbox, None, stop)):
        until(lambda: tap.health()["connected"] == 1.0)
        broker.port = plain
        plant = Plant(broker)
        sent = [b" " * (200 if k % 7 else 60_000) + inspection(f"p{k}") for k in range(300)]
        plant.publish_all([("linewarden/v1/in/inspection", body) for body in sent])
        until(lambda: len(inbox.deliveries) == 300)
        plant.close()
    assert inbox.names == [f"p{k}" for k in range(300)]
    broker.stop()


def test_a_stop_during_the_handshake_ends_within_its_timeout(tmp_path, authority):
    from agent.sinks.mqtt import Options, build
    from tests.edges import FixedSnapshots, MemoryOutbox

    reached = threading.Event()

    def silent(_connection: socket.socket) -> None:
        reached.set()

    with listener(silent) as port:
        sink = build("plant", Options(port=port, tls_ca=authority.cert, connect_timeout_s=1.0), context(tmp_path))
        with Running(lambda stop: sink.run(MemoryOutbox(), FixedSnapshots(), stop)):
            assert reached.wait(5)
            started = time.monotonic()
        assert time.monotonic() - started < 4
