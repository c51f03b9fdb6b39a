"""What is drawn in a golden frame, as the channels take it; and what in a drawing contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.config.explain import Place, Problem, dotted
from agent.config.references import ReferenceSection
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, SCORE_CHANNELS, Caliper, Reference

_MIN_SIDE_PX = 24
_MIN_LINE_PX = 6.0


def drawn(section: ReferenceSection) -> Reference:
    """The drawing of one reference."""
    return Reference(
        fixtures=tuple(_rect(rect) for rect in section.fixtures),
        part=None if section.part is None else _rect(section.part),
        outline=section.outline,
        field=None if section.field is None else _rect(section.field),
        px_per_mm=section.px_per_mm,
        calipers=tuple(
            Caliper(c.name, (c.start[0], c.start[1]), (c.end[0], c.end[1]), c.width, c.polarity, c.tolerance)
            for c in section.calipers
        ),
    )


def problems(station: dict[str, Any], at: Place) -> Iterator[Problem]:
    """What the references of one station, as read from the file, say against each other. Wrong types are reported elsewhere."""
    references = station.get("references", [])
    views = station.get("views", ["main"])
    first: dict[tuple[Any, Any], str] = {}
    for index, reference in enumerate(references if isinstance(references, list) else []):
        if not isinstance(reference, dict):
            continue
        place = (*at, "references", index)
        view, recipe = reference.get("view", "main"), reference.get("recipe", "")
        if isinstance(view, str) and isinstance(views, list) and view not in views:
            yield (
                dotted((*place, "view")),
                f"expected one of the station's views, got {view!r}",
                f"views: {', '.join(map(str, views))}",
            )
        if isinstance(view, str) and isinstance(recipe, str):
            if (view, recipe) in first:
                yield dotted(place), f"one reference per view and recipe, this one is at {first[view, recipe]} already", ""
            first.setdefault((view, recipe), dotted(place))
        yield from _drawing_problems(reference, place)


def _drawing_problems(reference: dict[str, Any], place: Place) -> Iterator[Problem]:
    if not any(reference.get(key) for key in ("fixtures", "part", "calipers")):
        yield dotted(place), "nothing is drawn: no fixtures, part or calipers", "draw at least one of them"
    if reference.get("outline", "none") != "none" and not reference.get("part"):
        yield dotted((*place, "outline")), "an outline needs a part", "set `part`, the rectangle around it"
    if reference.get("field") and reference.get("outline", "none") == "none":
        yield dotted((*place, "field")), "a field needs an outline", 'set `outline` to "bright" or "dark"'
    fixtures = reference.get("fixtures", [])
    rectangles: dict[Place, Any] = {("fixtures", k): rect for k, rect in enumerate(fixtures if isinstance(fixtures, list) else [])}
    rectangles |= {(key,): reference[key] for key in ("part", "field") if key in reference}
    for where, rect in rectangles.items():
        if (
            isinstance(rect, list)
            and len(rect) == 4
            and all(isinstance(side, int) for side in rect)
            and min(rect[2:]) < _MIN_SIDE_PX
        ):
            yield (
                dotted((*place, *where)),
                f"expected at least {_MIN_SIDE_PX} px a side, got {rect[2]}x{rect[3]}",
                "[x, y, width, height]",
            )
    yield from _caliper_problems(reference, place)


def _caliper_problems(reference: dict[str, Any], place: Place) -> Iterator[Problem]:
    calipers = reference.get("calipers", [])
    taken = {spec.name: "a channel of docs/channels.md" for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS)}
    taken["reject_rate"] = "a channel of docs/channels.md"
    for index, caliper in enumerate(calipers if isinstance(calipers, list) else []):
        if not isinstance(caliper, dict):
            continue
        where = (*place, "calipers", index)
        name, ends = caliper.get("name"), [caliper.get(key) for key in ("from", "to")]
        if isinstance(name, str):
            if name in taken:
                yield (
                    dotted((*where, "name")),
                    f"{name!r} is the name of {taken[name]} already",
                    "names are unique within a reference",
                )
            taken.setdefault(name, dotted(where))
        if all(isinstance(e, list) and len(e) == 2 and all(isinstance(v, int | float) for v in e) for e in ends):
            (x1, y1), (x2, y2) = ends  # type: ignore[misc]
            if (x1 - x2) ** 2 + (y1 - y2) ** 2 < _MIN_LINE_PX**2:
                yield (
                    dotted(where),
                    f"expected a line of at least {_MIN_LINE_PX:g} px",
                    "start outside one edge, end outside the other",
                )


def _rect(sides: list[int]) -> tuple[int, int, int, int]:
    x, y, width, height = sides
    return x, y, width, height
