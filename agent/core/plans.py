"""Plans: which channels a stream watches, with which tolerance and threshold, out of the station's one false-alarm budget."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import replace

import numpy as np

from agent.config.ageing import spec_of
from agent.config.drawing import drawn
from agent.config.measurements import MeasurementSection, chosen
from agent.config.model import StationSection
from agent.core.ageing import DECISIONS_PER_MONTH, LimitPlan
from agent.core.blocks import MIN_BLOCK_PARTS, BlockPlan
from agent.core.novelty import KIND, MIN_PARTS, Space, SpacePlan
from agent.core.rates import CHANNEL
from agent.core.streams import StreamPlan
from agent.records import Model
from detectors.budget import LEVEL_SHARE, station_shares, threshold, truth_shares
from detectors.channels import CAMERA_CHANNELS, IMAGE_CHANNELS, SCORE_CHANNELS, ChannelSpec, reference_channels
from detectors.novelty import BLOCK

# Tolerance of a class's share, by this name among the channels'.
MIX = "class_mix"


def model_key(model: Model | None) -> str:
    """Identity of a model as far as it is told."""
    return "" if model is None else " ".join(part for part in (model.name, model.version, model.sha256[:12]) if part)


def challenged(options: StationSection) -> tuple[tuple[str, str], ...]:
    """What is challenged, one test each: (failure mode, known state) of the station's sets, in their order."""
    return tuple(dict.fromkeys((s.failure_mode, s.known) for s in options.challenge_sets))


