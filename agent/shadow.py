"""What a comparison of two models on the same frames found: part of a planned model change, and of its evidence."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

_Count = Annotated[int, Meta(ge=0)]
_Text = Annotated[str, Meta(max_length=256)]
# Flips a plan carries; the whole list goes to a file.
MOST_FLIPS = 200
MOST_GROUPS = 64


class Flip(Struct, frozen=True, omit_defaults=True):
    """A frame the two models judged differently. truth: ok | ng | empty where nobody looked."""

    part_id: _Text
    old: _Text
    new: _Text
    old_p: float | None = None
    new_p: float | None = None
    recipe: _Text = ""
    class_name: _Text = ""
    truth: _Text = ""


class Compared(Struct, frozen=True, omit_defaults=True):
    """Frames judged by both, of all or of one recipe and class. p: exact McNemar of the two kinds of flips.

    bad, good: frames whose truth is known. Of the bad ones they passed old_missed and new_missed, of the good ones they rejected
    old_overkill and new_overkill; mended, broken: frames of known truth that only the new, only the old model judged right, and
    truth_p their exact McNemar.
    """

    recipe: _Text
    class_name: _Text
    frames: _Count
    ok_to_ng: _Count
    ng_to_ok: _Count
    p: float
    flips_low: float  # 95 % bounds of the share of flips
    flips_high: float
    bad: _Count = 0
    old_missed: _Count = 0
    new_missed: _Count = 0
    good: _Count = 0
    old_overkill: _Count = 0
    new_overkill: _Count = 0
    mended: _Count = 0
    broken: _Count = 0
    truth_p: float = 1.0


class Comparison(Struct, frozen=True, omit_defaults=True):
    """Old and new side by side. sha256: of the two result files, empty where the store's own records were compared."""

    all: Compared
    groups: Annotated[tuple[Compared, ...], Meta(max_length=MOST_GROUPS)] = ()
    flips: Annotated[tuple[Flip, ...], Meta(max_length=MOST_FLIPS)] = ()
    only_old: _Count = 0  # frames that only one of them judged
    only_new: _Count = 0
    old_model: _Text = ""
    new_model: _Text = ""
    old_sha256: _Text = ""
    new_sha256: _Text = ""
