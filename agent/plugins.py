"""Plug-ins found by their folder: `agent/taps/<type>/` and `agent/sinks/<type>/`, imported only when a configuration names them."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Literal

from pydantic import BaseModel

Kind = Literal["taps", "sinks"]


class PlugIns:
    """What can be configured under `type`, and the module behind each; a module offers `Options`, a pydantic model."""

    def types(self, kind: Kind) -> tuple[str, ...]:
        """Folder names, sorted; nothing is imported but the package that holds them."""
        package = importlib.import_module(f"agent.{kind}")
        return tuple(sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg))

    def module(self, kind: Kind, type_: str) -> ModuleType:
        """The plug-in's module. Raises KeyError for a type there is no folder for."""
        if type_ not in self.types(kind):
            raise KeyError(type_)
        return importlib.import_module(f"agent.{kind}.{type_}")

    def options(self, kind: Kind, type_: str) -> type[BaseModel]:
        """The plug-in's `Options`. Raises KeyError for a type there is no folder for."""
        model: type[BaseModel] = self.module(kind, type_).Options
        return model
