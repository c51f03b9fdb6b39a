"""The command `dispose`: what is decided of held parts, by whom in which role, and why.

target.incident names the hold, target.kind is released, sorted or scrapped; then which parts: `parts` (their ids), or target.box,
or target.from and target.to (times), or target.all. target.rest takes what is still open of them instead of refusing what is not.
`found_bad` names parts that sorting found bad: they are scrapped, and what they turned out to be is kept for the trace. They were
sought out, so they enter no rate: they never reach the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from agent.core.holds import Disposition, Hold, Holds
from agent.errors import CommandRefused
from agent.ports import DispositionRow, History
from agent.records import Outcome

if TYPE_CHECKING:
    from agent.core.effects import Effects
    from agent.records import Command

MAY_DISPOSE = ("quality", "deputy", "owner")
# The source of what sorting found.
SORTING = "sorting"
_KINDS: tuple[Disposition, ...] = ("released", "sorted", "scrapped")


class Held(Protocol):
    """What is asked of the station's holds."""

    @property
    def holds(self) -> Holds: ...

    @property
    def station(self) -> str: ...

    @property
    def history(self) -> History: ...


def dispose(held: Held, command: Command, at: datetime, effects: Effects) -> str:
    """Carry it out; the sums that follow, in words. Raises CommandRefused, and nothing has changed."""
    if command.role not in MAY_DISPOSE:
        raise CommandRefused(f"role must be one of {', '.join(MAY_DISPOSE)}, got {command.role}")
    if not command.reason.strip():
        raise CommandRefused("a disposition needs a reason")
    incident, kind = command.target.get("incident", ""), _kind(command.target.get("kind", ""))
    hold = held.holds.get(incident)
    if hold is None:
        raise CommandRefused(f"{incident or '(none named)'} holds nothing", hint="see `linewarden hold show`")
    bad = _named(held, hold, command.found_bad, "found_bad")
    gone = next((index for index in sorted(bad) if Holds.disposition(hold, index)), None)
    if gone is not None:
        raise CommandRefused(f"{_name(held, gone)} is disposed of already: {Holds.disposition(hold, gone)}")
    chosen = _chosen(held, hold, command, bad)
    only_open = bool(command.target.get("rest"))
    decided = [] if not bad else held.holds.dispose(incident, bad, "scrapped", only_open=False)
    try:
        if chosen != set():
            decided += held.holds.dispose(incident, chosen, kind, only_open=only_open)
    except CommandRefused:
        hold.disposed = [one for one in hold.disposed if one not in decided]
        raise
    hold.found_bad += len(bad)
    for one in decided:
        row = (held.station, incident, one.first, one.last, one.parts, one.kind, at, command.role, command.reason)
        effects.dispositions.append(DispositionRow(*row))
    for part_id in command.found_bad:
        effects.outcomes.append(Outcome(part_id, defective=True, observed_at=at, station=held.station, source=SORTING))
    counts = {name: hold.of(name) for name in _KINDS}
    done = ", ".join(f"{sum(d.parts for d in decided if d.kind == name)} {name}" for name in _KINDS if _any(decided, name))
    return (
        f"{done or 'nothing was open'}; {hold.parts} held = {counts['released']} released + {counts['sorted']} sorted + "
        f"{counts['scrapped']} scrapped + {hold.parts - sum(counts.values())} open"
    )


def _any(decided: Iterable[object], kind: str) -> bool:
    return any(getattr(one, "kind", "") == kind for one in decided)


def _kind(named: str) -> Disposition:
    kind = next((one for one in _KINDS if one == named), None)
    if kind is None:
        raise CommandRefused(f"target.kind must be one of {', '.join(_KINDS)}, got {named or 'nothing'}")
    return kind


def _chosen(held: Held, hold: Hold, command: Command, bad: set[int]) -> set[int] | None:
    """Indices of the parts meant, without those found bad; None for all that are open."""
    target = command.target
    ways = [bool(command.parts), "box" in target, "from" in target or "to" in target, "all" in target]
    if sum(ways) > 1 or not (any(ways) or bad):
        raise CommandRefused("name the parts one way: parts, target.box, target.from and target.to, or target.all")
    if "all" in target:
        return None
    if command.parts:
        return _named(held, hold, command.parts, "parts") - bad
    if not any(ways):
        return set()
    box = target.get("box", "")
    if "box" in target:
        found = _of(held, hold, box=box)
    else:
        found = _of(held, hold, since=_moment(target, "from"), until=_moment(target, "to"))
    if not found:
        raise CommandRefused(f"no held part {f'is in box {box}' if 'box' in target else 'was captured then'}")
    return found - bad


def _named(held: Held, hold: Hold, part_ids: Iterable[str], member: str) -> set[int]:
    """Indices of every held inspection of these parts. Raises CommandRefused when one is not held at all."""
    found: set[int] = set()
    strange: list[str] = []
    for part_id in dict.fromkeys(part_ids):
        indices = _of(held, hold, part_id=part_id)
        found |= indices
        if not indices:
            strange.append(part_id)
    if strange:
        raise CommandRefused(
            f"{len(strange)} of {member} are not under this hold, first {strange[0]}",
            hint="see `linewarden trace`: they were rejected, made before it or after it, or are another station's",
        )
    return found


def _of(
    held: Held, hold: Hold, *, part_id: str = "", box: str = "", since: datetime | None = None, until: datetime | None = None
) -> set[int]:
    ask = held.history.passed_parts
    return {
        index
        for first, last in hold.spans
        for index in ask(held.station, first, last, part_id=part_id, box=box, since=since, until=until)
    }


def _name(held: Held, index: int) -> str:
    part = held.history.part(held.station, index)
    return f"number {index}" if part is None else part.part_id


def _moment(target: dict[str, str], member: str) -> datetime | None:
    if member not in target:
        return None
    try:
        at = datetime.fromisoformat(target[member])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandRefused(f"target.{member} must be a time with its zone, got {target[member]}")
    return at
