"""The command `close_incident`: the owner's word on what an incident was, and whether what was done about it has worked.

target.verdict is real, harmless or unknown; target.cause one of agent/taxonomy.py; target.effectiveness says what was checked
afterwards and what it showed. `by` is the owner's or the deputy's name as the register has it, in that role.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent.documents import ClosingDoc, HoldDoc
from agent.errors import CommandRefused
from agent.taxonomy import FOUND, VERDICTS

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.records import Command


def closing(options: StationSection, command: Command, hold: HoldDoc | None, at: datetime, *, is_over: bool) -> ClosingDoc:
    """How it is closed. Raises CommandRefused with the first thing that is missing."""
    target = command.target
    verdict, cause, checked = (target.get(name, "").strip() for name in ("verdict", "cause", "effectiveness"))
    if not is_over:
        raise CommandRefused("alarms of it stand", hint="see `linewarden alarms`")
    if hold is not None and (hold.grows or hold.undecided):
        left = "it still grows" if hold.grows else f"{hold.undecided} of {hold.parts} parts are open"
        raise CommandRefused(f"its hold is not settled: {left}", hint=f"see `linewarden hold show {hold.incident}`")
    signs = {"owner": options.owner, "deputy": options.deputy}
    if command.role not in signs:
        raise CommandRefused(f"role must be owner or deputy, got {command.role}")
    if signs[command.role] is None or command.by != signs[command.role]:
        raise CommandRefused(f"the {command.role}'s name must be as the register has it", hint="see the station's section")
    if verdict not in VERDICTS:
        raise CommandRefused(f"verdict must be one of {', '.join(VERDICTS)}, got {verdict or 'nothing'}")
    if cause not in FOUND:
        raise CommandRefused(f"cause must be one of {', '.join(FOUND)}, got {cause or 'nothing'}")
    if not checked:
        raise CommandRefused("say what was checked afterwards, and what it showed", hint="the check of effectiveness")
    return ClosingDoc(at, verdict, cause, FOUND[cause], checked, command.by, command.role)
