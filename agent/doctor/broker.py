"""A broker as the plug-in's own login finds it: the way there, what it allows, what it keeps."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.doctor import mosquitto
from agent.doctor.finding import Finding, ok
from agent.mqtt_link import troubles
from agent.mqtt_link.account import Account
from agent.mqtt_link.events import FIRST_FAILURE, Arrived, Connected, Disconnected, LinkEvent, Published, Session, Subscribed
from agent.mqtt_link.link import Link
from agent.mqtt_link.options import BrokerOptions
from agent.mqtt_link.troubles import Trouble
from agent.ports import Clock

ANSWER_S = 3.0
VERSION, DROPPED = "$SYS/broker/version", "$SYS/broker/publish/messages/dropped"
TRIAL = b'{"schema":1,"test":true,"by":"linewarden doctor"}'
_NO_REASONS = "under MQTT 3.1.1 a broker's refusal of a message looks like its acceptance: an access list cannot be seen"


@dataclass(slots=True)
class Talk:
    """What came of one connection. answers: per trial topic, why it was refused, or None."""

    options: BrokerOptions
    connected: Connected | None = None
    trouble: Trouble | None = None
    granted: tuple[str, ...] = ()
    refused: tuple[tuple[str, Trouble], ...] = ()
    trials: dict[int | None, str] = field(default_factory=dict)  # topic by message id
    answers: dict[str, Trouble | None] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # $SYS topics

    def hear(self, event: LinkEvent) -> None:
        """Take in what happened."""
        match event:
            case Connected():
                self.connected = event
            case Disconnected(trouble=trouble):
                self.trouble = trouble
            case Subscribed(granted=granted, refused=refused):
                self.granted += granted
                self.refused += refused
            case Published(mid=mid, code=code, reason=reason) if mid in self.trials:
                topic = self.trials[mid]
                no = troubles.publish_refused(reason, code, topic, self.options) if code >= FIRST_FAILURE else None
                self.answers[topic] = no
            case Arrived(message=message) if message.topic.startswith("$SYS/"):
                self.said[message.topic] = bytes(message.payload).decode("utf-8", "replace")
            case _:  # records of the line, which are the agent's
                pass


def examine(place: str, options: BrokerOptions, client_id: str, clock: Clock, figures: Mapping[str, Any]) -> Iterator[Finding]:
    """place: of the plug-in in the file. figures: of the running agent's plug-in; empty without one."""
    yield _secrecy(place, options)
    talk = converse(options, client_id, clock)
    where = f"{options.host}:{options.port}"
    if talk.connected is None:
        trouble = talk.trouble or troubles.no_answer(options)
        why = "without the broker no records come in over it, and no alarm goes out"
        yield Finding("broker.connects", place, "fail", trouble.message, why, trouble.hint or "the broker's log says more")
        return
    tls = ", TLS" if options.tls_ca is not None else ""
    yield ok("broker.connects", place, f"{where} accepted {options.username or 'no user name'}, MQTT {options.protocol}{tls}")
    version = talk.said.get(VERSION, "")
    yield _version(place, version)
    yield _abilities(place, options, talk.connected)
    yield _reading(place, options, talk, figures)
    if options.trial_topics:
        yield _writing(place, options, talk, client_id, clock)
    else:
        yield _keeping(place, options, talk.said.get(DROPPED, ""))


def converse(options: BrokerOptions, client_id: str, clock: Clock) -> Talk:
    """Connect under a name of our own, subscribe as the plug-in does, publish the trials, hear what the broker says of itself."""
    talk, link = Talk(options), Link(options, client_id, clock, Session(), Account("doctor", clock))

    def serve(most_s: float, done: Callable[[], bool]) -> None:
        until = clock.elapsed() + most_s
        while clock.elapsed() < until and not done():
            link.service(0.1)
            while link.events:
                talk.hear(link.events.popleft())

    def all_said() -> bool:
        return talk.trouble is not None or (len(talk.answers) == len(talk.trials) and {VERSION, DROPPED} <= talk.said.keys())

    try:
        serve(options.connect_timeout_s + ANSWER_S, lambda: bool(talk.connected or talk.trouble))
        if talk.connected is not None:
            link.subscribe((*options.subscriptions, VERSION, DROPPED))
            talk.trials = {link.publish(topic, TRIAL, qos=1, retain=False): topic for topic in options.trial_topics}
            serve(ANSWER_S, all_said)
    finally:
        link.close()
    return talk


def _secrecy(place: str, options: BrokerOptions) -> Finding:
    if options.tls_ca is not None:
        return ok("broker.encrypted", place, "TLS, the broker's certificate and name are checked")
    if _is_here(options.host):
        return ok("broker.encrypted", place, "no TLS, and none needed: the broker is on this machine")
    lost = "the password and every record" if options.username else "every record, and a forged one does not show,"
    hint = "set tls_ca, and port to the broker's TLS port (usually 8883)"
    return Finding("broker.encrypted", place, "warn", "no TLS", f"{lost} can be read and changed on the way", hint)


