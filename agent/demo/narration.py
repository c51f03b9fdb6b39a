"""What the demo says before and after: what is simulated, and what was true beside what was said. Every figure is this run's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.production import captured_at
from agent.demo.plant import clock_text
from agent.demo.scenario import BASELINE_PARTS
from agent.demo.story import passed_between
from agent.demo.wiring import AUDITS_PER_MONTH, FALSE_ALARMS_PER_MONTH, PARTS_PER_MONTH, STATION

if TYPE_CHECKING:
    from rich.console import Console

    from agent.demo.line.production import Part
    from agent.demo.plant import Plant
    from agent.demo.scenario import Scenario
    from agent.demo.story import Told


def introduce(console: Console, seed: int) -> None:
    """Say plainly what is simulated and what is real."""
    console.print(f"Linewarden demo, seed {seed}", style="bold")
    console.print(
        "Simulated: parts, lamp, lens, camera, laboratory, and the clock: every part stands for one minute of production.\n"
        "Real: the model (a CNN trained on these parts), the broker, and the agent, a process of its own that is sent\n"
        "records and frames only. What was true is joined to what it said afterwards, here.\n"
        f"Station {STATION} as declared: {PARTS_PER_MONTH:,.0f} parts and {AUDITS_PER_MONTH:,.0f} audits a month, at most "
        f"{FALSE_ALARMS_PER_MONTH} false alarms a month;\nan audit takes {ASSUMED.audit_delay_s / 3600:g} h. "
        "Indented lines are what the plant sees.",
        soft_wrap=True,
    )


def conclude(console: Console, scenario: Scenario, parts: list[Part], plant: Plant, told: Told | None) -> None:
    """Say what was true, beside what was said."""
    if scenario.onset_at is None:
        monitored = passed_between(parts, BASELINE_PARTS + 1, len(parts))
        console.print(
            f"No fault: {len(parts) - BASELINE_PARTS:,} parts monitored, {len(plant.raised())} alarms raised; "
            f"{monitored.bad} bad among {monitored.parts:,} passed.",
            soft_wrap=True,
        )
        return
    if told is None:
        missed = len(parts) - scenario.onset_at
        console.print(f"The failure at part {scenario.onset_at:,} was not noticed within {missed:,} parts.", soft_wrap=True)
        return
    console.print("What was true, beside what was said", style="bold")
    for name, words in _rows(scenario.onset_at, told):
        console.print(f"  {name:<36}{words}", soft_wrap=True, markup=False)


def _rows(onset_at: int, told: Told) -> list[tuple[str, str]]:
    before, after = told.before, told.after
    earliest, latest = told.onset_interval
    escapes = (
        f"{before.escape_rate:.2%} before ({before.bad} of {before.parts:,}), "
        f"{after.escape_rate:.2%} after ({after.bad} of {after.parts:,})"
    )
    estimated = (
        f"part {told.estimated_onset:,}, {clock_text(captured_at(told.estimated_onset))} "
        f"({told.estimated_onset - onset_at:+,} parts; interval {earliest:,} to {latest:,})"
    )
    noticed = (
        f"{told.audits:,} audits with {told.finds} finds; the last of them was part {told.judged_part:,}, "
        f"{told.judged_part - onset_at:,} after the onset, and its result was in at part {told.alarm_at:,}"
    )
    hold = (
        f"{told.held:,} parts up to part {told.held_to:,}, with {told.held_bad_since_onset} of the {told.bad_since_onset} bad ones "
        f"passed from the onset to there"
    )
    if told.bad_after_list:
        hold += f"; {told.bad_after_list} more passed after it, before the line stood (the list grows by steps)"
    points = 100.0 * (after.confidence - before.confidence)
    confidence = f"{before.confidence:.3%} before, {after.confidence:.3%} after ({points:+.3f} points)"
    return [
        ("model's confidence on passed parts", confidence),
        ("bad among passed parts", escapes),
        ("true onset", f"part {onset_at:,}, {clock_text(captured_at(onset_at))}"),
        ("estimated onset", estimated),
        ("noticed after", noticed),
        ("hold list", hold),
    ]
