"""Plans: which channels a stream watches, with which tolerance and threshold, out of the station's one false-alarm budget."""

from __future__ import annotations

import numpy as np

from agent.config.model import StationSection
from agent.core.rates import CHANNEL, MIN_BLOCK_PARTS, RatePlan
from agent.core.streams import StreamPlan
from agent.records import Inspection
from detectors.budget import LEVEL_SHARE, station_shares, threshold
from detectors.channels import IMAGE_CHANNELS, SCORE_CHANNELS, ChannelSpec


def model_key(record: Inspection) -> str:
    """Identity of the model as far as the record tells it."""
    model = record.model
    return "" if model is None else " ".join(part for part in (model.name, model.version, model.sha256[:12]) if part)


class Plans:
    """Shares of the station's budget by channel name: more recipes do not dilute it (METHODS 1)."""

    def __init__(self, options: StationSection) -> None:
        self._options = options
        self.image_specs = IMAGE_CHANNELS
        # The reject rate is one more channel of the station, with an equal share.
        columns = len(options.views) * len(options.positions) * (len(IMAGE_CHANNELS) + len(SCORE_CHANNELS)) + 1
        outcome_share = options.outcome_share if options.outcomes.mode != "none" else 0.0
        self.channel_share, self.outcome_share = station_shares(options.false_alarms_per_month, outcome_share, columns)
        # Of a channel's share, the level test's: the spread's and, where runs differ, the run means' follow from its threshold.
        self._level_threshold = threshold(options.parts_per_month, self.channel_share * LEVEL_SHARE)
        self.outcome_threshold = (
            threshold(options.outcomes.audits_per_month, self.outcome_share) if self.outcome_share else float("inf")
        )

    def stream(self, name: str) -> StreamPlan:
        """The plan of a stream by its name (imaging/… or scores/…)."""
        specs: tuple[ChannelSpec, ...] = IMAGE_CHANNELS if name.startswith("imaging/") else SCORE_CHANNELS
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
