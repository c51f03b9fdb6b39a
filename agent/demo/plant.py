"""The plant's side: what arrives over MQTT, kept and printed as the people at the line would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.text import Text

from agent.documents import AlarmDoc, AndonDoc, HoldDoc, SummaryDoc

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from agent.demo.wiring import Arrival

TOPICS: Final = ("status", "heartbeat", "alarm/+/+/event", "andon/+/request", "hold/+", "summary/+")
_STYLES: Final = {"none": "dim", "white": "black on white", "amber": "black on yellow", "blue": "white on blue"}


def clock_text(at: datetime) -> str:
    """A simulated time as the demo prints it."""
    return f"{at:%d.%m. %H:%M}"


class Plant:
    """Everything the subscriber was told. Mutable; `hear` is called for each message in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.online = False
        self.health = ""
        self.parts_judged = 0  # parts in the minutes the agent has closed
        self.alarms: list[AlarmDoc] = []  # every transition
        self.lamps: list[AndonDoc] = []  # every change of the request
        self.hold: HoldDoc | None = None

    def raised(self) -> list[AlarmDoc]:
        """The raisings among the transitions, in order."""
        return [alarm for alarm in self.alarms if alarm.active and alarm.state == "UNACK"]

    def outcome_alarm(self) -> AlarmDoc | None:
        """The first one that says bad parts were passed."""
        return next((alarm for alarm in self.raised() if alarm.code == "bad_parts_passed"), None)

    def hear(self, arrival: Arrival) -> None:
        """Take one message."""
        kind = arrival.topic.split("/", 1)[0]
        match kind:
            case "status":
                body: dict[str, Any] = msgspec.json.decode(arrival.payload)
                self.online = body["state"] == "online"
            case "heartbeat":
                self.health = msgspec.json.decode(arrival.payload)["health"]
            case "summary":
                self.parts_judged += msgspec.json.decode(arrival.payload, type=SummaryDoc).parts
            case "alarm":
                self._alarm(msgspec.json.decode(arrival.payload, type=AlarmDoc))
            case "andon":
                self._lamp(msgspec.json.decode(arrival.payload, type=AndonDoc))
            case "hold":
                self.hold = msgspec.json.decode(arrival.payload, type=HoldDoc)

    def _alarm(self, alarm: AlarmDoc) -> None:
        self.alarms.append(alarm)
        if alarm.active and alarm.state == "UNACK":
            self._say(clock_text(alarm.changed_at), alarm.andon, f"{alarm.text} → {alarm.response}")
        else:
            self._say(clock_text(alarm.changed_at), "none", f"{alarm.alarm_id}: {alarm.transition}")

    def _lamp(self, request: AndonDoc) -> None:
        before = self.lamps[-1] if self.lamps else None
        if before is not None and _asks(before) == _asks(request):
            return  # the standing request, refreshed
        self.lamps.append(request)
        sound = ", horn" if request.sound else ""
        self._say("", request.colour, f"andon: {request.colour} {request.pattern}{sound} (code {request.code})")

    def _say(self, when: str, colour: str, words: str) -> None:
        tag = {"none": "-", "white": "WHITE", "amber": "AMBER", "blue": "BLUE"}[colour]
        line = Text(f"  {when:<13}")
        line.append(f" {tag:^7}", _STYLES[colour])
        line.append(f" {words}")
        self._console.print(line, soft_wrap=True)


def _asks(request: AndonDoc) -> tuple[str, str, str]:
    """What a request wants of the lamp; the rest is renewed with every refreshment."""
    return request.colour, request.pattern, request.because
