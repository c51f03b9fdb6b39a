"""The disk under the state folder: there, writable, large enough, of a kind that keeps what was written."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.doctor.finding import Finding, ok
from agent.state_folder import STORE_NAME

RESERVE_BYTES = 64 << 20  # the write-ahead log and what others write
_MEMORY = {"tmpfs", "ramfs"}
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"}
_PLAIN = {"ext2", "vfat", "exfat", "msdos", "fuseblk", "ntfs3"}
_GOOD = {"ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs"}


def examine(folder: Path, max_mb: int, mounts: str) -> Iterator[Finding]:
    """folder: the state folder. max_mb: what the store may grow to. mounts: /proc/self/mountinfo."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there != folder:
        yield _missing(folder, there)
    else:
        yield _writable(folder)
    yield _space(there, _store_bytes(folder), max_mb << 20)
    yield _kind(folder, filesystem(there, mounts))


def _missing(folder: Path, there: Path) -> Finding:
    make = f"`install -d -m 750 -o USER -g GROUP {folder}` with the agent's user and group"
    if there.is_dir() and os.access(there, os.W_OK):
        return Finding(
            "disk.writable", str(folder), "warn", "does not exist yet", "the agent makes it at its start, as its user", make
        )
    return Finding(
        "disk.writable", str(folder), "fail", f"does not exist, and {there} is not writable", "the agent cannot start", make
    )


def _writable(folder: Path) -> Finding:
    """By writing: a mode says nothing about a read-only or full disk."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        seen = f"cannot be written by user {os.geteuid()}: {(error.strerror or str(error)).lower()}"
        hint = f"`ls -ld {folder}`, `mount`, `df {folder}`; run doctor as the agent's user"
        return Finding("disk.writable", str(folder), "fail", seen, "nothing can be kept: the agent cannot start", hint)
    return ok("disk.writable", str(folder), f"written and synced by user {os.geteuid()}")


def _space(there: Path, used: int, most: int) -> Finding:
    status = os.statvfs(there)
    free, needed = status.f_bavail * status.f_frsize, max(0, most - used) + RESERVE_BYTES
    seen = f"{_mb(free)} free; the store has {_mb(used)} and may grow to {_mb(most)}"
    hint = "set store.max_mb to what the disk can spare, or make room"
    if free < RESERVE_BYTES:
        return Finding("disk.space", str(there), "fail", seen, "a full disk stops the journal: records wait at their sources", hint)
    if free < needed:
        return Finding("disk.space", str(there), "warn", seen, "the disk is full before the store's own limit is reached", hint)
    return ok("disk.space", str(there), seen)


def _kind(folder: Path, kind: str) -> Finding:
    move = "set agent.state_dir to a folder on a local disk (ext4, xfs)"
    if kind in _MEMORY:
        return Finding(
            "disk.kind", str(folder), "fail", f"{kind}: in memory", "everything is gone after a restart of the machine", move
        )
    if kind in _NETWORK:
        why = "SQLite's write-ahead log does not work over a network, and the network's failures become the store's"
        return Finding("disk.kind", str(folder), "fail", f"{kind}: a network file system", why, move)
    if kind == "overlay":
        why = "everything is gone with the container"
        return Finding(
            "disk.kind", str(folder), "warn", "overlay: a container's own layer", why, "mount a volume at agent.state_dir"
        )
    if kind in _PLAIN:
        return Finding("disk.kind", str(folder), "warn", f"{kind}: no journal of its own", "a power cut may damage the store", move)
    if kind in _GOOD:
        return ok("disk.kind", str(folder), kind)
    hint = f"`df -T {folder}`; {move}"
    return Finding("disk.kind", str(folder), "unknown", f"file system {kind or '(none found)'}", "not known to keep its word", hint)


def filesystem(path: Path, mounts: str) -> str:
    """The kind of file system `path` lies on; empty when `mounts` does not say. proc(5): … mount point … - type …"""
    real, best, kind = os.path.realpath(path), "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), before.split(" ")[4]) if after else ""
        holds = point in {"/", real} or real.startswith(f"{point}/")
        if point and holds and len(point) >= len(best):  # of mounts over one another the last one counts
            best, kind = point, after.split(" ")[0]
    return kind


def _store_bytes(folder: Path) -> int:
    total = 0
    for suffix in ("", "-wal", "-shm"):
        try:
            total += (folder / f"{STORE_NAME}{suffix}").stat().st_size
        except OSError:
            continue
    return total


def _mb(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MB"
