"""The socket tap: many senders, one thread; each has its turn, its quota and its answers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import cast

from agent.ports import Inbox, PlugInContext, StopSignal
from agent.taps.socket.listener import TcpListener, UnixListener, default_path
from agent.taps.socket.options import Options
from agent.taps.socket.position import Reports
from agent.taps.socket.reading import Reading
from agent.taps.socket.serving import Serving
from agent.waking import Waker


class SocketTap:
    """Listens; what it reads it hands over in the order of each sender, and acknowledges after the commit."""

    finite = False

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock = context.clock
        self._reading = Reading(name, options, context)
        self._path = options.path or default_path(context.state_dir)
        self._receipts: deque[tuple[int, int]] = deque()  # (connection, line)
        self._waker: Waker | None = None
        self._counts: Counter[str] = Counter()
        self._last: dict[str, str] = {"last_record_at": "", "last_error": ""}
        self._connections = 0  # ever accepted: numbers go on when `run` is called again, so that no receipt is mistaken
        self._port = 0

    @property
    def port(self) -> int:
        """The port listened on; 0 while there is none."""
        return self._port

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:
        """Serve until `stop`. Raises AgentError when it cannot listen, or no longer does."""
        if self._reading.reports is None:
            self._reading.reports = Reports(position)
        unix = UnixListener(self._path, int(self._options.mode, 8), self._options.group)
        tcp: TcpListener | None = None
        waker = Waker()
        try:
            tcp = TcpListener(self._options.port) if self._options.port else None
            self._port = tcp.port if tcp else 0
            self._receipts.clear()
            self._waker = waker
            serving = Serving(
                self._reading, self._options, self._clock, self._receipts, self._counts, self._last, first=self._connections + 1
            )
            try:
                serving.run(unix, tcp, waker, inbox, stop)
            finally:
                self._connections = serving.last_number
        finally:
            self._waker, self._port = None, 0
            waker.close()
            unix.close()
            if tcp is not None:
                tcp.close()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Committed: the tap's thread tells the senders. Called from the core thread."""
        self._receipts.extend(cast("Sequence[tuple[int, int]]", receipts))  # as made in Serving
        waker = self._waker
        if waker is not None:
            waker.wake()

    def health(self) -> dict[str, float | str]:
        """Figures for status and metrics; connected: it listens. lost_…: what senders reported, throttled_…: waits for a quota."""
        figures: dict[str, float | str] = {"connected": float(self._waker is not None)}
        names = (
            "clients", "connections", "connections_refused", "records", "refused", "throttled_records",
            "throttled_bytes", "lost", "uncommitted",
        )  # fmt: skip
        return figures | {name: float(self._counts[name]) for name in names} | self._last
