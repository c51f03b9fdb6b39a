"""How the demo is wired: its station's configuration and topics, and a plain MQTT 3.1.1 connection driven by hand."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.demo.line.magnitudes import ASSUMED
from agent.demo.scenario import BASELINE_PARTS

STATION: Final = "ST7"
BASE: Final = "demo/linewarden/v1"
_MONTH_S: Final = 30 * 24 * 3600.0
_IN_FLIGHT: Final = 200

# The station's own figures, as its engineer would declare them: they set the thresholds.
PARTS_PER_MONTH: Final = _MONTH_S / ASSUMED.cycle_s
FALSE_ALARMS_PER_MONTH: Final = 0.5
AUDITS_PER_MONTH: Final = PARTS_PER_MONTH * ASSUMED.audit_share

_CONFIG = """\
[agent]
state_dir = {state_dir}

[metrics]
port = 0

[[stations]]
id = "{station}"
owner = "A. Owner (demo)"
deputy = "D. Deputy (demo)"
decision = "passes or rejects welded brackets"
consequence = "a cracked bracket is built in"
tier = 2
parts_per_month = {parts_per_month:.1f}
false_alarms_per_month = {false_alarms_per_month}

[stations.baseline]
parts = {baseline_parts}

[stations.outcomes]
mode = "sample"
delay_s = {delay_s:.1f}
audits_per_month = {audits_per_month:.1f}
confirmed = true

[[taps]]
type = "mqtt"
name = "line"
port = {port}
protocol = "3.1.1"
prefix = "demo"
source = "audit"

[[sinks]]
type = "mqtt"
name = "plant"
port = {port}
protocol = "3.1.1"
prefix = "demo"
heartbeat_s = 0.5
"""


def write_config(folder: Path, port: int) -> Path:
    """The agent's configuration, as `linewarden run` reads it."""
    path = folder / "demo.toml"
    path.write_text(
        _CONFIG.format(
            state_dir=json.dumps(str(folder / "state")),
            station=STATION,
            parts_per_month=PARTS_PER_MONTH,
            false_alarms_per_month=FALSE_ALARMS_PER_MONTH,
            baseline_parts=BASELINE_PARTS,
            delay_s=ASSUMED.audit_delay_s,
            audits_per_month=AUDITS_PER_MONTH,
            port=port,
        )
    )
    return path


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message received; topic is the suffix under `BASE`."""

    topic: str
    payload: bytes


class Connection:
    """One client of the broker, without a thread: nothing moves unless `turn` is called."""

    def __init__(self, name: str, port: int, topics: tuple[str, ...] = ()) -> None:
        """Connects; topics: suffixes under `BASE` to subscribe to. Raises OSError when nobody listens on the port."""
        self.arrived: deque[Arrival] = deque()
        self._topics = topics
        self._ready = False
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv311)
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port, keepalive=60)

    @property
    def is_ready(self) -> bool:
        """Whether the broker has answered, subscriptions included."""
        return self._ready

    @property
    def backlog(self) -> int:
        """Messages the broker has not acknowledged yet."""
        return len(self._client._out_messages)  # noqa: SLF001 - paho offers no count of its own

    def publish(self, topic: str, payload: bytes) -> None:
        """Send to `BASE`/topic with QoS 1."""
        self._client.publish(f"{BASE}/{topic}", payload, qos=1)

    def turn(self, wait_s: float) -> None:
        """Send and receive what can be; wait at most so long for something to receive. Raises ConnectionError when it is lost."""
        code = self._client.loop(wait_s)
        if code != 0:
            raise ConnectionError(f"connection to the demo's broker lost: {code!r}")
        while self._client.want_write() and self._client.loop_write() == 0:
            pass

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()

    def _on_connect(self, client: Client, data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None) -> None:  # noqa: ARG002
        if self._topics:
            client.subscribe([(f"{BASE}/{topic}", 1) for topic in self._topics])
        else:
            self._ready = True

    def _on_subscribe(self, *_: Any) -> None:
        self._ready = True

    def _on_message(self, client: Client, data: Any, message: MQTTMessage) -> None:  # noqa: ARG002
        self.arrived.append(Arrival(message.topic[len(BASE) + 1 :], bytes(message.payload)))
