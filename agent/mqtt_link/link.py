"""A connection to a broker that comes back by itself.

The owner's thread drives the network by calling `service`; no other thread exists, so nothing can die unseen and no lock is needed.
Paho's callbacks only append to `events`. Every connection is a new paho client: what it would keep in memory across connections
is kept by the broker's session (taps) or the outbox (sinks) instead.
"""

from __future__ import annotations

import logging
import random
import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, Literal

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.errors import CredentialUnusable
from agent.mqtt_link import credentials, troubles
from agent.mqtt_link.account import Account
from agent.mqtt_link.credentials import TlsContext
from agent.mqtt_link.events import Arrived, Disconnected, LinkEvent, Published, Session, Subscribed, Will, granted
from agent.mqtt_link.options import BrokerOptions
from agent.mqtt_link.troubles import Trouble
from agent.ports import Clock

FIRST_PAUSE_S = 0.25
STEADY_S = 5.0  # a connection that held this long starts the pauses over
READS_PER_SERVICE = 64
# More is left in the network. Twice the window says the broker knows of it: mosquitto 2.0 sends far past the receive maximum.
MAX_WAITING_EVENTS = 20_000
MAX_WAITING_BYTES = 16 << 20
PACKET_TOO_LARGE = 0x95
HEADER_BYTES = 16  # of a PUBLISH without properties, at most: 5 fixed, 2 topic length, 2 id, 1 property length; and some air
# What paho raises on bytes that are no MQTT (tests/mqtt_link feeds it some)
GARBLED = (MQTTException, ValueError, LookupError, TypeError, struct.error)


