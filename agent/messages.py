"""Outbox messages from documents: topic, quality of service and retention as DESIGN 4 lists them."""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.documents import (
    AlarmDoc,
    AndonDoc,
    AuditRequestDoc,
    CommandResultDoc,
    Document,
    FeedbackDoc,
    GapDoc,
    HoldDoc,
    IncidentDoc,
    OutMessage,
    SummaryDoc,
)

Kind = Literal["alarm_state", "alarm_event", "andon", "audit", "feedback", "hold", "incident", "cmd_result", "summary", "gap"]
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
    topic, retain, kind = _way(document)
    return OutMessage(topic=topic, payload=_ENCODER.encode(document), qos=1, retain=retain, kind=kind)


def _way(document: Document) -> tuple[str, bool, Kind]:
    """Topic, retention and kind of a document."""
    way: tuple[str, bool, Kind]
    match document:
        case AndonDoc(station=station):
            way = (f"andon/{station}/request", True, "andon")
        case AuditRequestDoc(station=station):
            way = (f"audit/{station}/request", False, "audit")
        case FeedbackDoc(feedback=name):
            way = (f"feedback/{_segment(name)}", False, "feedback")
        case HoldDoc(incident=incident):
            way = (f"hold/{incident}", True, "hold")
        case IncidentDoc(incident=incident):
            way = (f"incident/{incident}", True, "incident")
        case CommandResultDoc(request_id=request_id):
            way = (cmd_result_topic(request_id), False, "cmd_result")
        case SummaryDoc(station=station):
            way = (f"summary/{station}", False, "summary")
        case GapDoc():
            way = ("gap", False, "gap")
        case AlarmDoc():
            raise TypeError("an alarm goes out as two messages: alarm_messages")
    return way
