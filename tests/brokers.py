"""A real mosquitto on loopback and a random port, and small clients that speak to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

MOSQUITTO = shutil.which("mosquitto") or next(
    (p for p in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") if os.path.exists(p)), None
)
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is missing: apt-get install -y mosquitto")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(claim: Callable[[], bool], timeout_s: float = 10.0, what: str = "") -> None:
    """Wait for something another process does; fail when it does not happen."""
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, f"did not happen within {timeout_s} s: {what}"
        time.sleep(0.01)


class Broker:
    """One mosquitto; it can be killed and started again on the same port, keeping its database where it wrote one."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.process: subprocess.Popen[bytes] | None = None
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            f"max_queued_messages 100000\nuser root\n{extra}"
        )

    def start(self) -> Broker:
        """Listening when this returns."""
        assert MOSQUITTO is not None
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self.answers, what="mosquitto listens")
        return self

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
        except OSError:
            return False
        return True

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """In order (database written), or with SIGKILL not."""
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(10)
            self.process = None


class Plant:
    """The other side: publishes and collects. Its own thread is paho's."""

    def __init__(self, broker: Broker, subscriptions: tuple[str, ...] = (), protocol: str = "5") -> None:
        version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
        self.messages: list[MQTTMessage] = []
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.max_inflight_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._subscribed = 0
        self._client.on_message = lambda _c, _u, m: self.messages.append(m)

        def on_connect(client, *_):
            for topic in subscriptions:
                client.subscribe(topic, 1)

        def on_subscribe(*_):
            self._subscribed += 1

        self._client.on_connect = on_connect
        self._client.on_subscribe = on_subscribe
        self._client.connect("127.0.0.1", broker.port, 30)
        self._client.loop_start()
        until(self._client.is_connected, what="plant connects")
        until(lambda: self._subscribed >= len(subscriptions), what="plant subscribes")

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False, qos: int = 1) -> None:
        """Returns when the broker has it."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def publish_all(self, items: list[tuple[str, bytes]]) -> None:
        """Many at once; returns when the broker has them all."""
        for info in [self._client.publish(topic, payload, qos=1) for topic, payload in items]:
            info.wait_for_publish(20)

    def on(self, suffix: str) -> list[MQTTMessage]:
        """Messages whose topic ends so, in order of arrival."""
        return [m for m in self.messages if m.topic.endswith(suffix)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
