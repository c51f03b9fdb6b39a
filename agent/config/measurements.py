"""The vision tool's own measurements: those declared are channels, with unit, tolerance and what no measurement can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.config.explain import Place, Problem, dotted

MAX_MEASUREMENTS = 512  # declared at one station, over its views and recipes
# No measurement of a part is larger, in any unit: what is, is none. Beyond it sums of squares would overflow.
LARGEST = 1e12


class MeasurementSection(BaseModel):
    """A measurement of the vision tool's own, by its name in the records; those not declared are listed, not watched."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        examples=["hole_d"],
        description="Name under `measurements` in the records, as the vision tool writes it.",
    )
    view: str = Field(default="main", description="The view it is measured in.")
    recipe: str = Field(
        default="", max_length=256, description="The recipe it is for; empty: every recipe that does not declare it."
    )
    label: str = Field(
        default="", max_length=32, description="What people call it, for alarm texts, where the tool's name does not say."
    )
    unit: str = Field(
        default="", max_length=16, examples=["mm"], description="Unit of the value: mm, px, °. Another unit learns anew."
    )
    tolerance: float = Field(
        ge=0, examples=[0.02], description="Change of its mean too small to matter, in its unit; as ln of a ratio with `log`."
    )
    transform: Literal["none", "log", "logit"] = Field(
        default="none", description="log: it varies in proportion to its size (areas, intensities). logit: it is a share, 0 to 1."
    )
    lowest: float | None = Field(
        default=None,
        examples=[0.0],
        description="A smaller value is no measurement (the tool's -1 for `not found`): it is left out and counted.",
    )
    highest: float | None = Field(
        default=None, examples=[100.0], description="A larger value is no measurement (the tool's 999.9): left out and counted."
    )


def chosen(sections: list[MeasurementSection], view: str, recipe: str) -> list[MeasurementSection]:
    """What is measured of a part: its recipe's own declarations, and the view's of other names."""
    own = {s.name for s in sections if s.view == view and s.recipe == recipe}
    return [s for s in sections if s.view == view and s.recipe == (recipe if s.name in own else "")]


def problems(station: dict[str, Any], at: Place) -> Iterator[Problem]:
    """What the measurements of one station, as read from the file, say against each other. Wrong types are reported elsewhere."""
    measurements, views = station.get("measurements", []), station.get("views", ["main"])
    first: dict[tuple[Any, ...], str] = {}
    for index, section in enumerate(measurements if isinstance(measurements, list) else []):
        if not isinstance(section, dict):
            continue
        place = (*at, "measurements", index)
        key = (section.get("view", "main"), section.get("recipe", ""), section.get("name"))
        if isinstance(key[0], str) and isinstance(views, list) and key[0] not in views:
            hint = f"views: {', '.join(map(str, views))}"
            yield dotted((*place, "view")), f"expected one of the station's views, got {key[0]!r}", hint
        if all(isinstance(part, str) for part in key):
            if key in first:
                yield dotted((*place, "name")), f"{key[2]!r} is declared at {first[key]} already", "once per view and recipe"
            first.setdefault(key, dotted(place))
        low, high = section.get("lowest"), section.get("highest")
        if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
            yield dotted((*place, "highest")), f"expected more than lowest, {low:g}, got {high:g}", "values outside are left out"
