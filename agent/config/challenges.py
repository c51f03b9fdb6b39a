"""Challenge parts: sets of masters of known state, and when they are to be run through the station."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_SETS = 64
_MasterId = Annotated[str, Field(min_length=1, max_length=128)]
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class ChallengeSection(BaseModel):
    """When challenge parts are due. In force where the station has `challenge_sets`; overdue is an alarm."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    every_parts: int = Field(
        default=5_000,
        ge=10,
        description="Most parts at risk: made since the last good check began. Beyond it the check is overdue.",
    )
    every_s: float = Field(
        default=28_800.0, gt=0, description="Due again after so long, by the source's clock: 28,800 is once a shift."
    )
    grace_parts: int = Field(
        default=200,
        ge=0,
        description="Due so many parts before `every_parts`; due by time, changeover, alarm or miss, overdue so many later.",
    )
    after_changeover: bool = Field(
        default=True, description="Due when recipe or tool change (in the records, or by an event recipe or tool)."
    )
    after_alarm: bool = Field(
        default=True,
        description="Due when an alarm of picture, model, rates or truth is raised; it clears after a good check only.",
    )
    informative_miss_rate: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="A run of clean presentations bounds a hold when it excludes, at 95 %, that so many of the mode are missed: 14 "
        "in a row for 0.2, 5 for 0.5.",
    )
    presentations_per_month: float = Field(
        default=1_000.0, gt=0, description="Most presentations of one failure mode in a month; sets the thresholds."
    )


class ChallengeSetSection(BaseModel):
    """A set of challenge parts: masters of one failure mode, or good ones, whose inspections enter no production statistic."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(pattern=_NAME, examples=["holes-B"], description="Name of the set, as in texts and commands.")
    failure_mode: str = Field(
        pattern=_NAME,
        examples=["missing_hole"],
        description="What is wrong with these parts, as `defect_class` of outcomes has it.",
    )
    known: Literal["defective", "good"] = Field(
        default="defective", description="What they are. good: masters that must pass; a rejected one counts as missed."
    )
    parts: list[_MasterId] = Field(
        default=[],
        max_length=256,
        examples=[["MASTER-7", "MASTER-8"]],
        description="Their part ids: inspections of these are challenge inspections, whatever else the record says. Empty: told by "
        'the record\'s mark "challenge", or by a time window (`linewarden challenge record`).',
    )
    size: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description="Clean presentations that make a good check; 0: each of `parts` once, or 5 where none is named.",
    )
    revision: str = Field(default="", max_length=64, description="Revision of the masters, for the record.")
    expires: date | None = Field(
        default=None,
        examples=["2027-06-30"],
        description="Last day (UTC) their results count: masters wear. Afterwards they prove nothing, and that is an alarm.",
    )
    recipe: str = Field(default="", max_length=256, description="The recipe they are for; empty: any.")
    max_miss_rate: float = Field(
        default=0.02, gt=0, lt=0.5, description="Declared: at most this share of presentations is missed. What the test is against."
    )

    @property
    def presentations(self) -> int:
        """Clean presentations that make a good check."""
        return self.size or len(self.parts) or 5
