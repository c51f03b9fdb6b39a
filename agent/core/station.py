"""One station: its parts in order, its streams, its truth, its alarms and incidents; folds what concerns it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from agent.config.model import StationSection
from agent.core import approved, feed
from agent.core.accounts import Accounts
from agent.core.alarms import AlarmBook
from agent.core.annunciator import Annunciator
from agent.core.approved import Approved
from agent.core.conditions import Finding
from agent.core.effects import Effects, FittedBaseline
from agent.core.feed import Feed
from agent.core.incidents import Incidents
from agent.core.joining import Joiner
from agent.core.ledger import Ledger, Pending
from agent.core.parts import PartsInFront
from agent.core.pictures import Pictures
from agent.core.plans import Plans, model_key
from agent.core.rates import CHANNEL, Rate, Rates
from agent.core.runs import Runs
from agent.core.sequence import Released, Reorder
from agent.core.state import pack
from agent.core.streams import Stream
from agent.core.truth import Truth
from agent.documents import SummaryDoc
from agent.messages import message
from agent.ports import PartRow, StationView
from agent.records import Event, Frame, Inspected, Inspection, Outcome
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION, ChannelSpec, scores
from detectors.contract import FloatArray

# A station with more recipes, views and models than this has its further streams counted, not learned.
MAX_STREAMS = 64
# What a person accepts anew with `baseline accept --stream outcomes`.
OUTCOMES = "outcomes"
_REGISTER = ("owner", "deputy", "decision", "consequence", "tier")


class Station:
    """Everything the fold knows of one station. Mutable, deterministic."""

    def __init__(self, options: StationSection, parts: PartsInFront, *, language: str, zone: ZoneInfo) -> None:
        self.options = options
        self._parts = parts
        self._plans = Plans(options)
        self.streams: dict[str, Stream] = {}
        self.rates = Rates(self._plans.rates)
        self.truth = self._new_truth()
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
        self.incidents = Incidents(options.id, parts, language)
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

    # --- what is folded -----------------------------------------------------------------------------------------------------

    def inspected(self, entry: Inspected, effects: Effects) -> None:
        """An inspection; marked ones and unknown views enter no statistic and are counted."""
        record = entry.record
        self._heard = True
        self._feed.heard()
        if record.mark is not None:
            self.counters[f"marked_{record.mark}"] += 1
        elif record.view not in self._reorder:
            self.counters["unknown_view"] += 1
        elif record.position not in self.options.positions:
            self.counters["unknown_position"] += 1
        else:
            self._release(self._reorder[record.view].push(entry), effects)

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
        result = self._ledger.tell(outcome, known=index is not None)
        self.counters[f"outcomes_{result}"] += 1
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

    def happened(self, event: Event, effects: Effects) -> None:
        """An event at the station."""
        self.counters[f"events_{event.kind}"] += 1
        if event.kind in ("lot", "tool", "maintenance"):
            self._runs.start_new()
        if event.kind not in ("line_state", "clock"):
            self.incidents.happened(event.kind, self.index)
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
        """The source's time has reached `at`: parts whose outcomes are due by then are judged."""
        self._ledger.advance(at)
        self._mature(at, effects)

    def learn_anew(self, target: str, at: datetime, effects: Effects) -> None:
        """A person accepted the present state of a stream, of `outcomes` or of `identity` as normal; what it had alarmed ends."""
        if target == approved.STREAM:
            for identity in self._approved.values():
                identity.accept()
        elif target == OUTCOMES:
            self.truth = self._new_truth()
        elif target in self.rates.by_name:
            self.rates.learn_anew(target)
        else:
            self.streams[target] = Stream(self._plans.stream(target))
        for alarm in self.book.all():
            if alarm.stream == target:
                self.annunciator.reset(alarm, at, effects)

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
        rates = {"rates"} if any(rate.state == "armed" for rate in self.rates.by_name.values()) else set()
        outcomes = {"outcomes"} if self.truth.state == "armed" else set()
        return frozenset(families | rates | outcomes | {approved.STREAM})

    @property
    def registered(self) -> bool:
        """Whether the register entry is complete: without it nothing arms."""
        return all(getattr(self.options, name) is not None for name in _REGISTER)

    # --- one part -----------------------------------------------------------------------------------------------------------

    def _release(self, released: Released, effects: Effects) -> None:
        self.counters["late_inspections"] += released.late
        self.counters["lost_inspections"] += released.lost
        lost = released.lost
        for entry in released.entries:
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
        run = self._runs.of(record)
        for kind in self._runs.changed:
            self.incidents.happened(kind, self.index)
        identity = self._approved.setdefault(f"{record.view}/{record.position}/{record.recipe}", Approved(self._prefix(record)))
        self._find(identity.judge(record), approved.STREAM, record.part_id, record.captured_at, effects)
        if self._observe_frame(record, entry.frame, run, effects):
            self._observe_scores(record, identity.threshold, run, effects)
            if primary:
                self._observe_verdict(record, effects)
        if primary:
            self._find(self._feed.inspected(entry, lost), feed.STREAM, record.part_id, record.captured_at, effects)
            if self.options.outcomes.is_on:
                p_defect = float("nan") if record.p_defect is None else record.p_defect
                passed = record.verdict == "ok"
                scope = self._plans.claim_scope(record)
                self._ledger.add(Pending(self.index, record.part_id, record.captured_at, passed, p_defect, scope))
                if self._accounts.joins:
                    self._joiner.add(self.index, record.part_id, record.captured_at, row.box, record.sequence)
            self.reached(record.captured_at, effects)
            self.annunciator.part_done(record, effects)

    def _row(self, record: Inspection) -> PartRow:
        return PartRow(
            station=self.options.id,
            index=self.index,
            part_id=record.part_id,
            captured_at=record.captured_at,
            verdict=record.verdict,
            recipe=record.recipe,
            box=str(record.context.get("box", "") or ""),
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
        if compared:
            self._observe_compared(row[plain:], compared, frame.reference, record, run, effects)
        return True

    def _observe_compared(
        self, row: FloatArray, specs: tuple[ChannelSpec, ...], reference: str, record: Inspection, run: int, effects: Effects
    ) -> None:
        """What was measured against the reference: the camera's pose belongs to the view, the rest to the part's recipe."""
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

    def _observe(self, name: str, row: FloatArray, record: Inspection, run: int, effects: Effects) -> None:
        stream = self.streams.get(name)
        if stream is None:
            if len(self.streams) >= MAX_STREAMS:
                self.counters["too_many_streams"] += 1
                return
            stream = self.streams[name] = Stream(self._plans.stream(name))
        found = stream.observe(row, self.index, run)
        if found:
            self.annunciator.channels_crossed(stream, found, record, effects)
        if stream.learned_enough:
            stream.learn(arm=self.registered and self.options.baseline.arming == "automatic")
            assert stream.baseline is not None
            channels = [spec.name for spec in stream.plan.specs]
            self._fitted(name, stream, channels, list(stream.baseline.refused), record, effects)

    def _observe_verdict(self, record: Inspection, effects: Effects) -> None:
        rate = self.rates.of(record.recipe, MAX_STREAMS)
        if rate is None:
            self.counters["too_many_streams"] += 1
            return
        crossing = rate.observe(rejected=record.verdict == "ng", index=self.index, at=record.captured_at)
        if crossing is not None:
            self.rates.crossed(rate, crossing)
            self.annunciator.rate_crossed(rate, crossing, record, effects)
        elif self.rates.returned(self.index):
            self.annunciator.rate_returned(record, effects)
        if rate.learned_enough:
            rate.learn(arm=self.registered and self.options.baseline.arming == "automatic")
            if rate.state != "learning":
                refused = [rate.detail if rate.baseline is None else ""]
                self._fitted(rate.name, rate, [CHANNEL], refused, record, effects)

    def _fitted(
        self, name: str, stream: Stream | Rate, channels: list[str], refused: list[str], record: Inspection, effects: Effects
    ) -> None:
        """Keep what Phase I ended with, for evidence."""
        if not self.registered:
            stream.detail = "no owner, deputy, decision, consequence or tier: does not arm"
        body = pack(
            {
                "channels": channels,
                "refused": refused,
                "arrays": {} if stream.baseline is None else dict(stream.baseline.to_arrays()),
                "state": stream.state,
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

    def _summarise(self, at: datetime, effects: Effects, *, parts: int = 0, rejected: int = 0, outcomes: int = 0) -> None:
        minute = at.replace(second=0, microsecond=0)
        if self._minute is not None and minute > self._minute[0]:
            effects.messages.append(message(SummaryDoc(self.options.id, *self._minute)))
            self._minute = None
        before = self._minute or (minute, 0, 0, 0)
        self._minute = (before[0], before[1] + parts, before[2] + rejected, before[3] + outcomes)

    @property
    def learners(self) -> dict[str, Stream | Rate]:
        """Everything with a baseline of its own, by stream name."""
        return {**self.streams, **self.rates.by_name}

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
            correctness="unverified",
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
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "streams": {name: stream.save() for name, stream in self.streams.items()},
            "rates": self.rates.save(),
            "truth": self.truth.save(),
            "ledger": self._ledger.save(),
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
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, stream in saved["streams"].items():
            plan = self._plans.stream(name)
            if len(plan.specs) != len(stream["updates"]):  # of a reference that is drawn otherwise now: it comes no more
                continue
            self.streams[name] = Stream(plan)
            self.streams[name].load(stream)
        self.rates.load(saved["rates"])
        self.truth.load(saved["truth"])
        self._ledger.load(saved["ledger"])
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
        self._minute = None if minute is None else msgspec.convert(minute, tuple[datetime, int, int, int])
