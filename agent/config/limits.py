"""Limits of slow ageing: which channel may go how far, and what a declared event does to it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Work = Literal["lamp", "cleaning", "camera", "tool", "maintenance"]


class LimitSection(BaseModel):
    """A limit a channel must not reach, such as a lamp's light; when it will is told in production days, with an interval."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$",
        examples=["lamp"],
        description="What ages, as alarms and metrics call it.",
    )
    channel: str = Field(
        examples=["luminance"],
        description="A channel of lighting, optics, camera, geometry or material (docs/channels.md), or a caliper of the view.",
    )
    limit: float = Field(examples=[90.0], description="In the channel's own unit, not its tolerance's.")
    beyond: Literal["below", "above"] = Field(examples=["below"], description="On which side of the limit it is too late.")
    view: str = Field(default="main", description="The view it is measured in.")
    recipe: str | None = Field(
        default=None,
        max_length=256,
        examples=["4711"],
        description="Only parts of this recipe are measured; unset: all parts, for what does not depend on the part.",
    )
    horizon_days: float = Field(
        default=30.0,
        ge=1,
        le=1000,
        description="Alarm when the limit will surely be reached within so many production days; advise when it may be.",
    )
    steps: list[Work] = Field(
        default=["cleaning", "camera", "maintenance"],
        description="Events after which the level may be another, while ageing goes on. Leave out what happens more often than "
        "every ten production days: between two such events a line needs that long.",
    )
    renewals: list[Work] = Field(default=["lamp"], description="Events after which ageing begins anew. For a caliper: tool.")