class Plans:
    """Shares of the station's budget by channel name: more recipes do not dilute it (METHODS 1)."""

    def __init__(self, options: StationSection) -> None:
        self._options = options
        self._references = {
            (reference.view, reference.recipe): reference_channels(drawn(reference)) for reference in options.references
        }
        declared = [(section.view, section.recipe) for section in options.measurements]
        self._measured = {
            (view, recipe): {section.name: section for section in chosen(options.measurements, view, recipe)}
            for view, recipe in [*((view, "") for view in options.views), *declared]
        }
        # A part has one recipe and is held against one reference of its view: shares for those with most channels.
        most = [_most(self._references, view) + _most(self._measured, view) for view in options.views]
        plain = len(IMAGE_CHANNELS) + len(SCORE_CHANNELS) + 1  # and the share of novel parts
        # The reject rate, the mix of classes and each limit are one more channel of the station each, with an equal share.
        columns = len(options.positions) * sum(plain + more for more in most) + 2 + len(options.limits)
        has_outcomes, modes = options.outcomes.judges, len(challenged(options))
        of_truth = options.outcome_share if has_outcomes or modes else 0.0
        self.channel_share, of_truth = station_shares(options.false_alarms_per_month, of_truth, columns)
        self.outcome_share, self.challenge_share = truth_shares(of_truth, modes, outcomes=has_outcomes)
        # Of a channel's share, the level test's: the spread's and, where runs differ, the run means' follow from its threshold.
        self._level_threshold = threshold(options.parts_per_month, self.channel_share * LEVEL_SHARE)
        self.outcome_threshold = (
            threshold(options.outcomes.audits_per_month, self.outcome_share) if self.outcome_share else float("inf")
        )
        self.challenge_threshold = (
            threshold(options.challenge.presentations_per_month, self.challenge_share) if self.challenge_share else float("inf")
        )

    def compared(self, view: str, recipe: str) -> tuple[ChannelSpec, ...]:
        """The channels of a frame after the IMAGE_CHANNELS: those of its reference."""
        return self._references.get((view, recipe), self._references.get((view, ""), ()))

    def measured(self, view: str, recipe: str) -> Mapping[str, MeasurementSection]:
        """The measurements declared for a part, by name."""
        found = self._measured.get((view, recipe))
        return self._measured.get((view, ""), {}) if found is None else found

    def specs(self, name: str) -> tuple[ChannelSpec, ...]:
        """The channels of a stream by its name: imaging/…, scores/…, fixtures/view/reference, part/view/position/recipe/reference.

        The last step of the latter two names the golden frame and what is drawn in it. novelty/view/position/recipe/reference:
        imaging and part together; the last step is empty where there is nothing to compare with.
        """
        kind, view, rest = name.split("/", 2)
        if kind == KIND and name.endswith("/"):
            return IMAGE_CHANNELS
        if kind in ("imaging", "scores"):
            return IMAGE_CHANNELS if kind == "imaging" else SCORE_CHANNELS
        if kind == "fixtures":
            return CAMERA_CHANNELS
        position = max((p for p in self._options.positions if rest.startswith(f"{p}/")), key=len, default="")
        recipe = rest.removeprefix(f"{position}/").rpartition("/")[0]
        part = tuple(spec for spec in self.compared(view, recipe) if spec.family != "camera")
        return (*IMAGE_CHANNELS, *part) if kind == KIND else part

    def space(self, name: str) -> Space:
        """A channel space by its name, about to be learned."""
        return Space(name, self.specs(name), self.novelty)

    def stream(self, name: str) -> StreamPlan:
        """The plan of a stream by its name; those of measurements are made by what has come (agent/core/measured.py)."""
        tolerances = self._options.baseline.tolerances
        return self.of(name, tuple(replace(spec, tolerance=tolerances.get(spec.name, spec.tolerance)) for spec in self.specs(name)))

    def of(self, name: str, specs: tuple[ChannelSpec, ...]) -> StreamPlan:
        """The plan of a stream of these channels, at their own tolerances."""
        return StreamPlan(
            name=name,
            specs=specs,
            tolerances=np.array([spec.tolerance for spec in specs]),
            threshold=self._level_threshold,
            parts=self._options.baseline.parts,
            min_own=self._options.baseline.min_stream_parts,
            min_hours=self._options.baseline.min_hours,
            steadiness=self._options.baseline.steadiness,
        )

    def _blocks(self, tolerance: str) -> BlockPlan:
        """The plan of what is counted in blocks: one has at least MIN_BLOCK_PARTS parts, of whichever recipe."""
        blocks_per_month = self._options.parts_per_month / MIN_BLOCK_PARTS
        return BlockPlan(
            threshold=threshold(blocks_per_month, self.channel_share),
            blocks=self._options.baseline.rate_blocks,
            tolerance=self._options.baseline.tolerances.get(tolerance, 0.1),
            updates_per_month=blocks_per_month,
        )

    @property
    def rates(self) -> BlockPlan:
        """The plan of every reject rate."""
        return self._blocks(CHANNEL)

    @property
    def mixes(self) -> BlockPlan:
        """The plan of every mix of classes."""
        return self._blocks(MIX)

    @property
    def novelty(self) -> SpacePlan:
        """The plan of every channel space: a block has BLOCK parts, of whichever recipe."""
        blocks_per_month = self._options.parts_per_month / BLOCK
        parts = max(self._options.baseline.parts, MIN_PARTS)
        return SpacePlan(threshold(blocks_per_month, self.channel_share), parts, blocks_per_month)

    def limits(self) -> tuple[LimitPlan, ...]:
        """The plans of the limits; one that names a channel its view does not have is left out (`check-config` says so)."""
        found = []
        for section in self._options.limits:
            drawn_ones = tuple(s for (view, _), specs in self._references.items() if view == section.view for s in specs)
            spec = spec_of(section.channel, drawn_ones)
            if spec is not None:
                plan = LimitPlan(
                    name=section.name,
                    spec=spec,
                    view=section.view,
                    recipe=section.recipe,
                    limit=section.limit,
                    direction=1 if section.beyond == "above" else -1,
                    horizon=section.horizon_days,
                    threshold=threshold(DECISIONS_PER_MONTH, self.channel_share),
                    steps=frozenset(section.steps),
                    renewals=frozenset(section.renewals),
                )
                found.append(plan)
        return tuple(found)

    @staticmethod
    def claim_scope(view: str, recipe: str, model: Model | None) -> str:
        """Whose claims a part is judged by: those of the model that is approved for it."""
        return f"{view}/{recipe}/{model_key(model)}"


def _most(by_place: Mapping[tuple[str, str], Sized], view: str) -> int:
    """Most channels that any recipe of a view has."""
    return max((len(found) for (of, _), found in by_place.items() if of == view), default=0)
