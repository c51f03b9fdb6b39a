"""Commands at one station: who may, what it does, what is answered.

ack: target.occurrence_id names the alarm. accept_baseline: target.station, and optionally target.stream; candidates are put in
force, else the named stream (or `outcomes`) learns anew, and its alarm ends. In tiers 1 and 2 a second person must ask for it
too. Its stream `identity` plans the model that judges now, then approves it, as plan_model and approve_model do: see models.py.
record_challenge: target.station, target.set, and window_s or found and missed (see challenges.py); anybody may. dispose, respond
and close_incident: see disposal.py, response.py and closing.py.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from agent.core.approved import named
from agent.core.disposal import dispose
from agent.core.effects import Effects
from agent.core.models import TWO_PERSONS
from agent.core.station import Station
from agent.documents import ModelChangeDoc
from agent.errors import CommandRefused
from agent.records import Command

_MAY_ACCEPT = ("quality", "engineer", "deputy", "owner")


def execute(station: Station, command: Command, at: datetime, effects: Effects) -> str:
    """Carry out a command addressed to this station; what was done, in words. Raises CommandRefused."""
    match command.verb:
        case "ack":
            return _ack(station, command, at, effects)
        case "accept_baseline":
            return _accept_baseline(station, command, at, effects)
        case "record_challenge":
            return station.challenge_told(command.target, at, effects)
        case "plan_model":
            return _planned(station.plan_model(command, at, effects))
        case "approve_model":
            return _approved(station.approve_model(command, at, effects))
        case "dispose":
            done = dispose(station.incidents, command, at, effects)
        case "respond":
            done = station.incidents.respond(station.options.response, command, at)
        case "close_incident":
            done = station.incidents.sign(station.options, command, at)
    station.annunciator.publish_incident(command.target["incident"], effects)
    return done


def _ack(station: Station, command: Command, at: datetime, effects: Effects) -> str:
    alarm = station.book.by_occurrence(command.target["occurrence_id"])
    assert alarm is not None  # the fold chose this station by the occurrence
    if not station.annunciator.acknowledge(alarm, command.by, at, effects):
        raise CommandRefused(f"{alarm.alarm_id} is {alarm.state}: nothing to acknowledge")
    return f"acknowledged {alarm.alarm_id} at {station.options.id}"


def _accept_baseline(station: Station, command: Command, at: datetime, effects: Effects) -> str:
    if command.role not in _MAY_ACCEPT:
        raise CommandRefused(f"role must be one of {', '.join(_MAY_ACCEPT)}, got {command.role}")
    if not station.registered:
        raise CommandRefused("the station does not arm", hint="set owner, deputy, decision, consequence and tier in its section")
    target = command.target.get("stream", "")
    if target == "identity":
        return _accept_identity(station, command, at, effects)
    if target and target != "outcomes" and target not in station.signals.learners:
        known = ", ".join([*station.signals.learners, "outcomes", "identity"])
        raise CommandRefused(f"no stream {target}", hint=f"one of: {known}")
    candidates = [name for name, stream in station.signals.learners.items() if stream.state == "candidate" and target in ("", name)]
    if not candidates and not target:
        raise CommandRefused("no baseline waits for acceptance", hint="name a stream to let it learn the present state anew")
    if station.options.tier in (1, 2):
        first = station.proposals.setdefault(target, command.by)
        if first == command.by:
            return "proposed: a second person must accept it too"
        del station.proposals[target]
    if candidates:
        for name in candidates:
            station.signals.learners[name].arm()
        return f"in force: {', '.join(candidates)}"
    station.learn_anew(target, at, effects)
    return f"{target} learns the present state anew; its old baseline is kept"


def _accept_identity(station: Station, command: Command, at: datetime, effects: Effects) -> str:
    """What judges now is planned, and approved at once where one person may."""
    if station.models.document(at) is None:
        plan = station.plan_model(msgspec.structs.replace(command, target={**command.target, "now": "yes"}), at, effects)
        if plan.lacking or station.options.tier in TWO_PERSONS:
            return _planned(plan)
    return _approved(station.approve_model(command, at, effects))


def _planned(plan: ModelChangeDoc) -> str:
    assert plan.model is not None
    lacking = "".join(f"; lacking: {one}" for one in plan.lacking)
    return f"planned: {named(plan.model)} at {plan.station}, to be approved by `linewarden model approve`{lacking}"


def _approved(change: ModelChangeDoc) -> str:
    assert change.model is not None
    return f"approved: {named(change.model)} at {change.station}; its scores and claims are learned anew, imaging is kept"
