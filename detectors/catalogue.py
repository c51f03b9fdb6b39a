"""Which detectors there are: the package's folders that hold a `detector` module."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import detectors


def names() -> tuple[str, ...]:
    """Folder names, sorted. A new folder is found by being there."""
    folders = sorted(found.name for found in pkgutil.iter_modules(detectors.__path__) if found.ispkg)
    return tuple(name for name in folders if any(m.name == "detector" for m in pkgutil.iter_modules(_package(name).__path__)))


def module(name: str) -> ModuleType:
    """The `detector` module of a folder."""
    return importlib.import_module(f"detectors.{name}.detector")


def _package(name: str) -> ModuleType:
    return importlib.import_module(f"detectors.{name}")
