"""What parts turned out to be: outcomes joined to their parts and awaited, audits asked for and answered, cohorts judged."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agent.config.model import StationSection
from agent.core import answers, feed
from agent.core.accounts import Accounts
from agent.core.annunciator import Annunciator
from agent.core.answers import Answers
from agent.core.approved import Approved
from agent.core.audits import Audits, Request
from agent.core.effects import Effects
from agent.core.estimates import Estimates
from agent.core.feed import Feed
from agent.core.joining import Joiner
from agent.core.ledger import Ledger, Pending
from agent.core.parts import PartsInFront
from agent.core.plans import Plans
from agent.core.reports import ALARM as REPORT_CONFIRMED
from agent.core.reports import Heard, Reports
from agent.core.truth import Truth
from agent.messages import message
from agent.ports import PartRow
from agent.records import Feedback, Inspection, Model, Outcome

# What a person accepts anew with `baseline accept --stream outcomes`, and the stream of what outcomes show.
STREAM = "outcomes"
# What became of an outcome that is none of this station's.
FOREIGN = frozenset({"undeclared_source", "not_configured"})


class Verification:
    """The truth about the parts of one station. Mutable, deterministic."""

    def __init__(
        self,
        options: StationSection,
        plans: Plans,
        parts: PartsInFront,
        annunciator: Annunciator,
        feed: Feed,
        counters: Counter[str],
        zone: ZoneInfo,
        language: str,
    ) -> None:
        self._options = options
        self._may_arm = options.registered
        self._plans = plans
        self._parts = parts
        self._annunciator = annunciator
        self._feed = feed
        self._counters = counters
        self.truth = self._new_truth()
        self.audits = Audits(options, zone)
        self.reports = Reports(options.id, options.feedback, parts, self.audits, language=language, zone=zone)
        self.answers = Answers()
        self.accounts = Accounts(options.outcomes)
        self._ledger = Ledger(self.accounts)
        self._joiner = Joiner()
        self.estimates = Estimates(options, zone)

    def _new_truth(self) -> Truth:
        baseline = self._options.baseline
        return Truth(
            self._options.outcomes,
            threshold=self._plans.outcome_threshold,
            parts=baseline.parts,
            min_own=baseline.min_stream_parts,
        )

    @property
    def waits_for_time(self) -> bool:
        """Whether the passing of time alone would change anything."""
        return self._ledger.waiting > 0 and self._options.outcomes.is_on

    def learn_anew(self) -> None:
        """A person accepted what passes now as normal."""
        self.truth = self._new_truth()

    def replaced(self, view: str, recipe: str, model: Model | None, latest: int) -> None:
        """Another model is approved after part `latest`: its claims are learned anew."""
        self.truth.forget(self._plans.claim_scope(view, recipe, model), latest)

    # --- one part -----------------------------------------------------------------------------------------------------------

    def inspected(self, record: Inspection, row: PartRow, identity: Approved, effects: Effects) -> None:
        """A production part of the leading view: drawn, or not, and its outcome awaited.

        What a model that nobody approved passes is held against the claims of the approved one: nobody else has claimed anything.
        """
        effects.messages.extend(message(request) for request in self.audits.inspected(record, row, identity.threshold))
        self._tell(self.reports.inspected(row), row.captured_at, effects)
        if self._options.outcomes.is_on:
            p_defect = float("nan") if record.p_defect is None else record.p_defect
            scope = self._plans.claim_scope(record.view, record.recipe, record.model if identity.is_judging else identity.model)
            self.truth.drawn_apart(scope, self.audits.near_above(identity.threshold))
            passed, chance, least = row.verdict == "ok", self.audits.chance, self.audits.least
            part = Pending(row.index, row.part_id, row.captured_at, passed, p_defect, scope, row.recipe, chance, least)
            part.learns = identity.is_judging
            self._ledger.add(part)
            if self.accounts.joins:
                self._joiner.add(row.index, row.part_id, row.captured_at, row.box, record.sequence)

    def waited(self, elapsed_s: float, at: datetime | None, latest: int, effects: Effects) -> None:
        """Time passed without a record; `at`: the source's time at the latest, where one is known."""
        self._ledger.wait(elapsed_s)
        self._mature(at, latest, effects)

    # --- outcomes -----------------------------------------------------------------------------------------------------------

    def told(self, outcome: Outcome, latest: int, effects: Effects) -> str:
        """An outcome, after part `latest`; what it became here, in a word."""
        source = self.accounts.source(outcome.source)
        if source is None:
            word = "undeclared_source" if self._options.outcomes.is_on else "not_configured"
            self._counters[f"outcomes_{word}"] += 1
            if word == "not_configured":  # no outcome is expected here, but what was reported is looked at all the same
                self._look(outcome, latest, effects)
            return word
        if outcome.part_id:
            result = self._joined(outcome, latest, effects)
            self.reached(outcome.observed_at, latest, effects)
            return result
        refusal = self._joiner.tell(outcome, source)
        if refusal is not None:
            self._counters[f"outcomes_{refusal}"] += 1
        if refusal == "unjoinable":
            return refusal
        self._ledger.advance(outcome.observed_at)
        result = self._join_due(latest, effects, outcome)
        self.reached(outcome.observed_at, latest, effects)
        return result

    def _joined(self, outcome: Outcome, latest: int, effects: Effects) -> str:
        """An outcome whose part is named; what it became."""
        at = outcome.observed_at
        index = self._parts.part_index(self._options.id, outcome.part_id, latest)
        self._annunciator.find(self._feed.told(at), feed.STREAM, outcome.part_id, at, effects)
        outcome, counts = self._answered(outcome, effects)
        self._look(outcome, latest, effects)
        if not counts:
            self._counters["outcomes_not_counted"] += 1
            return "not_counted"
        result = self._ledger.tell(outcome, known=index is not None)
        self._counters[f"outcomes_{result}"] += 1
        if result in ("matched", "late"):
            late = self.answers.told(late=result == "late", at=at, part_id=outcome.part_id)
            self._annunciator.find(late, answers.STREAM, outcome.part_id, at, effects)
        self._annunciator.find(self.accounts.told_late(result, outcome.part_id, at), feed.STREAM, outcome.part_id, at, effects)
        part = self._parts.part(self._options.id, index) if outcome.defective and index is not None else None
        if part is not None and part.verdict == "ok":
            self._annunciator.find(self.accounts.escaped(outcome), STREAM, outcome.part_id, at, effects)
        return result

    def _join_due(self, latest: int, effects: Effects, asked: Outcome | None = None) -> str:
        """Join outcomes without serials whose part can be told by now; what the one asked for became."""
        reached, became = self._ledger.watermark, "early"
        for outcome, found in self._joiner.due(reached) if reached is not None else ():
            if isinstance(found, str):
                self._counters[f"outcomes_{found}"] += 1
                word: str = found
            else:
                word = self._joined(found, latest, effects)
            became = word if outcome is asked else became
        return became

    def _answered(self, outcome: Outcome, effects: Effects) -> tuple[Outcome, bool]:
        """An outcome beside what was asked for: with the probability it was drawn with, and whether it may count."""
        source = self.accounts.sources.get(outcome.source)
        answered = self.audits.told(outcome, of_all=source is not None and source.counts and source.coverage == "census")
        effects.messages.extend(message(request) for request in answered.asked)
        for request in answered.settled:
            self._settle(request, missed=False, at=outcome.observed_at, effects=effects)
        chance = self.audits.probability_of(outcome.part_id)
        return (outcome if chance is None else msgspec.structs.replace(outcome, inclusion_probability=chance)), answered.counts

    def _settle(self, request: Request, *, missed: bool, at: datetime, effects: Effects) -> None:
        if request.kind not in ("candidate", "feedback"):  # those are asked for, never part of a rate
            told = self.answers.looked_again if request.kind == "second_look" else self.answers.settled
            self._annunciator.find(
                told(missed=missed, at=at, part_id=request.part_id), answers.STREAM, request.part_id, at, effects
            )

    # --- what people report -------------------------------------------------------------------------------------------------

    def reported(self, feedback: Feedback, latest: int, now: datetime | None, effects: Effects) -> str:
        """Somebody noticed something, after part `latest`, at source time `now`; what the report became, in a word."""
        word, heard = self.reports.told(feedback, latest, now)
        self._tell(heard, feedback.at, effects)
        return word

    def _look(self, outcome: Outcome, latest: int, effects: Effects) -> None:
        """Somebody looked at a part: what it means to reports about it. Those who noticed by chance are no second opinion."""
        source = self.accounts.source(outcome.source)
        if outcome.part_id and (source is None or source.counts):
            self._tell(self.reports.judged(outcome, latest), outcome.observed_at, effects)

    def _tell(self, heard: Heard, at: datetime, effects: Effects) -> None:
        if not heard:
            return
        effects.messages.extend(message(request) for request in heard.asked)
        self._annunciator.find(heard.findings, STREAM, "", at, effects)
        incident = self._annunciator.incident_of(REPORT_CONFIRMED)
        told = self.reports.joined(incident, heard.told) if incident else heard.told
        effects.messages.extend(message(document) for document in told)

    # --- judged -------------------------------------------------------------------------------------------------------------

    def reached(self, at: datetime, latest: int, effects: Effects) -> None:
        """The source's time has reached `at`: parts whose outcomes are due by then are judged, requests due by then missed."""
        for request in self.audits.missed(at):
            self._settle(request, missed=True, at=at, effects=effects)
        self._tell(self.reports.reached(at), at, effects)
        self._ledger.advance(at)
        self._mature(at, latest, effects)

    def _mature(self, at: datetime | None, latest: int, effects: Effects) -> None:
        self._join_due(latest, effects)
        for part in self._ledger.mature():
            if self.accounts.joins:
                self._joiner.forget(part.index, part.captured_at)
            for finding in self.accounts.matured(part, part.captured_at if at is None else at):
                stream = STREAM if finding.code == "escape_found" else feed.STREAM
                self._annunciator.find([finding], stream, part.part_id, part.captured_at if at is None else at, effects)
            self.estimates.matured(part)
            crossing = self.truth.judge(part) if self._may_arm else None
            if crossing is not None and at is not None:
                self._annunciator.outcome_crossed(crossing, part, at, effects)
            elif at is not None:
                self._annunciator.audited(at, effects)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "truth": self.truth.save(),
            "ledger": self._ledger.save(),
            "audits": self.audits.save(),
            "reports": self.reports.save(),
            "answers": self.answers.save(),
            "accounts": self.accounts.save(),
            "joiner": self._joiner.save(),
            "estimates": self.estimates.save(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.truth.load(saved["truth"])
        self._ledger.load(saved["ledger"])
        self.audits.load(saved["audits"])
        self.reports.load(saved["reports"])
        self.answers.load(saved["answers"])
        self.accounts.load(saved["accounts"])
        self._joiner.load(saved["joiner"], self.accounts.sources)
        self.estimates.load(saved["estimates"])