def _version(place: str, said: str) -> Finding:
    hint = "ask who runs the broker; with mosquitto let the agent's user read $SYS/broker/version"
    if not said:
        return Finding("broker.version", place, "unknown", "the broker does not tell", "old brokers lose messages", hint)
    numbers = re.search(r"mosquitto version (\d+)\.(\d+)", said)
    if numbers is not None and int(numbers[1]) < 2:
        why = "mosquitto 1 is no longer maintained, and MQTT 5 was new in it"
        return Finding("broker.version", place, "warn", said, why, "install mosquitto 2")
    return ok("broker.version", place, said)


def _abilities(place: str, options: BrokerOptions, granted: Connected) -> Finding:
    why = "states, lamp requests and the last will are retained messages at QoS 1: whoever connects later would not see them"
    if options.protocol != "5":
        seen = "under MQTT 3.1.1 a broker does not say what it allows"
        return Finding("broker.allows", place, "unknown", seen, why, 'set protocol = "5" if the broker knows it')
    lacks = [*([] if granted.retains else ["retained messages"]), *([] if granted.maximum_qos >= 1 else ["QoS 1"])]
    if lacks:
        hint = "mosquitto: `retain_available true`, `max_qos 2`"
        return Finding("broker.allows", place, "fail", f"the broker does not allow {' and '.join(lacks)}", why, hint)
    most = f", messages up to {granted.max_packet_bytes} bytes" if granted.max_packet_bytes else ""
    return ok("broker.allows", place, f"retained messages, QoS 1, {granted.receive_maximum} unanswered{most}")


def _reading(place: str, options: BrokerOptions, talk: Talk, figures: Mapping[str, Any]) -> Finding:
    refused = [(topic, trouble) for topic, trouble in talk.refused if not topic.startswith("$SYS/")]
    granted = [topic for topic in talk.granted if not topic.startswith("$SYS/")]
    why = "what may not be read does not come in"
    if refused:
        return Finding("broker.read", place, "fail", "; ".join(t.message for _, t in refused), why, refused[0][1].hint)
    if not granted:
        hint = "the broker's log says more"
        return Finding("broker.read", place, "fail", f"no answer to the subscription within {ANSWER_S:g} s", why, hint)
    if options.trial_topics:
        return ok("broker.read", place, f"subscribed to {', '.join(granted)}")
    if figures.get("records", 0):
        return ok("broker.read", place, f"subscribed; the running agent got {int(figures['records'])} records over it")
    seen = f"subscribed to {', '.join(granted)}; mosquitto accepts this even where its access list forbids reading"
    hint = f"start the agent, send one message to {granted[0]}, and see `linewarden status` count it"
    return Finding("broker.read", place, "unknown", seen, why, hint)


def _writing(place: str, options: BrokerOptions, talk: Talk, client_id: str, clock: Clock) -> Finding:
    why = "an alarm the broker refuses reaches nobody"
    if options.protocol != "5":
        talk = converse(options.model_copy(update={"protocol": "5"}), client_id, clock)
        if talk.connected is None:
            hint = "compare the broker's access list with the topics in the sink's page, or use a broker that knows MQTT 5"
            return Finding("broker.write", place, "unknown", _NO_REASONS, why, hint)
    refused = [trouble for trouble in talk.answers.values() if trouble is not None]
    if refused:
        return Finding("broker.write", place, "fail", "; ".join(t.message for t in refused), why, refused[0].hint)
    if len(talk.answers) < len(options.trial_topics):
        seen = f"{len(talk.answers)} of {len(options.trial_topics)} test messages answered within {ANSWER_S:g} s"
        return Finding("broker.write", place, "fail", seen, why, "the broker hangs or ended the connection: see its log")
    tried = ", ".join(talk.answers)
    seen = f"test messages accepted on {tried}; status, heartbeat, hold and incident not tried: they would be taken for real"
    if options.protocol != "5":
        hint = f'set protocol = "5": this broker knows it; {_NO_REASONS}'
        return Finding("broker.write", place, "warn", f"{seen} (tried with MQTT 5)", why, hint)
    return ok("broker.write", place, seen)


def _keeping(place: str, options: BrokerOptions, dropped: str) -> Finding:
    """What the broker keeps for an absent agent is no part of MQTT: its own file says it, or nobody."""
    why = "records that come while the agent is away wait in the broker; mosquitto drops those beyond max_queued_messages silently"
    hint = "in mosquitto.conf: `persistence true`, `max_queued_messages 100000` (1000 is the default, Debian's too); restart it"
    lost = f"; it has dropped {dropped} messages to clients since its start" if dropped.isdigit() and int(dropped) else ""
    found = mosquitto.settings_of(options.port) if _is_here(options.host) else None
    if found is not None:
        seen = f"{found.file}: persistence {str(found.persistence).lower()}, max_queued_messages {found.queue}{lost}"
        too_few = 0 < found.queue <= mosquitto.DEFAULT_QUEUE
        if too_few or not found.persistence:
            return Finding("broker.keeps", place, "fail" if too_few and not found.persistence else "warn", seen, why, hint)
        return Finding("broker.keeps", place, "warn", seen, why, hint) if lost else ok("broker.keeps", place, seen)
    seen = f"queue limits and persistence cannot be seen from outside{lost}"
    return Finding("broker.keeps", place, "warn" if lost else "unknown", seen, why, hint)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
