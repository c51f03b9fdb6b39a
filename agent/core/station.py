"""One station: puts its records in order and hands each to what it concerns: signals, verification, check parts, alarms."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agent.config.model import StationSection
from agent.core import approved, blind_spots, checks, feed
from agent.core.alarms import AlarmBook
from agent.core.annunciator import UNCHECKED, Annunciator
from agent.core.approved import Approved
from agent.core.blind_spots import BlindSpots
from agent.core.challenges import Challenges
from agent.core.conditions import Finding
from agent.core.effects import Effects
from agent.core.feed import Feed
from agent.core.figures import Figures
from agent.core.incidents import Incidents
from agent.core.models import Models, Place, place_of
from agent.core.parts import PartsInFront
from agent.core.plans import Plans
from agent.core.runs import Runs
from agent.core.sequence import Released, Reorder
from agent.core.signals import Signals, Turn, prefix
from agent.core.truth import Truth
from agent.core.verification import FOREIGN, Verification
from agent.core.verification import STREAM as OUTCOMES
from agent.documents import FrozenDoc, ModelChangeDoc, ReadingDoc, SummaryDoc
from agent.messages import message
from agent.ports import Origin, PartRow, ReviewView, StationView
from agent.records import Command, Event, Feedback, Inspected, Inspection, Model, Outcome

# Evidence of a twentieth of its threshold is advice (METHODS 1); looked for every so many parts.
ADVISE, ADVISE_PARTS = 20.0, 25
# Of 30.44 days: false alarms are counted by the calendar, as the person who is woken by them does.
MONTH_S = 86_400 * 365.25 / 12
# Channels written down with an incident, those closest to their threshold.
FROZEN_READINGS = 20


class Station:
    """Everything the fold knows of one station. Mutable, deterministic."""

    def __init__(
        self, options: StationSection, parts: PartsInFront, *, language: str, zone: ZoneInfo, config_sha256: str = ""
    ) -> None:
        self.options = options
        self.registered = options.registered
        self._config_sha256 = config_sha256
        self._model = ""  # what judged the latest part
        self.watched_since: datetime | None = None  # first armed
        self._parts = parts
        self.counters: Counter[str] = Counter()
        self.book = AlarmBook()
        self.incidents = Incidents(options.id, parts, language, options.response)
        self.annunciator = Annunciator(self, parts, language=language, zone=zone)
        self._feed = Feed(options.feed)
        plans = Plans(options)
        self.signals = Signals(options, plans, self.annunciator, self.counters, zone)
        self.verification = Verification(options, plans, parts, self.annunciator, self._feed, self.counters, zone, language)
        self._figures = Figures(options)
        self.challenges = Challenges(options, plans.challenge_threshold, language, self.verification.estimates.shown)
        self.blind_spots = BlindSpots(
            options, audit_threshold=plans.outcome_threshold, challenge_threshold=plans.challenge_threshold, language=language
        )
        self._reorder = {view: Reorder(options.reorder_parts) for view in options.views}
        self._runs = Runs(options.run_gap_s)
        self.models = Models(options, self.challenges.checks, lambda record: prefix(options, record))
        self._heard = True  # since the last tick
        self.proposals: dict[str, str] = {}  # acceptance asked for by one person, by target: who
        self.index = 0
        self._tallies: Counter[str] = Counter()
        self.last_captured_at: datetime | None = None
        self._minute: tuple[datetime, int, int, int] | None = None  # source minute, parts, rejected, outcomes

    @property
    def truth(self) -> Truth:
        """Claim against outcome."""
        return self.verification.truth

    def begin_after(self, origin: Origin) -> None:
        """Number parts and incidents on from here."""
        self.index = origin.parts
        self.incidents.begin_after(origin.incidents)

    # --- what is folded -----------------------------------------------------------------------------------------------------

    def inspected(self, entry: Inspected, effects: Effects) -> None:
        """An inspection; marked ones and unknown views enter no statistic and are counted."""
        record = entry.record
        self._heard = True
        self._feed.heard()
        if record.view not in self._reorder:
            self.counters["unknown_view"] += 1
        elif record.position not in self.options.positions:
            self.counters["unknown_position"] += 1
        else:
            self._release(self._reorder[record.view].push(entry), effects)

    def challenge_told(self, target: dict[str, str], at: datetime, effects: Effects) -> str:
        """A person tells of challenge parts; what was done, in words. Raises CommandRefused."""
        said, findings, missed = self.challenges.recorded(target, at, self.index)
        self.annunciator.find(findings, checks.STREAM, "", at, effects)
        self.annunciator.check_parts_missed(missed, "", at, effects)
        return said

    def told(self, outcome: Outcome, effects: Effects) -> str:
        """An outcome; what it became here, in a word."""
        word = self.verification.told(outcome, self.index, effects)
        if word not in FOREIGN:
            self._tallies["outcomes"] += 1
            self._summarise(outcome.observed_at, effects, outcomes=1)
        return word

    def noticed(self, feedback: Feedback, effects: Effects) -> str:
        """Somebody at the line noticed something; what the report became, in a word."""
        self.counters["feedback"] += 1
        return self.verification.reported(feedback, self.index, self.last_captured_at, effects)

    def happened(self, event: Event, effects: Effects) -> None:
        """An event at the station."""
        self.counters[f"events_{event.kind}"] += 1
        if event.kind in ("lot", "tool", "maintenance"):
            self._runs.start_new()
        if event.kind not in ("line_state", "clock"):
            self.incidents.happened(event.kind, self.index)
            self.signals.happened(event.kind)
        if event.kind in ("recipe", "tool"):
            self.challenges.changed_over()
        if event.kind == "line_state":
            self._feed.line_state(event.value)
        self.verification.reached(event.at, self.index, effects)

    def waited(self, elapsed_s: float, wall: datetime, effects: Effects) -> None:
        """Time passed since the last tick; it counts as waiting where no record came meanwhile."""
        self.annunciator.find(self._feed.waited(elapsed_s), feed.STREAM, "", wall, effects)
        if self._heard:
            self._heard = False
            return
        for reorder in self._reorder.values():
            self._release(reorder.wait(elapsed_s), effects)
        self.verification.waited(elapsed_s, self.last_captured_at, self.index, effects)

    def learn_anew(self, target: str, at: datetime, effects: Effects) -> None:
        """A person accepted the present state of a stream or of `outcomes` as normal; what it had alarmed ends."""
        if target == OUTCOMES:
            self.verification.learn_anew()
        anew = self.signals.learn_anew(target)
        for alarm in self.book.all():
            if alarm.stream in anew:
                self.annunciator.reset(alarm, at, effects)

    def plan_model(self, command: Command, at: datetime, effects: Effects) -> ModelChangeDoc:
        """A person announces a model; the plan. Raises CommandRefused."""
        streams = list(self.signals.learners)
        plan = self.models.plan(command, at, streams)
        effects.models.append(plan)
        return plan

    def approve_model(self, command: Command, at: datetime, effects: Effects) -> ModelChangeDoc:
        """A person approves the planned model; where it judges already, what that had alarmed ends. Raises CommandRefused."""
        document, judging = self.models.approve(command, at)
        effects.models.append(document)
        for place, model in judging:
            self._take_over(place, model, at, effects)
        return document

    def _take_over(self, place: Place, model: Model | None, at: datetime, effects: Effects) -> None:
        """The admitted model judges at a place from now on: its scores and claims are learned anew, everything else goes on."""
        is_other = self.models.take_over(place, model)
        ended = self.signals.replaced("/".join(place))
        if is_other:
            self.incidents.happened("model", self.index)
            self.challenges.replaced()
            if place[0] == self.options.views[0]:
                self.verification.replaced(place[0], place[2], model, self.index)
        for alarm in self.book.all():
            of_identity = alarm.stream == approved.STREAM and alarm.alarm_id not in self.models.standing
            if alarm.state != "NORM" and (of_identity or alarm.stream in ended):
                self.annunciator.reset(alarm, at, effects)

    def stands(self, alarm_id: str) -> bool | None:
        """Whether what an alarm of a share or a limit is about goes on; None where it is about something else."""
        return self.signals.stands(alarm_id, self.index)

    @property
    def waits_for_time(self) -> bool:
        """Whether the passing of time alone would change anything."""
        return (
            self._feed.waits_for_time
            or any(reorder.waiting for reorder in self._reorder.values())
            or self.verification.waits_for_time
        )

    @property
    def watched(self) -> frozenset[str]:
        """Families of channels that are armed, with `outcomes` and `identity` where they would be noticed."""
        outcomes = {OUTCOMES} if self.truth.state == "armed" else set()
        return self.signals.families | outcomes | {approved.STREAM}

    # --- one part -----------------------------------------------------------------------------------------------------------

    def _release(self, released: Released, effects: Effects) -> None:
        self.counters["late_inspections"] += released.late
        self.counters["lost_inspections"] += released.lost
        lost = released.lost
        for entry in released.entries:
            if self._is_apart(entry.record, effects):
                continue
            self._fold_part(entry, lost, effects)
            lost = 0

    def _fold_part(self, entry: Inspected, lost: int, effects: Effects) -> None:
        record = entry.record
        primary = record.view == self.options.views[0]
        if primary:
            self.index += 1
            row = self._row(record)
            self._parts.add(row)
            effects.parts.append(row)
            self._tallies["passed" if record.verdict == "ok" else "rejected"] += 1
            self._summarise(record.captured_at, effects, parts=1, rejected=int(record.verdict == "ng"))
        self.last_captured_at = record.captured_at
        self._model = _named(record.model, whole=True)
        run = self._runs.of(record)
        for kind in self._runs.changed:
            self.incidents.happened(kind, self.index)
        identity = self._identify(record, effects)
        self.signals.observe(Turn(record, self.index, run, effects), entry.frame, identity)
        if primary:
            self.verification.inspected(record, row, identity, effects)
            self._ask_for_novel(effects)
            self.annunciator.find(self._feed.inspected(entry, lost), feed.STREAM, record.part_id, record.captured_at, effects)
            due = self.challenges.inspected(record, self.index)
            self.annunciator.find(due, checks.STREAM, record.part_id, record.captured_at, effects)
            self.verification.reached(record.captured_at, self.index, effects)
            if self.watched_since is None and self.state == "armed":
                self.watched_since = record.captured_at
            self.annunciator.find(self._blind(record), blind_spots.STREAM, record.part_id, record.captured_at, effects)
            self.annunciator.part_done(record, effects)
            if self.verification.audits.is_on and self.index % ADVISE_PARTS == 0:
                self.verification.audits.tight = self._is_advised  # for the parts after this one: the draw rests on the past alone

    def _identify(self, record: Inspection, effects: Effects) -> Approved:
        """What is approved to judge this part, and whether it did."""
        identity = self.models.at(record)
        if identity.takes_over(record.model):
            self._take_over(place_of(record), record.model, record.captured_at, effects)
        findings = identity.judge(record)
        if any(finding.stands and finding.alarm_id.endswith(approved.MODEL) for finding in findings):
            self.challenges.replaced()
        self.annunciator.find(findings, approved.STREAM, record.part_id, record.captured_at, effects)
        return identity

    def _ask_for_novel(self, effects: Effects) -> None:
        """Parts unlike any learned, by any view, are asked for: evidence for an incident, never part of a rate."""
        for candidate in self.signals.candidates.take():
            row = self._parts.part(self.options.id, candidate.index)
            if row is None or row.part_id != candidate.part_id:
                self.counters["novel_part_unknown"] += 1  # another view saw it before the leading one did
            else:
                effects.messages.extend(message(request) for request in self.verification.audits.novel(row, candidate))

    def _is_apart(self, record: Inspection, effects: Effects) -> bool:
        """Whether an inspection enters no production statistic: of a challenge part (the leading view shows it), or marked."""
        name = self.challenges.set_of(record)
        if name is None and record.mark is None:
            return False
        self.counters[f"marked_{'challenge' if name is not None else record.mark}"] += 1
        if name == "" and self.challenges.checks:
            self.counters["challenge_of_no_set"] += 1
        elif name and record.view == self.options.views[0] and not self.models.tried(name, record):
            findings, missed = self.challenges.shown(name, record, self.index)
            self.annunciator.find(findings, checks.STREAM, record.part_id, record.captured_at, effects)
            self.annunciator.check_parts_missed(missed, record.part_id, record.captured_at, effects)
        return True

    def _blind(self, record: Inspection) -> list[Finding]:
        """What a new production day shows of how long misses would go unnoticed."""
        rejected = record.class_name if record.verdict == "ng" else None
        return self.blind_spots.inspected(record.captured_at, rejected, self.truth, self.challenges.presented, record.part_id)

    def _row(self, record: Inspection) -> PartRow:
        return PartRow(
            station=self.options.id,
            index=self.index,
            part_id=record.part_id,
            captured_at=record.captured_at,
            verdict=record.verdict,
            recipe=record.recipe,
            box=str(record.context.get("box", "") or ""),
            p_defect=record.p_defect,
            position=record.position,
            lot=str(record.context.get("lot", "") or ""),
            model=_named(record.model),
        )

    def _summarise(self, at: datetime, effects: Effects, *, parts: int = 0, rejected: int = 0, outcomes: int = 0) -> None:
        minute = at.replace(second=0, microsecond=0)
        if self._minute is not None and minute > self._minute[0]:
            effects.messages.append(message(SummaryDoc(self.options.id, *self._minute)))
            self._minute = None
        before = self._minute or (minute, 0, 0, 0)
        self._minute = (before[0], before[1] + parts, before[2] + rejected, before[3] + outcomes)

    @property
    def _is_advised(self) -> bool:
        """Whether any test has a twentieth of the evidence that alarms (METHODS 1), or an alarm stands that is not about audits."""
        tests = [(self.truth.evidence, self.truth.threshold), *self.challenges.evidence]
        tests += [(v.evidence, v.threshold) for learner in self.signals.learners.values() for v in learner.views()[1]]
        alarmed = any(alarm.stream not in UNCHECKED for alarm in self.book.active())
        return alarmed or any(evidence >= threshold / ADVISE for evidence, threshold in tests)

    # --- what is shown ------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """One of not_armed, learning, armed, suspended."""
        if not self.registered:
            return "not_armed"
        states = {stream.state for stream in self.signals.learners.values()}
        for state in ("armed", "suspended"):
            if state in states:
                return state
        return "armed" if self.truth.state == "armed" else "learning"

    def view(self) -> StationView:
        """As shown in status and metrics."""
        streams, channels = self.signals.views()
        verification = self.verification
        return StationView(
            station=self.options.id,
            state=self.state,
            correctness=self.challenges.correctness,
            parts=self.index,
            passed=self._tallies["passed"],
            rejected=self._tallies["rejected"],
            outcomes=self._tallies["outcomes"],
            audits_judged=self.truth.judged,
            outcome_state=self.truth.state,
            outcome_evidence=self.truth.evidence,
            outcome_threshold=self.truth.threshold,
            claimed_escapes=self.truth.claimed,
            observed_escapes=float(self.truth.found),
            last_captured_at=self.last_captured_at,
            streams=streams,
            channels=channels,
            counters={name: count for name, count in sorted((self.counters + verification.accounts.sums).items()) if count},
            andon=self.annunciator.andon,
            limits=self.signals.limits,
            novel_parts=self.signals.candidates.total,
            measurements=self.signals.unwatched,
            challenges=self.challenges.views(self.last_captured_at),
            blind_spots=self.blind_spots.views(),
            audits=verification.audits.view(verification.answers.unanswered, verification.answers.late),
            review=self._review(),
            estimates=self._figures.estimates(verification.estimates),
            curves=self._figures.curves(verification.estimates),
            feedback=verification.reports.view(),
            models=self.models.views(),
            model_change=self.models.document(self.last_captured_at),
        )

    def _review(self) -> ReviewView:
        """False alarms beside their budget."""
        since, now = self.watched_since, self.last_captured_at
        months = 0.0 if since is None or now is None else max(0.0, (now - since).total_seconds()) / MONTH_S
        judged = self.incidents.judged
        verdicts = (judged["real"], judged["harmless"], judged["unknown"])
        return ReviewView(self.options.false_alarms_per_month, months, self.incidents.raised, *verdicts)

    def frozen(self, part_id: str, at: datetime) -> FrozenDoc:
        """What is so at this moment, for an incident that is opened."""
        options = self.options
        shown = [channel for channel in self.signals.views()[1] if not channel.refused]
        shown.sort(key=lambda one: (-one.evidence / one.threshold if one.threshold > 0 else 0.0, one.stream, one.channel))
        return FrozenDoc(
            at=at,
            part_id=part_id,
            model=self._model,
            config_sha256=self._config_sha256,
            log_from=at,
            owner=options.owner or "",
            deputy=options.deputy or "",
            decision=options.decision or "",
            consequence=options.consequence or "",
            tier=options.tier or 0,
            readings=tuple(ReadingDoc(c.stream, c.channel, c.evidence, c.threshold, c.updates) for c in shown[:FROZEN_READINGS]),
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "signals": self.signals.save(),
            "challenges": self.challenges.save(),
            "blind_spots": self.blind_spots.save(),
            "verification": self.verification.save(),
            "reorder": {view: reorder.save() for view, reorder in self._reorder.items()},
            "runs": self._runs.save(),
            "feed": self._feed.save(),
            "models": self.models.save(),
            "book": self.book.save(),
            "incidents": self.incidents.save(),
            "annunciator": self.annunciator.save(),
            "proposals": self.proposals,
            "counters": dict(self.counters),
            "tallies": dict(self._tallies),
            "plain": (self.index, self.last_captured_at, self._minute, self._heard),
            "watched": (self.watched_since, self._model),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.signals.load(saved["signals"])
        self.verification.load(saved["verification"])
        self.challenges.load(saved["challenges"])
        self.blind_spots.load(saved["blind_spots"])
        for view, reorder in saved["reorder"].items():
            self._reorder[view].load(reorder)
        self._runs.load(saved["runs"])
        self._feed.load(saved["feed"])
        self.models.load(saved["models"])
        self.book.load(saved["book"])
        self.incidents.load(saved["incidents"])
        self.annunciator.load(saved["annunciator"])
        self.proposals = saved["proposals"]
        self.counters.update(saved["counters"])
        self._tallies = Counter(saved["tallies"])
        self.index, self.last_captured_at, minute, self._heard = saved["plain"]
        self.watched_since, self._model = saved["watched"]
        self._minute = None if minute is None else msgspec.convert(minute, tuple[datetime, int, int, int])


def _named(model: Model | None, *, whole: bool = False) -> str:
    """A model in a few words: name, version and its hash, or the beginning of it."""
    return "" if model is None else " ".join(filter(None, (model.name, model.version, model.sha256[: 64 if whole else 12])))
