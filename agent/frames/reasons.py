"""Why a frame could not be measured: a closed set, because the reasons become metric labels."""

from __future__ import annotations

from typing import Literal, get_args

MissingReason = Literal[
    "not_found",  # no such file, or the record named none
    "outside_folder",  # the path leaves the frames folder, by dots, from the root or through a link
    "unreadable",  # not a regular file, no permission, or the disk failed
    "too_large",  # more bytes than frames.max_mb
    "too_many_pixels",  # more pixels than frames.max_megapixels, by its header
    "too_small",  # a side shorter than the channels can be measured on
    "unknown_format",  # not PNG, JPEG or BMP, or a variant of them that is not decoded here
    "truncated",  # the file ends before the picture does
    "undecodable",  # damaged, or it contradicts itself
    "out_of_memory",  # decoding needed more than frames.memory_mb
    "timeout",  # took longer than frames.timeout_s; the child was killed
    "child_died",  # the child ended while it had the frame, or cannot be started
]

# The position in this tuple is the reason's code on the wire between child and parent.
MISSING_REASONS: tuple[MissingReason, ...] = get_args(MissingReason)
