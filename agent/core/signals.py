"""What a part shows: its frame, scores, measurements and verdict, each given to the streams it belongs to; what they raise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from agent.config.model import StationSection
from agent.core import feed, mix, novelty, rates
from agent.core.ageing import Ageing
from agent.core.annunciator import Annunciator
from agent.core.approved import Approved
from agent.core.blocks import Blocks
from agent.core.candidates import Candidates
from agent.core.conditions import Finding
from agent.core.effects import Effects, FittedBaseline
from agent.core.measured import KIND as MEASURED
from agent.core.measured import Measured
from agent.core.novelty import Space
from agent.core.pictures import Pictures
from agent.core.plans import Plans, model_key
from agent.core.recipes import PerRecipe
from agent.core.spaces import Spaces
from agent.core.state import pack
from agent.core.streams import Stream, StreamPlan
from agent.core.undeclared import Undeclared
from agent.ports import ChannelView, LimitView, MeasurementView, StreamView
from agent.records import Frame, Inspection
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION, ChannelSpec, scores
from detectors.contract import FloatArray

# A station with more recipes, views and models than this has its further streams counted, not learned.
MAX_STREAMS = 64
Learner = Stream | Blocks | Space


@dataclass(frozen=True, slots=True)
class Turn:
    """A part's turn: its record, its number at the station, the run it belongs to, and what comes of it."""

    record: Inspection
    index: int
    run: int
    effects: Effects


def prefix(options: StationSection, record: Inspection) -> str:
    """What tells the alarms of one view and position from those of the leading ones."""
    leading = (options.views[0], options.positions[0])
    names = [name for name, first in zip((record.view, record.position), leading, strict=True) if name != first]
    return "".join(f"{name}-" for name in names)


