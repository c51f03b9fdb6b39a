"""Attribution: from what left its baseline, and when, to causes ranked with reasons. Likely, never certain.

METHODS 7 by the tables of `detectors/clues.py`: clues add up on a log scale from the same start for every cause, so that a
share is comparable between causes of one attribution and is no probability of a cause in a plant. What the first cause cannot
account for, by its nature, its size or its time, is attributed again on its own: where that points clearly to another cause,
there are two at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from detectors.clues import ACCOUNTS, CAUSES, CLUES, HARM, Clue, shapes
from detectors.contract import Onset

CHANNEL_MARK: Final = "\x1f"
"""Between what a channel belongs to and its name, in `Symptom.channel`; nowhere in a channel's name."""
SECOND_WEIGHT: Final = 2.5
"""What the first cause leaves over must weigh so much for another one to be named beside it: one strong clue, or several."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing out of control. code: what, and which way (`darker`); channel: of what, where a code has an opposite; its name
    follows the last CHANNEL_MARK. test: the detector, where a channel has several. size: the shift in multiples of its tolerance,
    0 where none.
    """

    family: str
    code: str
    onset: Onset
    channel: str = ""
    size: float = 0.0
    test: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What patterns are matched against."""
        channel = self.channel.rpartition(CHANNEL_MARK)[2]
        return self.code, f"{self.family}:{self.code}", f"{channel}:{self.code}", f"{self.test}:{self.code}"


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
    """causes: most likely first. harm: shown by truth or identity; drift alone never shows it. blind: families that were watching
    and saw nothing of it. both: no single cause accounts for what was seen, the first two do together.
    """

    causes: tuple[LikelyCause, ...]
    harm: bool
    blind: tuple[str, ...]
    both: bool = False


def attribute(symptoms: Sequence[Symptom], happenings: Sequence[Happening], watched: Collection[str]) -> Attribution:
    """Causes of what was seen, ranked; those with more against them than for them are left out.

    watched: families that were armed, whether they saw something or not: silence of a family that was not watching says nothing.
    """
    ranked = _weigh(symptoms, happenings, watched)
    both = False
    if ranked:
        first = ranked[0]
        left = _unaccounted(first.cause, symptoms)
        others = [other for other in _weigh(left, happenings, watched, symptoms) if other.cause != first.cause] if left else []
        if others and others[0].weight >= SECOND_WEIGHT:
            ranked, both = sorted([first, *others], key=lambda one: (-one.weight, CAUSES.index(one.cause))), True
            # a strong remainder may outweigh the first, never push it out of the first two
            if first not in ranked[:2]:
                ranked.remove(first)
                ranked.insert(1, first)
    families = frozenset(symptom.family for symptom in symptoms)
    harm = bool(families & HARM)
    total = sum(math.exp(one.weight) for one in ranked)
    return Attribution(
        causes=tuple(LikelyCause(one.cause, math.exp(one.weight) / total, one.reasons) for one in ranked),
        harm=harm,
        blind=tuple(sorted(frozenset(watched) - families - HARM)) if harm else (),
        both=both,
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


def _unaccounted(cause: str, symptoms: Sequence[Symptom]) -> list[Symptom]:
    """What a cause does not bring about at all, or not by so much, or not then: a side effect comes with its cause."""
    most = {symptom: _accounted_size(cause, symptom) for symptom in symptoms}
    own = [symptom.onset for symptom, size in most.items() if math.isinf(size)]
    since, until = min((o.earliest for o in own), default=0), max((o.latest for o in own), default=0)
    return [
        symptom
        for symptom, size in most.items()
        if symptom.size > size
        or size < 0.0
        or (own and not math.isinf(size) and (symptom.onset.latest < since or symptom.onset.earliest > until))
    ]


def _accounted_size(cause: str, symptom: Symptom) -> float:
    """The most tolerances of a symptom that a cause explains; below 0 where it explains nothing of it."""
    names = symptom.names
    return max((size for pattern, size in ACCOUNTS[cause].items() if _matches(names, pattern)), default=-1.0)


def _matches(names: Collection[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names) if "*" in pattern else pattern in names


@dataclass(frozen=True, slots=True)
class _Weighed:
    cause: str
    weight: float
    reasons: tuple[str, ...]


def _weigh(
    symptoms: Sequence[Symptom], happenings: Sequence[Happening], watched: Collection[str], all_seen: Sequence[Symptom] = ()
) -> list[_Weighed]:
    """Causes with more for them than against them, heaviest first. all_seen: where symptoms are a part of what was seen."""
    scene = _Scene.of(symptoms, happenings, watched, all_seen or symptoms)
    held = [clue for clue in CLUES if scene.shows(clue)]
    weights = {cause: sum(clue.speaks.get(cause, 0.0) for clue in held) for cause in CAUSES}
    found = [_Weighed(cause, weight, _reasons(held, cause)) for cause, weight in weights.items() if weight > 0.0]
    return sorted(found, key=lambda one: (-one.weight, CAUSES.index(one.cause)))


@dataclass(frozen=True, slots=True)
class _Scene:
    """What clues are held against. since, until: the onset interval of what was seen first; (0, -1) where nothing was."""

    names: frozenset[str]
    families: frozenset[str]  # of all that was seen: silence is of those that saw nothing at all
    onset_of: Mapping[str, int]  # by family, the earliest estimate
    watched: frozenset[str]
    events: tuple[Happening, ...]
    since: int
    until: int

    @classmethod
    def of(
        cls, symptoms: Sequence[Symptom], happenings: Sequence[Happening], watched: Collection[str], all_seen: Sequence[Symptom]
    ) -> _Scene:
        onset_of: dict[str, int] = {}
        for symptom in symptoms:
            onset_of[symptom.family] = min(symptom.onset.estimate, onset_of.get(symptom.family, symptom.onset.estimate))
        first = min((symptom.onset for symptom in symptoms), key=lambda onset: onset.estimate, default=Onset(0, 0, -1))
        return cls(
            names=frozenset(name for s in symptoms for name in s.names) | shapes({symptom.code for symptom in symptoms}),
            families=frozenset(symptom.family for symptom in all_seen),
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
        return any(_matches(self.names, pattern) for pattern in patterns)

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
