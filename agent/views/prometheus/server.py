"""The HTTP side: one small server in the view's own thread, one request at a time."""

from __future__ import annotations

import io
import logging
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from agent.config.model import MetricsSection
from agent.ports import Snapshots, StopSignal
from agent.views.prometheus.metrics import SnapshotCollector

_LOG = logging.getLogger("linewarden")
POLL_S = 0.25
CLIENT_S = 3.0  # a client that says nothing for so long is let go
MAX_READS = 8  # a request comes in one piece or a few; who sends it byte by byte, each in time, would hold the only thread
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class PrometheusView:
    """Serves GET /metrics and GET /healthz; every answer is made from the snapshot current at that moment."""

    name = "prometheus"

    def __init__(self, options: MetricsSection) -> None:
        self._options = options
        self._port = 0

    @property
    def port(self) -> int:
        """The port listened on; 0 before there is one."""
        return self._port

    def run(self, snapshots: Snapshots, stop: StopSignal) -> None:
        """Answer until `stop`. Raises OSError when the port is taken."""
        registry = CollectorRegistry()
        registry.register(SnapshotCollector(snapshots))
        ProcessCollector(registry=registry)
        with _Server((self._options.host, self._options.port), registry, snapshots) as server:
            self._port = server.server_port
            _LOG.info("metrics on http://%s:%d/metrics", self._options.host, self._port)
            try:
                while not stop.is_set():
                    server.handle_request()
            finally:
                self._port = 0


class _Server(HTTPServer):
    timeout = POLL_S

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, snapshots: Snapshots) -> None:
        self.registry = registry
        self.snapshots = snapshots
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the base's look-up of the host's name, which may ask a name server that is not there."""
        # Without it the last scrape holds the port for a minute after a restart.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away or spoke no HTTP is its own affair."""
        _LOG.debug("request from %s failed", client_address, exc_info=True)


class _FewReads(io.RawIOBase):
    """What a client sends, in at most MAX_READS pieces, each within CLIENT_S; then it has ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = MAX_READS

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase."""
        self._left -= 1
        return self._connection.recv_into(buffer) if self._left >= 0 else 0


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_S
    server: _Server

    def setup(self) -> None:
        """Read no more than a request needs."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_FewReads(self.connection))

    def do_GET(self) -> None:
        """Metrics, health, or nothing else."""
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, PLAIN, generate_latest(self.server.registry))
            case "/healthz":
                self._answer(HTTPStatus.OK, "application/json", self._health())
            case _:
                self._answer(HTTPStatus.NOT_FOUND, PLAIN, b"/metrics or /healthz\n")

    def _health(self) -> bytes:
        """That this process answers, and how fresh what it shows is; whether the core moves is the watchdog's question."""
        snapshot = self.server.snapshots.current()
        stations = {station.station: station.state for station in snapshot.stations}
        return msgspec.json.encode({"serving": True, "at": snapshot.at, "seq": snapshot.seq, "stations": stations})

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """No versions to strangers."""
        return "linewarden"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Scrapes are no news."""
