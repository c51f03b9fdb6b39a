"""Measurements that arrive and are not declared: which, how many, how they vary, so that a declaration can be proposed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from agent.config.measurements import LARGEST
from agent.ports import MeasurementView

MAX_NAMES = 256  # per station; further names are counted
MAX_VALUES = 1000  # what a proposal rests on


class Undeclared:
    """By view and name, the first values: how many, mean, sum of squared deviations (Welford 1962), least, largest. Mutable."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], list[float]] = {}

    def take(self, view: str, measurements: Mapping[str, float], declared: Collection[str], counters: Counter[str]) -> None:
        """What one part was measured, less what is declared."""
        for name, value in measurements.items():
            if name in declared or not abs(value) <= LARGEST:
                continue
            kept = self._seen.get((view, name))
            if kept is None:
                if len(self._seen) >= MAX_NAMES:
                    counters["measurements_not_listed"] += 1
                    continue
                self._seen[view, name] = [1, value, 0.0, value, value]
            elif kept[0] < MAX_VALUES:
                count, mean, squares, least, largest = kept
                count += 1
                away = value - mean
                mean += away / count
                kept[:] = [count, mean, squares + away * (value - mean), min(least, value), max(largest, value)]

    def forget(self, declared: Iterable[tuple[str, str]]) -> None:
        """These are declared now."""
        for key in declared:
            self._seen.pop(key, None)

    def views(self) -> tuple[MeasurementView, ...]:
        """As shown in status, doctor and metrics."""
        return tuple(
            MeasurementView(view, name, "not declared", int(count), mean, math.sqrt(squares / count), least, largest)
            for (view, name), (count, mean, squares, least, largest) in self._seen.items()
        )

    def save(self) -> list[Any]:
        """For a checkpoint."""
        return [(view, name, list(kept)) for (view, name), kept in self._seen.items()]

    def load(self, saved: list[Any]) -> None:
        """From a checkpoint."""
        self._seen = {(view, name): list(kept) for view, name, kept in saved}