class Signals:
    """The streams of one station. Mutable, deterministic."""

    def __init__(
        self, options: StationSection, plans: Plans, annunciator: Annunciator, counters: Counter[str], zone: ZoneInfo
    ) -> None:
        self._options = options
        self._may_arm = options.registered
        self._plans = plans
        self._annunciator = annunciator
        self._counters = counters
        self.streams: dict[str, Stream] = {}
        self._measured = Measured(plans)
        self._undeclared = Undeclared()
        self._rates = PerRecipe(rates.KIND, lambda name: rates.rate(name, plans.rates))
        self._mixes = PerRecipe(mix.KIND, lambda name: mix.mix(name, plans.mixes))
        self._spaces = Spaces(plans.space, options.views[0])
        self._ageing = Ageing(plans.limits(), zone)
        self._scores: dict[str, list[str]] = {}  # names of score streams, by view/position/recipe
        self._pictures: dict[str, Pictures] = {}  # by view/position
        self._last_frame: dict[str, str] = {}

    @property
    def learners(self) -> dict[str, Learner]:
        """Everything with a baseline of its own, by stream name."""
        return {**self.streams, **self._rates.by_name, **self._mixes.by_name, **self._spaces.by_name}

    @property
    def families(self) -> frozenset[str]:
        """Families of channels that are armed."""
        families = {family for stream in self.streams.values() for family in stream.families}
        shares: dict[str, dict[str, Blocks] | dict[str, Space]] = {
            "rates": self._rates.by_name,
            "class_mix": self._mixes.by_name,
            "novelty": self._spaces.by_name,
        }
        return frozenset(
            families | {family for family, found in shares.items() if any(one.state == "armed" for one in found.values())}
        )

    def stands(self, alarm_id: str, index: int) -> bool | None:
        """Whether what an alarm of a share or a limit is about goes on at part `index`; None where it is about something else."""
        if alarm_id in (rates.ALARM, mix.ALARM):
            return (self._rates if alarm_id == rates.ALARM else self._mixes).stands(index)
        novel = self._spaces.stands(alarm_id, index)
        return self._ageing.stands(alarm_id) if novel is None else novel

    @property
    def candidates(self) -> Candidates:
        """Parts unlike any learned."""
        return self._spaces.candidates

    def happened(self, kind: str) -> None:
        """An event at the station."""
        self._ageing.happened(kind)

    def learn_anew(self, target: str) -> set[str]:
        """A person accepted the present state of a stream as normal; which streams learn anew."""
        if target in self._rates.by_name:
            self._rates.learn_anew(target)
        elif target in self._mixes.by_name:
            self._mixes.learn_anew(target)
        elif target in self.streams:
            self.streams[target] = Stream(self._plan(target))
        return {target, *self._spaces.learn_anew(target)}

    # --- one part -----------------------------------------------------------------------------------------------------------

    def observe(self, turn: Turn, frame: Frame | None, identity: Approved) -> None:
        """Take what one part shows. identity: what is approved for it; its threshold is what scores are measured against."""
        if self._observe_frame(turn, frame):
            self._observe_scores(turn, identity)
            self._observe_measurements(turn)
            if turn.record.view == self._options.views[0]:
                self._observe_verdict(turn)

    def _observe_frame(self, turn: Turn, frame: Frame | None) -> bool:
        """Fold a frame; False where it shows nothing, so that what the model made of it is no news about the model."""
        if frame is None:
            return True
        record = turn.record
        if frame.missing:
            self._counters[f"frame_{frame.missing}"] += 1
            return True
        compared = self._plans.compared(record.view, record.recipe)
        expected = len(IMAGE_CHANNELS) + (len(compared) if frame.reference else 0)
        if frame.table != TABLE_VERSION or len(frame.values) != expected:
            self._counters["frame_other_table"] += 1
            return True
        pictures = self._pictures_of(record)
        place = f"{record.view}/{record.position}/{record.recipe}"
        if record.frame_id and self._last_frame.get(place) == record.frame_id:
            return pictures.usable  # several parts share this frame: its channels were folded with the first of them
        self._last_frame[place] = record.frame_id
        named = {spec.name: value for spec, value in zip((*IMAGE_CHANNELS, *compared), frame.values, strict=False)}
        self._find(pictures.judge(frame.values, named, record), "picture", turn)
        if not pictures.usable:
            self._counters["frames_showing_nothing"] += 1
            return False
        row = np.array([np.nan if value is None else value for value in frame.values], dtype=np.float64)
        plain = len(IMAGE_CHANNELS)
        self._observe(f"imaging/{place}", row[:plain], turn)
        part = self._observe_compared(row[plain:], compared, frame.reference, turn) if compared else row[:0]
        if part is not None:
            reference, together = (frame.reference, np.concatenate([row[:plain], part])) if part.size else ("", row[:plain])
            self._observe_together(f"{place}/{reference}", together, frame.reference, turn)
        self._age(named, turn)
        return True

    def _observe_compared(self, row: FloatArray, specs: tuple[ChannelSpec, ...], reference: str, turn: Turn) -> FloatArray | None:
        """What was measured against the reference: the camera's pose belongs to the view, the rest to the part's recipe.

        The part's channels; None where there was no comparison.
        """
        if not reference:
            self._counters["frames_without_reference"] += 1  # its golden frame cannot be read or used: see doctor
        elif np.isnan(row).all():
            self._counters["frames_unlike_reference"] += 1  # of another size
        else:
            record = turn.record
            is_camera = np.array([spec.family == "camera" for spec in specs])
            part = f"part/{record.view}/{record.position}/{record.recipe}"
            for name, chosen in ((f"fixtures/{record.view}", is_camera), (part, ~is_camera)):
                if chosen.any():
                    self._observe(f"{name}/{reference}", row[chosen], turn)
            rest: FloatArray = row[~is_camera]
            return rest
        return None

    def _observe_together(self, place: str, row: FloatArray, reference: str, turn: Turn) -> None:
        """A frame's channels as one part; not while one of them is known to have left its baseline, which makes all parts novel."""
        record = turn.record
        around = (f"imaging/{place.rpartition('/')[0]}", f"part/{place}", f"fixtures/{record.view}/{reference}")
        if not any(name in self.streams and self.streams[name].is_out for name in around):
            space = self._spaces.of(f"{novelty.KIND}/{place}")
            if space is None:
                self._counters["too_many_spaces"] += 1
                return
            shift = self._spaces.observe(space, row, record, turn.index)
            if shift is not None:
                self._annunciator.share_crossed(shift, record, turn.effects)
            if space.learned_enough:
                self._end_learning(space.name, space, turn)

    def _age(self, named: dict[str, float | None], turn: Turn) -> None:
        """The channels an engineer gave a limit for."""
        for crossing in self._ageing.observe(turn.record, named, turn.index) if self._ageing.plans else ():
            if self._may_arm:
                plan, found = self._ageing.plans[crossing.column], self._ageing.time_to_limit(crossing.column)
                self._annunciator.limit_near(plan, found, crossing, turn.record, turn.effects)

    def _pictures_of(self, record: Inspection) -> Pictures:
        key = f"{record.view}/{record.position}"
        if key not in self._pictures:
            self._pictures[key] = Pictures(self._options.picture, prefix(self._options, record))
        return self._pictures[key]

    def _observe_scores(self, turn: Turn, identity: Approved) -> None:
        record = turn.record
        if record.p_defect is None:
            return
        place = f"{record.view}/{record.position}/{record.recipe}"
        known = self._scores.setdefault(place, [])
        if not identity.is_judging:  # the scores of another model say nothing about this one's, nor may they become normal
            self._counters["scores_not_approved"] += 1
            for name in known:
                self.streams[name].suspend("another model judges, which nobody approved: `linewarden model show`")
            return
        for name in known:
            self.streams[name].resume()
        threshold = self._options.threshold if identity.threshold is None else identity.threshold
        row = scores(record.p_defect, float("nan") if threshold is None else threshold)
        name = f"scores/{place}/{model_key(record.model)}"
        self._observe(name, row, turn)
        if name not in known and name in self.streams:
            known.append(name)

    def replaced(self, place: str) -> set[str]:
        """Another model was approved at a place: its scores are learned anew, and nothing else is. The streams that ended."""
        names = set(self._scores.pop(place, ()))
        for name in names:
            del self.streams[name]
        return names

    def _observe_measurements(self, turn: Turn) -> None:
        """The vision tool's own, of this part: several parts may share a frame."""
        record = turn.record
        if record.measurements:
            declared = self._plans.measured(record.view, record.recipe)
            self._undeclared.take(record.view, record.measurements, declared, self._counters)
        rows, findings = self._measured.take(record, prefix(self._options, record), self._counters)
        self._find(findings, feed.STREAM, turn)
        for name, row in rows:
            self._observe(name, row, turn)

    def _plan(self, name: str) -> StreamPlan:
        return self._measured.plan(name) if name.startswith(MEASURED) else self._plans.stream(name)

    def _observe(self, name: str, row: FloatArray, turn: Turn) -> None:
        stream = self.streams.get(name)
        if stream is None:
            if len(self.streams) >= MAX_STREAMS:
                self._counters["too_many_streams"] += 1
                return
            stream = self.streams[name] = Stream(self._plan(name))
        found = stream.observe(row, turn.index, turn.run, turn.record.captured_at)
        if found:
            self._annunciator.channels_crossed(stream, found, turn.record, turn.effects)
        if stream.learned_enough and name.startswith(MEASURED) and not self._measured.settle(name, stream):
            del self.streams[name]
        elif stream.learned_enough:
            self._end_learning(name, stream, turn)

    def _observe_verdict(self, turn: Turn) -> None:
        record = turn.record
        blocks = self._rates.of(record.recipe, MAX_STREAMS)
        if blocks is None:
            self._counters["too_many_streams"] += 1
        else:
            self._count(self._rates, blocks, record.verdict, turn)
        if record.class_name or f"{mix.KIND}/{record.recipe}" in self._mixes.by_name:
            self._observe_class(turn)

    def _observe_class(self, turn: Turn) -> None:
        record = turn.record
        blocks = self._mixes.of(record.recipe, MAX_STREAMS)
        if blocks is None:
            self._counters["too_many_streams"] += 1
            return
        assert isinstance(blocks.tested, mix.Mix)
        kind, is_news = blocks.tested.kind_of(record.class_name)
        self._annunciator.returned(mix.NEWS, record.part_id, record.captured_at, turn.effects)
        self._find([mix.news(kind, record)] if is_news else [], mix.FAMILY, turn)
        self._count(self._mixes, blocks, kind, turn)

    def _count(self, recipes: PerRecipe, blocks: Blocks, kind: str, turn: Turn) -> None:
        """One part more of a kind, in the blocks of its recipe."""
        for crossing in blocks.observe(kind, index=turn.index, at=turn.record.captured_at):
            recipes.crossed(blocks, crossing)
            self._annunciator.share_crossed(blocks.tested.shift(blocks.name, crossing), turn.record, turn.effects)
        if blocks.learned_enough:
            self._end_learning(blocks.name, blocks, turn)

    def _end_learning(self, name: str, learner: Learner, turn: Turn) -> None:
        """Try to end Phase I; keep what it ended with, for evidence."""
        learner.learn(arm=self._may_arm and self._options.baseline.arming == "automatic")
        if learner.state == "learning":
            return
        if not self._may_arm:
            learner.detail = "no owner, deputy, decision, consequence or tier: does not arm"
        report = learner.report
        body = pack(
            {
                "channels": list(report),
                "refused": list(report.values()),
                "arrays": {} if learner.baseline is None else dict(learner.baseline.to_arrays()),
                "state": learner.state,
                "part": turn.index,
            }
        )
        turn.effects.baselines.append(FittedBaseline(self._options.id, name, turn.record.captured_at, body))

    def _find(self, findings: list[Finding], stream: str, turn: Turn) -> None:
        self._annunciator.find(findings, stream, turn.record.part_id, turn.record.captured_at, turn.effects)

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def views(self) -> tuple[tuple[StreamView, ...], tuple[ChannelView, ...]]:
        """Streams, and all their channels."""
        views = [learner.views() for learner in self.learners.values()]
        return tuple(stream for stream, _ in views), tuple(channel for _, channels in views for channel in channels)

    @property
    def limits(self) -> tuple[LimitView, ...]:
        """Channels that age towards an engineer's limit."""
        return tuple(self._ageing.views())

    @property
    def unwatched(self) -> tuple[MeasurementView, ...]:
        """The vision tool's measurements that are not watched."""
        return (*self._undeclared.views(), *self._measured.waiting())

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "streams": {name: stream.save() for name, stream in self.streams.items()},
            "measured": self._measured.save(),
            "undeclared": self._undeclared.save(),
            "rates": self._rates.save(),
            "mixes": self._mixes.save(),
            "spaces": self._spaces.save(),
            "ageing": self._ageing.save(),
            "scores": self._scores,
            "pictures": {key: pictures.save() for key, pictures in self._pictures.items()},
            "last_frame": self._last_frame,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._measured.load(saved["measured"])
        self._undeclared.load(saved["undeclared"])
        self._undeclared.forget((section.view, section.name) for section in self._options.measurements)
        for name, stream in saved["streams"].items():
            if name.startswith(MEASURED) and not self._measured.has(name):  # something in it is declared otherwise now
                continue
            plan = self._plan(name)
            if len(plan.specs) != len(stream["updates"]):  # of a reference that is drawn otherwise now: it comes no more
                continue
            self.streams[name] = Stream(plan)
            self.streams[name].load(stream)
        self._rates.load(saved["rates"])
        self._mixes.load(saved["mixes"])
        self._spaces.load(saved["spaces"])
        self._ageing.load(saved["ageing"])
        for key, pictures in saved["pictures"].items():
            self._pictures[key] = Pictures(self._options.picture, "")
            self._pictures[key].load(pictures)
        self._last_frame = saved["last_frame"]
        self._scores = {place: [name for name in names if name in self.streams] for place, names in saved["scores"].items()}
