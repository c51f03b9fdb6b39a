"""What ages: the channel a limit is of, and what in a limit contradicts the rest of its station."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.config.explain import Place, Problem, dotted, nearest
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, ChannelSpec


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
    both = set(_texts(limit.get("steps"))) & set(_texts(limit.get("renewals", ["lamp"])))
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
