"""The http tap: records by POST, many senders, one thread; an answer says that they are committed."""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Sequence
from typing import cast

from agent.ports import Inbox, PlugInContext, StopSignal
from agent.taps.http.options import Options
from agent.taps.http.serving import Serving, read_token
from agent.waking import Waker

_BACKLOG = 64


class HttpTap:
    """Listens; what it reads it hands over, and answers after the commit."""

    finite = False

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._receipts: deque[int] = deque()  # the exchange's number, once a record
        self._waker: Waker | None = None
        self._counts: Counter[str] = Counter()
        self._last: dict[str, str] = {"last_record_at": "", "last_error": ""}
        self._exchanges = 0  # ever: numbers go on when `run` is called again, so that no receipt is mistaken
        self._port = 0

    @property
    def port(self) -> int:
        """The port listened on; 0 while there is none."""
        return self._port

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:  # noqa: ARG002 - senders keep what is unanswered
        """Serve until `stop`. Raises OSError when the port is taken, AgentError when the token cannot be read."""
        read_token(self._options)
        family = socket.AF_INET6 if ":" in self._options.host else socket.AF_INET
        waker = Waker()
        try:
            with socket.create_server((self._options.host, self._options.port), family=family, backlog=_BACKLOG) as listening:
                listening.settimeout(0)
                self._port = listening.getsockname()[1]
                self._receipts.clear()
                serving = Serving(
                    self.name,
                    self._options,
                    self._context,
                    self._receipts,
                    self._counts,
                    self._last,
                    first=self._exchanges + 1,
                )
                self._waker = waker
                try:
                    serving.run(listening, waker, inbox, stop)
                finally:
                    self._exchanges = serving.last_number
        finally:
            self._waker, self._port = None, 0
            waker.close()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Committed: the tap's thread answers. Called from the core thread."""
        self._receipts.extend(cast("Sequence[int]", receipts))  # as made in Serving
        waker = self._waker
        if waker is not None:
            waker.wake()

    def health(self) -> dict[str, float | str]:
        """Figures for status and metrics; connected: it listens. answered_401 and the like: requests not taken, by status."""
        figures: dict[str, float | str] = {"connected": float(self._waker is not None)}
        figures |= {name: float(self._counts[name]) for name in ("clients", "requests", "records", "refused")}
        figures |= {name: float(count) for name, count in sorted(self._counts.items()) if name.startswith("answered_")}
        return figures | self._last
