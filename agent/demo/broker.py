"""The demo's broker, a process of its own: amqtt on loopback, MQTT 3.1.1, no accounts. `python -m agent.demo.broker PORT`."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import Any

from amqtt.broker import Broker


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configuration(port: int) -> dict[str, Any]:
    """What amqtt needs to serve loopback only, to anybody there."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(port: int) -> None:
    """Serve until cancelled."""
    broker = Broker(configuration(port))
    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()


def main() -> None:
    """Serve on the port given until the process is ended; SIGTERM ends it at once, nothing of the demo's broker is kept."""
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
