"""What a view is compared with: its golden frame, and what an engineer has drawn in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_FIXTURES = 8
_Side = Annotated[int, Field(ge=0, le=65_535)]
Rectangle = Annotated[list[_Side], Field(min_length=4, max_length=4)]
Place2 = Annotated[list[Annotated[float, Field(ge=0, le=65_535)]], Field(min_length=2, max_length=2)]


class CaliperSection(BaseModel):
    """A line drawn across two opposite edges of the part; their distance is one more channel of family geometry."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["slot_width"], description="Name of the channel, as in alarms."
    )
    start: Place2 = Field(
        alias="from", examples=[[812.0, 640.0]], description="[x, y] in pixels of the golden frame, outside the edges."
    )
    end: Place2 = Field(alias="to", examples=[[902.0, 640.0]], description="[x, y] of the other end, beyond the other edge.")
    width: float = Field(default=8.0, ge=1, le=256, description="Pixels across the line that are averaged.")
    polarity: Literal["bright", "dark"] = Field(default="bright", description="What lies between the two edges.")
    tolerance: float = Field(
        default=0.2, ge=0, description="Change too small to matter: in mm where the reference has px_per_mm, else in px."
    )


class ReferenceSection(BaseModel):
    """The reference of a view: a golden frame and what is where in it, in its pixels. Without one, no geometry and no material."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    view: str = Field(default="main", description="The view it is for.")
    recipe: str = Field(default="", max_length=256, description="The recipe it is for; empty: every recipe without one of its own.")
    golden: Path = Field(
        examples=["/etc/linewarden/st4-main.png"],
        description="Picture (PNG, JPEG, BMP) of a good part in good light, as this camera takes it. A changed file learns anew.",
    )
    fixtures: list[Rectangle] = Field(
        default=[],
        max_length=MAX_FIXTURES,
        examples=[[[40, 40, 160, 160], [2200, 1800, 160, 160]]],
        description="Rectangles [x, y, width, height], at least 24 px a side, of what never moves in front of this camera, best "
        "far apart and around corners: they tell a moved camera from a moved part.",
    )
    part: Rectangle | None = Field(
        default=None,
        examples=[[600, 400, 1200, 1100]],
        description="Rectangle around the part, with a rim of background where it has an outline.",
    )
    outline: Literal["none", "bright", "dark"] = Field(
        default="none",
        description="How the part stands out from what is around it. none: it fills the view or cannot be told; then no area, "
        "no outline, and neither `no part` nor `out of field` can be said.",
    )
    field: Rectangle | None = Field(
        default=None,
        examples=[[0, 0, 2448, 2048]],
        description="Rectangle the part has to stay in; the whole frame where unset.",
    )
    px_per_mm: float | None = Field(default=None, gt=0, examples=[12.5], description="Pixels per millimetre, for the calipers.")
    calipers: list[CaliperSection] = Field(default=[], max_length=32, description="Distances measured.")


def chosen(references: list[ReferenceSection], view: str, recipe: str) -> ReferenceSection | None:
    """The reference a part is held against: its recipe's own, else the view's."""
    own = [r for r in references if r.view == view and r.recipe in (recipe, "")]
    return next((r for r in own if r.recipe == recipe), own[0] if own else None)
