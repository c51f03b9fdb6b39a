"""Plans: which channels a stream watches, with which tolerance and threshold, out of the station's one false-alarm budget."""

from __future__ import annotations

import numpy as np

from agent.config.drawing import drawn
from agent.config.model import StationSection
from agent.core.rates import CHANNEL, MIN_BLOCK_PARTS, RatePlan
from agent.core.streams import StreamPlan
from agent.records import Inspection
from detectors.budget import LEVEL_SHARE, station_shares, threshold
from detectors.channels import CAMERA_CHANNELS, IMAGE_CHANNELS, SCORE_CHANNELS, ChannelSpec, reference_channels


def model_key(record: Inspection) -> str:
    """Identity of the model as far as the record tells it."""
    model = record.model
    return "" if model is None else " ".join(part for part in (model.name, model.version, model.sha256[:12]) if part)


class Plans:
    """Shares of the station's budget by channel name: more recipes do not dilute it (METHODS 1)."""

    def __init__(self, options: StationSection) -> None:
        self._options = options
        self._references = {
            (reference.view, reference.recipe): reference_channels(drawn(reference)) for reference in options.references
        }
        # A part is held against one reference of its view: shares for the one with most channels, none where there is none.
        most = [max((len(s) for (of, _), s in self._references.items() if of == view), default=0) for view in options.views]
        plain = len(IMAGE_CHANNELS) + len(SCORE_CHANNELS)
        # The reject rate is one more channel of the station, with an equal share.
        columns = len(options.positions) * sum(plain + more for more in most) + 1
        outcome_share = options.outcome_share if options.outcomes.judges else 0.0
        self.channel_share, self.outcome_share = station_shares(options.false_alarms_per_month, outcome_share, columns)
        # Of a channel's share, the level test's: the spread's and, where runs differ, the run means' follow from its threshold.
        self._level_threshold = threshold(options.parts_per_month, self.channel_share * LEVEL_SHARE)
        self.outcome_threshold = (
            threshold(options.outcomes.audits_per_month, self.outcome_share) if self.outcome_share else float("inf")
        )

    def compared(self, view: str, recipe: str) -> tuple[ChannelSpec, ...]:
        """The channels of a frame after the IMAGE_CHANNELS: those of its reference."""
        return self._references.get((view, recipe), self._references.get((view, ""), ()))

    def specs(self, name: str) -> tuple[ChannelSpec, ...]:
        """The channels of a stream by its name: imaging/…, scores/…, fixtures/view/reference, part/view/position/recipe/reference.

        The last step of the latter two names the golden frame and what is drawn in it.
        """
        kind, view, rest = name.split("/", 2)
        if kind in ("imaging", "scores"):
            return IMAGE_CHANNELS if kind == "imaging" else SCORE_CHANNELS
        if kind == "fixtures":
            return CAMERA_CHANNELS
        position = max((p for p in self._options.positions if rest.startswith(f"{p}/")), key=len, default="")
        recipe = rest.removeprefix(f"{position}/").rpartition("/")[0]
        return tuple(spec for spec in self.compared(view, recipe) if spec.family != "camera")

    def stream(self, name: str) -> StreamPlan:
        """The plan of a stream by its name."""
        specs = self.specs(name)
        tolerances = self._options.baseline.tolerances
        return StreamPlan(
            name=name,
            specs=specs,
            tolerances=np.array([tolerances.get(spec.name, spec.tolerance) for spec in specs]),
            threshold=self._level_threshold,
            parts=self._options.baseline.parts,
            min_own=self._options.baseline.min_stream_parts,
        )

    @property
    def rates(self) -> RatePlan:
        """The plan of every reject rate: a block has at least MIN_BLOCK_PARTS parts, of whichever recipe."""
        blocks_per_month = self._options.parts_per_month / MIN_BLOCK_PARTS
        return RatePlan(
            threshold=threshold(blocks_per_month, self.channel_share),
            blocks=self._options.baseline.rate_blocks,
            tolerance=self._options.baseline.tolerances.get(CHANNEL, 0.1),
            updates_per_month=blocks_per_month,
        )

    @staticmethod
    def claim_scope(record: Inspection) -> str:
        """Whose claims a part is judged by."""
        return f"{record.view}/{record.recipe}/{model_key(record)}"
