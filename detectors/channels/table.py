"""The channel table: what each number is, its unit, how it is transformed, and which change of it is too small to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detectors.channels.reference import Reference

Transform = Literal["none", "log", "logit"]

# The order, number or meaning of the channels of a frame. Values of different versions are never mixed in one baseline.
TABLE_VERSION = 2

# What keys a baseline of each family (METHODS 2): a new model version must not throw the lighting baseline away.
SCOPES: dict[str, tuple[str, ...]] = {
    "lighting": ("station", "view", "position", "recipe"),
    "optics": ("station", "view", "position", "recipe"),
    "camera": ("station", "view", "reference"),
    "geometry": ("station", "view", "position", "recipe", "reference"),
    "material": ("station", "view", "position", "recipe", "reference"),
    "measurements": ("station", "view", "position", "recipe"),
    "scores": ("station", "view", "position", "recipe", "model"),
}

# The 3×3 tiles, row by row, as a viewer of the picture names them.
TILES: tuple[str, ...] = (
    "top_left",
    "top",
    "top_right",
    "left",
    "middle",
    "right",
    "bottom_left",
    "bottom",
    "bottom_right",
)


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel.

    unit, meaning: of the raw value. transform: what statistics run on. tolerance: change too small to matter, after the transform,
    in `tolerance_unit`. up, down: codes of the operator's words for a rise and a fall of the value. label: what people call it,
    where its own name is said in alarms and is not what they know.
    """

    name: str
    family: str
    unit: str
    meaning: str
    transform: Transform
    tolerance: float
    tolerance_unit: str
    up: str
    down: str
    label: str = ""


_LN = "ln"  # natural logarithm of a ratio: 0.01 is about 1 %
_ODDS = "ln odds"


def _tile_ratio(tile: str) -> ChannelSpec:
    return ChannelSpec(
        name=f"tile_{tile}",
        family="lighting",
        unit="ratio",
        meaning=f"mean grey of the {tile.replace('_', ' ')} ninth of the frame, divided by the frame's",
        transform="log",
        tolerance=0.02,
        tolerance_unit=_LN,
        up=f"{tile}_brighter",
        down=f"{tile}_darker",
    )


def _tile_focus(tile: str) -> ChannelSpec:
    return ChannelSpec(
        name=f"edge_spread_{tile}",
        family="optics",
        unit="px",
        meaning=f"edge_spread of the fixed patch in the {tile.replace('_', ' ')} ninth; without structure there it follows grain",
        transform="log",
        tolerance=0.05,
        tolerance_unit=_LN,
        up=f"{tile}_blurred",
        down=f"{tile}_sharper",
    )


