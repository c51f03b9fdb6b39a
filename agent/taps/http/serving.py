"""The loop of the http tap: requests read side by side, their records handed over in turn, answers after the commit."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import Counter, deque
from functools import partial
from http import HTTPStatus

from agent.credentials import locate
from agent.errors import AgentError
from agent.intake import Intake
from agent.patience import Patience
from agent.ports import Delivery, Inbox, PlugInContext, Refused, StopSignal
from agent.records import Command
from agent.taps.http.exchange import Exchange
from agent.taps.http.options import Options
from agent.taps.http.request import Refusal, read_head
from agent.waking import Waker

IDLE_S = 0.2  # how often `stop` is looked at while nothing happens
SLICE_S = 0.05  # longest time records are dealt with before the network is looked at again
PUT_S = 0.05  # longest wait for room in the inbox at a time
BUSY_S = 10.0  # without room for so long the sender is told to come again
COMMIT_S = 30.0  # as over the control socket
GRACE_S = 2.0  # at the end, for what is handed over to be committed and answered
RETRY_S = "5"
LEAST_TOKEN = 16


def read_token(options: Options) -> str | None:
    """The token senders show, read anew for each request so that it can change; None where none is needed. Raises AgentError."""
    if options.token_file is None:
        return None
    file = locate(options.token_file)
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"token_file {file} cannot be read: {error}", hint="name a file that the agent's user may read") from error
    if len(token) < LEAST_TOKEN:
        raise AgentError(f"token_file {file} must hold at least {LEAST_TOKEN} characters", hint="`openssl rand -hex 32` makes one")
    return token


class Serving:
    """One run of the tap."""

    def __init__(
        self,
        name: str,
        options: Options,
        context: PlugInContext,
        receipts: deque[int],
        counts: Counter[str],
        last: dict[str, str],
        *,
        first: int,
    ) -> None:
        """receipts: exchanges with a record committed, by number, filled by the core thread. first: number of the next one."""
        self._name = name
        self._options = options
        self._clock = context.clock
        self._intake = Intake.of(options, context.measurer)
        self._receipts = receipts
        self._counts = counts
        self._last = last
        self.last_number = first - 1
        self._exchanges: dict[int, Exchange] = {}
        self._turns: deque[int] = deque()  # exchanges with records to hand over, whose turn is next first
        self._selector = selectors.DefaultSelector()

    def run(self, listening: socket.socket, waker: Waker, inbox: Inbox, stop: StopSignal) -> None:
        """Serve until `stop`; then what is handed over is answered, for a moment."""
        self._selector.register(waker.reader, selectors.EVENT_READ, waker)
        try:
            while not stop.is_set():
                self._listen(listening)
                self._turn(inbox, stop, 0.0 if self._turns else IDLE_S)
            if listening in self._selector.get_map():
                self._selector.unregister(listening)
            until = self._clock.elapsed() + GRACE_S
            while any(e.handed_over for e in self._exchanges.values()) and self._clock.elapsed() < until:
                self._turn(inbox, stop, IDLE_S / 4)
        finally:
            for exchange in self._exchanges.values():
                exchange.sock.close()
            self._selector.close()
            self._counts["clients"] = 0

    def _listen(self, listening: socket.socket) -> None:
        """While all places are taken, further connections wait in the network."""
        has_room, known = len(self._exchanges) < self._options.max_connections, listening in self._selector.get_map()
        if has_room and not known:
            self._selector.register(listening, selectors.EVENT_READ, listening)
        elif known and not has_room:
            self._selector.unregister(listening)

    def _turn(self, inbox: Inbox, stop: StopSignal, pause_s: float) -> None:
        for key, _ in self._selector.select(pause_s):
            if isinstance(key.data, Exchange):
                self._receive(key.data)
            elif isinstance(key.data, Waker):
                key.data.clear()
            else:
                self._accept(key.data)
        while self._receipts:
            exchange = self._exchanges.get(self._receipts.popleft())
            if exchange is not None:
                exchange.committed += 1
        if not stop.is_set():
            self._work(inbox, stop)
        self._tidy()

    # --- requests -----------------------------------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:  # it went away again, or this process has no descriptor left: it stays in the queue
            return
        self.last_number += 1
        self._counts["requests"] += 1
        exchange = Exchange(self.last_number, sock, self._clock.elapsed(), self._options.request_timeout_s)
        self._exchanges[exchange.number] = exchange
        self._selector.register(sock, selectors.EVENT_READ, exchange)

    def _receive(self, exchange: Exchange) -> None:
        try:
            is_whole = exchange.wants_more and exchange.receive()
            if is_whole and exchange.head is None:
                max_bytes = int(self._options.max_body_mb * (1 << 20))
                exchange.go_on(read_head(exchange.take_head(), token=self._token(), max_bytes=max_bytes))
                is_whole = exchange.has_body
            if is_whole:
                exchange.take_body()
                self._turns.append(exchange.number)
        except Refusal as refusal:
            self._refuse(exchange, refusal)

    def _token(self) -> str | None:
        try:
            return read_token(self._options)
        except AgentError as error:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the token cannot be checked; see the agent's status") from error

    def _refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        self._counts[f"answered_{refusal.status.value}"] += 1
        self._last["last_error"] = f"{refusal.status.value}: {refusal.__cause__ or refusal}"[:300]  # the cause is not for senders
        exchange.refuse_all(refusal)

    # --- records ------------------------------------------------------------------------------------------------------------

    def _work(self, inbox: Inbox, stop: StopSignal) -> None:
        """Hand records over, one of each request in turn, for a slice of time."""
        until = self._clock.elapsed() + SLICE_S
        while self._turns and not stop.is_set() and self._clock.elapsed() < until:
            exchange = self._exchanges.get(self._turns.popleft())
            if exchange is None or exchange.is_answered:
                continue
            if not self._hand_over(exchange, inbox, stop):
                self._turns.append(exchange.number)
                return  # no room: the network first
            if exchange.records:
                self._turns.append(exchange.number)

    def _hand_over(self, exchange: Exchange, inbox: Inbox, stop: StopSignal) -> bool:
        """One record; False where the inbox has no room."""
        delivery = exchange.held or self._delivery(exchange)
        now = self._clock.elapsed()
        if inbox.put(delivery, Patience(stop, self._clock, PUT_S)):
            exchange.held = exchange.busy_since = None
            exchange.handed_over += 1
            exchange.waits_since = now
            return True
        exchange.held = delivery
        exchange.busy_since = exchange.busy_since or now
        if now - exchange.busy_since > BUSY_S:
            told = "the agent has no room now; send all of it again: what was taken is recognised"
            self._refuse(exchange, Refusal(HTTPStatus.TOO_MANY_REQUESTS, told, Retry_After=RETRY_S))
        return False

    def _delivery(self, exchange: Exchange) -> Delivery:
        assert exchange.head is not None  # it has records
        number, raw = exchange.records.popleft()
        kind = exchange.head.kind
        item, frame = self._intake.read(raw, {**exchange.head.defaults, "type": kind})
        if isinstance(item, Command):
            item = Refused("command_not_allowed", "commands are not taken over HTTP")
        elif kind and not isinstance(item, Refused) and type(item).__name__.lower() != kind:
            item = Refused("wrong_kind", f"{type(item).__name__.lower()} came where {kind} is expected", item.station)
        item, frame = self._intake.measure(item, frame)
        now = self._clock.now()
        if isinstance(item, Refused):
            exchange.refuse(number, item.reason, item.message)
            self._counts["refused"] += 1
            self._last["last_error"] = f"{item.reason}: {item.message}"[:300]
        else:
            self._counts["records"] += 1
            self._last["last_record_at"] = now.isoformat()
        return Delivery(
            self._name,
            item,
            frame,
            now,
            receipt=exchange.number,
            became=partial(exchange.tell, number),
            is_awaited=not exchange.records,
        )

    # --- answers ------------------------------------------------------------------------------------------------------------

    def _tidy(self) -> None:
        """Answers on their way, what each waits for told to the selector, and those that are finished let go."""
        now = self._clock.elapsed()
        for exchange in list(self._exchanges.values()):
            if not exchange.is_answered:
                self._settle(exchange, now)
            exchange.send(now)
            if exchange.is_finished:
                with contextlib.suppress(KeyError):  # not registered when it wanted nothing
                    self._selector.unregister(exchange.sock)
                exchange.sock.close()
                del self._exchanges[exchange.number]
                continue
            self._watch(exchange)
        self._counts["clients"] = len(self._exchanges)

    def _settle(self, exchange: Exchange, now: float) -> None:
        if exchange.overdue(now):
            self._refuse(exchange, Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time"))
        elif exchange.handed_over and exchange.is_settled:
            exchange.settle()
        elif exchange.handed_over and now - exchange.waits_since > COMMIT_S:
            told = f"not committed within {COMMIT_S:.0f} s; send all of it again: what was taken is recognised"
            self._refuse(exchange, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, told, Retry_After=RETRY_S))

    def _watch(self, exchange: Exchange) -> None:
        events = selectors.EVENT_READ * exchange.wants_more | selectors.EVENT_WRITE * exchange.has_output
        known = self._selector.get_map().get(exchange.sock)
        if events and known is None:
            self._selector.register(exchange.sock, events, exchange)
        elif known is not None and not events:
            self._selector.unregister(exchange.sock)
        elif known is not None and known.events != events:
            self._selector.modify(exchange.sock, events, exchange)
