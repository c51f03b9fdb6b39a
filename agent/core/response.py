"""The response plan of a station at work: which steps an incident asks for, and what was done by which role. Never by whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from agent.documents import StepDoc
from agent.errors import CommandRefused
from agent.taxonomy import ANY

if TYPE_CHECKING:
    from agent.config.model import ResponseSection
    from agent.records import Command

# A role that may do every step.
_ABOVE = ("deputy", "owner")
MOST_DONE = 200


class Done(msgspec.Struct, frozen=True):
    """Something done about an incident. step: number in the plan, 0 for what the plan does not name."""

    step: int
    role: str
    at: datetime
    note: str


def respond(plan: Sequence[ResponseSection], done: Sequence[Done], command: Command, at: datetime) -> Done:
    """What a `respond` command says was done: target.step of the plan, or, without one, its reason. Raises CommandRefused."""
    named, note = command.target.get("step", ""), command.reason.strip()
    number = int(named) if named.isdecimal() else 0
    if named and not 1 <= number <= len(plan):
        raise CommandRefused(f"no step {named}", hint=f"the plan has {len(plan)}: see `linewarden incident show`")
    if not named and not note:
        raise CommandRefused("say what was done", hint="name a step of the plan, or give a reason")
    if number:
        step = plan[number - 1]
        if command.role not in (step.role, *_ABOVE):
            raise CommandRefused(f"step {number} is for {step.role}, deputy or owner, got {command.role}")
        if any(one.step == number for one in done):
            raise CommandRefused(f"step {number} is done already")
    if len(done) >= MOST_DONE:
        raise CommandRefused(f"{MOST_DONE} things are noted as done already")
    return Done(number, command.role, at, note)


def steps(plan: Sequence[ResponseSection], causes: Collection[str], done: Sequence[Done]) -> tuple[StepDoc, ...]:
    """The steps these causes ask for, those of any cause first, and whatever else was done."""
    by_step = {one.step: one for one in done if one.step}
    asked = [
        (number, step)
        for number, step in enumerate(plan, start=1)
        if step.cause == ANY or step.cause in causes or number in by_step
    ]
    asked.sort(key=lambda pair: pair[1].cause != ANY)
    planned = [
        StepDoc(number, step.cause, step.step, step.role, step.within_min, *_done(by_step.get(number))) for number, step in asked
    ]
    free = [StepDoc(0, ANY, one.note, one.role, 0, one.at, one.role, "") for one in done if not one.step]
    return (*planned, *free)


def _done(one: Done | None) -> tuple[datetime | None, str, str]:
    return (None, "", "") if one is None else (one.at, one.role, one.note)
