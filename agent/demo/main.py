"""`linewarden demo`: a simulated line, a real model, a broker, the real agent, and the andon as the plant would see it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from rich.console import Console
from rich.text import Text

from agent.demo import feed
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.model import Classifier
from agent.demo.line.production import Audits, Line, captured_at
from agent.demo.narration import conclude, introduce
from agent.demo.plant import Plant, clock_text
from agent.demo.scenario import BASELINE_PARTS, Scenario, draw_scenario
from agent.demo.stage import Stage
from agent.demo.story import broken_promises, tell
from agent.runtime.clock import SystemClock
from agent.runtime.signals import stopped_by_signals
from agent.runtime.threads import StopEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.demo.line.production import Audit, Part

# Parts the line still makes after the alarm, until it stands: the hold grows by steps of 100.
_AFTER_ALARM: Final = 150
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Show the demo; 0 when the story held, 1 when it did not and --fast asked for proof, 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="linewarden demo",
        description="A simulated line whose model goes on reporting high confidence while bad parts pass, and the real agent.",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="moves the onset and picks the cause (default 1)")
    parser.add_argument("--no-fault", action="store_true", help="nothing happens, and nothing may be raised")
    parser.add_argument("--fast", action="store_true", help="unattended: plain output, exit 1 with what failed")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"--seed must be at least 0, got {options.seed}")
    console = Console(highlight=False, no_color=options.fast or None)
    stop = StopEvent()
    with stopped_by_signals(stop):
        try:
            return Show(console, stop, options.seed, fault=not options.no_fault).run(strict=options.fast)
        except KeyboardInterrupt:
            console.print("stopped; broker and agent are gone")
            return _INTERRUPTED


class Show:
    """One run of the demo."""

    def __init__(self, console: Console, stop: StopEvent, seed: int, *, fault: bool) -> None:
        cv2.setNumThreads(1)
        self._console = console
        self._clock = SystemClock()
        self._began = self._clock.elapsed()
        self._seed = seed
        streams = np.random.SeedSequence(seed).spawn(3)
        scenario_rng, line_rng, audit_rng = (np.random.default_rng(stream) for stream in streams)
        self._scenario: Scenario = draw_scenario(scenario_rng, fault=fault)
        self._classifier = Classifier()
        self._line = Line(self._scenario, self._classifier, line_rng)
        self._audits = Audits(audit_rng, BASELINE_PARTS)
        self._plant = Plant(console)
        self._stage = Stage(self._plant, self._clock, stop)
        self._parts: list[Part] = []
        self._examined: list[Audit] = []
        self._armed_at: int | None = None
        self._produced_s = 0.0

    def run(self, *, strict: bool) -> int:
        """Show it, then say what was true; 1 when the story did not hold and `strict`."""
        introduce(self._console, self._seed)
        with self._stage:
            self._say(f"broker on 127.0.0.1:{self._stage.port}, agent is process {self._stage.agent_pid}, online")
            self._say(f"learning from {BASELINE_PARTS:,} parts, every one of them examined by hand")
            started = self._clock.elapsed()
            self._produce()
            self._finish()
            self._produced_s = self._clock.elapsed() - started
            held = self._stage.hold_list()
        told = tell(self._scenario, self._parts, self._examined, self._plant, held)
        rate = len(self._parts) / self._produced_s
        self._say(
            f"{len(self._parts):,} parts in {self._produced_s:.0f} s: {rate:.0f} parts/s, "
            f"the line's clock ran {rate * ASSUMED.cycle_s:,.0f} times too fast"
        )
        conclude(self._console, self._scenario, self._parts, self._plant, told)
        wrong = broken_promises(self._scenario, self._armed_at, self._plant, told)
        for problem in wrong:
            self._console.print(f"the story did not hold: {problem}", style="bold red", soft_wrap=True, markup=False)
        return int(bool(wrong) and strict)

    # --- production ---------------------------------------------------------------------------------------------------------

    def _produce(self) -> None:
        """Make parts and tell the agent of them until the line stands."""
        last: int | None = None
        while (batch := self._line.make()) and (last is None or batch[0].number <= last):
            self._announce(batch[0])
            for part in batch:
                self._report(part)
            self._stage.keep_pace()
            self._note_arming()
            if last is None and self._plant.outcome_alarm() is not None:
                last = len(self._parts) + _AFTER_ALARM

    def _report(self, part: Part) -> None:
        self._parts.append(part)
        self._report_audits(part.number)
        self._stage.send("in/inspection", feed.inspection(part))
        self._audits.draw(part)

    def _report_audits(self, number: int) -> None:
        for audit in self._audits.due(captured_at(number)):
            self._examined.append(audit)
            self._stage.send("in/outcome", feed.outcome(audit))

    def _finish(self) -> None:
        """The line stands: wait until the agent has judged it all; without an alarm so far, until the last audits are in."""
        if self._plant.outcome_alarm() is None:
            end = len(self._parts) + int(ASSUMED.audit_delay_s / ASSUMED.cycle_s) + 1
            self._report_audits(end)
            self._stage.send("in/event", feed.clock(captured_at(end)))
        # The agent closes a minute when the next one begins: the last part's own minute stays open.
        self._stage.wait_until(lambda: self._plant.parts_judged >= len(self._parts) - 1, "the agent did not catch up")
        settled = self._clock.elapsed() + 1.5  # the last commit and what it publishes
        self._stage.wait_until(lambda: self._clock.elapsed() >= settled, "")
        self._note_arming()

    def _note_arming(self) -> None:
        if self._armed_at is None and self._plant.health == "ok":
            self._armed_at = self._plant.parts_judged
            self._say(
                f"armed after about {self._armed_at:,} parts; since part {BASELINE_PARTS + 1:,} only drawn parts are examined: "
                f"{ASSUMED.audit_share:.0%} of the passed ones, and all rejects"
            )

    def _announce(self, part: Part) -> None:
        """Say what only the demo knows, when it happens; the agent is told of the new coil, as a plant would."""
        scenario = self._scenario
        if part.number == scenario.coil_at:
            self._stage.send("in/event", feed.new_lot(part.coil, part.captured_at))
            change = scenario.second_coil.grey - 1.0
            self._truth(part, f"new coil {part.coil}, {abs(change):.0%} {'brighter' if change > 0 else 'darker'}: harmless")
        if part.number == scenario.onset_at:
            self._truth(part, f"SILENT FAILURE. {scenario.description}. Nobody is told")

    # --- words --------------------------------------------------------------------------------------------------------------

    def _say(self, words: str) -> None:
        self._console.print(f"[{self._clock.elapsed() - self._began:5.1f} s] {words}", soft_wrap=True, markup=False)

    def _truth(self, part: Part, words: str) -> None:
        line = Text(f"[{self._clock.elapsed() - self._began:5.1f} s] ")
        line.append(f"{clock_text(part.captured_at)} truth, part {part.number:,}: {words}", "italic magenta")
        self._console.print(line, soft_wrap=True)
