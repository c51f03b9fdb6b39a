"""The facts of an incident in the order of an 8D report; what follows from them is for people to write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agent.before_after import caption, place_of
from agent.documents import AlarmDoc, IncidentDoc
from agent.ports import PictureRow

FIXED = (
    "This supports an evaluation; it is not a conformity assessment, and no harmonised standard currently gives a presumption of "
    "conformity."
)
Section = tuple[str, list[str]]


def sections(incident: IncidentDoc, alarms: Sequence[AlarmDoc], pictures: Sequence[PictureRow] = ()) -> list[Section]:
    """D1 to D8, each with its facts; a section without any says what is missing."""
    found: list[tuple[str, Iterable[str], str]] = [
        ("D1 team", _team(incident), "nobody is registered"),
        ("D2 problem", _problem(incident, alarms, pictures), "no alarm is kept"),
        ("D3 containment", _containment(incident), "nothing was held"),
        ("D4 causes", _causes(incident), "none was ranked and none was found"),
        ("D5 actions asked for", _asked(incident), "the response plan has no step for it"),
        ("D6 actions done", _done(incident), "none is noted"),
        ("D7 recurrence", _recurrence(incident), "nothing is known"),
        ("D8 closing", _closing(incident), "open: no verdict, no check of effectiveness"),
    ]
    return [(title, list(facts) or [missing]) for title, facts, missing in found]


def as_text(incident: IncidentDoc, alarms: Sequence[AlarmDoc], pictures: Sequence[PictureRow] = ()) -> str:
    """Plain text, a fact a line."""
    lines = [f"8D facts of incident {incident.incident} at {incident.station}", ""]
    for title, facts in sections(incident, alarms, pictures):
        lines += [title, *(f"  {fact}" for fact in facts), ""]
    return "\n".join([*lines, FIXED])


def as_json(incident: IncidentDoc, alarms: Sequence[AlarmDoc], pictures: Sequence[PictureRow] = ()) -> dict[str, Any]:
    """The same, with the documents they rest on; of pictures everything but the picture."""
    return {
        "incident": incident.incident,
        "station": incident.station,
        "sections": [{"title": title, "facts": facts} for title, facts in sections(incident, alarms, pictures)],
        "pictures": [{name: getattr(row, name) for name in row.__slots__ if name != "body"} for row in pictures],
        "document": msgspec.to_builtins(incident),
        "statement": FIXED,
    }


def _team(incident: IncidentDoc) -> Iterable[str]:
    if incident.frozen is not None and incident.frozen.owner:
        yield f"owner {incident.frozen.owner}, deputy {incident.frozen.deputy}"
    roles = sorted({step.done_by_role for step in incident.steps if step.done_by_role})
    if roles:
        yield f"acted: {', '.join(roles)}"


def _problem(incident: IncidentDoc, alarms: Sequence[AlarmDoc], pictures: Sequence[PictureRow]) -> Iterable[str]:
    frozen = incident.frozen
    if frozen is not None:
        yield f"the AI {frozen.decision}; when it is wrong: {frozen.consequence} (tier {frozen.tier})"
        yield f"model {frozen.model or 'not named by the records'}, configuration sha256 {frozen.config_sha256}"
    yield f"opened {_at(incident.opened_at)}; harm: {incident.harm.replace('_', ' ')}"
    onset = incident.onset
    if onset is not None:
        span = f"{_at(onset.earliest_at)} to {_at(onset.latest_at)}"
        yield f"began about {_at(onset.at)} (between {span}), part {onset.part_id or 'unknown'}"
    for alarm in alarms:
        evidence = alarm.evidence
        chance = "" if evidence is None or not evidence.by_chance else f" (by chance {evidence.by_chance})"
        yield f"alarm {_at(alarm.raised_at)} {alarm.alarm_id}: {alarm.text}{chance}"
    for sign in incident.signs:
        size = f", {sign.size:g} of its tolerance" if sign.size else ""
        yield f"changed since {_at(sign.at)}: {sign.code} ({sign.family} {sign.channel}{size})"
    for row in pictures:
        yield f"picture {': '.join(caption(row))}; {place_of(row)}; sha256 {row.sha256}, of a frame with {row.of_sha256}"


def _containment(incident: IncidentDoc) -> Iterable[str]:
    hold = incident.hold
    if hold is None:
        return
    yield (
        f"{hold.parts} held = {hold.released} released + {hold.sorted} sorted + {hold.scrapped} scrapped + {hold.undecided} open"
    )
    for span in hold.spans:
        yield f"from {span.from_part_id} ({_at(span.from_at)}) to {span.to_part_id} ({_at(span.to_at)})"
    yield f"held since {hold.since}; " + ("it grows" if hold.grows else f"ended {_at(hold.ended_at)} by {hold.ended_by}")
    if hold.boxes_total:
        yield f"{hold.boxes_total} boxes: {hold.boxes[0]} to {hold.boxes[-1]}"
    if hold.found_bad:
        yield f"{hold.found_bad} found bad at sorting (sought out: no rate follows from it)"


def _causes(incident: IncidentDoc) -> Iterable[str]:
    if incident.closing is not None:
        yield f"found: {incident.closing.cause} ({incident.closing.group})"
    for cause in incident.causes:
        reasons = "; ".join(reason.text for reason in cause.reasons)
        yield f"{cause.likelihood}: {cause.text}, since {reasons}"
    for event in incident.frozen.events if incident.frozen is not None else ():
        yield f"event before: {event.kind}, {_at(event.at)}"
    if incident.blind:
        yield f"watching and saw nothing: {', '.join(incident.blind)}"


def _asked(incident: IncidentDoc) -> Iterable[str]:
    for step in incident.steps:
        if step.number:
            due = f", within {step.within_min} min" if step.within_min else ""
            yield f"step {step.number} ({step.role}{due}): {step.step}"


def _done(incident: IncidentDoc) -> Iterable[str]:
    for step in sorted((s for s in incident.steps if s.done_at is not None), key=lambda s: (s.done_at, s.number)):
        note = f": {step.note}" if step.note else ""
        yield f"{_at(step.done_at)} {step.done_by_role}: {f'step {step.number}' if step.number else step.step}{note}"


def _recurrence(incident: IncidentDoc) -> Iterable[str]:
    if incident.over_at is not None:
        yield f"every alarm had returned by {_at(incident.over_at)}; what is raised from then on is an incident of its own"
    else:
        yield "alarms of it stand"


def _closing(incident: IncidentDoc) -> Iterable[str]:
    closing = incident.closing
    if closing is not None:
        yield f"{closing.verdict}; signed {closing.signed} ({closing.role}), {_at(closing.at)}"
        yield f"check of effectiveness: {closing.effectiveness}"
    elif incident.closed_at is not None:
        yield f"ended by itself {_at(incident.closed_at)}: a fact, not a judgement, that is over"


def _at(at: datetime | None) -> str:
    return "?" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
