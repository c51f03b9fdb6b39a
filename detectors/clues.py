"""What speaks for which cause, and what each cause can account for: METHODS 7 as two tables. `detectors/attribution.py` reads them.

Each `Clue` is something that was seen, or watched for and not seen, or came before something else. The weights are judgement, on
a log scale; `docs/causes.md` has what they are worth. A pattern is matched against a sign's code (`darker`), and against the code
behind its family (`camera:varies_more`), its channel (`luminance:varies_more`) or its test (`run_means:darker`); `*` stands for
anything. Beside the signs there are shapes, which several signs make together (`side_darker`; see `shapes`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from detectors.channels.table import TILES

HARM: Final = frozenset({"outcomes", "challenge", "identity"})
"""Families that show harm; all others show that something is different."""
IMAGING: Final = ("lighting", "optics", "camera", "geometry", "material", "measurements")

_OPPOSITE: Final = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_LEFT_UP: Final = ("top_left_brighter", "bottom_left_brighter")
_RIGHT_UP: Final = ("top_right_brighter", "bottom_right_brighter")
_LEFT_DOWN: Final = ("top_left_darker", "bottom_left_darker")
_RIGHT_DOWN: Final = ("top_right_darker", "bottom_right_darker")
_SIDE_DOWN: Final = tuple(f"{side}_darker" for side in _OPPOSITE)
_PLACES: Final = tuple(f"{place}_{kind}" for place in TILES for kind in ("darker", "brighter"))
_LIGHT: Final = ("darker", "brighter", *_PLACES, "contrast_*")
_BLURRED: Final = ("blurred", "detail_lost", "*_blurred")
_WAYS: Final = ("left", "right", "higher", "lower", "turned", "turned_back")
_CAMERA_SHIFTED: Final = tuple(f"view_{way}" for way in _WAYS)
_CAMERA_MOVED: Final = (*_CAMERA_SHIFTED, "view_larger", "view_smaller")
_PART_MOVED: Final = (*(f"part_{way}" for way in _WAYS), "part_nearer_edge", "part_further_inside")
_SHIFTED: Final = (*_CAMERA_MOVED, *_PART_MOVED)
_LOOSE: Final = ("part_shift_*:varies_more", "part_rotation:varies_more")
_MEASURE: Final = ("measure_larger", "measure_smaller")
_OUTLINE: Final = ("part_larger", "part_smaller", "outline_*")
_REFLECTANCE: Final = ("part_brighter", "part_darker")
_SCORES: Final = ("scores_*", "nearer_threshold", "further_from_threshold")
_COLOUR: Final = ("redder", "less_red", "bluer", "less_blue")
_PART_COLOUR: Final = tuple(f"part_{colour}" for colour in _COLOUR)
_MODEL: Final = ("model_changed", "runtime_changed", "settings_changed", "model_untold")


@dataclass(frozen=True, slots=True)
class Clue:
    """One row of the table; every condition given must hold.

    seen: any of these is there. all_of: each of these has one. no_code: none of these is there. unseen: nothing was seen of
    these families, and at least one of them was watching. event: of this kind, inside the onset interval of what was seen first.
    first: the onset of these families is estimated before every other family's but `outcomes`.
    """

    reason: str
    speaks: Mapping[str, float]
    seen: tuple[str, ...] = ()
    all_of: tuple[tuple[str, ...], ...] = ()
    unseen: tuple[str, ...] = ()
    no_code: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


CLUES: Final[tuple[Clue, ...]] = (
    # Light. What the lamp does, it does to part and fixtures alike; other material changes the part alone, a veil all contrasts.
    Clue("darker", {"lamp": 1.5, "window": 0.5, "material": 0.5, "lamp_segment": 0.5}, seen=("darker",)),
    Clue("brighter", {"lamp": 1.5, "material": 0.5, "stray_light": 0.7}, seen=("brighter",)),
    Clue("alike_everywhere", {"lamp": 2.0}, seen=("darker", "brighter"), no_code=(*_PLACES, "contrast_*", *_REFLECTANCE)),
    Clue("part_and_fixtures_alike", {"lamp": 1.0, "lamp_segment": 1.0}, seen=("darker",), unseen=("material",)),
    Clue(
        "corners_brighter",
        {"window": 1.5, "material": 1.0, "stray_light": 1.0, "lamp_segment": -1.5},
        all_of=(_LEFT_UP, _RIGHT_UP),
        no_code=("tilted", *_SHIFTED),
    ),
    Clue(
        "corners_darker", {"material": 1.5, "lamp_segment": -1.5}, all_of=(_LEFT_DOWN, _RIGHT_DOWN), no_code=("tilted", *_SHIFTED)
    ),
    Clue(
        "part_greyer", {"material": 1.5, "window": -1.0, "lamp": -1.0}, all_of=(_LEFT_UP, _RIGHT_UP, ("darker",)), no_code=_SHIFTED
    ),
    Clue("part_lighter", {"material": 1.5, "lamp": -1.0}, all_of=(_LEFT_DOWN, _RIGHT_DOWN, ("brighter",)), no_code=_SHIFTED),
    Clue("contrast_lower", {"window": 1.5, "material": 0.3, "stray_light": 0.7}, seen=("contrast_lower",)),
    Clue(
        "veil",
        {"window": 3.0, "material": -1.5},
        seen=("contrast_lower",),
        no_code=("darker", "brighter", "texture_rougher", *_SHIFTED),
    ),
    # Light that is added everywhere lifts what is dark most: the mean rises, every ratio falls.
    Clue(
        "darks_lifted",
        {"stray_light": 3.5, "lamp": -1.5, "window": -1.0, "material": -1.0},
        all_of=(("brighter",), ("contrast_lower",)),
        no_code=("texture_rougher", "part_brighter", *_SHIFTED),
    ),
    Clue("contrast_higher", {"lamp": 0.3, "material": 0.5}, seen=("contrast_higher",)),
    Clue(
        "place_changed",
        {"lamp_segment": 1.0, "camera": 0.7, "fixture": 0.7, "window": 0.3, "material": 0.3},
        seen=_PLACES,
        no_code=_SHIFTED,
    ),
    Clue("one_side_darker", {"lamp_segment": 3.0}, all_of=(_SIDE_DOWN, ("darker",)), no_code=_SHIFTED),
    Clue("whole_side_darker", {"lamp_segment": 1.0}, seen=("side_darker",), no_code=_SHIFTED),
    # A bright thing that moves makes one side darker and the other brighter, and the whole neither.
    Clue(
        "moved_in_picture",
        {"fixture": 1.3, "camera": 1.0, "lamp_segment": -1.0},
        seen=("moved",),
        no_code=("darker", "brighter", "side_darker", *_SHIFTED),
    ),
    Clue("corners_opposed", {"fixture": 1.0, "camera": 1.0}, seen=("tilted",), no_code=("darker", "brighter", *_SHIFTED)),
    Clue("whites_clipped", {"lamp": 1.5}, seen=("clipped_more", "clipped_less")),
    Clue("blacks_clipped", {"lamp": 1.0, "window": 0.3, "stray_light": 0.3}, seen=("blacks_clipped_more", "blacks_clipped_less")),
    Clue("colour", {"lamp": 1.0, "material": 0.5, "stray_light": 0.5}, seen=_COLOUR),
    Clue("light_varies", {"lamp": 3.0, "material": 0.3}, seen=("luminance:varies_more",), no_code=_SHIFTED),
    # Focus and grain.
    Clue("less_sharp", {"focus": 2.0, "window": 0.3}, seen=_BLURRED),
    Clue("less_sharp_unmoved", {"focus": 1.5}, seen=_BLURRED, unseen=("camera",)),
    Clue("less_sharp_alone", {"focus": 1.0}, seen=_BLURRED, unseen=("lighting",)),
    Clue("sharper", {"material": 0.3, "focus": 0.5}, seen=("sharper", "finer_detail", "*_sharper")),
    Clue("grainier", {"lamp": 0.5, "focus": 0.2}, seen=("grainier", "smoother")),
    Clue("sharpness_varies", {"camera": 0.5, "focus": 0.5, "fixture": 0.5}, seen=("optics:varies_more",), no_code=_BLURRED),
    # Where things are: fixtures cannot move in the picture unless the camera does.
    Clue("fixtures_moved", {"camera": 6.0}, seen=_CAMERA_SHIFTED),
    Clue("fixtures_scaled", {"camera": 4.0}, seen=("view_larger", "view_smaller"), no_code=_BLURRED),
    Clue("fixtures_scaled_blurred", {"focus": 1.0, "camera": 1.0}, seen=("view_larger", "view_smaller"), all_of=(_BLURRED,)),
    Clue("fixtures_hidden", {"window": 0.5, "focus": 0.5, "camera": 0.5}, seen=("fixtures_hidden", "fixtures_clearer")),
    Clue("fixtures_shake", {"camera": 4.0}, seen=("camera_*:varies_more",), no_code=_BLURRED),
    Clue("part_alone_moved", {"fixture": 4.0}, seen=_PART_MOVED, no_code=_CAMERA_MOVED),
    Clue("part_moved_too", {"fixture": 1.0}, seen=_PART_MOVED, all_of=(_CAMERA_MOVED,)),
    # A blur of the whole picture makes poses uncertain; parts that lie loosely blur a place they cross, and no more.
    Clue("part_lies_loosely", {"fixture": 3.5}, seen=_LOOSE, no_code=("blurred", "detail_lost")),
    Clue(
        "places_crossed_blurred",
        {"fixture": 1.0, "focus": -3.0},
        seen=_LOOSE,
        all_of=(("*_blurred",),),
        no_code=("blurred", "detail_lost"),
    ),
    Clue("measure_changed", {"tool": 4.0}, seen=_MEASURE, no_code=_BLURRED),
    Clue("measure_changed_blurred", {"tool": 1.0}, seen=_MEASURE, all_of=(_BLURRED,)),
    Clue("outline_changed", {"tool": 2.0}, seen=_OUTLINE, no_code=(*_BLURRED, *_CAMERA_MOVED)),
    Clue("shape_varies", {"tool": 1.0, "fixture": 0.5}, seen=("geometry:varies_more",), no_code=(*_BLURRED, *_CAMERA_MOVED)),
    Clue("part_looks_other", {"tool": 0.5, "material": 0.5, "new_defect": 0.3}, seen=("part_other", "part_clearer")),
    # The material of the part, against the fixtures in the same light.
    Clue("reflectance_changed", {"material": 2.5, "lamp": -1.5}, seen=_REFLECTANCE, no_code=_SIDE_DOWN),
    Clue("part_colour", {"material": 2.5}, seen=_PART_COLOUR),
    Clue("texture_changed", {"material": 1.0}, seen=("texture_*",), no_code=_BLURRED),
    Clue("texture_rougher", {"material": 1.5}, seen=("texture_rougher",), no_code=("darker", "grainier", *_SIDE_DOWN)),
    Clue("texture_alone", {"material": 2.0}, seen=("texture_*",), unseen=("optics",), no_code=("measure_*", "part_larger")),
    Clue("surface_varies", {"material": 1.0}, seen=("material:varies_more",), no_code=(*_BLURRED, *_SHIFTED)),
    Clue("novel_parts", {"material": 0.5, "new_defect": 0.5}, seen=("novelty:*", "novel*")),
    Clue("novel_without_picture", {"new_defect": 1.5}, seen=("novelty:*", "novel*"), unseen=("lighting", "optics", "camera")),
    # What differs from lot to lot or set-up to set-up has moved for all of them: not what ages from part to part.
    Clue("between_runs", {"material": 0.7, "tool": 0.7, "fixture": 0.4}, seen=("run_means:*",)),
    # The model, and the truth.
    Clue("scores_without_picture", {"material": 1.0, "tool": 1.0, "model": 0.5}, seen=_SCORES, unseen=IMAGING),
    Clue("scores_vary", {"material": 0.3, "tool": 0.3, "new_defect": 0.3}, seen=("scores:varies_more",)),
    Clue("picture_first", {"lamp": 0.3, "window": 0.3, "focus": 0.3, "lamp_segment": 0.3}, seen=_SCORES, first=IMAGING),
    Clue("scores_with_picture", {"material": 1.0}, seen=_SCORES, all_of=(_LIGHT,), unseen=("camera", "optics"), no_code=_SIDE_DOWN),
    Clue("picture_without_scores", {"lamp": 0.5, "window": 0.5, "lamp_segment": 0.5}, seen=_LIGHT, unseen=("scores",)),
    Clue("more_rejected", {"material": 0.5, "tool": 0.5}, seen=("reject_rate_higher",)),
    Clue("fewer_rejected", {"model": 0.5, "threshold": 0.5, "focus": 0.3}, seen=("reject_rate_lower",)),
    Clue(
        "rejects_without_scores", {"threshold": 2.0}, seen=("reject_rate_higher", "reject_rate_lower"), unseen=("scores", *IMAGING)
    ),
    Clue("other_classes", {"tool": 0.5, "material": 0.5, "new_defect": 0.5, "model": 0.5}, seen=("class_mix:*",)),
    Clue("new_classes", {"new_defect": 1.5, "model": 0.5}, seen=("classes_new_more",)),
    Clue("escapes_unseen", {"new_defect": 4.0}, seen=("bad_parts_passed",), unseen=("scores", "identity", *IMAGING)),
    Clue("escapes", {"new_defect": 0.5}, seen=("bad_parts_passed",)),
    # What judges.
    Clue("model_changed", {"model": 6.0}, seen=_MODEL),
    Clue("threshold_changed", {"threshold": 6.0}, seen=("threshold_changed",)),
    # What was done. Lots change often, so that one near an onset says little.
    Clue("lot_event", {"material": 1.0}, event=("lot",)),
    Clue("lamp_event", {"lamp": 1.5, "lamp_segment": 0.5}, event=("lamp",)),
    Clue("cleaning_event", {"window": 0.5, "focus": 0.5, "camera": 0.5}, event=("cleaning",)),
    Clue("camera_event", {"camera": 1.5, "focus": 1.0}, event=("camera",)),
    Clue("tool_event", {"tool": 1.5, "fixture": 0.5}, event=("tool", "maintenance")),
    Clue("software_event", {"model": 1.5, "threshold": 0.5}, event=("model", "software")),
)
CAUSES: Final = tuple(dict.fromkeys(cause for clue in CLUES for cause in clue.speaks))
"""Every cause there is a clue for."""

_ANY: Final = ("scores:*", "rates:*", "class_mix:*", "novelty:*", "outcomes:*", "challenge:*")  # what judging makes of anything
_SIDE: Final = 2.0  # a side effect: at most so many tolerances
ACCOUNTS: Final[Mapping[str, Mapping[str, float]]] = {
    "lamp": {
        **dict.fromkeys((*_ANY, "darker", "brighter", "*clipped_*", *_COLOUR, "grainier", "smoother", "lighting:varies_*"), inf),
        **dict.fromkeys(("lighting:*", "optics:*", "material:*", "fixtures_*", "part_other", "part_clearer"), _SIDE),
        **dict.fromkeys(("optics:varies_*", "material:varies_*"), inf),
    },
    "lamp_segment": dict.fromkeys(
        (*_ANY, "lighting:*", "optics:*", "material:*", "fixtures_*", "part_other", "geometry:varies_*"), inf
    ),
    "window": {
        **dict.fromkeys((*_ANY, "contrast_lower", *_PLACES, "*clipped_*", "material:*", "fixtures_*", "part_other"), inf),
        **dict.fromkeys(("darker", "brighter", "optics:*", "outline_*", "lighting:varies_*"), _SIDE),
    },
    "stray_light": dict.fromkeys((*_ANY, "lighting:*", "optics:*", "material:*", "fixtures_*", "part_other"), inf),
    "focus": {
        **dict.fromkeys((*_ANY, "optics:*", "material:*", "geometry:*", "view_larger", "view_smaller", "fixtures_*"), inf),
        **dict.fromkeys(("lighting:*", "camera:*"), _SIDE),
        **dict.fromkeys(_REFLECTANCE, _SIDE),
    },
    "camera": {
        **dict.fromkeys((*_ANY, "camera:*", *_PLACES, "contrast_*", "optics:*", "part_nearer_edge", "part_further_inside"), inf),
        **dict.fromkeys(("*:varies_*", "part_other", "part_clearer"), inf),
        **dict.fromkeys(("lighting:*", "geometry:*", "material:*"), _SIDE),
        "texture_*": 3.0,  # the part's mask cuts other pixels where it has moved far
    },
    "fixture": {
        **dict.fromkeys((*_ANY, *_PART_MOVED, *_PLACES, "optics:*", "part_other", "texture_*"), inf),
        **dict.fromkeys(("geometry:varies_*", "lighting:varies_*", "optics:varies_*", "material:varies_*"), inf),
        **dict.fromkeys(("lighting:*", "geometry:*", "material:*"), _SIDE),
    },
    "tool": {
        **dict.fromkeys((*_ANY, *_MEASURE, *_OUTLINE, "part_other", *_PLACES, "optics:*", "texture_*"), inf),
        **dict.fromkeys(("geometry:varies_*", "lighting:varies_*", "optics:varies_*", "material:varies_*"), inf),
        **dict.fromkeys(("lighting:*", "geometry:*", "material:*"), _SIDE),
    },
    "material": {
        **dict.fromkeys((*_ANY, "lighting:*", "optics:*", "material:*", "part_other", "part_clearer", "geometry:varies_*"), inf),
        **dict.fromkeys(("geometry:*", "fixtures_*"), _SIDE),
    },
    "new_defect": dict.fromkeys((*_ANY, "part_other", "geometry:varies_*", "material:varies_*", "optics:varies_*"), inf),
    "model": dict.fromkeys((*_ANY, "identity:*"), inf),
    "threshold": dict.fromkeys((*_ANY, "threshold_changed"), inf),
}
"""What a cause can bring about: patterns, each with the most tolerances of it that the cause explains."""


def shapes(codes: Collection[str]) -> frozenset[str]:
    """What several signs make together: `side_darker`, a side with both its corners; `moved`, darker here and brighter opposite;
    `tilted`, both corners of a side the one way and a corner of the opposite side the other.
    """
    found = set()
    for side, opposite in _OPPOSITE.items():
        corners = [place for place in TILES if "_" in place and side in place.split("_")]
        across = [place for place in TILES if "_" in place and opposite in place.split("_")]
        if all(f"{place}_darker" in codes for place in corners):
            found.add("side_darker")
        for way, other in (("darker", "brighter"), ("brighter", "darker")):
            if all(f"{place}_{way}" in codes for place in corners) and any(f"{place}_{other}" in codes for place in across):
                found.add("tilted")
        if f"{side}_darker" in codes and f"{opposite}_brighter" in codes:
            found.add("moved")
    return frozenset(found)
