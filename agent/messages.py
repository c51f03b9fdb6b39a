"""Outbox messages from documents: topic, quality of service and retention as DESIGN 4 lists them."""

from __future__ import annotations

import msgspec

from agent.documents import AlarmDoc, AndonDoc, CommandResultDoc, Document, GapDoc, HoldDoc, IncidentDoc, OutMessage, SummaryDoc

_ENCODER = msgspec.json.Encoder()


def _segment(text: str) -> str:
    """A foreign identifier as one level of a topic."""
    return "".join("_" if char in "/+#\0" else char for char in text)


def cmd_result_topic(request_id: str) -> str:
    """Where the answer to a command goes."""
    return f"cmd_result/{_segment(request_id)}"


def alarm_messages(document: AlarmDoc) -> list[OutMessage]:
    """The alarm as it stands (retained) and the transition that led there."""
    payload = _ENCODER.encode(document)
    base = f"alarm/{document.station}/{document.alarm_id}"
    return [
        OutMessage(topic=f"{base}/state", payload=payload, qos=1, retain=True, kind="alarm_state"),
        OutMessage(topic=f"{base}/event", payload=payload, qos=1, retain=False, kind="alarm_event"),
    ]


def message(document: Document) -> OutMessage:
    """Any other document."""
    payload = _ENCODER.encode(document)
    match document:
        case AndonDoc(station=station):
            return OutMessage(topic=f"andon/{station}/request", payload=payload, qos=1, retain=True, kind="andon")
        case HoldDoc(incident=incident):
            return OutMessage(topic=f"hold/{incident}", payload=payload, qos=1, retain=True, kind="hold")
        case IncidentDoc(incident=incident):
            return OutMessage(topic=f"incident/{incident}", payload=payload, qos=1, retain=True, kind="incident")
        case CommandResultDoc(request_id=request_id):
            return OutMessage(topic=cmd_result_topic(request_id), payload=payload, qos=1, retain=False, kind="cmd_result")
        case SummaryDoc(station=station):
            return OutMessage(topic=f"summary/{station}", payload=payload, qos=1, retain=False, kind="summary")
        case GapDoc():
            return OutMessage(topic="gap", payload=payload, qos=1, retain=False, kind="gap")
        case AlarmDoc():
            raise TypeError("an alarm goes out as two messages: alarm_messages")
