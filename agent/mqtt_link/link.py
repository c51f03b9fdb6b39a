"""A connection to a broker that comes back by itself.

The owner's thread drives the network by calling `service`; no other thread exists, so nothing can die unseen and no lock is needed.
Paho's callbacks only append to `events`. Every connection is a new paho client: what it would keep in memory across connections
is kept by the broker's session (taps) or the outbox (sinks) instead.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.mqtt_link.options import BrokerOptions
from agent.ports import Clock

FIRST_PAUSE_S = 0.25
STEADY_S = 5.0  # a connection that held this long starts the pauses over
READS_PER_SERVICE = 64
MAX_WAITING_EVENTS = 20_000  # more are left in the network: twice the largest window, only QoS 0 floods get there
DEFAULT_RECEIVE_MAXIMUM = 65_535  # MQTT 5, 3.2.2.3.3


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted. receive_maximum: how many unacknowledged messages it takes."""

    session_present: bool
    receive_maximum: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or an attempt failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The broker answered a QoS 1 message. code: reason code, 0 under 3.1.1 whatever happened."""

    mid: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription: reason per topic that was refused."""

    refused: tuple[str, ...]
    asked: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message; epoch: the connection it came over, for `ack`."""

    epoch: int
    message: MQTTMessage


LinkEvent = Connected | Disconnected | Published | Subscribed | Arrived


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this connection is lost."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """What the broker keeps for us. expiry_s: how long after a disconnect (MQTT 5); 0: nothing is kept."""

    expiry_s: int = 0
    receive_maximum: int = DEFAULT_RECEIVE_MAXIMUM
    manual_ack: bool = False
    max_packet_bytes: int = 0  # 0: no limit asked for


class Link:
    """One broker connection; all methods but `wake` belong to the owner's thread."""

    def __init__(self, options: BrokerOptions, client_id: str, clock: Clock, session: Session, will: Will | None = None) -> None:
        self.events: deque[LinkEvent] = deque()
        self.epoch = 0
        self.connected = False
        self.connections = 0
        self.failures = 0
        self.last_error = ""
        self._options = options
        self._client_id = client_id
        self._clock = clock
        self._session = session
        self._will = will
        self._client: Client | None = None
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
        waiting = self._decrypted(sock) > 0
        ready = dict(poller.poll(0 if waiting else timeout_s * 1000))
        if self._wake_read.fileno() in ready:
            self._quiet()
        readable = waiting or bool(ready.get(sock.fileno(), 0) & ~select.POLLOUT)
        for _ in range(READS_PER_SERVICE):
            if (
                not readable
                or len(self.events) > MAX_WAITING_EVENTS
                or client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS
                or client.socket() is None
            ):
                break
            readable = self._decrypted(sock) > 0 or self._has_bytes(sock)
        if client.want_write():
            client.loop_write()
        client.loop_misc()

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
            self._lost("connection closed")
        elif not self.connected and self._clock.elapsed() - self._since > self._options.connect_timeout_s:
            self._lost("broker did not answer the connection request")

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
        try:
            self._client = self._new_client()
            self._client.connect_async(self._options.host, self._options.port, self._options.keepalive_s, **self._connect_args())
            self._client.reconnect()
        except (OSError, ValueError) as error:  # ValueError: certificate files that hold none
            self._lost(f"{type(error).__name__}: {error}")

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
            password = options.password_file.read_text("utf-8").rstrip("\n") if options.password_file else None
            client.username_pw_set(options.username, password)
        if options.tls_ca is not None:
            client.tls_set(
                str(options.tls_ca),
                str(options.tls_cert) if options.tls_cert else None,
                str(options.tls_key) if options.tls_key else None,
            )
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
                self.last_error = f"broker refused the connection: {reason}"
                return
            self.connected = True
            self.connections += 1
            limit = getattr(properties, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM)
            events.append(Connected(bool(flags.session_present), limit))

        def on_disconnect(_client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if not self.last_error or self.connected:
                self.last_error = str(reason)

        def on_publish(_client: Any, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
            events.append(Published(mid, reason.value, str(reason)))

        def on_subscribe(_client: Any, _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
            events.append(Subscribed(tuple(str(r) for r in reasons if r.is_failure), len(reasons)))

        def on_message(_client: Any, _userdata: Any, message: MQTTMessage) -> None:
            events.append(Arrived(epoch, message))

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_message = on_message

    def _lost(self, why: str) -> None:
        """End of a connection or an attempt: forget the client, pause before the next."""
        was_connected, held_s = self.connected, self._clock.elapsed() - self._since
        self._drop()
        self.failures += 1
        self.last_error = self.last_error if self.last_error and why == "connection closed" else why
        if was_connected and held_s > STEADY_S:
            self._pause_s = 0.0
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), self._options.reconnect_max_s)
        self._not_before = self._clock.elapsed() + self._pause_s
        self.events.append(Disconnected(self.last_error))

    def _drop(self) -> None:
        client, self._client, self.connected = self._client, None, False
        if client is not None:
            sock = client.socket()
            client.on_disconnect = None
            if sock is not None:
                sock.close()

    def refuse(self, why: str) -> None:
        """Give this connection up and try again later: it is of no use."""
        self._lost(why)

    # --- using it ------------------------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1], retain: bool) -> int | None:
        """Hand a message to the connection; its id, answered by `Published`. None: not connected, nothing was queued."""
        if self._client is None or not self.connected:
            return None
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        return int(info.mid) if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1; MQTT 5 brokers send retained messages only for subscriptions they did not have."""
        if self._client is None:
            return
        if self._options.protocol == "5":
            wish = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            self._client.subscribe([(topic, wish) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])

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