IMAGE_CHANNELS: tuple[ChannelSpec, ...] = (
    ChannelSpec(
        name="luminance",
        family="lighting",
        unit="grey level",
        meaning="mean grey of the frame, 0 to 255, not below 0.5",
        transform="log",
        tolerance=0.02,
        tolerance_unit=_LN,
        up="brighter",
        down="darker",
    ),
    ChannelSpec(
        name="contrast",
        family="lighting",
        unit="ratio",
        meaning="standard deviation of grey divided by its mean: falls behind a dirty window even where the mean stays",
        transform="log",
        tolerance=0.03,
        tolerance_unit=_LN,
        up="contrast_higher",
        down="contrast_lower",
    ),
    ChannelSpec(
        name="clipped_low",
        family="lighting",
        unit="share",
        meaning="share of the picture at black (weight 1 at grey 0, falling to 0 at 16), as (n + 1/2)/(N + 1)",
        transform="logit",
        tolerance=0.2,
        tolerance_unit=_ODDS,
        up="blacks_clipped_more",
        down="blacks_clipped_less",
    ),
    ChannelSpec(
        name="clipped_high",
        family="lighting",
        unit="share",
        meaning="share of the picture at white (weight 1 at grey 255, falling to 0 at 239), as (n + 1/2)/(N + 1)",
        transform="logit",
        tolerance=0.2,
        tolerance_unit=_ODDS,
        up="clipped_more",
        down="clipped_less",
    ),
    ChannelSpec(
        name="tilt_x",
        family="lighting",
        unit="share of the mean",
        meaning="rise of a straight line through the column means, left edge to right edge, divided by the mean",
        transform="none",
        tolerance=0.02,
        tolerance_unit="share of the mean",
        up="left_darker",
        down="right_darker",
    ),
    ChannelSpec(
        name="tilt_y",
        family="lighting",
        unit="share of the mean",
        meaning="rise of a straight line through the row means, top edge to bottom edge, divided by the mean",
        transform="none",
        tolerance=0.02,
        tolerance_unit="share of the mean",
        up="top_darker",
        down="bottom_darker",
    ),
    *(_tile_ratio(tile) for tile in TILES),
    ChannelSpec(
        name="red_green",
        family="lighting",
        unit="ratio",
        meaning="mean red divided by mean green; not measured on grey frames",
        transform="log",
        tolerance=0.01,
        tolerance_unit=_LN,
        up="redder",
        down="less_red",
    ),
    ChannelSpec(
        name="blue_green",
        family="lighting",
        unit="ratio",
        meaning="mean blue divided by mean green; not measured on grey frames",
        transform="log",
        tolerance=0.01,
        tolerance_unit=_LN,
        up="bluer",
        down="less_blue",
    ),
    ChannelSpec(
        name="edge_spread",
        family="optics",
        unit="px",
        meaning="standard deviation of the blur over edges in the nine fixed patches, including 1 px of the measurement's own",
        transform="log",
        tolerance=0.05,
        tolerance_unit=_LN,
        up="blurred",
        down="sharper",
    ),
    ChannelSpec(
        name="laplacian_energy",
        family="optics",
        unit="1/px⁴",
        meaning="energy of the Laplacian in the nine fixed patches divided by their grey variance: how fine the detail is",
        transform="log",
        tolerance=0.1,
        tolerance_unit=_LN,
        up="finer_detail",
        down="detail_lost",
    ),
    *(_tile_focus(tile) for tile in TILES),
    ChannelSpec(
        name="noise",
        family="optics",
        unit="share of the mean",
        meaning="grain: noise standard deviation in the calmer half of the fixed patches' pixels, divided by their mean grey",
        transform="log",
        tolerance=0.1,
        tolerance_unit=_LN,
        up="grainier",
        down="smoother",
    ),
)

SCORE_CHANNELS: tuple[ChannelSpec, ...] = (
    ChannelSpec(
        name="p_defect",
        family="scores",
        unit="probability",
        meaning="the model's claimed probability that the part is defective, kept inside [1e-6, 1 - 1e-6]",
        transform="logit",
        tolerance=0.1,
        tolerance_unit=_ODDS,
        up="scores_higher",
        down="scores_lower",
    ),
    ChannelSpec(
        name="margin",
        family="scores",
        unit="ln odds",
        meaning="distance of the score from the decision threshold, on the log-odds scale: small means near the threshold",
        transform="none",
        tolerance=0.1,
        tolerance_unit=_ODDS,
        up="further_from_threshold",
        down="nearer_threshold",
    ),
    ChannelSpec(
        name="saturation",
        family="scores",
        unit="probability",
        meaning="the larger of p_defect and 1 - p_defect: how extreme the score is, whichever way",
        transform="logit",
        tolerance=0.1,
        tolerance_unit=_ODDS,
        up="scores_more_extreme",
        down="scores_less_extreme",
    ),
)


# What is measured where a view has a reference (agent/config/references.py), family by family.

CAMERA_CHANNELS: tuple[ChannelSpec, ...] = (
    *(
        ChannelSpec(
            name=f"camera_shift_{axis}",
            family="camera",
            unit="px",
            meaning=f"by how much the fixtures stand further {there} than in the golden frame, at the frame's centre",
            transform="none",
            tolerance=0.2,
            tolerance_unit="px",
            up=f"view_{up}",
            down=f"view_{down}",
        )
        for axis, there, up, down in (("x", "right", "right", "left"), ("y", "down", "lower", "higher"))
    ),
    ChannelSpec(
        name="camera_rotation",
        family="camera",
        unit="°",
        meaning="by how much the fixtures are turned against the golden frame, clockwise",
        transform="none",
        tolerance=0.02,
        tolerance_unit="°",
        up="view_turned",
        down="view_turned_back",
    ),
    ChannelSpec(
        name="camera_scale",
        family="camera",
        unit="%",
        meaning="by how much the fixtures are larger than in the golden frame: distance or zoom",
        transform="none",
        tolerance=0.05,
        tolerance_unit="%",
        up="view_larger",
        down="view_smaller",
    ),
    ChannelSpec(
        name="fixture_match",
        family="camera",
        unit="correlation",
        meaning="how much the fixtures look like the golden frame's where they were found, gain and offset aside; low where they "
        "are covered, dirty, out of focus, or have moved further than is searched (6 % of the longer side)",
        transform="none",
        tolerance=0.02,
        tolerance_unit="correlation",
        up="fixtures_clearer",
        down="fixtures_hidden",
    ),
)

