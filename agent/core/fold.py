"""The fold: one entry in, its effects out; the same entries give the same effects on one build and CPU."""

from __future__ import annotations

from agent.config.model import Config
from agent.core.effects import CoreView, Effects
from agent.ports import History
from agent.records import Entry


class Core:
    """All stations' state. Single-threaded; reads no clock; asks the store only through `history`."""

    def __init__(self, config: Config, history: History) -> None:
        self._config = config
        self._history = history

    def fold(self, entry: Entry) -> Effects:
        """Fold one journalled entry. Never raises for anything an entry may contain."""
        raise NotImplementedError

    def tick_due(self, idle_s: float) -> bool:
        """Whether something waits for time to pass; idle_s: seconds since the last folded entry."""
        raise NotImplementedError

    def view(self) -> CoreView:
        """The state as it may be shown."""
        raise NotImplementedError

    def save(self) -> bytes:
        """The whole state, for a checkpoint."""
        raise NotImplementedError

    def load(self, state: bytes) -> None:
        """Continue from a checkpoint of the same configuration and build. Raises StoreError when it is not one."""
        raise NotImplementedError