class _Complaint(logging.Handler):
    """The last exception paho told its log of and nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if isinstance(record.args, tuple) and record.args and isinstance(record.args[-1], Exception):
            self.error = record.args[-1]


class Link:
    """One broker connection; all methods but `wake` belong to the owner's thread. What goes wrong is noted in the account."""

    def __init__(
        self,
        options: BrokerOptions,
        client_id: str,
        clock: Clock,
        session: Session,
        account: Account,
        will: Will | None = None,
    ) -> None:
        self.events: deque[LinkEvent] = deque()
        self.epoch = 0
        self.connected = False
        self._options = options
        self._account = account
        self._client_id = client_id
        self._clock = clock
        self._session = session
        self._will = will
        self._client: Client | None = None
        self._asked: dict[int, tuple[str, ...]] = {}  # subscriptions not yet answered
        self._said: Trouble | None = None  # why this connection ends, when somebody said so
        self._complaint = _Complaint()
        self._tls: TlsContext | None = None
        self._max_packet_bytes = 0
        self._too_large = 0
        self._spread = random.Random(client_id)  # noqa: S311 - spreads the attempts of many agents, keeps no secret
        self._pause_s = 0.0
        self._not_before = clock.elapsed()
        self._since = clock.elapsed()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.settimeout(0.0)
        self._wake_write.settimeout(0.0)

    # --- the network ---------------------------------------------------------------------------------------------------------

    def service(self, timeout_s: float) -> None:
        """Connect when it is time, move what can be moved, wait at most timeout_s for something to happen."""
        now = self._clock.elapsed()
        if self._client is None:
            if now < self._not_before:
                self._sleep(min(timeout_s, self._not_before - now))
                return
            self._connect()
        client = self._client
        if client is None:
            return
        self._turn(client, timeout_s)
        self._check(client)

    def _turn(self, client: Client, timeout_s: float) -> None:
        sock = client.socket()
        if sock is None:
            return
        poller = select.poll()
        poller.register(sock.fileno(), select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        poller.register(self._wake_read.fileno(), select.POLLIN)
        waiting = self._decrypted(sock) > 0 and not self._is_full()
        ready = dict(poller.poll(0 if waiting else timeout_s * 1000))
        if self._wake_read.fileno() in ready:
            self._quiet()
        readable = waiting or bool(ready.get(sock.fileno(), 0) & ~select.POLLOUT)
        try:
            for _ in range(READS_PER_SERVICE):
                if (
                    not readable
                    or self._is_full()
                    or client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS
                    or client.socket() is None
                ):
                    break
                readable = self._decrypted(sock) > 0 or self._has_bytes(sock)
        except GARBLED as error:
            self._lost(troubles.garbled(error, "disconnected" if self.connected else "connect_failed"))
            return
        if client.want_write():
            client.loop_write()
        client.loop_misc()

    def _is_full(self) -> bool:
        """Whether the owner has enough to do before more is read."""
        if len(self.events) >= min(MAX_WAITING_EVENTS, 2 * self._session.receive_maximum):
            return True
        return sum(len(event.message.payload) for event in self.events if isinstance(event, Arrived)) > MAX_WAITING_BYTES

    @staticmethod
    def _decrypted(sock: Any) -> int:
        """Bytes TLS holds already, which poll does not see."""
        pending = getattr(sock, "pending", None)
        return int(pending()) if pending is not None else 0

    @staticmethod
    def _has_bytes(sock: Any) -> bool:
        poller = select.poll()
        poller.register(sock.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def _check(self, client: Client) -> None:
        """Notice what paho only says by a closed socket, and brokers that never answer."""
        if client is not self._client:
            return
        if client.socket() is None:
            self._lost(self._said or self._why_closed())
        elif not self.connected and self._clock.elapsed() - self._since > self._options.connect_timeout_s:
            self._lost(troubles.no_answer(self._options))

    def _why_closed(self) -> Trouble:
        if self._complaint.error is not None:
            return troubles.failed(self._complaint.error, self._options, "disconnected" if self.connected else "connect_failed")
        return troubles.closed(self._options, was_connected=self.connected)

    def _sleep(self, timeout_s: float) -> None:
        poller = select.poll()
        poller.register(self._wake_read.fileno(), select.POLLIN)
        if poller.poll(max(0.0, timeout_s) * 1000):
            self._quiet()

    def wake(self) -> None:
        """End a waiting `service` now; from any thread, never blocks."""
        try:
            self._wake_write.send(b"\0")
        except OSError:  # full: it will wake; closed: nobody is waiting
            return

    def _quiet(self) -> None:
        try:
            self._wake_read.recv(4096)
        except BlockingIOError:
            return

    # --- connecting ----------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.epoch += 1
        self._since = self._clock.elapsed()
        self._said = self._complaint.error = None
        self._asked.clear()
        try:
            self._client = self._new_client()
            self._client.connect_async(self._options.host, self._options.port, self._options.keepalive_s, **self._connect_args())
            self._client.reconnect()
        except (OSError, ValueError, CredentialUnusable) as error:  # ValueError: a host name that cannot be one
            if self._tls is not None:
                self._tls.discard()
            self._lost(troubles.failed(error, self._options))

    def _new_client(self) -> Client:
        options, session, v5 = self._options, self._session, self._options.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if v5 else session.expiry_s == 0,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=session.manual_ack,
        )
        client.connect_timeout = options.connect_timeout_s
        client.max_inflight_messages_set(0)  # the owner counts what is in flight
        if options.username:
            client.username_pw_set(options.username, credentials.password(options))
        self._tls = credentials.tls_context(options)  # read again each time: certificates are renewed while the agent runs
        if self._tls is not None:
            client.tls_set_context(self._tls)
        logger = logging.Logger("paho", logging.WARNING)  # noqa: LOG001 - one per connection, in no hierarchy
        logger.addHandler(self._complaint)
        client.enable_logger(logger)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        self._listen(client)
        return client

    def _connect_args(self) -> dict[str, Any]:
        if self._options.protocol != "5":
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session.expiry_s
        properties.ReceiveMaximum = self._session.receive_maximum
        if self._session.max_packet_bytes:
            properties.MaximumPacketSize = self._session.max_packet_bytes
        return {"clean_start": self._session.expiry_s == 0, "properties": properties}

    def _listen(self, client: Client) -> None:
        epoch, events = self.epoch, self.events

        def on_connect(_client: Any, _userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
            if reason.is_failure:
                self._said = troubles.refused(reason.getName(), reason.value)
                return
            self.connected = True
            self._account.connected(self._way())
            answer = granted(properties, session_present=bool(flags.session_present))
            self._max_packet_bytes = answer.max_packet_bytes
            events.append(answer)

        def on_disconnect(_client: Any, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
            by_broker = flags.is_disconnect_packet_from_server
            if self._said is None and (by_broker or reason.getName() in {"Keep alive timeout", "Protocol error"}):
                self._said = troubles.ended(reason.getName(), reason.value, by_broker=by_broker)

        def on_publish(_client: Any, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
            events.append(Published(mid, reason.value, reason.getName()))

        def on_subscribe(_client: Any, _userdata: Any, mid: int, reasons: Any, _properties: Any) -> None:
            answers = list(zip(self._asked.pop(mid, ()), reasons, strict=False))
            no = [(t, troubles.subscribe_refused(r.getName(), r.value, t, self._options)) for t, r in answers if r.is_failure]
            for _, trouble in no:
                self._account.note(trouble)
            events.append(Subscribed(tuple(t for t, r in answers if not r.is_failure), tuple(no)))

        def on_message(_client: Any, _userdata: Any, message: MQTTMessage) -> None:
            events.append(Arrived(epoch, message))

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_message = on_message

    def _way(self) -> str:
        options = self._options
        return f"{options.host}:{options.port}, MQTT {options.protocol}{', TLS' if options.tls_ca is not None else ''}"

    def _lost(self, trouble: Trouble) -> None:
        """End of a connection or an attempt: forget the client, pause before the next.

        Pauses double up to reconnect_max_s; each is taken between half and whole, so that many agents do not come back at once.
        """
        was_connected, held_s = self.connected, self._clock.elapsed() - self._since
        self._drop()
        if was_connected and held_s > STEADY_S:
            self._pause_s = 0.0
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), self._options.reconnect_max_s)
        self._not_before = self._clock.elapsed() + self._pause_s * self._spread.uniform(0.5, 1.0)
        self._account.note(trouble)
        self.events.append(Disconnected(trouble))

    def _drop(self) -> None:
        client, self._client, self.connected = self._client, None, False
        if client is not None:
            sock = client.socket()
            client.on_disconnect = None
            if sock is not None:
                sock.close()

    def give_up(self, trouble: Trouble) -> None:
        """End this connection and try again later: it is of no use."""
        self._lost(trouble)

    # --- using it ------------------------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1], retain: bool) -> int | None:
        """Hand a message to the connection; its id, answered by `Published`. None: not connected, nothing was queued."""
        if self._client is None or not self.connected:
            return None
        if self._max_packet_bytes and len(payload) + len(topic.encode()) + HEADER_BYTES > self._max_packet_bytes:
            return self._keep_back()
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        return int(info.mid) if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _keep_back(self) -> int:
        """Larger than the broker takes, it would end the connection, again after every reconnect: refused here instead."""
        self._too_large += 1
        self.events.append(Published(-self._too_large, PACKET_TOO_LARGE, "Packet too large"))
        return -self._too_large

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1; MQTT 5 brokers send retained messages only for subscriptions they did not have."""
        if self._client is None:
            return
        if self._options.protocol == "5":
            wish = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            _, mid = self._client.subscribe([(topic, wish) for topic in topics])
        else:
            _, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if mid is not None:
            self._asked[mid] = tuple(topics)

    def ack(self, epoch: int, mid: int) -> None:
        """Acknowledge a message of the present connection; ids of earlier ones mean nothing now, the broker sends those again."""
        if self._client is not None and self.connected and epoch == self.epoch:
            self._client.ack(mid, 1)

    def close(self, *, will: bool = False) -> None:
        """End for good: in order, or (will) as if the connection broke, so that the broker publishes the will."""
        if self._client is not None and self.connected and not will:
            self._client.disconnect()
            self._client.loop_write()
        self._drop()
        self._wake_read.close()
        self._wake_write.close()
