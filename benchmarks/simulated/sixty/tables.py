"""The tables, from the histories that were played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulated.sixty.cells import ESCAPES, MISSED, QUESTIONS, Cell
from benchmarks.simulated.sixty.production import MODE

BY_CHANCE = (ESCAPES, MISSED)  # alarms that the budget counts; all else they say is a fact
FIND = "escape-found"
MONTH_DAYS = 30.44
Row = dict[str, Any]


def tables(folder: Path, questions: list[str]) -> str:
    """Markdown, one table a question; cells nobody played are left out."""
    found = []
    for question in questions:
        rows = {cell: _read(folder / f"{cell.name}.jsonl") for cell in QUESTIONS[question]}
        played = {cell: seeds for cell, seeds in rows.items() if seeds}
        if played:
            found.append(f"### {question}\n\n{_TABLES[question](played)}")
    return "\n\n".join(found)


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _lines(head: str, lines: list[str]) -> str:
    return "\n".join([f"| {head} |", "|" + "---|" * (head.count("|") + 1), *(f"| {line} |" for line in lines)])


# --- before and after a fault -------------------------------------------------------------------------------------------------


def _faults(played: dict[Cell, list[Row]]) -> str:
    head = (
        "cell | histories | audits before | claimed | found | false before (allowed) | promised days | found within the history"
        " | median days | 90 % within | first find said, median days | escapes held | good parts held, median | good held per escape"
    )
    return _lines(head, [_fault(cell, rows) for cell, rows in played.items()])


def _fault(cell: Cell, rows: list[Row]) -> str:
    days, after = delays(cell, rows), cell.world.days - cell.world.fault_day - 1.0
    budget = 0.1 * (0.75 if cell.world.challenges and cell.until == ESCAPES else 0.25 if cell.until == MISSED else 1.0)
    allowed = budget * sum(r["watched_days"] for r in rows) / MONTH_DAYS
    false = sum(alarm == cell.until for r in rows for alarm in r["before"])
    promised = [r["promised"][k] for r in rows if (k := MODE if cell.world.challenges else "escapes") in r["promised"]]
    first = [next((d for alarm, d in r["after"] if alarm == FIND), np.inf) for r in rows]
    holds = [r["hold"] for r in rows if r["hold"]]
    escaped, held = (sum(h[key] for h in holds) for key in ("escaped", "held"))
    good = [h["good"] for h in holds]
    return " | ".join(
        [
            cell.says,
            f"{len(rows)}",
            f"{np.mean([r['judged'] for r in rows]):,.0f}",
            f"{np.mean([r['claimed'] for r in rows]):.1f}",
            f"{np.mean([r['found'] for r in rows]):.1f}",
            f"{false} ({allowed:.1f})",
            _days(float(np.median(promised)), 1_000.0) if len(promised) > len(rows) / 2 else "never",
            f"{np.isfinite(days).sum()}",
            _days(float(np.quantile(days, 0.5, method="higher")), after),
            _days(float(np.quantile(days, 0.9, method="higher")), after),
            _days(float(np.quantile(first, 0.5, method="higher")), after) if cell.declared_ppm else "",
            f"{held:,} of {escaped:,}" if escaped else "",
            f"{np.median(good):,.0f}" if good else "",
            f"{sum(good) / held:,.0f}" if held else "",
        ]
    )


def delays(cell: Cell, rows: list[Row]) -> np.ndarray:
    """Days from the fault to the cell's alarm; infinite where the history ended before."""
    return np.array([next((days for alarm, days in r["after"] if alarm == cell.until), np.inf) for r in rows])


def _days(days: float, most: float) -> str:
    return f"{days:.1f}" if days <= most else f"> {most:,.0f}"


def _variation(played: dict[Cell, list[Row]]) -> str:
    head = (
        "what looks | missed from | histories | promised days | found within the history | median days | 90 % within | false before"
    )
    lines = []
    for cell, rows in played.items():
        days, after = delays(cell, rows), cell.world.days - cell.world.fault_day - 1.0
        key = MODE if cell.world.challenges else "escapes"
        promised = [r["promised"].get(key, np.inf) for r in rows]
        lines.append(
            f"{cell.says} | {100 * cell.world.missed:g} → {100 * cell.world.missed_after:g} % | {len(rows)} |"
            f" {_days(float(np.median(promised)), 1_000.0) if np.isfinite(np.median(promised)) else 'never'} |"
            f" {np.isfinite(days).sum()} | {_days(float(np.quantile(days, 0.5, method='higher')), after)} |"
            f" {_days(float(np.quantile(days, 0.9, method='higher')), after)} |"
            f" {sum(alarm == cell.until for r in rows for alarm in r['before'])}"
        )
    return _lines(head, lines)


# --- nothing has changed ------------------------------------------------------------------------------------------------------


def _steady(played: dict[Cell, list[Row]]) -> str:
    head = "at constant quality | histories | audits | claimed | found | alarms | a CUSUM of the found share: alarms | histories with one"
    return _lines(
        head,
        [
            f"{_quiet(cell, rows)} | {sum(r['naive'] for r in rows)} | {sum(r['naive'] > 0 for r in rows)}"
            for cell, rows in played.items()
        ],
    )


def _quiet(cell: Cell, rows: list[Row]) -> str:
    means = [float(np.mean([r[key] for r in rows])) for key in ("judged", "claimed", "found")]
    alarms = sum(alarm in BY_CHANCE for r in rows for alarm in r["before"])
    return f"{cell.says} | {len(rows)} | {means[0]:,.0f} | {means[1]:.1f} | {means[2]:.1f} | {alarms}"


def _reviewers(played: dict[Cell, list[Row]]) -> str:
    head = "reviewers | histories | audits | claimed | found | alarms | allowed"
    lines = []
    for cell, rows in played.items():
        allowed = 0.1 * sum(r["watched_days"] for r in rows) / MONTH_DAYS
        lines.append(f"{_quiet(cell, rows)} | {allowed:.1f}")
    return _lines(head, lines)


def _stopped(played: dict[Cell, list[Row]]) -> str:
    lines = []
    for cell, rows in played.items():
        told = {
            name: np.array(
                [
                    next((at - cell.world.outcomes_until for alarm, at in r["said_at"] if alarm == name and at > 14.9), np.inf)
                    for r in rows
                ]
            )
            for name in ("audits-unanswered", "outcomes-stopped", "blind-spot-escapes")
        }
        lines += [f"{name} | {len(rows)} | {np.min(at):.2f} | {np.median(at):.2f} | {np.max(at):.2f}" for name, at in told.items()]
        for day in (14, 16, 18, 20, 22, 24):
            spots = [dict(map(tuple, r["spots"]))[day] for r in rows]
            lines.append(
                f"blind spot, day {day - 15:+d}: days | {len(rows)} | {min(spots):.1f} | {np.median(spots):.1f} | {max(spots):.1f}"
            )
    return _lines("what is said, days after the last outcome | histories | least | median | most", lines)


_TABLES = {"fault": _faults, "variation": _variation, "steady": _steady, "reviewers": _reviewers, "stopped": _stopped}
