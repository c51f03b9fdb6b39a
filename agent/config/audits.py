"""Audits: which passed parts are drawn for re-inspection; and the blind spot that audits and challenge parts leave."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class AuditsSection(BaseModel):
    """Which passed parts are asked for again. In force with `outcomes.mode` sample; never more than `outcomes.audits_per_month`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    mode: Literal["off", "fraction", "per_shift"] = Field(
        default="off", description="off: the plant draws, or nobody. fraction: a share of the passes. per_shift: so many a shift."
    )
    fraction: float = Field(default=0.01, gt=0, le=1, description="With mode fraction: share of the passed parts.")
    per_shift: int = Field(default=40, ge=1, le=100_000, description="With mode per_shift: audits a shift, about.")
    shifts: list[str] = Field(
        default=["06:00", "14:00", "22:00"],
        min_length=1,
        max_length=24,
        description="When shifts begin, in the agent's timezone.",
    )

    @field_validator("shifts")
    @classmethod
    def _times(cls, value: list[str]) -> list[str]:
        for start in value:
            try:
                time.fromisoformat(start)
            except ValueError as error:
                raise ValueError(f"expected times like 06:00, got {start!r}") from error
        return value

    near_share: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="Share of the audits drawn from passes near the threshold, the rest from confident ones.",
    )
    near_from: float = Field(
        default=0.5, gt=0, lt=1, description="A pass is near when its p_defect is at least so much of the decision threshold."
    )
    least_probability: float = Field(default=0.001, gt=0, le=1, description="No passed part has a smaller chance to be drawn.")
    novel_per_shift: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Passed parts as unlike others as one learned part in a thousand, asked for besides: most in a shift. "
        "They enter no rate.",
    )
    tightened: float = Field(
        default=3.0, ge=1, le=100, description="So many times as many while any test is at advise or any alarm stands. 1: never."
    )
    deadline_s: float = Field(
        default=14_400.0,
        gt=0,
        description="A request is to be answered within so long, by the source's clock; then it counts as "
        "missed. Less than `outcomes.delay_s`.",
    )
    seed: str = Field(default="", max_length=128, description="Makes the draws your own; whoever knows it can foretell them.")


class BlindSpotSection(BaseModel):
    """How long a rise of misses could go unnoticed; shown always, an alarm beyond `most_days`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    miss_rate: float = Field(
        default=0.2, gt=0, lt=1, description="The rise asked about, per failure mode: so many of its parts pass."
    )
    escape_ppm: float = Field(
        default=10_000.0,
        gt=0,
        lt=1_000_000,
        description="The rise asked about for all modes together: bad ones per million passed.",
    )
    looks_miss: float = Field(
        default=0.23,
        ge=0,
        lt=1,
        description="Audits alone: share of the bad parts that a person who looks at them misses (0.23 is usual). A find that "
        "must be confirmed takes two looks.",
    )
    most_days: float | None = Field(
        default=None,
        gt=0,
        examples=[14.0],
        description="Production days. Unset: by tier, 4, 14 or 60.",
    )
