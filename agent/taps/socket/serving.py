"""The loop of the socket tap: senders come and go, each line is dealt with in turn, commits are acknowledged."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import Counter, deque

from agent.errors import AgentError
from agent.ports import Clock, Delivery, Inbox, Lost, Refused, StopSignal
from agent.taps.socket import wire
from agent.taps.socket.connection import Connection, Read
from agent.taps.socket.listener import TcpListener, UnixListener
from agent.taps.socket.options import Options
from agent.taps.socket.reading import Reading
from agent.waking import Waker

IDLE_S = 0.2  # how often `stop` is looked at while nothing happens
SLICE_S = 0.05  # longest time lines are dealt with before the network is looked at again
LOOK_S = 5.0  # how often the socket file is looked for
SILENT_S = 60.0  # after so long a silent connection may be closed for a new one


class Serving:
    """One run of the tap.

    Turns: start-time fair queueing (Goyal, Vin and Cheng 1996) of this thread's time, so that a sender of a flood, or of pictures
    that take seconds, costs the others one line's wait at a time.
    """

    def __init__(
        self,
        reading: Reading,
        options: Options,
        clock: Clock,
        receipts: deque[tuple[int, int]],
        counts: Counter[str],
        last: dict[str, str],
        *,
        first: int,
    ) -> None:
        """receipts: (connection, line) committed, filled by the core thread. counts, last: figures of the tap. first: number."""
        self._reading = reading
        self._options = options
        self._clock = clock
        self._receipts = receipts
        self._counts = counts
        self._last = last
        self.last_number = first - 1
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._virtual_s = 0.0  # what the sender whose turn it is had spent

    def run(self, unix: UnixListener, tcp: TcpListener | None, waker: Waker, inbox: Inbox, stop: StopSignal) -> None:
        """Serve until `stop`. Raises AgentError when the socket file has gone."""
        look_at = self._clock.elapsed() + LOOK_S
        try:
            for sock in (unix.sock, *([tcp.sock] if tcp else ())):
                self._selector.register(sock, selectors.EVENT_READ, sock)
            self._selector.register(waker.reader, selectors.EVENT_READ, waker)
            while not stop.is_set():
                for key, _ in self._selector.select(self._pause_s()):
                    if isinstance(key.data, Connection):
                        if key.data.wants_more:
                            key.data.receive(self._clock.elapsed())
                    elif isinstance(key.data, Waker):
                        waker.clear()
                    else:
                        self._accept(key.data)
                self._acknowledge()
                self._work(inbox, stop)
                self._tidy()
                if self._clock.elapsed() >= look_at:
                    look_at = self._clock.elapsed() + LOOK_S
                    if not unix.is_in_place():
                        raise AgentError(f"the socket {unix.path} was removed or replaced by somebody else")
        finally:
            for connection in self._connections.values():
                connection.close()
            self._selector.close()
            self._counts["clients"] = self._counts["uncommitted"] = 0

    # --- connections --------------------------------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:  # it went away again, or this process has no descriptor left: it stays in the queue
            return
        self.last_number += 1
        connection = Connection(self.last_number, sock, self._clock.elapsed())
        if not self._has_room(connection):
            self._counts["connections_refused"] += 1
            connection.say(wire.error("too many connections"))
            connection.send()
            connection.close()
            return
        self._counts["connections"] += 1
        self._connections[connection.number] = connection
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _has_room(self, new: Connection) -> bool:
        """Whether it may stay.

        A process that holds half the places, or everybody when all are taken, gives up its longest silent connection for it.
        """
        held = list(self._connections.values())
        own = [c for c in held if c.process == new.process]
        most = self._options.max_connections
        rivals = own if len(own) >= most // 2 else held if len(held) >= most else None
        if rivals is None:
            return True
        silent = [c for c in rivals if c.is_idle and self._clock.elapsed() - c.heard_at >= SILENT_S]
        if not silent:
            return False
        self._drop(min(silent, key=lambda c: c.heard_at))
        return True

    def _drop(self, connection: Connection) -> None:
        with contextlib.suppress(KeyError):  # not registered when it wanted nothing
            self._selector.unregister(connection.sock)
        connection.close()
        del self._connections[connection.number]

    def _tidy(self) -> None:
        """Answers on their way, what each waits for told to the selector, and those that are finished let go."""
        for connection in list(self._connections.values()):
            connection.send()
            if connection.is_finished:
                self._drop(connection)
                continue
            events = selectors.EVENT_READ * connection.wants_more | selectors.EVENT_WRITE * connection.has_answers
            known = self._selector.get_map().get(connection.sock)
            if events and known is None:
                self._selector.register(connection.sock, events, connection)
            elif known is not None and not events:
                self._selector.unregister(connection.sock)
            elif known is not None and known.events != events:
                self._selector.modify(connection.sock, events, connection)
        self._counts["clients"] = len(self._connections)
        self._counts["uncommitted"] = sum(c.uncommitted for c in self._connections.values())

    def _pause_s(self) -> float:
        now = self._clock.elapsed()
        pause = IDLE_S
        for connection in self._connections.values():
            if connection.is_ready(now):
                return 0.0
            if connection.held is not None:
                pause = min(pause, connection.resume_at - now)
        return pause

    # --- lines --------------------------------------------------------------------------------------------------------------

    def _acknowledge(self) -> None:
        while self._receipts:
            number, line = self._receipts.popleft()
            connection = self._connections.get(number)
            if connection is not None:
                connection.commit(line)

    def _work(self, inbox: Inbox, stop: StopSignal) -> None:
        """Deal with lines, turn by turn, for a slice of time."""
        until = self._clock.elapsed() + SLICE_S
        while not stop.is_set():
            started = self._clock.elapsed()
            connection = self._next(started)
            if connection is None:
                return
            self._deal(connection, inbox, stop)
            ended = self._clock.elapsed()
            connection.spent_s += ended - started
            if ended >= until:
                return

    def _next(self, now: float) -> Connection | None:
        """Whose turn it is. Who had nothing to say meanwhile has saved up no time."""
        ready = []
        for connection in self._connections.values():
            is_ready = connection.is_ready(now)
            if is_ready:
                if not connection.has_turn:
                    connection.spent_s = max(connection.spent_s, self._virtual_s)
                ready.append(connection)
            connection.has_turn = is_ready
        if not ready:
            return None
        chosen = min(ready, key=lambda c: c.spent_s)
        self._virtual_s = chosen.spent_s
        return chosen

    def _deal(self, connection: Connection, inbox: Inbox, stop: StopSignal) -> None:
        """One line: read, made to wait where its station is over its quota, else measured and handed over."""
        read = connection.held or self._reading.read(connection, connection.lines.ready.popleft())
        wait_s, what = self._reading.wait_s(read)
        if wait_s > 0:
            if connection.held is None:
                self._counts[f"throttled_{what}"] += 1
            connection.held, connection.resume_at = read, self._clock.elapsed() + wait_s
            return
        self._reading.take(read)
        connection.held = None
        delivery = self._delivery(connection, read)
        if delivery is None:
            connection.settle()
        elif inbox.put(delivery, stop):
            connection.hand_over()
            self._count(delivery)

    def _delivery(self, connection: Connection, read: Read) -> Delivery | None:
        item, frame = self._reading.measure(read)
        if item is None:
            return None
        receipt = (connection.number, read.number)
        return Delivery(self._reading.name, item, frame, self._clock.now(), self._reading.position(connection, read), receipt)

    def _count(self, delivery: Delivery) -> None:
        match delivery.item:
            case Refused(reason=reason, message=message):
                self._counts["refused"] += 1
                self._last["last_error"] = f"{reason}: {message}"[:300]
            case Lost(counts=counts):
                self._counts["lost"] += sum(count for _, count in counts)
            case _:
                self._counts["records"] += 1
                self._last["last_record_at"] = delivery.received_at.isoformat()