PART_CHANNELS: tuple[ChannelSpec, ...] = (
    *(
        ChannelSpec(
            name=f"part_shift_{axis}",
            family="geometry",
            unit="px",
            meaning=f"by how much the part lies further {there} than in the golden frame, less what the fixtures moved there",
            transform="none",
            tolerance=0.5,
            tolerance_unit="px",
            up=f"part_{up}",
            down=f"part_{down}",
        )
        for axis, there, up, down in (("x", "right", "right", "left"), ("y", "down", "lower", "higher"))
    ),
    ChannelSpec(
        name="part_rotation",
        family="geometry",
        unit="°",
        meaning="by how much the part is turned against the golden frame, clockwise, less the fixtures' rotation",
        transform="none",
        tolerance=0.1,
        tolerance_unit="°",
        up="part_turned",
        down="part_turned_back",
    ),
    ChannelSpec(
        name="part_match",
        family="geometry",
        unit="correlation",
        meaning="how much the part looks like the golden frame's where it was found, gain and offset aside",
        transform="none",
        tolerance=0.05,
        tolerance_unit="correlation",
        up="part_clearer",
        down="part_other",
    ),
)

OUTLINE_CHANNELS: tuple[ChannelSpec, ...] = (
    ChannelSpec(
        name="part_area",
        family="geometry",
        unit="ratio",
        meaning="area of the part's foreground divided by the golden part's: its share of the field is that times a constant; "
        "0.001 where there is no part",
        transform="log",
        tolerance=0.02,
        tolerance_unit=_LN,
        up="part_larger",
        down="part_smaller",
    ),
    *(
        ChannelSpec(
            name=f"part_{side}",
            family="geometry",
            unit="ratio",
            meaning=f"√(12 × variance + 1) of the foreground {along}, divided by the golden part's: the {side} of a rectangle",
            transform="log",
            tolerance=0.01,
            tolerance_unit=_LN,
            up="part_larger",
            down="part_smaller",
        )
        for side, along in (("width", "from left to right"), ("height", "from top to bottom"))
    ),
    ChannelSpec(
        name="outline_roughness",
        family="geometry",
        unit="px",
        meaning="what closing and opening with a disc of 5 px of the small image change, per pixel of outline: burrs and nicks",
        transform="log",
        tolerance=0.1,
        tolerance_unit=_LN,
        up="outline_rougher",
        down="outline_smoother",
    ),
    ChannelSpec(
        name="part_margin",
        family="geometry",
        unit="px",
        meaning="distance of the part's bounding box to the nearest edge of its field; not measured where the golden part is at it",
        transform="none",
        tolerance=2.0,
        tolerance_unit="px",
        up="part_further_inside",
        down="part_nearer_edge",
    ),
)

MATERIAL_CHANNELS: tuple[ChannelSpec, ...] = (
    *(
        ChannelSpec(
            name=f"texture_{scale}",
            family="material",
            unit="1/px²",
            meaning=f"gradient energy inside the part on {where}, divided by its mean grey squared",
            transform="log",
            tolerance=0.1,
            tolerance_unit=_LN,
            up="texture_rougher",
            down="texture_smoother",
        )
        for scale, where in (("fine", "the small image"), ("medium", "half of it"), ("coarse", "a quarter of it"))
    ),
    ChannelSpec(
        name="coherence",
        family="material",
        unit="share",
        meaning="how far the texture inside the part points one way: 0 no direction, 1 stripes",
        transform="none",
        tolerance=0.05,
        tolerance_unit="share",
        up="texture_directed",
        down="texture_undirected",
    ),
    ChannelSpec(
        name="reflectance",
        family="material",
        unit="ratio",
        meaning="mean grey of the part divided by that of the fixtures (of the frame where none are drawn): a dimmer lamp cancels",
        transform="log",
        tolerance=0.03,
        tolerance_unit=_LN,
        up="part_brighter",
        down="part_darker",
    ),
    *(
        ChannelSpec(
            name=f"part_{colour}_green",
            family="material",
            unit="ratio",
            meaning=f"mean {colour} of the part divided by its mean green; not measured on grey frames",
            transform="log",
            tolerance=0.01,
            tolerance_unit=_LN,
            up=up,
            down=down,
        )
        for colour, up, down in (("red", "part_redder", "part_less_red"), ("blue", "part_bluer", "part_less_blue"))
    ),
)

