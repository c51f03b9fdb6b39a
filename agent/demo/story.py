"""What the demo claims, computed from the truth and from what the plant was told, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.demo.scenario import BASELINE_PARTS

if TYPE_CHECKING:
    from agent.demo.line.production import Audit, Part
    from agent.demo.plant import Plant
    from agent.demo.scenario import Scenario

# "Unchanged": the mean claimed confidence on passed parts falls by no more than this while the escape rate jumps.
CONFIDENCE_SLACK = 5e-4
ESCAPES_TIMES = 5.0


@dataclass(frozen=True, slots=True)
class Passed:
    """The passed parts of one stretch of production: how sure the model was of them, and how good they were."""

    parts: int
    confidence: float  # mean of 1 - p_defect
    bad: int

    @property
    def escape_rate(self) -> float:
        """Defective parts passed ÷ parts passed."""
        return self.bad / self.parts if self.parts else float("nan")


def passed_between(parts: list[Part], first: int, last: int) -> Passed:
    """Of parts numbered first..last, the passed ones."""
    chosen = [part for part in parts[first - 1 : last] if part.passed]
    confidence = 1.0 - float(np.mean([part.p_defect for part in chosen])) if chosen else float("nan")
    return Passed(len(chosen), confidence, sum(part.is_defective for part in chosen))


@dataclass(frozen=True, slots=True)
class Told:
    """Truth and report side by side after a silent failure. Part numbers; `audits` are of passed parts made after the onset."""

    before: Passed
    after: Passed
    alarm_at: int  # line's part count when the alarm had been received
    judged_part: int  # the audited part whose result raised it
    estimated_onset: int
    onset_interval: tuple[int, int]
    audits: int
    finds: int
    held: int
    held_bad: int
    held_to: int  # the last part on the list; it grows by steps, so that the line's very last parts are not on it yet
    bad_since_onset: int  # up to there
    bad_after_list: int
    held_bad_since_onset: int


def tell(scenario: Scenario, parts: list[Part], audits: list[Audit], plant: Plant, held: list[str]) -> Told | None:
    """Join truth to report; None where the outcome alarm never came. held: part ids of the agent's hold list."""
    alarm = plant.outcome_alarm()
    if alarm is None or scenario.onset_at is None or alarm.evidence is None or alarm.evidence.onset is None:
        return None
    onset = alarm.evidence.onset
    judged = _number(alarm.part_id)
    since = [a for a in audits if a.part.passed and scenario.onset_at <= a.part.number <= judged]
    on_list = set(held)
    last = max((_number(part) for part in held), default=0)
    bad = [part for part in parts if part.escaped and part.number <= last]
    bad_since = [part for part in bad if part.number >= scenario.onset_at]
    return Told(
        before=passed_between(parts, BASELINE_PARTS + 1, scenario.onset_at - 1),
        after=passed_between(parts, scenario.onset_at, len(parts)),
        alarm_at=next((p.number for p in parts if p.captured_at >= alarm.changed_at), len(parts)),
        judged_part=judged,
        estimated_onset=_number(onset.part_id),
        onset_interval=(_number(onset.earliest_part_id), _number(onset.latest_part_id)),
        audits=len(since),
        finds=sum(a.part.is_defective for a in since),
        held=len(held),
        held_bad=sum(part.part_id in on_list for part in bad),
        held_to=last,
        bad_since_onset=len(bad_since),
        bad_after_list=sum(part.escaped and part.number > last for part in parts),
        held_bad_since_onset=sum(part.part_id in on_list for part in bad_since),
    )


def broken_promises(scenario: Scenario, armed_at: int | None, plant: Plant, told: Told | None) -> list[str]:
    """What the demo claims and this run did not show; empty when the story held."""
    wrong = [] if armed_at is not None else ["the station did not arm"]
    raised = plant.raised()
    if scenario.onset_at is None:
        return wrong + [f"without a fault, {alarm.alarm_id} was raised: {alarm.text}" for alarm in raised]
    coil_at = scenario.coil_at or 0
    for alarm in raised:
        part = _number(alarm.part_id)
        if part < coil_at:
            wrong.append(f"{alarm.alarm_id} was raised at part {part}, before anything changed (part {coil_at})")
        elif part < scenario.onset_at and alarm.andon == "blue":
            wrong.append(f"{alarm.alarm_id} asked for blue at part {part}, before the failure (part {scenario.onset_at})")
    if told is None:
        return [*wrong, "the outcome alarm did not come"]
    if told.after.confidence < told.before.confidence - CONFIDENCE_SLACK:
        wrong.append(f"the model's confidence fell from {told.before.confidence:.4%} to {told.after.confidence:.4%}")
    if told.after.escape_rate < ESCAPES_TIMES * max(told.before.escape_rate, 1e-3):
        wrong.append(f"the escape rate went from {told.before.escape_rate:.3%} to only {told.after.escape_rate:.3%}")
    if told.held_bad_since_onset < told.bad_since_onset:
        wrong.append(f"the hold list misses {told.bad_since_onset - told.held_bad_since_onset} bad parts")
    if told.held == 0:
        wrong.append("the hold list is empty")
    return wrong


def _number(part_id: str) -> int:
    """The part number in a part id of this line; 0 for none."""
    return int(part_id[1:]) if part_id else 0
