"""Limits of slow ageing: which channel may go how far, and what a declared event does to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.config.explain import Place, Problem, dotted, nearest
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, ChannelSpec

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


def spec_of(channel: str, calipers: tuple[ChannelSpec, ...]) -> ChannelSpec | None:
    """The channel of a frame by its name, given those of the view's calipers; None where there is none."""
    return next((spec for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *calipers) if spec.name == channel), None)


def problems(station: dict[str, Any], at: Place) -> Iterator[Problem]:
    """What the limits of one station, as read from the file, say against the rest of it. Wrong types are reported elsewhere."""
    limits, views = station.get("limits", []), station.get("views", ["main"])
    plain = [spec.name for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS)]
    first: dict[str, str] = {}
    for index, limit in enumerate(limits if isinstance(limits, list) else []):
        if not isinstance(limit, dict):
            continue
        place, view = (*at, "limits", index), limit.get("view", "main")
        if isinstance(view, str) and isinstance(views, list) and view not in views:
            hint = f"views: {', '.join(map(str, views))}"
            yield dotted((*place, "view")), f"expected one of the station's views, got {view!r}", hint
        channel, known = limit.get("channel"), [*plain, *_calipers(station, view)]
        if isinstance(channel, str) and channel not in known:
            yield dotted((*place, "channel")), f"expected a channel of a frame, got {channel!r}", nearest(channel, tuple(known))
        elif isinstance(channel, str):
            yield from _out_of_reach(channel, limit, place)
        name = limit.get("name")
        if isinstance(name, str) and name in first:
            yield dotted((*place, "name")), f"names of limits must be unique, {name!r} already stands at {first[name]}", ""
        elif isinstance(name, str):
            first[name] = dotted((*place, "name"))


def _out_of_reach(channel: str, limit: dict[str, Any], place: Place) -> Iterator[Problem]:
    spec, value = spec_of(channel, ()), limit.get("limit")
    if spec is not None and spec.transform == "log" and isinstance(value, int | float) and value <= 0:
        yield dotted((*place, "limit")), f"{channel} is always positive, got a limit of {value:g}", f"its unit is {spec.unit}"
    both = set(_texts(limit.get("steps"))) & set(_texts(limit.get("renewals")))
    if both:
        yield dotted((*place, "steps")), f"{', '.join(sorted(both))} cannot be a step and a renewal", "leave it in one of them"


def _calipers(station: dict[str, Any], view: object) -> Iterator[str]:
    references = station.get("references", [])
    for reference in references if isinstance(references, list) else []:
        if isinstance(reference, dict) and reference.get("view", "main") == view:
            calipers = reference.get("calipers", [])
            for caliper in calipers if isinstance(calipers, list) else []:
                if isinstance(caliper, dict) and isinstance(caliper.get("name"), str):
                    yield caliper["name"]


def _texts(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