REFERENCE_CHANNELS = (*CAMERA_CHANNELS, *PART_CHANNELS, *OUTLINE_CHANNELS, *MATERIAL_CHANNELS)


def reference_channels(reference: Reference) -> tuple[ChannelSpec, ...]:
    """What is measured with a reference, in the order of its values: a channel that nothing is drawn for does not exist."""
    unit = "px" if reference.px_per_mm is None else "mm"
    return (
        *(CAMERA_CHANNELS if reference.fixtures else ()),
        *(PART_CHANNELS if reference.part else ()),
        *(OUTLINE_CHANNELS if reference.part and reference.outline != "none" else ()),
        *(MATERIAL_CHANNELS if reference.part else ()),
        *(
            ChannelSpec(
                name=caliper.name,
                family="geometry",
                unit=unit,
                meaning="distance of the two edges along the drawn caliper",
                transform="none",
                tolerance=caliper.tolerance,
                tolerance_unit=unit,
                up="measure_larger",
                down="measure_smaller",
            )
            for caliper in reference.calipers
        ),
    )


def as_markdown() -> str:
    """The table as the page docs/channels.md."""
    lines = [
        "# Channels",
        "",
        f"Generated from `detectors/channels/table.py`, version {TABLE_VERSION}. Do not edit.",
        "",
        "Statistics run on the value after its transform. The tolerance is the change too small to matter, after the transform, in",
        "its unit: `ln` is the natural logarithm of a ratio (0.01 is about 1 %), `ln odds` is ln(p / (1 - p)). Set another one per",
        "station under `[stations.baseline.tolerances]`, by channel name. A value that cannot be measured (colour on a grey frame,",
        "focus on a patch of one grey) is missing: it adds no evidence. Clipped shares are constant on most well-set stations, and",
        "a channel that is constant in the baseline is refused when it arms; brightness and contrast see clipping there.",
        "",
        "The families camera, geometry and material exist where a view has a reference (`[[stations.references]]`): camera where",
        "fixtures are drawn, the others where the part is, its outline where it stands out; each caliper is one more channel, in",
        "mm where `px_per_mm` is set. What is not drawn takes no share of the false-alarm budget. A changed golden frame or",
        "drawing is another reference, and learns anew.",
        "",
        "The family measurements is what the vision tool itself measures and sends (`measurements` in the records): one channel",
        "for each that `[[stations.measurements]]` declares, in its unit. Those that arrive undeclared are not watched;",
        "`linewarden status` and `doctor` list them with a declaration to paste. All of a part's learn together; one that comes",
        "later, or is declared later, learns by itself while the others stay watched, and one declared with another unit or",
        "transform learns anew with those it learned with. A record in which one is missing, null, or outside `lowest` to",
        "`highest` says nothing about it.",
    ]
    for family, scope in SCOPES.items():
        if family == "measurements":
            lines += ["", f"## {family}", "", f"One baseline per {', '.join(scope)}. A rise is said as larger, a fall as smaller."]
            continue
        lines += [
            "",
            f"## {family}",
            "",
            f"One baseline per {', '.join(scope)}.",
            "",
            "| channel | unit | what it is | transform | tolerance | rise means | fall means |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| `{c.name}` | {c.unit} | {c.meaning} | {c.transform} | {c.tolerance:g} {c.tolerance_unit} "
            f"| {_words(c.up)} | {_words(c.down)} |"
            for c in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS)
            if c.family == family
        ]
    return "\n".join(lines) + "\n"


def _words(code: str) -> str:
    return code.replace("_", " ")
