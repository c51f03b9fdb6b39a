"""The one place views and sinks read the state from: an immutable value, swapped whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.ports import Snapshot


class SnapshotBox:
    """Implements `agent.ports.Snapshots`; assignment of one reference is atomic."""

    def __init__(self, first: Snapshot) -> None:
        self._current = first

    def current(self) -> Snapshot:
        """The latest."""
        return self._current

    def swap(self, snapshot: Snapshot) -> None:
        """Replace it."""
        self._current = snapshot
