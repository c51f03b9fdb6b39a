"""A link driven by the test itself, and listeners that are no brokers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.mqtt_link.account import Account
from agent.mqtt_link.events import Connected, Disconnected, Session
from agent.mqtt_link.link import Link
from agent.mqtt_link.options import BrokerOptions
from agent.mqtt_link.troubles import Trouble
from agent.runtime.clock import SystemClock
from tests.brokers import until

CONNACK_5 = b"\x20\x03\x00\x00\x00"


def options(port: int, **more: Any) -> BrokerOptions:
    return BrokerOptions(**{"port": port, "reconnect_max_s": 0.3, "connect_timeout_s": 2.0, **more})


def link_to(wanted: BrokerOptions, clock: Any = None, name: str = "test") -> tuple[Link, Account]:
    clock = clock or SystemClock()
    account = Account("sink test", clock)
    return Link(wanted, name, clock, Session(), account), account


def outcome(wanted: BrokerOptions) -> Connected | Trouble:
    """What the first attempt comes to."""
    link, _ = link_to(wanted)

    def serve() -> bool:
        link.service(0.05)
        return bool(link.events)

    try:
        until(serve, what="an attempt ends")
        first = link.events[0]
    finally:
        link.close()
    if isinstance(first, Disconnected):
        return first.trouble
    assert isinstance(first, Connected)
    return first


def trouble(wanted: BrokerOptions) -> Trouble:
    found = outcome(wanted)
    assert isinstance(found, Trouble), "connected, though it should not have"
    return found


@contextmanager
def listener(answer: Callable[[socket.socket], None] = lambda _: None) -> Iterator[int]:
    """A port that takes every connection, lets `answer` do what it likes with it, and holds it until the end."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for connection in held:
        connection.close()


def text(file: Path, content: str) -> Path:
    file.write_text(content)
    return file
