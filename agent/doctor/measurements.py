"""The vision tool's own measurements: what arrives at the running agent and is not watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.proposal import declarations
from agent.doctor.finding import Finding, ok

_SHOWN = 5


def examine(snapshot: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings by station of a running agent's snapshot; none of a station whose records measure nothing."""
    for station in snapshot.get("stations", ()):
        name, listed = station["station"], station["measurements"]
        proposed = declarations(station)
        if proposed:
            names = [m["name"] for m in listed if m["why"] == "not declared"]
            seen = f"{len(names)} arrive undeclared: {_some(names)}"
            rest = "" if len(proposed) <= _SHOWN else "\n\nand the rest: `linewarden status --undeclared`"
            paste = "declare what is to be watched below the station:\n" + "\n\n".join(proposed[:_SHOWN]) + rest
            yield Finding("measurements.undeclared", name, "warn", seen, "they are kept, not watched", paste)
        missing = [m["name"] for m in listed if m["why"] != "not declared"]
        if missing:
            seen = f"{len(missing)} declared, not received: {_some(missing)}"
            hint = "see the names in the records, letter by letter, and whether the recipe that runs has them"
            yield Finding("measurements.missing", name, "warn", seen, "they are not watched", hint)
        if not listed and any(channel["family"] == "measurements" for channel in station["channels"]):
            yield ok("measurements", name, "all that arrive are declared")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
