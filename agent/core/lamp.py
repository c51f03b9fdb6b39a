"""What is asked of a station's lamp: the colour of its gravest alarm, flashing until everything was seen."""

from __future__ import annotations

from collections.abc import Iterable

from agent.core.alarms import Alarm
from agent.documents import AndonDoc, Colour

_ANDON_CODES: dict[Colour, int] = {"none": 0, "white": 1, "amber": 2, "blue": 3}


def lamp(station: str, alarms: Iterable[Alarm]) -> AndonDoc:
    """For these alarms of a station."""
    shown = [alarm for alarm in alarms if alarm.state in ("UNACK", "ACKED", "LATCHED")]
    if not shown:
        return AndonDoc(station=station, colour="none", pattern="off", sound=False, code=0, because="", text="")
    top = max(shown, key=lambda alarm: (_ANDON_CODES[alarm.andon], alarm.state == "UNACK"))
    unseen = any(alarm.state == "UNACK" for alarm in shown)
    return AndonDoc(
        station=station,
        colour=top.andon,
        pattern="flash" if unseen else "steady",
        sound=unseen and top.priority == "critical",
        code=_ANDON_CODES[top.andon],
        because=top.alarm_id,
        text=top.text,
    )
