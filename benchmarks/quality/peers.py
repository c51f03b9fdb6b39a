"""Detectors of other libraries behind one face: `learn` a baseline, then `update` value by value, starting anew after each alarm.

All are fed alike (same values, same order, raw); which settings they get stands in peers.toml. Imports are made when one is
built, so that those whose library is not in this environment can be left out.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Options = dict[str, Any]


class Peer(Protocol):
    """One channel's detector."""

    def learn(self, values: Iterable[float]) -> None:
        """Take baseline values; alarms on them do not count."""

    def update(self, value: float) -> bool:
        """Take the next value: whether it alarms."""


@dataclass(frozen=True)
class Entry:
    """One peer of peers.toml."""

    name: str
    kind: str  # the library's class
    defaults: Options
    settings: list[Options]  # the grid
    slow: bool

    def build(self, options: Options) -> Peer:
        """A fresh one. Raises ImportError where the library is not installed."""
        return _BUILDERS[self.name.split("-")[0]](self.kind, options)

    def missing(self) -> str:
        """Why it cannot be run here; empty if it can."""
        library = {"alibi": "alibi_detect"}.get(name := self.name.split("-")[0], name)
        try:
            __import__(library)
        except ImportError as error:
            return f"{library} is not in this environment ({error}); make bench-quality"
        return ""


def load(question: str) -> dict[str, Entry]:
    """The peers of one question (level, outcome), by name."""
    tables = tomllib.loads((Path(__file__).parent / "peers.toml").read_text(encoding="utf-8"))[question]
    entries = {}
    for name, table in tables.items():
        axes = table["grid"]
        settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
        entries[name] = Entry(name, table["class"], table.get("defaults", {}), settings, table.get("slow", False))
    return entries


class _River:
    def __init__(self, kind: str, options: Options) -> None:
        from river import drift
        from river.drift import binary

        self._binary = kind in {"DDM", "HDDMW"}
        self._detector = getattr(binary if self._binary else drift, kind)(**({"seed": 1} if kind == "KSWIN" else {}), **options)

    def learn(self, values: Iterable[float]) -> None:
        for value in values:
            self.update(value)

    def update(self, value: float) -> bool:
        self._detector.update(bool(value) if self._binary else value)
        return bool(self._detector.drift_detected)  # it starts anew by itself


class _Frouros:
    def __init__(self, kind: str, options: Options) -> None:
        import frouros.detectors.concept_drift as drift

        self._detector = getattr(drift, kind)(config=getattr(drift, f"{kind}Config")(**options))

    def learn(self, values: Iterable[float]) -> None:
        for value in values:
            self.update(value)

    def update(self, value: float) -> bool:
        self._detector.update(value=value)
        if not self._detector.drift:
            return False
        self._detector.reset()
        return True


class _Alibi:
    """Its thresholds do not depend on the reference (they are simulated for its size), so one serves all channels."""

    _built: dict[str, Any] = {}  # noqa: RUF012  setting up takes four minutes

    def __init__(self, kind: str, options: Options) -> None:
        self._kind, self._options = kind, options

    def learn(self, values: Iterable[float]) -> None:
        from alibi_detect import cd

        key = repr(self._options)
        if key not in self._built:
            reference = np.array(list(values), dtype=np.float32)[:, None]
            np.random.seed(1)  # noqa: NPY002  what it draws its bootstraps from
            self._built[key] = getattr(cd, self._kind)(reference, verbose=False, **self._options)
        self._detector = self._built[key]
        self._detector.reset_state()

    def update(self, value: float) -> bool:
        if not self._detector.predict(np.array([value], dtype=np.float32))["data"]["is_drift"]:
            return False
        self._detector.reset_state()
        return True


_BUILDERS: dict[str, Callable[[str, Options], Peer]] = {"river": _River, "frouros": _Frouros, "alibi": _Alibi}


def first_alarm(peer: Peer, values: Iterable[float]) -> float:
    """How many of these values it takes to the first alarm; inf if there is none."""
    for count, value in enumerate(values, 1):
        if peer.update(value):
            return float(count)
    return math.inf
