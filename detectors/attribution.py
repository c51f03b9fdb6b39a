"""Attribution: from what left its baseline, and when, to causes ranked with reasons. Likely, never certain.

METHODS 7 as a table: each `Clue` is something that was seen, or watched for and not seen, or came before something else; it speaks
for some causes and against others. Clues add up on a log scale from the same start for every cause, so that a share is comparable
between causes of one attribution and is no probability of a cause in a plant. The weights are judgement, written before they were
scored; `benchmarks/simulated/attribution.py` has what they are worth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from detectors.channels.table import TILES
from detectors.contract import Onset

_LEFT_UP: Final = ("top_left_brighter", "bottom_left_brighter")
_RIGHT_UP: Final = ("top_right_brighter", "bottom_right_brighter")
_LEFT_DOWN: Final = ("top_left_darker", "bottom_left_darker")
_RIGHT_DOWN: Final = ("top_right_darker", "bottom_right_darker")
_SIDE_DOWN: Final = ("left_darker", "right_darker", "top_darker", "bottom_darker")
_PLACES: Final = tuple(f"{place}_{kind}" for place in TILES for kind in ("darker", "brighter"))
_LIGHT: Final = ("darker", "brighter", *_PLACES, "contrast_*")
_BLURRED: Final = ("blurred", "detail_lost", "*_blurred")
_WAYS: Final = ("left", "right", "higher", "lower", "turned", "turned_back")
_CAMERA_SHIFTED: Final = tuple(f"view_{way}" for way in _WAYS)
_CAMERA_MOVED: Final = (*_CAMERA_SHIFTED, "view_larger", "view_smaller")
_PART_MOVED: Final = (*(f"part_{way}" for way in _WAYS), "part_nearer_edge", "part_further_inside")
_SHIFTED: Final = (*_CAMERA_MOVED, *_PART_MOVED)
_REFLECTANCE: Final = ("part_brighter", "part_darker")
_SCORES: Final = ("scores_*", "nearer_threshold", "further_from_threshold")


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing out of control. code: what, and which way (`darker`); channel: of what, where a code has an opposite.

    size: the shift in multiples of its tolerance, 0 where it has none.
    """

    family: str
    code: str
    onset: Onset
    channel: str = ""
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Happening:
    """An event at the station (kind: lot, tool, lamp, cleaning, camera, recipe, maintenance, model, software), by part index."""

    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """One cause. share: its part of all causes' weight, 0 to 1. reasons: clues that speak for it, strongest first."""

    cause: str
    share: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribution:
    """causes: most likely first. harm: shown by truth or identity; drift alone never shows it. blind: families that were
    watching and saw nothing of it.
    """

    causes: tuple[LikelyCause, ...]
    harm: bool
    blind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clue:
    """One row of the table; every condition given must hold. Codes may hold `*`.

    seen: any of these codes is there. all_of: each of these has one. no_code: none of these is there. unseen: nothing was seen of
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


HARM: Final = frozenset({"outcomes", "challenge", "identity"})
"""Families that show harm; all others show that something is different."""
IMAGING: Final = ("lighting", "optics", "camera", "geometry", "material", "measurements")

CLUES: Final[tuple[Clue, ...]] = (
    # Light. What the lamp does, it does to part and fixtures alike; other material changes the part alone, a veil all contrasts.
    Clue("darker", {"lamp": 1.5, "window": 0.5, "material": 0.5, "lamp_segment": 0.5}, seen=("darker",)),
    Clue("brighter", {"lamp": 1.5, "material": 0.5}, seen=("brighter",)),
    Clue("alike_everywhere", {"lamp": 2.0}, seen=("darker", "brighter"), no_code=(*_PLACES, "contrast_*", *_REFLECTANCE)),
    Clue("part_and_fixtures_alike", {"lamp": 1.0, "lamp_segment": 1.0}, seen=("darker",), unseen=("material",)),
    Clue(
        "corners_brighter", {"window": 1.5, "material": 1.0, "lamp_segment": -1.5}, all_of=(_LEFT_UP, _RIGHT_UP), no_code=_SHIFTED
    ),
    Clue("corners_darker", {"material": 1.5, "lamp_segment": -1.5}, all_of=(_LEFT_DOWN, _RIGHT_DOWN), no_code=_SHIFTED),
    Clue(
        "part_greyer", {"material": 1.5, "window": -1.0, "lamp": -1.0}, all_of=(_LEFT_UP, _RIGHT_UP, ("darker",)), no_code=_SHIFTED
    ),
    Clue("part_lighter", {"material": 1.5, "lamp": -1.0}, all_of=(_LEFT_DOWN, _RIGHT_DOWN, ("brighter",)), no_code=_SHIFTED),
    Clue("contrast_lower", {"window": 1.5, "material": 0.3}, seen=("contrast_lower",)),
    Clue(
        "veil",
        {"window": 3.0, "material": -1.5},
        seen=("contrast_lower",),
        no_code=("darker", "brighter", "texture_rougher", *_SHIFTED),
    ),
    Clue("contrast_higher", {"lamp": 0.3, "material": 0.5}, seen=("contrast_higher",)),
    Clue("place_changed", {"lamp_segment": 1.0, "window": 0.3}, seen=_PLACES, no_code=_SHIFTED),
    Clue("one_side_darker", {"lamp_segment": 3.0}, all_of=(_SIDE_DOWN, ("darker",)), no_code=_SHIFTED),
    Clue("whites_clipped", {"lamp": 1.5}, seen=("clipped_more", "clipped_less")),
    Clue("blacks_clipped", {"lamp": 1.0, "window": 0.3}, seen=("blacks_clipped_more", "blacks_clipped_less")),
    Clue("colour", {"lamp": 1.0, "material": 0.5}, seen=("redder", "less_red", "bluer", "less_blue")),
    # Focus and grain.
    Clue("less_sharp", {"focus": 2.0, "window": 0.3}, seen=_BLURRED),
    Clue("less_sharp_unmoved", {"focus": 1.5}, seen=_BLURRED, unseen=("camera",)),
    Clue("less_sharp_alone", {"focus": 1.0}, seen=_BLURRED, unseen=("lighting",)),
    Clue("sharper", {"material": 0.3, "focus": 0.5}, seen=("sharper", "finer_detail", "*_sharper")),
    Clue("grainier", {"lamp": 0.5, "focus": 0.2}, seen=("grainier", "smoother")),
    # Where things are: fixtures cannot move in the picture unless the camera does.
    Clue("fixtures_moved", {"camera": 6.0}, seen=_CAMERA_SHIFTED),
    Clue("fixtures_scaled", {"camera": 4.0}, seen=("view_larger", "view_smaller"), no_code=_BLURRED),
    Clue("fixtures_scaled_blurred", {"focus": 1.0, "camera": 1.0}, seen=("view_larger", "view_smaller"), all_of=(_BLURRED,)),
    Clue("fixtures_hidden", {"window": 0.5, "focus": 0.5, "camera": 0.5}, seen=("fixtures_hidden", "fixtures_clearer")),
    Clue("part_alone_moved", {"fixture": 4.0}, seen=_PART_MOVED, no_code=_CAMERA_MOVED),
    Clue("part_moved_too", {"fixture": 1.0}, seen=_PART_MOVED, all_of=(_CAMERA_MOVED,)),
    Clue("measure_changed", {"tool": 4.0}, seen=("measure_larger", "measure_smaller"), no_code=_BLURRED),
    Clue("measure_changed_blurred", {"tool": 1.0}, seen=("measure_larger", "measure_smaller"), all_of=(_BLURRED,)),
    Clue("outline_changed", {"tool": 2.0}, seen=("part_larger", "part_smaller", "outline_*"), no_code=(*_BLURRED, *_CAMERA_MOVED)),
    Clue("part_looks_other", {"tool": 0.5, "material": 0.5, "new_defect": 0.3}, seen=("part_other", "part_clearer")),
    # The material of the part, against the fixtures in the same light.
    Clue("reflectance_changed", {"material": 2.5, "lamp": -1.5}, seen=_REFLECTANCE, no_code=_SIDE_DOWN),
    Clue("part_colour", {"material": 2.5}, seen=("part_redder", "part_less_red", "part_bluer", "part_less_blue")),
    Clue("texture_changed", {"material": 1.0}, seen=("texture_*",), no_code=_BLURRED),
    Clue("texture_alone", {"material": 2.0}, seen=("texture_*",), unseen=("optics",), no_code=("measure_*", "part_larger")),
    Clue("novel_parts", {"material": 0.5, "new_defect": 0.5}, seen=("novel*",)),
    # The model, and the truth.
    Clue("scores_without_picture", {"material": 1.0, "tool": 1.0, "model": 0.5}, seen=_SCORES, unseen=IMAGING),
    Clue("picture_first", {"lamp": 0.3, "window": 0.3, "focus": 0.3, "lamp_segment": 0.3}, seen=_SCORES, first=IMAGING),
    Clue("scores_with_picture", {"material": 1.0}, seen=_SCORES, all_of=(_LIGHT,), unseen=("camera", "optics"), no_code=_SIDE_DOWN),
    Clue("picture_without_scores", {"lamp": 0.5, "window": 0.5, "lamp_segment": 0.5}, seen=_LIGHT, unseen=("scores",)),
    Clue("more_rejected", {"material": 0.5, "tool": 0.5}, seen=("reject_rate_higher",)),
    Clue("fewer_rejected", {"model": 0.5, "threshold": 0.5, "focus": 0.3}, seen=("reject_rate_lower",)),
    Clue(
        "rejects_without_scores", {"threshold": 2.0}, seen=("reject_rate_higher", "reject_rate_lower"), unseen=("scores", *IMAGING)
    ),
    Clue("escapes_unseen", {"new_defect": 4.0}, seen=("bad_parts_passed",), unseen=("scores", "identity", *IMAGING)),
    Clue("escapes", {"new_defect": 0.5}, seen=("bad_parts_passed",)),
    # What judges.
    Clue("model_changed", {"model": 6.0}, seen=("model_changed", "runtime_changed", "settings_changed", "model_untold")),
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


def attribute(symptoms: Sequence[Symptom], happenings: Sequence[Happening], watched: Collection[str]) -> Attribution:
    """Causes of what was seen, ranked; those with more against them than for them are left out.

    watched: families that were armed, whether they saw something or not: silence of a family that was not watching says nothing.
    """
    scene = _Scene.of(symptoms, happenings, watched)
    held = [clue for clue in CLUES if scene.shows(clue)]
    weights = {cause: sum(clue.speaks.get(cause, 0.0) for clue in held) for cause in CAUSES}
    standing = {cause: math.exp(weight) for cause, weight in weights.items() if weight > 0.0}
    total = sum(standing.values())
    ranked = sorted(standing, key=lambda cause: (-standing[cause], CAUSES.index(cause)))
    harm = bool(scene.families & HARM)
    return Attribution(
        causes=tuple(LikelyCause(cause, standing[cause] / total, _reasons(held, cause)) for cause in ranked),
        harm=harm,
        blind=tuple(sorted(frozenset(watched) - scene.families - HARM)) if harm else (),
    )


def joined(known: Sequence[Symptom], more: Sequence[Symptom]) -> tuple[Symptom, ...]:
    """Symptoms with more of them taken in: one seen before keeps its onset and its largest size; the other way round, it is new."""
    by_channel = {symptom.channel or symptom.code: symptom for symptom in known}
    for symptom in more:
        key = symptom.channel or symptom.code
        before = by_channel.get(key)
        if before is not None and before.code == symptom.code:
            by_channel[key] = replace(before, size=max(before.size, symptom.size))
        else:
            by_channel.pop(key, None)
            by_channel[key] = symptom
    return tuple(by_channel.values())


@dataclass(frozen=True, slots=True)
class _Scene:
    """What clues are held against. since, until: the onset interval of what was seen first; (0, -1) where nothing was."""

    codes: frozenset[str]
    families: frozenset[str]
    onset_of: Mapping[str, int]  # by family, the earliest estimate
    watched: frozenset[str]
    events: tuple[Happening, ...]
    since: int
    until: int

    @classmethod
    def of(cls, symptoms: Sequence[Symptom], happenings: Sequence[Happening], watched: Collection[str]) -> _Scene:
        onset_of: dict[str, int] = {}
        for symptom in symptoms:
            onset_of[symptom.family] = min(symptom.onset.estimate, onset_of.get(symptom.family, symptom.onset.estimate))
        first = min((symptom.onset for symptom in symptoms), key=lambda onset: onset.estimate, default=Onset(0, 0, -1))
        return cls(
            codes=frozenset(symptom.code for symptom in symptoms),
            families=frozenset(onset_of),
            onset_of=onset_of,
            watched=frozenset(watched),
            events=tuple(happenings),
            since=first.earliest,
            until=first.latest,
        )

    def shows(self, clue: Clue) -> bool:
        """Whether every condition of a clue holds."""
        return (
            (not clue.seen or self._has(clue.seen))
            and all(self._has(codes) for codes in clue.all_of)
            and not (clue.no_code and self._has(clue.no_code))
            and (not clue.unseen or self._is_quiet(clue.unseen))
            and (not clue.event or any(e.kind in clue.event and self.since <= e.at <= self.until for e in self.events))
            and (not clue.first or self._is_first(clue.first))
        )

    def _has(self, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(code, pattern) for code in self.codes for pattern in patterns)

    def _is_quiet(self, families: tuple[str, ...]) -> bool:
        return not self.families.intersection(families) and bool(self.watched.intersection(families))

    def _is_first(self, families: tuple[str, ...]) -> bool:
        mine = [onset for family, onset in self.onset_of.items() if family in families]
        others = [onset for family, onset in self.onset_of.items() if family not in (*families, "outcomes")]
        return bool(mine) and bool(others) and min(mine) < min(others)


def _reasons(held: Sequence[Clue], cause: str) -> tuple[str, ...]:
    """Clues for a cause, strongest first."""
    speaking = [clue for clue in held if clue.speaks.get(cause, 0.0) > 0.0]
    return tuple(clue.reason for clue in sorted(speaking, key=lambda clue: -clue.speaks[cause]))
