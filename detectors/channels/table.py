"""The channel table: what each number is, its unit, how it is transformed, and which change of it is too small to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transform = Literal["none", "log", "logit"]

# The order, number or meaning of the image channels. Values of different versions are never mixed in one baseline.
TABLE_VERSION = 1

# What keys a baseline of each family (METHODS 2): a new model version must not throw the lighting baseline away.
SCOPES: dict[str, tuple[str, ...]] = {
    "lighting": ("station", "view", "position", "recipe"),
    "optics": ("station", "view", "position", "recipe"),
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
    in `tolerance_unit`. up, down: codes of the operator's words for a rise and a fall of the value.
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
    ]
    for family, scope in SCOPES.items():
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
            for c in (*IMAGE_CHANNELS, *SCORE_CHANNELS)
            if c.family == family
        ]
    return "\n".join(lines) + "\n"


def _words(code: str) -> str:
    return code.replace("_", " ")
