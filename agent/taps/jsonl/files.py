"""Files that patterns name, in a stable order, and the identity of an open one."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import BinaryIO

from agent.taps.jsonl.lines import head_checksum
from agent.taps.jsonl.position import Mark


def matching(patterns: list[str]) -> list[str]:
    """Paths of the files that exist now: in the order of the patterns, by name within one; each once."""
    found: dict[str, None] = {}
    for pattern in patterns:
        names = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - patterns may be absolute
        found.update((name, None) for name in names if Path(name).is_file())
    return list(found)


def is_marked(file: BinaryIO, mark: Mark) -> bool:
    """Whether this open file is the one the mark was made in, and still holds what was read."""
    status = os.fstat(file.fileno())
    return status.st_ino == mark.inode and status.st_size >= mark.offset and head_checksum(file, mark.offset) == mark.head


def rotated(mark: Mark) -> str | None:
    """Where the marked file is now, among its neighbours whose name begins alike; None when it is gone."""
    folder, name = os.path.split(mark.path)
    try:
        neighbours = sorted(entry.path for entry in os.scandir(folder or ".") if entry.name.startswith(name) and entry.is_file())
    except OSError:
        return None
    for path in neighbours:
        try:
            with Path(path).open("rb") as file:
                if is_marked(file, mark):
                    return path
        except OSError:
            continue
    return None
