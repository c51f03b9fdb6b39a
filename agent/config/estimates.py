"""Estimates: what rates are judged against, and how many months of them are kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EstimatesSection(BaseModel):
    """Escape, miss and overkill rates and agreement, with intervals. The escape limit is `outcomes.max_escape_ppm`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    confidence: float = Field(
        default=0.95, ge=0.8, le=0.999, description="Each interval holds at every moment at once with at least this probability."
    )
    max_miss_rate: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        examples=[0.02],
        description="Share of bad parts passed that is acceptable. Unset: by tier, 0.02, 0.05 or 0.1.",
    )
    max_overkill_rate: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        examples=[0.05],
        description="Share of good parts rejected that is acceptable. Unset: by tier, 0.05, 0.05 or 0.1.",
    )
    months: int = Field(default=13, ge=1, le=60, description="Production months kept apart; older ones are kept as one.")
