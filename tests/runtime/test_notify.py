"""sd_notify."""

import socket

from agent.runtime.notify import SystemdNotifier


def test_systemd_is_told_at_the_address_it_gave(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        assert SystemdNotifier(str(tmp_path / "notify")).send("READY=1")
        assert listener.recv(100) == b"READY=1"


def test_a_listener_that_never_reads_stops_nobody(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        notifier = SystemdNotifier(str(tmp_path / "notify"))
        sent = [notifier.send("WATCHDOG=1") for _ in range(10_000)]
    assert sent[0]
    assert not sent[-1]
