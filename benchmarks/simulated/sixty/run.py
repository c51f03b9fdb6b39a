"""A cell's history of one seed, played and judged: a row of plain figures, for a line of JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.simulated.sixty import naive
from benchmarks.simulated.sixty.cells import ESCAPES, MISSED, Cell
from benchmarks.simulated.sixty.history import Played, Road, play, quick, script
from benchmarks.simulated.sixty.production import DAY_S
from benchmarks.simulated.sixty.station import Heard, configuration


def row(cell: Cell, seed: int) -> dict[str, Any]:
    """One history."""
    world, policies = cell.world, list(cell.policies)
    history = script(world, policies, seed)
    configs = [(p.from_day, configuration(world, p, declared_ppm=cell.declared_ppm)) for p in policies]
    fault = history.parts.made_by(history.parts.fault_s)
    spots: list[tuple[float, float]] = []

    def enough(heard: Heard) -> bool:
        return bool(cell.until) and any(
            said.index > fault and said.is_raised and said.document.alarm_id == cell.until for said in reversed(heard.alarms)
        )

    def morning(day: float, road: Road) -> None:
        spots.append((day, road.station.blind_spots.days["escapes"]))

    played = play(history, quick(history, configs[0][1]), enough=enough, configs=configs[1:], daily=morning)
    claimed, found, judged = played.at_fault
    station = played.road.station
    if world.fault_day >= world.days:
        claimed, found, judged = station.truth.claimed, station.truth.found, station.truth.judged
    share = 0.0
    if cell.name in ("ramp", "switch", "switch-rate"):
        share = naive_share(played)
    return {
        "cell": cell.name,
        "seed": seed,
        "claimed": claimed,
        "found": found,
        "judged": judged,
        "before": [s.document.alarm_id for s in played.road.heard.alarms if s.is_raised and s.index <= fault],
        "after": [(s.document.alarm_id, played.days(s)) for s in played.road.heard.alarms if s.is_raised and s.index > fault],
        "promised": {mode: days for mode, days in played.promised.items() if np.isfinite(days)},
        "watched_days": float(min(history.parts.fault_s, history.parts.at_s[-1])) / DAY_S,
        "hold": held(played, cell.until),
        "spots": spots if cell.name == "outcomes-stopped" else [],
        "said_at": [(s.document.alarm_id, float(history.parts.at_s[s.index - 1]) / DAY_S) for s in played.road.heard.alarms]
        if cell.name == "outcomes-stopped"
        else [],
        "naive": naive.alarms(history, share) if share else 0,
    }


def naive_share(played: Played) -> float:
    """The share of audits that find something under the first policy, as nobody but a simulation knows it."""
    history = played.script
    parts, drawn = history.parts, history.draw.drawn
    until = history.policies[1].from_day * DAY_S if len(history.policies) > 1 else np.inf
    chosen = drawn & (parts.at_s < until)
    caught = (1.0 - 0.23) ** 2
    return float(caught * parts.p[chosen].mean())


def held(played: Played, alarm: str) -> dict[str, int]:
    """Of the mode's escapes since the fault, until the alarm was said: those in its hold; and the good parts in there with them."""
    said = played.raised(alarm, after=played.fault) if alarm in (ESCAPES, MISSED) else None
    incidents = played.road.station.incidents
    hold = None if said is None else incidents.holds.get(incidents.current_id)
    if said is None or hold is None:
        return {}
    parts, index = played.script.parts, np.arange(1, played.script.parts.count + 1)
    inside = np.zeros(parts.count, np.bool_)
    for first, last in hold.spans:
        inside[max(0, first - 1) : min(last, said.index)] = True
    escaped = parts.ok & parts.bad & (index > played.fault) & (index <= said.index)
    return {
        "escaped": int(escaped.sum()),
        "held": int((escaped & inside).sum()),
        "good": int((parts.ok & ~parts.bad & inside).sum()),
        "mode": int((parts.ok & parts.bad & inside).sum()),
    }
