"""One station: its parts in order, its streams, its truth, its alarms and incidents; folds what concerns it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from agent.config.model import StationSection
from agent.core import answers, approved, blind_spots, checks, feed, mix, novelty, rates
from agent.core.accounts import Accounts
from agent.core.ageing import Ageing
from agent.core.alarms import AlarmBook
from agent.core.annunciator import UNCHECKED, Annunciator
from agent.core.answers import Answers
from agent.core.approved import Approved
from agent.core.audits import Audits, Request
from agent.core.blind_spots import BlindSpots
from agent.core.blocks import Blocks
from agent.core.challenges import Challenges
from agent.core.check_alarms import announce_missed
from agent.core.conditions import Finding
from agent.core.effects import Effects, FittedBaseline
from agent.core.feed import Feed
from agent.core.incidents import Incidents
from agent.core.joining import Joiner
from agent.core.ledger import Ledger, Pending
from agent.core.measured import KIND as MEASURED
from agent.core.measured import Measured
from agent.core.novelty import Space
from agent.core.parts import PartsInFront
from agent.core.pictures import Pictures
from agent.core.plans import Plans, model_key
from agent.core.recipes import PerRecipe
from agent.core.runs import Runs
from agent.core.sequence import Released, Reorder
from agent.core.spaces import Spaces
from agent.core.state import pack
from agent.core.streams import Stream, StreamPlan
from agent.core.truth import Truth
from agent.core.undeclared import Undeclared
from agent.documents import FrozenDoc, ReadingDoc, SummaryDoc
from agent.messages import message
from agent.ports import Origin, PartRow, ReviewView, StationView
from agent.records import Event, Frame, Inspected, Inspection, Model, Outcome
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION, ChannelSpec, scores
from detectors.contract import FloatArray

# A station with more recipes, views and models than this has its further streams counted, not learned.
MAX_STREAMS = 64
# Evidence of a twentieth of its threshold is advice (METHODS 1); looked for every so many parts.
ADVISE, ADVISE_PARTS = 20.0, 25
# Of 30.44 days: false alarms are counted by the calendar, as the person who is woken by them does.
MONTH_S = 86_400 * 365.25 / 12
# Channels written down with an incident, those closest to their threshold.
FROZEN_READINGS = 20
# What a person accepts anew with `baseline accept --stream outcomes`.
OUTCOMES = "outcomes"
_REGISTER = ("owner", "deputy", "decision", "consequence", "tier")
Learner = Stream | Blocks | Space


class Station:
    """Everything the fold knows of one station. Mutable, deterministic."""

    def __init__(
        self, options: StationSection, parts: PartsInFront, *, language: str, zone: ZoneInfo, config_sha256: str = ""
    ) -> None:
        self.options = options
        self.registered = all(getattr(options, name) is not None for name in _REGISTER)  # without that entry nothing arms
        self._config_sha256 = config_sha256
        self._model = ""  # what judged the latest part
        self.watched_since: datetime | None = None  # first armed
        self._parts = parts
        self._plans = Plans(options)
        self.streams: dict[str, Stream] = {}
        self._measured = Measured(self._plans)
        self._undeclared = Undeclared()
        self.rates = PerRecipe(rates.KIND, lambda name: rates.rate(name, self._plans.rates))
        self.mixes = PerRecipe(mix.KIND, lambda name: mix.mix(name, self._plans.mixes))
        self.spaces = Spaces(self._plans.space, options.views[0])
        self.ageing = Ageing(self._plans.limits(), zone)
        self.truth = self._new_truth()
        self.challenges = Challenges(options, self._plans.challenge_threshold, language)
        self.audits = Audits(options, zone)
        self._answers = Answers()
        self.blind_spots = BlindSpots(
            options,
            audit_threshold=self._plans.outcome_threshold,
            challenge_threshold=self._plans.challenge_threshold,
            language=language,
        )
        self._accounts = Accounts(options.outcomes)
        self._ledger = Ledger(self._accounts)
        self._joiner = Joiner()
        self._reorder = {view: Reorder(options.reorder_parts) for view in options.views}
        self._runs = Runs(options.run_gap_s)
        self._feed = Feed(options.feed)
        self._pictures: dict[str, Pictures] = {}  # by view/position
        self._approved: dict[str, Approved] = {}  # by view/position/recipe
        self._heard = True  # since the last tick
        self.book = AlarmBook()
        self.incidents = Incidents(options.id, parts, language, options.response)
        self.annunciator = Annunciator(self, parts, language=language, zone=zone)
        self.proposals: dict[str, str] = {}  # acceptance asked for by one person, by target: who
        self.counters: Counter[str] = Counter()
        self.index = 0
        self._tallies: Counter[str] = Counter()
        self.last_captured_at: datetime | None = None
        self._last_frame: dict[str, str] = {}
        self._minute: tuple[datetime, int, int, int] | None = None  # source minute, parts, rejected, outcomes

    def _new_truth(self) -> Truth:
        baseline = self.options.baseline
        return Truth(
            self.options.outcomes,
            threshold=self._plans.outcome_threshold,
            parts=baseline.parts,
            min_own=baseline.min_stream_parts,
        )

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
        self._find(findings, checks.STREAM, "", at, effects)
        for one in missed if self.registered else ():
            announce_missed(self.annunciator, self, one, "", at, effects)
        return said

    def told(self, outcome: Outcome, effects: Effects) -> str:
        """An outcome; what it became here, in a word."""
        source = self._accounts.source(outcome.source)
        if source is None:
            word = "undeclared_source" if self.options.outcomes.is_on else "not_configured"
            self.counters[f"outcomes_{word}"] += 1
            return word
        self._tallies["outcomes"] += 1
        self._summarise(outcome.observed_at, effects, outcomes=1)
        if outcome.part_id:
            result = self._joined(outcome, effects)
            self.reached(outcome.observed_at, effects)
            return result
        refusal = self._joiner.tell(outcome, source)
        if refusal is not None:
            self.counters[f"outcomes_{refusal}"] += 1
        if refusal == "unjoinable":
            return refusal
        self._ledger.advance(outcome.observed_at)
        result = self._join_due(effects, outcome)
        self.reached(outcome.observed_at, effects)
        return result

    def _joined(self, outcome: Outcome, effects: Effects) -> str:
        """An outcome whose part is named; what it became."""
        at = outcome.observed_at
        index = self._parts.part_index(self.options.id, outcome.part_id, self.index)
        self._find(self._feed.told(at), feed.STREAM, outcome.part_id, at, effects)
        outcome, counts = self._answered(outcome, effects)
        if not counts:
            self.counters["outcomes_not_counted"] += 1
            return "not_counted"
        result = self._ledger.tell(outcome, known=index is not None)
        self.counters[f"outcomes_{result}"] += 1
        if result in ("matched", "late"):
            late = self._answers.told(late=result == "late", at=at, part_id=outcome.part_id)
            self._find(late, answers.STREAM, outcome.part_id, at, effects)
        self._find(self._accounts.told_late(result, outcome.part_id, at), feed.STREAM, outcome.part_id, at, effects)
        part = self._parts.part(self.options.id, index) if outcome.defective and index is not None else None
        if part is not None and part.verdict == "ok":
            self._find(self._accounts.escaped(outcome), OUTCOMES, outcome.part_id, at, effects)
        return result

    def _join_due(self, effects: Effects, asked: Outcome | None = None) -> str:
        """Join outcomes without serials whose part can be told by now; what the one asked for became."""
        reached, became = self._ledger.watermark, "early"
        for outcome, found in self._joiner.due(reached) if reached is not None else ():
            if isinstance(found, str):
                self.counters[f"outcomes_{found}"] += 1
                word: str = found
            else:
                word = self._joined(found, effects)
            became = word if outcome is asked else became
        return became

    def _answered(self, outcome: Outcome, effects: Effects) -> tuple[Outcome, bool]:
        """An outcome beside what was asked for: with the probability it was drawn with, and whether it may count."""
        answered = self.audits.told(outcome)
        effects.messages.extend(message(request) for request in answered.asked)
        for request in answered.settled:
            self._settle(request, missed=False, at=outcome.observed_at, effects=effects)
        chance = self.audits.probability_of(outcome.part_id)
        return (outcome if chance is None else msgspec.structs.replace(outcome, inclusion_probability=chance)), answered.counts

    def _settle(self, request: Request, *, missed: bool, at: datetime, effects: Effects) -> None:
        if request.kind != "candidate":  # those are asked for, never part of a rate
            told = self._answers.looked_again if request.kind == "second_look" else self._answers.settled
            self._find(told(missed=missed, at=at, part_id=request.part_id), answers.STREAM, request.part_id, at, effects)

    def happened(self, event: Event, effects: Effects) -> None:
        """An event at the station."""
        self.counters[f"events_{event.kind}"] += 1
        if event.kind in ("lot", "tool", "maintenance"):
            self._runs.start_new()
        if event.kind not in ("line_state", "clock"):
            self.incidents.happened(event.kind, self.index)
            self.ageing.happened(event.kind)
        if event.kind in ("recipe", "tool"):
            self.challenges.changed_over()
        if event.kind == "line_state":
            self._feed.line_state(event.value)
        self.reached(event.at, effects)

    def waited(self, elapsed_s: float, wall: datetime, effects: Effects) -> None:
        """Time passed since the last tick; it counts as waiting where no record came meanwhile."""
        self._find(self._feed.waited(elapsed_s), feed.STREAM, "", wall, effects)
        if self._heard:
            self._heard = False
            return
        for reorder in self._reorder.values():
            self._release(reorder.wait(elapsed_s), effects)
        self._ledger.wait(elapsed_s)
        self._mature(self.last_captured_at, effects)

    def reached(self, at: datetime, effects: Effects) -> None:
        """The source's time has reached `at`: parts whose outcomes are due by then are judged, requests due by then missed."""
        for request in self.audits.missed(at):
            self._settle(request, missed=True, at=at, effects=effects)
        self._ledger.advance(at)
        self._mature(at, effects)
        if self.watched_since is None and self.state == "armed":
            self.watched_since = at

    def learn_anew(self, target: str, at: datetime, effects: Effects) -> None:
        """A person accepted the present state of a stream, of `outcomes` or of `identity` as normal; what it had alarmed ends."""
        if target == approved.STREAM:
            for identity in self._approved.values():
                identity.accept()
        elif target == OUTCOMES:
            self.truth = self._new_truth()
        elif target in self.rates.by_name:
            self.rates.learn_anew(target)
        elif target in self.mixes.by_name:
            self.mixes.learn_anew(target)
        elif target in self.streams:
            self.streams[target] = Stream(self._plan(target))
        anew = {target, *self.spaces.learn_anew(target)}
        for alarm in self.book.all():
            if alarm.stream in anew:
                self.annunciator.reset(alarm, at, effects)

    def stands(self, alarm_id: str) -> bool | None:
        """Whether what an alarm of a share or a limit is about goes on; None where it is about something else."""
        if alarm_id in (rates.ALARM, mix.ALARM):
            return (self.rates if alarm_id == rates.ALARM else self.mixes).stands(self.index)
        novel = self.spaces.stands(alarm_id, self.index)
        return self.ageing.stands(alarm_id) if novel is None else novel

    @property
    def waits_for_time(self) -> bool:
        """Whether the passing of time alone would change anything."""
        return (
            self._feed.waits_for_time
            or any(reorder.waiting for reorder in self._reorder.values())
            or (self._ledger.waiting > 0 and self.options.outcomes.is_on)
        )

    @property
    def watched(self) -> frozenset[str]:
        """Families of channels that are armed, with `outcomes` and `identity` where they would be noticed."""
        families = {family for stream in self.streams.values() for family in stream.families}
        shares: dict[str, dict[str, Blocks] | dict[str, Space]] = {
            "rates": self.rates.by_name,
            "class_mix": self.mixes.by_name,
            "novelty": self.spaces.by_name,
        }
        families |= {family for family, found in shares.items() if any(one.state == "armed" for one in found.values())}
        outcomes = {"outcomes"} if self.truth.state == "armed" else set()
        return frozenset(families | outcomes | {approved.STREAM})

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
        identity = self._approved.setdefault(f"{record.view}/{record.position}/{record.recipe}", Approved(self._prefix(record)))
        self._find(identity.judge(record), approved.STREAM, record.part_id, record.captured_at, effects)
        if self._observe_frame(record, entry.frame, run, effects):
            self._observe_scores(record, identity.threshold, run, effects)
            self._observe_measurements(record, run, effects)
            if primary:
                self._observe_verdict(record, effects)
        if primary:
            effects.messages.extend(message(request) for request in self.audits.inspected(record, row, identity.threshold))
            self._ask_for_novel(effects)
            self._find(self._feed.inspected(entry, lost), feed.STREAM, record.part_id, record.captured_at, effects)
            if self.options.outcomes.is_on:
                p_defect = float("nan") if record.p_defect is None else record.p_defect
                passed = record.verdict == "ok"
                scope = self._plans.claim_scope(record)
                self._ledger.add(Pending(self.index, record.part_id, record.captured_at, passed, p_defect, scope))
                if self._accounts.joins:
                    self._joiner.add(self.index, record.part_id, record.captured_at, row.box, record.sequence)
            due = self.challenges.inspected(record, self.index)
            self._find(due, checks.STREAM, record.part_id, record.captured_at, effects)
            self.reached(record.captured_at, effects)
            self._find(self._blind(record), blind_spots.STREAM, record.part_id, record.captured_at, effects)
            self.annunciator.part_done(record, effects)
            if self.audits.is_on and self.index % ADVISE_PARTS == 0:
                self.audits.tight = self._is_advised  # for the parts after this one: the draw rests on the past alone

    def _ask_for_novel(self, effects: Effects) -> None:
        """Parts unlike any learned, by any view, are asked for: evidence for an incident, never part of a rate."""
        for candidate in self.spaces.candidates.take():
            row = self._parts.part(self.options.id, candidate.index)
            if row is None or row.part_id != candidate.part_id:
                self.counters["novel_part_unknown"] += 1  # another view saw it before the leading one did
            else:
                effects.messages.extend(message(request) for request in self.audits.novel(row, candidate))

    def _is_apart(self, record: Inspection, effects: Effects) -> bool:
        """Whether an inspection enters no production statistic: of a challenge part (the leading view shows it), or marked."""
        name = self.challenges.set_of(record)
        if name is None and record.mark is None:
            return False
        self.counters[f"marked_{'challenge' if name is not None else record.mark}"] += 1
        if name == "" and self.challenges.checks:
            self.counters["challenge_of_no_set"] += 1
        elif name and record.view == self.options.views[0]:
            findings, missed = self.challenges.shown(name, record, self.index)
            self._find(findings, checks.STREAM, record.part_id, record.captured_at, effects)
            for one in missed if self.registered else ():
                announce_missed(self.annunciator, self, one, record.part_id, record.captured_at, effects)
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

    def _find(self, findings: list[Finding], stream: str, part_id: str, at: datetime, effects: Effects) -> None:
        for finding in findings if self.registered else ():
            self.annunciator.found(finding, stream, part_id or finding.part_id, at, effects)

    def _prefix(self, record: Inspection) -> str:
        """What tells the alarms of one view and position from those of the leading ones."""
        leading = (self.options.views[0], self.options.positions[0])
        names = [name for name, first in zip((record.view, record.position), leading, strict=True) if name != first]
        return "".join(f"{name}-" for name in names)

    def _observe_frame(self, record: Inspection, frame: Frame | None, run: int, effects: Effects) -> bool:
        """Fold a frame; False where it shows nothing, so that what the model made of it is no news about the model."""
        if frame is None:
            return True
        if frame.missing:
            self.counters[f"frame_{frame.missing}"] += 1
            return True
        compared = self._plans.compared(record.view, record.recipe)
        expected = len(IMAGE_CHANNELS) + (len(compared) if frame.reference else 0)
        if frame.table != TABLE_VERSION or len(frame.values) != expected:
            self.counters["frame_other_table"] += 1
            return True
        pictures = self._pictures_of(record)
        place = f"{record.view}/{record.position}/{record.recipe}"
        if record.frame_id and self._last_frame.get(place) == record.frame_id:
            return pictures.usable  # several parts share this frame: its channels were folded with the first of them
        self._last_frame[place] = record.frame_id
        named = {spec.name: value for spec, value in zip((*IMAGE_CHANNELS, *compared), frame.values, strict=False)}
        self._find(pictures.judge(frame.values, named, record), "picture", record.part_id, record.captured_at, effects)
        if not pictures.usable:
            self.counters["frames_showing_nothing"] += 1
            return False
        row = np.array([np.nan if value is None else value for value in frame.values], dtype=np.float64)
        plain = len(IMAGE_CHANNELS)
        self._observe(f"imaging/{place}", row[:plain], record, run, effects)
        part = self._observe_compared(row[plain:], compared, frame.reference, record, run, effects) if compared else row[:0]
        if part is not None:
            reference, together = (frame.reference, np.concatenate([row[:plain], part])) if part.size else ("", row[:plain])
            self._observe_together(f"{place}/{reference}", together, frame.reference, record, effects)
        self._age(named, record, effects)
        return True

    def _observe_compared(
        self, row: FloatArray, specs: tuple[ChannelSpec, ...], reference: str, record: Inspection, run: int, effects: Effects
    ) -> FloatArray | None:
        """What was measured against the reference: the camera's pose belongs to the view, the rest to the part's recipe.

        The part's channels; None where there was no comparison.
        """
        if not reference:
            self.counters["frames_without_reference"] += 1  # its golden frame cannot be read or used: see doctor
        elif np.isnan(row).all():
            self.counters["frames_unlike_reference"] += 1  # of another size
        else:
            is_camera = np.array([spec.family == "camera" for spec in specs])
            part = f"part/{record.view}/{record.position}/{record.recipe}"
            for name, chosen in ((f"fixtures/{record.view}", is_camera), (part, ~is_camera)):
                if chosen.any():
                    self._observe(f"{name}/{reference}", row[chosen], record, run, effects)
            rest: FloatArray = row[~is_camera]
            return rest
        return None

    def _observe_together(self, place: str, row: FloatArray, reference: str, record: Inspection, effects: Effects) -> None:
        """A frame's channels as one part; not while one of them is known to have left its baseline, which makes all parts novel."""
        around = (f"imaging/{place.rpartition('/')[0]}", f"part/{place}", f"fixtures/{record.view}/{reference}")
        if not any(name in self.streams and self.streams[name].is_out for name in around):
            space = self.spaces.of(f"{novelty.KIND}/{place}")
            if space is None:
                self.counters["too_many_spaces"] += 1
                return
            shift = self.spaces.observe(space, row, record, self.index)
            if shift is not None:
                self.annunciator.share_crossed(shift, record, effects)
            if space.learned_enough:
                self._end_learning(space.name, space, record, effects)

    def _age(self, named: dict[str, float | None], record: Inspection, effects: Effects) -> None:
        """The channels an engineer gave a limit for."""
        for crossing in self.ageing.observe(record, named, self.index) if self.ageing.plans else ():
            if self.registered:
                plan, found = self.ageing.plans[crossing.column], self.ageing.time_to_limit(crossing.column)
                self.annunciator.limit_near(plan, found, crossing, record, effects)

    def _pictures_of(self, record: Inspection) -> Pictures:
        key = f"{record.view}/{record.position}"
        if key not in self._pictures:
            self._pictures[key] = Pictures(self.options.picture, self._prefix(record))
        return self._pictures[key]

    def _observe_scores(self, record: Inspection, approved_threshold: float | None, run: int, effects: Effects) -> None:
        if record.p_defect is None:
            return
        threshold = self.options.threshold if approved_threshold is None else approved_threshold
        row = scores(record.p_defect, float("nan") if threshold is None else threshold)
        name = f"scores/{record.view}/{record.position}/{record.recipe}/{model_key(record)}"
        self._observe(name, row, record, run, effects)

    def _observe_measurements(self, record: Inspection, run: int, effects: Effects) -> None:
        """The vision tool's own, of this part: several parts may share a frame."""
        if record.measurements:
            declared = self._plans.measured(record.view, record.recipe)
            self._undeclared.take(record.view, record.measurements, declared, self.counters)
        rows, findings = self._measured.take(record, self._prefix(record), self.counters)
        self._find(findings, feed.STREAM, record.part_id, record.captured_at, effects)
        for name, row in rows:
            self._observe(name, row, record, run, effects)

    def _plan(self, name: str) -> StreamPlan:
        return self._measured.plan(name) if name.startswith(MEASURED) else self._plans.stream(name)

    def _observe(self, name: str, row: FloatArray, record: Inspection, run: int, effects: Effects) -> None:
        stream = self.streams.get(name)
        if stream is None:
            if len(self.streams) >= MAX_STREAMS:
                self.counters["too_many_streams"] += 1
                return
            stream = self.streams[name] = Stream(self._plan(name))
        found = stream.observe(row, self.index, run, record.captured_at)
        if found:
            self.annunciator.channels_crossed(stream, found, record, effects)
        if stream.learned_enough and name.startswith(MEASURED) and not self._measured.settle(name, stream):
            del self.streams[name]
        elif stream.learned_enough:
            self._end_learning(name, stream, record, effects)

    def _observe_verdict(self, record: Inspection, effects: Effects) -> None:
        blocks = self.rates.of(record.recipe, MAX_STREAMS)
        if blocks is None:
            self.counters["too_many_streams"] += 1
        else:
            self._count(self.rates, blocks, record.verdict, record, effects)
        if record.class_name or f"{mix.KIND}/{record.recipe}" in self.mixes.by_name:
            self._observe_class(record, effects)

    def _observe_class(self, record: Inspection, effects: Effects) -> None:
        blocks = self.mixes.of(record.recipe, MAX_STREAMS)
        if blocks is None:
            self.counters["too_many_streams"] += 1
            return
        assert isinstance(blocks.tested, mix.Mix)
        kind, is_news = blocks.tested.kind_of(record.class_name)
        self.annunciator.returned(mix.NEWS, record.part_id, record.captured_at, effects)
        self._find([mix.news(kind, record)] if is_news else [], mix.FAMILY, record.part_id, record.captured_at, effects)
        self._count(self.mixes, blocks, kind, record, effects)

    def _count(self, recipes: PerRecipe, blocks: Blocks, kind: str, record: Inspection, effects: Effects) -> None:
        """One part more of a kind, in the blocks of its recipe."""
        for crossing in blocks.observe(kind, index=self.index, at=record.captured_at):
            recipes.crossed(blocks, crossing)
            self.annunciator.share_crossed(blocks.tested.shift(blocks.name, crossing), record, effects)
        if blocks.learned_enough:
            self._end_learning(blocks.name, blocks, record, effects)

    def _end_learning(self, name: str, learner: Learner, record: Inspection, effects: Effects) -> None:
        """Try to end Phase I; keep what it ended with, for evidence."""
        learner.learn(arm=self.registered and self.options.baseline.arming == "automatic")
        if learner.state == "learning":
            return
        if not self.registered:
            learner.detail = "no owner, deputy, decision, consequence or tier: does not arm"
        report = learner.report
        body = pack(
            {
                "channels": list(report),
                "refused": list(report.values()),
                "arrays": {} if learner.baseline is None else dict(learner.baseline.to_arrays()),
                "state": learner.state,
                "part": self.index,
            }
        )
        effects.baselines.append(FittedBaseline(self.options.id, name, record.captured_at, body))

    def _mature(self, at: datetime | None, effects: Effects) -> None:
        self._join_due(effects)
        for part in self._ledger.mature():
            if self._accounts.joins:
                self._joiner.forget(part.index, part.captured_at)
            for finding in self._accounts.matured(part, part.captured_at if at is None else at):
                stream = OUTCOMES if finding.code == "escape_found" else feed.STREAM
                self._find([finding], stream, part.part_id, part.captured_at if at is None else at, effects)
            crossing = self.truth.judge(part) if self.registered else None
            if crossing is not None and at is not None:
                self.annunciator.outcome_crossed(crossing, part, at, effects)
            elif at is not None:
                self.annunciator.audited(at, effects)

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
        tests += [(v.evidence, v.threshold) for learner in self.learners.values() for v in learner.views()[1]]
        alarmed = any(alarm.stream not in UNCHECKED for alarm in self.book.active())
        return alarmed or any(evidence >= threshold / ADVISE for evidence, threshold in tests)

    @property
    def learners(self) -> dict[str, Learner]:
        """Everything with a baseline of its own, by stream name."""
        return {**self.streams, **self.rates.by_name, **self.mixes.by_name, **self.spaces.by_name}

    # --- what is shown ------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """One of not_armed, learning, armed, suspended."""
        if not self.registered:
            return "not_armed"
        states = {stream.state for stream in self.learners.values()}
        for state in ("armed", "suspended"):
            if state in states:
                return state
        return "armed" if self.truth.state == "armed" else "learning"

    def view(self) -> StationView:
        """As shown in status and metrics."""
        views = [stream.views() for stream in self.learners.values()]
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
            streams=tuple(stream for stream, _ in views),
            channels=tuple(channel for _, channels in views for channel in channels),
            counters={name: count for name, count in sorted((self.counters + self._accounts.sums).items()) if count},
            andon=self.annunciator.andon,
            limits=tuple(self.ageing.views()),
            novel_parts=self.spaces.candidates.total,
            measurements=(*self._undeclared.views(), *self._measured.waiting()),
            challenges=self.challenges.views(self.last_captured_at),
            blind_spots=self.blind_spots.views(),
            audits=self.audits.view(self._answers.unanswered, self._answers.late),
            review=self._review(),
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
        shown = [channel for stream in self.learners.values() for channel in stream.views()[1] if not channel.refused]
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
            "streams": {name: stream.save() for name, stream in self.streams.items()},
            "measured": self._measured.save(),
            "undeclared": self._undeclared.save(),
            "rates": self.rates.save(),
            "mixes": self.mixes.save(),
            "spaces": self.spaces.save(),
            "ageing": self.ageing.save(),
            "truth": self.truth.save(),
            "ledger": self._ledger.save(),
            "challenges": self.challenges.save(),
            "audits": self.audits.save(),
            "answers": self._answers.save(),
            "blind_spots": self.blind_spots.save(),
            "accounts": self._accounts.save(),
            "joiner": self._joiner.save(),
            "reorder": {view: reorder.save() for view, reorder in self._reorder.items()},
            "runs": self._runs.save(),
            "feed": self._feed.save(),
            "pictures": {key: pictures.save() for key, pictures in self._pictures.items()},
            "approved": {key: identity.save() for key, identity in self._approved.items()},
            "book": self.book.save(),
            "incidents": self.incidents.save(),
            "annunciator": self.annunciator.save(),
            "proposals": self.proposals,
            "counters": dict(self.counters),
            "tallies": dict(self._tallies),
            "plain": (self.index, self.last_captured_at, self._last_frame, self._minute, self._heard),
            "watched": (self.watched_since, self._model),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._measured.load(saved["measured"])
        self._undeclared.load(saved["undeclared"])
        self._undeclared.forget((section.view, section.name) for section in self.options.measurements)
        for name, stream in saved["streams"].items():
            if name.startswith(MEASURED) and not self._measured.has(name):  # something in it is declared otherwise now
                continue
            plan = self._plan(name)
            if len(plan.specs) != len(stream["updates"]):  # of a reference that is drawn otherwise now: it comes no more
                continue
            self.streams[name] = Stream(plan)
            self.streams[name].load(stream)
        self.rates.load(saved["rates"])
        self.mixes.load(saved["mixes"])
        self.spaces.load(saved["spaces"])
        self.ageing.load(saved["ageing"])
        self.truth.load(saved["truth"])
        self._ledger.load(saved["ledger"])
        self.challenges.load(saved["challenges"])
        self.audits.load(saved["audits"])
        self._answers.load(saved["answers"])
        self.blind_spots.load(saved["blind_spots"])
        self._accounts.load(saved["accounts"])
        self._joiner.load(saved["joiner"], self._accounts.sources)
        for view, reorder in saved["reorder"].items():
            self._reorder[view].load(reorder)
        self._runs.load(saved["runs"])
        self._feed.load(saved["feed"])
        for key, pictures in saved["pictures"].items():
            self._pictures[key] = Pictures(self.options.picture, "")
            self._pictures[key].load(pictures)
        for key, identity in saved["approved"].items():
            self._approved[key] = Approved("")
            self._approved[key].load(identity)
        self.book.load(saved["book"])
        self.incidents.load(saved["incidents"])
        self.annunciator.load(saved["annunciator"])
        self.proposals = saved["proposals"]
        self.counters, self._tallies = Counter(saved["counters"]), Counter(saved["tallies"])
        self.index, self.last_captured_at, self._last_frame, minute, self._heard = saved["plain"]
        self.watched_since, self._model = saved["watched"]
        self._minute = None if minute is None else msgspec.convert(minute, tuple[datetime, int, int, int])


def _named(model: Model | None, *, whole: bool = False) -> str:
    """A model in a few words: name, version and its hash, or the beginning of it."""
    return "" if model is None else " ".join(filter(None, (model.name, model.version, model.sha256[: 64 if whole else 12])))
