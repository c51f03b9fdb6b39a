"""What is counted of a station's parts, recipe by recipe under one alarm: by stream name, KIND/recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.core.blocks import BLOCK_PARTS, Blocks
from agent.core.shares import OffDelay
from detectors.contract import Crossing


class PerRecipe:
    """The blocks of every recipe, and until when their alarm stands. Mutable, deterministic to the bit."""

    def __init__(self, kind: str, build: Callable[[str], Blocks]) -> None:
        self._kind = kind
        self._build = build
        self.by_name: dict[str, Blocks] = {}
        self._stands = OffDelay()

    def of(self, recipe: str, most: int) -> Blocks | None:
        """The blocks of a recipe; None where there are as many recipes as may be."""
        name = f"{self._kind}/{recipe}"
        if name not in self.by_name and len(self.by_name) < most:
            self.learn_anew(name)
        return self.by_name.get(name)

    def learn_anew(self, name: str) -> None:
        """Begin (again) to learn a recipe's."""
        self.by_name[name] = self._build(name)

    def crossed(self, blocks: Blocks, crossing: Crossing) -> None:
        """The alarm stands at least until it would have been raised again."""
        self._stands.crossed(crossing, BLOCK_PARTS * blocks.group)

    def stands(self, index: int) -> bool:
        """Whether the alarm still stands at part `index`."""
        return self._stands.stands(index)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"blocks": {name: blocks.save() for name, blocks in self.by_name.items()}, "stands": self._stands.save()}

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, blocks in saved["blocks"].items():
            self.learn_anew(name)
            self.by_name[name].load(blocks)
        self._stands.load(saved["stands"])
