"""The local control socket: the command line talks to a running agent here, one JSON object a line, both ways.

    {"ask": "snapshot"}                              → {"snapshot": {…}}
    {"ask": "submit", "records": ["<json>", …]}      → {"accepted": n, "refused": [[index, reason, message], …],
                                                        "became": {"duplicate": [index, …], "matched": […], …}}
    {"ask": "command", "record": "<json>"}           → {"result": {…}}

Records and commands are answered after their commit.
The socket file admits the agent's own user and group; who may reach it may command.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent.errors import AgentError, NotRunning, RecordRefused
from agent.ports import Delivery
from agent.records import Command, decode

if TYPE_CHECKING:
    from agent.ports import Clock, Inbox, Snapshots, StopSignal

NAME = "control"
_MAX_LINE_BYTES = 64 << 20
_COMMIT_TIMEOUT_S = 30.0
_POLL_S = 0.2
_MAX_ADDRESS_BYTES = 107


class _Committed:
    """Receipt of the last delivery of a request."""

    def __init__(self) -> None:
        self.event = threading.Event()


class ControlTap:
    """The socket's server, a tap like any other: what it is sent goes through the inbox and is answered after the commit."""

    name = NAME
    finite = False

    def __init__(self, path: Path, clock: Clock, snapshots: Snapshots, result_of: Callable[[str], bytes | None]) -> None:
        """result_of: the committed answer to a command, by request_id."""
        self._path = path
        self._clock = clock
        self._snapshots = snapshots
        self._result_of = result_of
        self._requests = 0

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:  # noqa: ARG002  nothing to resume
        """Serve until stopped."""
        tap = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.connection.settimeout(2 * _COMMIT_TIMEOUT_S)
                with contextlib.suppress(OSError):
                    while (line := self.rfile.readline(_MAX_LINE_BYTES)) and not stop.is_set():
                        self.wfile.write(tap.answer(line, inbox, stop) + b"\n")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            block_on_close = False

        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        with _short(self._path) as address, Server(address, Handler) as server:
            self._path.chmod(0o660)
            server.timeout = _POLL_S
            while not stop.is_set():
                server.handle_request()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Wake those whose request is committed."""
        for receipt in receipts:
            if isinstance(receipt, _Committed):
                receipt.event.set()

    def health(self) -> dict[str, float | str]:
        """How many requests were answered."""
        return {"requests": float(self._requests)}

    def answer(self, line: bytes, inbox: Inbox, stop: StopSignal) -> bytes:
        """The answer to one request, without its newline."""
        self._requests += 1
        try:
            request = json.loads(line)
            match request.get("ask"):
                case "snapshot":
                    return msgspec.json.encode({"snapshot": _snapshot(self._snapshots.current())})
                case "submit":
                    return msgspec.json.encode(self._submit(request["records"], inbox, stop))
                case "command":
                    return msgspec.json.encode(self._command(request["record"], inbox, stop))
                case other:
                    return msgspec.json.encode({"error": f"ask must be snapshot, submit or command, got {other}"})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return msgspec.json.encode({"error": f"not a request: {error}"})
        except AgentError as error:
            return msgspec.json.encode({"error": str(error), "hint": error.hint})

    def _submit(self, records: list[str], inbox: Inbox, stop: StopSignal) -> dict[str, Any]:
        accepted: list[Any] = []
        asked: list[int] = []  # the place of each accepted one in the request
        refused: list[tuple[int, str, str]] = []
        for index, raw in enumerate(records):
            try:
                accepted.append(decode(raw.encode())[0])
                asked.append(index)
            except RecordRefused as refusal:
                refused.append((index, refusal.reason, str(refusal)))
        words = self._deliver(accepted, inbox, stop)
        became: defaultdict[str, list[int]] = defaultdict(list)
        for index, word in zip(asked, words, strict=True):
            if word:
                became[word].append(index)
        return {"accepted": len(accepted), "refused": refused, "became": became}

    def _command(self, raw: str, inbox: Inbox, stop: StopSignal) -> dict[str, Any]:
        record, _ = decode(raw.encode())
        if not isinstance(record, Command):
            raise AgentError(f"expected a command, got {type(record).__name__.lower()}")
        self._deliver([record], inbox, stop)
        result = self._result_of(record.request_id)
        if result is None:
            raise AgentError(f"request {record.request_id} was answered before", hint="use a new request_id")
        return {"result": msgspec.Raw(result)}

    def _deliver(self, records: list[Any], inbox: Inbox, stop: StopSignal) -> list[str]:
        """What each became, once all are committed."""
        receipt = _Committed()
        words = [""] * len(records)
        for n, record in enumerate(records):
            is_last = n == len(records) - 1
            delivery = Delivery(
                NAME,
                record,
                None,
                self._clock.now(),
                receipt=receipt if is_last else None,
                became=partial(words.__setitem__, n),
                is_awaited=is_last,
            )
            if not inbox.put(delivery, stop):
                raise AgentError("the agent is stopping")
        if records and not receipt.event.wait(_COMMIT_TIMEOUT_S):
            raise AgentError(f"not committed within {_COMMIT_TIMEOUT_S:.0f} s", hint="see the agent's log: is the disk full?")
        return words


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for `path` that fits the 107 bytes of unix(7), however deep the state folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}" if len(os.fsencode(path)) > _MAX_ADDRESS_BYTES else os.fspath(path)
    finally:
        os.close(folder)


def _snapshot(snapshot: Any) -> dict[str, Any]:
    """A snapshot as JSON takes it: counters, keyed by pairs, become a list."""
    plain = {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}
    plain["counters"] = [[counter, labels, total] for (counter, labels), total in sorted(snapshot.counters.items())]
    return plain


class ControlClient:
    """The command line's end. Raises NotRunning when no agent listens at `path`."""

    def __init__(self, path: Path, timeout_s: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with _short(path) as address:
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise NotRunning(f"no agent answers at {path}: {error.strerror}", hint="start it with `linewarden run`") from error
        self._file = self._socket.makefile("rwb")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer to one request. Raises AgentError when the agent refuses it."""
        self._file.write(msgspec.json.encode(request) + b"\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise NotRunning("the agent closed the connection")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise AgentError(answer["error"], hint=answer.get("hint", ""))
        return answer

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()
