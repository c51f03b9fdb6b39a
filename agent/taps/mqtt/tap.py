"""The mqtt tap: QoS 1 with a persistent session; the broker keeps every message until its record is committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import cast

from agent.intake import Intake
from agent.mqtt_link import troubles
from agent.mqtt_link.account import Account
from agent.mqtt_link.events import Arrived, Connected, Disconnected, Published, Session, Subscribed
from agent.mqtt_link.link import Link
from agent.patience import Patience
from agent.ports import Delivery, Inbox, PlugInContext, Refused, StopSignal
from agent.records import MAX_RECORD_BYTES, Command, Frame, Record
from agent.taps.mqtt.options import KINDS, Options

IDLE_S = 0.5
ASK_AGAIN_S = 60.0  # a refused subscription is asked for again: access lists get mended
PUT_S = 0.5  # longest time the network waits for a full inbox
MOSQUITTO_INFLIGHT = 20  # default max_inflight_messages of mosquitto, which holds where the client cannot ask (3.1.1)


class MqttTap:
    """in/{kind} and cmd/{verb}; receipts are acknowledged to the broker in the order of their commit."""

    finite = False

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock = context.clock
        self._client_id = options.identifier("tap", name, context.state_dir)
        self._intake = Intake.of(options, context.measurer)
        self._receipts: deque[tuple[int, int]] = deque()  # (connection, message id)
        self._link: Link | None = None
        self._records = 0
        self._refused = 0
        self._redelivered = 0
        self._account = Account(f"tap {name}", context.clock)
        self._subscribed = False
        self._refused_topics: tuple[str, ...] = ()
        self._ask_again_at = 0.0  # monotonic seconds
        self._last_record_at = ""

    @property
    def window(self) -> int:
        """Messages the broker sends before it waits: with so many uncommitted, the core commits before its interval is over."""
        return self._options.window if self._options.protocol == "5" else min(self._options.window, MOSQUITTO_INFLIGHT)

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:  # noqa: ARG002 - the broker keeps the position
        """Deliver until `stop`. At the end nothing more is acknowledged: what is uncommitted comes again."""
        session = Session(
            expiry_s=self._options.session_expiry_s,
            receive_maximum=self._options.window,
            manual_ack=True,
            max_packet_bytes=4 * MAX_RECORD_BYTES,
        )
        link = Link(self._options, self._client_id, self._clock, session, self._account)
        self._receipts.clear()
        self._link = link
        try:
            while not stop.is_set():
                link.service(0.0 if link.events else IDLE_S)
                self._acknowledge(link)
                self._handle(link, inbox, stop)
                self._ask_again(link)
            self._acknowledge(link)
        finally:
            self._link = None
            link.close()

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Committed: the network thread tells the broker. Called from the core thread."""
        self._receipts.extend(cast("Sequence[tuple[int, int]]", receipts))  # as made in _deliver
        link = self._link
        if link is not None:
            link.wake()

    def health(self) -> dict[str, float | str]:
        """Figures for status and metrics; connected: and subscribed. `kind:reason`: how often what went wrong."""
        link = self._link
        return {
            "connected": float(link is not None and link.connected and self._subscribed),
            "connections": float(self._account.connections),
            "connection_failures": float(self._account.failures),
            "records": float(self._records),
            "refused": float(self._refused),
            "redelivered": float(self._redelivered),
            "refused_topics": float(len(self._refused_topics)),
            "last_error": self._account.last,
            "last_record_at": self._last_record_at,
            **self._account.figures(),
        }

    def _acknowledge(self, link: Link) -> None:
        while self._receipts:
            epoch, mid = self._receipts.popleft()
            link.ack(epoch, mid)

    def _handle(self, link: Link, inbox: Inbox, stop: StopSignal) -> None:
        """Everything that has happened, in order; the network goes on between messages."""
        while link.events and not stop.is_set():
            match link.events.popleft():
                case Connected():
                    self._subscribed = False
                    self._refused_topics = ()
                    link.subscribe(self._options.subscriptions)
                case Subscribed(granted=granted, refused=refused):
                    self._subscribed = self._subscribed or bool(granted)
                    self._refused_topics = tuple(topic for topic, _ in refused)
                    self._ask_again_at = self._clock.elapsed() + ASK_AGAIN_S
                    if not self._subscribed:
                        link.give_up(troubles.useless(refused[0][1]))
                case Disconnected():
                    self._refused_topics = ()
                case Arrived() as arrived:
                    self._deliver(arrived, link, inbox, stop)
                    link.service(0.0)
                    self._acknowledge(link)
                case Published():
                    pass

    def _ask_again(self, link: Link) -> None:
        if self._refused_topics and link.connected and self._clock.elapsed() >= self._ask_again_at:
            self._ask_again_at = self._clock.elapsed() + ASK_AGAIN_S
            link.subscribe(self._refused_topics)

    def _deliver(self, arrived: Arrived, link: Link, inbox: Inbox, stop: StopSignal) -> None:
        if arrived.epoch != link.epoch:  # of a lost connection: the broker sends it again
            return
        message = arrived.message
        item, frame = self._intake.measure(*self._read(arrived))
        now = self._clock.now()
        receipt = (arrived.epoch, message.mid) if message.qos == 1 else None
        delivery = Delivery(self.name, item, frame, now, None, receipt)
        while not inbox.put(delivery, Patience(stop, self._clock, PUT_S)):
            if stop.is_set():
                return
            link.service(0.0)
            self._acknowledge(link)
        self._last_record_at = now.isoformat()
        self._redelivered += int(message.dup)
        if isinstance(item, Refused):
            self._refused += 1
        else:
            self._records += 1

    def _read(self, arrived: Arrived) -> tuple[Record | Refused, Frame | None]:
        try:
            topic = arrived.message.topic[len(self._options.base) + 1 :]
        except UnicodeDecodeError:
            return Refused("wrong_topic", "topic is not UTF-8"), None
        channel, _, kind = topic.partition("/")
        raw = bytes(arrived.message.payload)
        if channel == "cmd":
            if arrived.message.retain:
                return Refused("retained_command", f"command on {topic} is retained: every connection would repeat it"), None
            item, frame = self._intake.read(raw, {"type": "command", "verb": kind})
            fits = isinstance(item, Command) and item.verb == kind
        else:
            item, frame = self._intake.read(raw, {"type": kind})
            fits = isinstance(item, KINDS.get(kind, Refused))
        if isinstance(item, Refused) or fits:
            return item, frame
        return Refused("wrong_topic", f"{type(item).__name__.lower()} came on {topic}", getattr(item, "station", "")), None
