"""A file below a folder, read so that nothing outside the folder can be reached, and nothing but a file can be waited on."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from agent.frames.reasons import MissingReason

_REASON_BY_ERRNO: dict[int, MissingReason] = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.ENAMETOOLONG: "not_found",
    errno.ELOOP: "outside_folder",
}


def read_below(folder: str, path: str, max_bytes: int) -> bytes | MissingReason:
    """The file's bytes, or the reason: not_found, outside_folder, unreadable, too_large.

    Links are followed only to where they stay below `folder`. The place found is then opened one component at a time without
    following links, so that a link put there in between is refused.
    """
    if not path or not folder or "\0" in path:
        return "not_found"
    root = os.path.realpath(folder)
    parts = Path(os.path.relpath(os.path.realpath(Path(root, path)), root)).parts
    if not parts or parts[0] == os.pardir:
        return "outside_folder" if parts else "unreadable"
    try:
        handle = _open_without_links(root, parts)
        try:
            return _read(handle, max_bytes)
        finally:
            os.close(handle)
    except OSError as error:
        return _REASON_BY_ERRNO.get(error.errno or 0, "unreadable")


def _open_without_links(root: str, parts: tuple[str, ...]) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    folder = os.open(root, flags | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], flags | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def _read(handle: int, max_bytes: int) -> bytes | MissingReason:
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        return "unreadable"
    if state.st_size > max_bytes:
        return "too_large"
    pieces: list[bytes] = []
    left = max_bytes + 1  # it may have grown since
    while left > 0 and (piece := os.read(handle, min(left, max(state.st_size, 1 << 16)))):
        pieces.append(piece)
        left -= len(piece)
    return "too_large" if left <= 0 else b"".join(pieces)
