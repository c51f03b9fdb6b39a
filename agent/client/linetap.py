"""linetap: hands inspection results to a Linewarden agent on this machine. One file, standard library only, Python >= 3.8: copy it.

    from linetap import LineTap

    tap = LineTap("/run/linewarden/linetap.sock", station="ST4")  # or "tcp:127.0.0.1:9465"
    tap.inspection("A-000123", "ok", p_defect=0.012, recipe="lid", image="/data/frames/A-000123.png")
    tap.outcome("A-000042", True, source="audit", inclusion_probability=0.05)
    tap.close()

A call puts the record into a bounded queue and returns: microseconds, whatever the agent does. A thread encodes and sends. The
call never raises and waits for nobody; True means taken into the queue. The agent acknowledges what it has committed to disk; the
rest is sent again after a reconnect and recognised as the same. With the agent away, records wait in bounded memory; then the
oldest are dropped, counted by reason, and reported to the agent as soon as it is back. Protocol: README.md beside this file.

One LineTap serves one station; a program with several stations makes one for each, so that they have their own queues. It may be
called from several threads, and goes on in a forked child with a queue of its own.
SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import atexit
import binascii
import contextlib
import json
import math
import os
import socket
import threading
import time
from collections import deque
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOCOL = 1
POLL_S = 0.02  # how often the thread looks for new records
CONNECT_S = 1.0  # longest wait for a connection
RETRY_S = (0.1, 2.0)  # pause between attempts: doubles from the first to the second
REPORT_S = 5.0  # shortest time between two loss reports
MAX_IMAGE_BYTES = 262_144
MAX_LINE_BYTES = 1 << 20
SLOTS = 1024  # of the queue between caller and thread; a picture takes one for each 64 kB
TIME_MEMBERS = {"inspection": "captured_at", "outcome": "observed_at", "event": "at"}
_BATCH_BYTES = 1 << 16
_BATCH_RECORDS = 64
_MAX_ADDRESS_BYTES = 107  # unix(7)


class LineTap:
    """The sender's end of the agent's tap `socket`.

    address: path of the agent's socket, or "tcp:127.0.0.1:PORT". station: for records that name none. max_records, max_mb: what is
    kept in memory for an agent that is away or slow, besides the queue of at most 1,024 records or 64 MB of pictures.
    """

    def __init__(self, address: str, station: str = "", *, max_records: int = 10_000, max_mb: float = 64.0) -> None:
        self._address = os.fspath(address)
        self._station = station
        self._max_records = max(2, int(max_records))
        self._max_bytes = int(max_mb * 1e6)
        self._pid = 0  # process the thread runs in
        self._is_closed = False
        self._dropped_since = self._dropped_at = 0.0  # of what is not reported
        self._set_up()

    # --- called by the vision program: quick, never raises ------------------------------------------------------------------

    def inspection(self, part_id: str, verdict: str, p_defect: float | None = None, image: Any = None, **more: Any) -> bool:
        """A judgement; verdict is "ok" or "ng". captured_at is now unless given.

        image: path of a file the agent can read, left whole until the record is acknowledged; or a file's bytes (PNG, JPEG, BMP),
        at most 256 kB: of a larger one the record is sent without it.
        more: any member of an inspection (recipe, view, measurements, context, model, sequence, …).
        """
        more["part_id"], more["verdict"] = part_id, verdict
        if p_defect is not None:
            more["p_defect"] = p_defect
        return self._put("inspection", more, image)

    def outcome(self, part_id: str, defective: bool, **more: Any) -> bool:  # noqa: FBT001 - as the record has it
        """What a part turned out to be. more: source, inclusion_probability, confirmed, observed_at, …"""
        more["part_id"], more["defective"] = part_id, defective
        return self._put("outcome", more)

    def event(self, kind: str, value: str = "", **more: Any) -> bool:
        """Something done at the station: lot, tool, lamp, cleaning, camera, recipe, maintenance, model, software, line_state."""
        more["kind"], more["value"] = kind, value
        return self._put("event", more)

    def send(self, record: dict[str, Any], image: Any = None) -> bool:
        """A record put together elsewhere, its member `type` in it."""
        return self._put("", record, image)

    def stats(self) -> dict[str, Any]:
        """Figures, roughly of this moment. dropped: by reason; refused: the agent could not use them, last_refusal says why."""
        return {
            "connected": self._socket is not None,
            "connections": self._connections,
            "acknowledged": self._acknowledged,
            "waiting": len(self._handed) + len(self._waiting) + len(self._sent),
            "dropped": self._all_dropped(),
            "refused": self._refused,
            "last_refusal": self._last_refusal,
            "last_error": self._last_error,
        }

    def close(self, timeout_s: float = 1.0) -> bool:
        """Stop, after waiting at most so long for a connected agent to acknowledge what is left; True when nothing was left."""
        try:
            atexit.unregister(self.close)
            self._give_up_at = time.monotonic() + timeout_s
            self._is_closed = True
            if self._thread is not None and self._pid == os.getpid():
                self._thread.join(timeout_s + 0.2)
        except Exception as error:  # noqa: BLE001 - never into the caller
            self._last_error = repr(error)
        return not (self._handed or self._waiting or self._sent or self._report)

    def __enter__(self) -> LineTap:  # noqa: PYI034 - typing.Self is newer than 3.8
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, kind: str, given: dict[str, Any], image: Any = None) -> bool:
        try:
            now = time.time()
            if self._pid != os.getpid():
                self._set_up()
                self._start()
            if self._is_closed or len(self._handed) >= SLOTS:
                self._drop_in_call("handover_full", now)
                return False
            members = dict(given)
            members["type"] = kind = kind or given["type"]
            for name, value in members.items():
                if type(value) is dict:  # the caller may go on changing it
                    members[name] = dict(value)
            picture = b""
            if image is not None:
                if isinstance(image, (str, os.PathLike)):
                    members["image"] = os.fspath(image)
                elif memoryview(image).nbytes > MAX_IMAGE_BYTES:
                    self._drop_in_call("image_too_large", now)
                else:
                    picture = bytes(image)
            entry = (members, TIME_MEMBERS[kind], now, picture)
            if len(picture) >= _BATCH_BYTES:
                self._handed.extend([entry] + [None] * (len(picture) >> 16))
            else:
                self._handed.append(entry)
        except Exception as error:  # noqa: BLE001 - never into the caller
            self._last_error = repr(error)
            with contextlib.suppress(Exception):
                self._drop_in_call("invalid", time.time())
            return False
        return True

    def _drop_in_call(self, reason: str, at: float) -> None:
        with self._count_lock:  # held for one addition, by callers only
            self._dropped_in_calls[reason] = self._dropped_in_calls.get(reason, 0) + 1
        self._dropped_at = at
        self._dropped_since = self._dropped_since or at

    # --- the thread ---------------------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        """Everything of one process; a forked child begins anew, what its parent has is its parent's to send."""
        self._handed: deque[Any] = deque()  # callers append, the thread takes; nothing else is shared without being read-only there
        self._waiting: deque[bytes] = deque()  # lines to send, oldest first
        self._sent: deque[tuple[int, bytes]] = deque()  # (number on this connection, line), not acknowledged
        self._kept_bytes = 0  # of waiting and sent
        self._sent_bytes = 0
        self._out = memoryview(b"")
        self._in = b""
        self._line_number = 0
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._connect_at = 0.0
        self._pause_s = RETRY_S[0]
        self._count_lock = threading.Lock()
        self._dropped_in_calls: dict[str, int] = {}  # by reason, counted by callers
        self._dropped_here: dict[str, int] = {}  # counted by the thread
        self._reported: dict[str, int] = {}  # how much of both the reports made so far cover
        self._dropped_since = self._dropped_at = 0.0
        self._report: bytes = b""  # not acknowledged yet
        self._report_line = 0  # its number on this connection, 0 when it was not sent on it
        self._report_number = 0
        self._report_at = 0.0
        self._give_up_at = 0.0
        self._acknowledged = self._refused = self._connections = 0
        self._last_refusal = self._last_error = ""

    def _start(self) -> None:
        self._pid = os.getpid()
        self._client = f"{self._pid}-{os.urandom(8).hex()}"
        self._thread = threading.Thread(target=self._run, name="linetap", daemon=True)
        self._thread.start()
        atexit.unregister(self.close)
        atexit.register(self.close, 0.5)

    def _run(self) -> None:
        while True:
            try:
                self._encode()
                if self._socket is None:
                    self._connect()
                if self._socket is not None:
                    self._exchange(self._socket)
                if self._is_closed and self._is_done():
                    break
                if self._socket is None:
                    time.sleep(POLL_S)
            except Exception as error:  # noqa: BLE001 - the thread must live on
                self._disconnect(repr(error))
        self._disconnect("")

    def _is_done(self) -> bool:
        left = self._handed or self._waiting or self._sent or self._report or self._out
        return not left or self._socket is None or time.monotonic() >= self._give_up_at

    def _encode(self) -> None:
        for _ in range(_BATCH_RECORDS):
            try:
                entry = self._handed.popleft()
            except IndexError:
                break
            if entry is None:
                continue
            try:
                line = self._line(*entry)
            except Exception as error:  # noqa: BLE001 - whatever a caller passes
                self._last_error = repr(error)
                self._drop("invalid", entry[2])
                continue
            if len(line) > MAX_LINE_BYTES:
                self._drop("too_large", entry[2])
                continue
            self._waiting.append(line)
            self._kept_bytes += len(line)
        while self._waiting and (len(self._waiting) + len(self._sent) > self._max_records or self._kept_bytes > self._max_bytes):
            self._kept_bytes -= len(self._waiting.popleft())
            self._drop("buffer_full", time.time())

    def _line(self, members: dict[str, Any], time_member: str, now: float, picture: bytes) -> bytes:
        if self._station and not members.get("station"):
            members["station"] = self._station
        if members.get(time_member) is None:
            members[time_member] = _instant(now)
        try:
            body = json.dumps(members, allow_nan=False, separators=(",", ":"), default=_plain)
        except ValueError:
            body = json.dumps(_without_nan(members), allow_nan=False, separators=(",", ":"), default=_plain)
        if not picture:
            return body.encode() + b"\n"
        return b'%s,"image_inline":"%s"}\n' % (body[:-1].encode(), binascii.b2a_base64(picture, newline=False))

    def _drop(self, reason: str, at: float) -> None:
        self._dropped_here[reason] = self._dropped_here.get(reason, 0) + 1
        self._dropped_at = at
        self._dropped_since = self._dropped_since or at

    def _all_dropped(self) -> dict[str, int]:
        counts = dict(self._dropped_here)
        for reason, count in list(self._dropped_in_calls.items()):
            counts[reason] = counts.get(reason, 0) + count
        return counts

    # --- the connection -----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        now = time.monotonic()
        if now < self._connect_at:
            return
        self._connect_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, RETRY_S[1])
        sock = None
        try:
            if self._address.startswith("tcp:"):
                host, _, port = self._address[4:].rpartition(":")
                sock = socket.create_connection((host, int(port)), CONNECT_S)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.settimeout(CONNECT_S)
                with _short(self._address) as path:
                    sock.connect(path)
            sock.settimeout(0)
        except Exception as error:  # noqa: BLE001 - also a wrong address is tried again, and seen in stats()
            self._last_error = repr(error)
            if sock is not None:
                sock.close()
            return
        hello = {"type": "hello", "linetap": PROTOCOL, "client": self._client}
        self._out = memoryview(json.dumps(hello).encode() + b"\n")
        self._line_number = 1
        self._report_line = 0
        self._in = b""
        self._connections += 1
        self._socket = sock

    def _disconnect(self, why: str) -> None:
        """Whatever was not acknowledged is to be sent again."""
        sock, self._socket = self._socket, None
        self._last_error = why or self._last_error
        self._out = memoryview(b"")
        self._waiting.extendleft(line for _, line in reversed(self._sent))
        self._sent.clear()
        self._sent_bytes = 0
        self._connect_at = time.monotonic() + self._pause_s
        if sock is not None:
            sock.close()

    def _exchange(self, sock: socket.socket) -> None:
        """Send what the network takes, hear what is answered; then a nap, unless there is more to send.

        Each system call hands the interpreter lock over and back, which the caller feels: there are as few as possible.
        """
        if not self._out:
            self._out = memoryview(self._next_batch())
        sent = 0
        try:
            if self._out:
                with contextlib.suppress(BlockingIOError, InterruptedError):
                    sent = sock.send(self._out)
                    self._out = self._out[sent:]
            with contextlib.suppress(BlockingIOError, InterruptedError):
                data = sock.recv(1 << 16)
                if not data:
                    self._disconnect("the agent closed the connection")
                    return
                *lines, self._in = (self._in + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line.decode()))
        except (OSError, ValueError) as error:
            self._disconnect(repr(error))
        if not (sent and (self._out or self._waiting or self._handed)):
            time.sleep(POLL_S)

    def _next_batch(self) -> bytes:
        """Lines to send next, a loss report before them; at most half of what may be kept is on its way at a time."""
        batch, size = [], 0
        if not self._report:
            self._report = self._make_report()
        if self._report and not self._report_line:
            self._line_number += 1
            self._report_line = self._line_number
            batch.append(self._report)
        while self._waiting and size < _BATCH_BYTES:
            if 2 * len(self._sent) >= self._max_records or (self._sent and 2 * self._sent_bytes >= self._max_bytes):
                break
            line = self._waiting.popleft()
            self._line_number += 1
            self._sent.append((self._line_number, line))
            self._sent_bytes += len(line)
            size += len(line)
            batch.append(line)
        return b"".join(batch)

    def _make_report(self) -> bytes:
        now = time.monotonic()
        if self._report_at and now - self._report_at < REPORT_S and not self._is_closed:
            return b""
        totals = self._all_dropped()
        counts = {reason: total - self._reported.get(reason, 0) for reason, total in totals.items()}
        counts = {reason: count for reason, count in counts.items() if count}
        if not counts:
            return b""
        self._report_number += 1
        self._report_at = now
        self._reported = totals
        since, self._dropped_since = self._dropped_since, 0.0
        report = {
            "type": "lost",
            "number": self._report_number,
            "station": self._station,
            "since": _instant(since or self._dropped_at),
            "until": _instant(self._dropped_at),
            "counts": counts,
        }
        return json.dumps(report).encode() + b"\n"

    def _hear(self, answer: Any) -> None:
        if "ack" in answer:
            number = answer["ack"]
            self._pause_s = RETRY_S[0]
            while self._sent and self._sent[0][0] <= number:
                size = len(self._sent.popleft()[1])
                self._sent_bytes -= size
                self._kept_bytes -= size
                self._acknowledged += 1
            if 0 < self._report_line <= number:
                self._report, self._report_line = b"", 0
        elif "refused" in answer:
            self._refused += 1
            self._last_refusal = f"{answer.get('reason')}: {answer.get('message')}"
        elif "error" in answer:
            self._last_error = str(answer["error"])


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def _plain(value: Any) -> Any:
    """What JSON does not know: times, and the scalars of numerical libraries."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.astimezone()).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _without_nan(value: Any) -> Any:
    """NaN means not measured, and is not sent; an infinity stays, and makes the record invalid."""
    if not isinstance(value, dict):
        return value
    return {name: _without_nan(member) for name, member in value.items() if not _is_nan(member)}


def _is_nan(value: Any) -> bool:
    return bool(hasattr(value, "__float__") and math.isnan(value))


@contextlib.contextmanager
def _short(path: str) -> Iterator[str]:
    """An address that fits the 107 bytes of unix(7), however deep its folder lies (Linux)."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield path
        return
    parent, name = os.path.split(path)
    folder = os.open(parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{name}"
    finally:
        os.close(folder)
