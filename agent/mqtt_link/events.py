"""What happens on a connection, and what is asked of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import MQTTMessage

from agent.mqtt_link.troubles import Trouble

DEFAULT_RECEIVE_MAXIMUM = 65_535  # MQTT 5, 3.2.2.3.3
FIRST_FAILURE = 0x80  # MQTT 5, 2.4: reason codes from here on say no


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted. receive_maximum: how many unacknowledged messages it takes."""

    session_present: bool
    receive_maximum: int
    retains: bool = True
    maximum_qos: int = 2
    max_packet_bytes: int = 0  # 0: no limit
    session_expiry_s: int | None = None  # None: as asked for


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or an attempt failed."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Published:
    """The broker answered a QoS 1 message. code: reason code, 0 under 3.1.1 whatever happened."""

    mid: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered a subscription, topic by topic."""

    granted: tuple[str, ...]
    refused: tuple[tuple[str, Trouble], ...]


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


def granted(properties: Any, *, session_present: bool) -> Connected:
    """What the CONNACK allows; an MQTT 3.1.1 broker says nothing of it."""
    return Connected(
        session_present=session_present,
        receive_maximum=getattr(properties, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM),
        retains=bool(getattr(properties, "RetainAvailable", 1)),
        maximum_qos=getattr(properties, "MaximumQoS", 2),
        max_packet_bytes=getattr(properties, "MaximumPacketSize", 0),
        session_expiry_s=getattr(properties, "SessionExpiryInterval", None),
    )
