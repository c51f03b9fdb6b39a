"""Results as one small JSON file per cell, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("linewarden", "numpy", "scipy", "river", "nannyml", "frouros", "alibi-detect")


class Cells:
    """A folder of results. `measure` returns what is there, or measures and writes it whole."""

    def __init__(self, folder: Path, *, only: str = "", share: tuple[int, int] = (1, 1)) -> None:
        self._folder, self._only, self._share, self._asked = folder, only, share, 0
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, name: str, what: Callable[[], Mapping[str, Any]]) -> None:
        """The cell `name` (question/parts…), measured unless it is there already or was not asked for."""
        path = self._folder / f"{name.replace('/', '__')}.json"
        self._asked += 1
        mine, of = self._share
        if path.exists() or self._only not in name or self._asked % of != mine % of:
            return
        began, used = time.monotonic(), time.process_time()
        result = dict(what())
        seconds, of_processor = round(time.monotonic() - began, 1), round(time.process_time() - used, 1)
        whole = {"cell": name, "seconds": seconds, "processor_seconds": of_processor, "measured_with": provenance(), **result}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        os.replace(partial, path)
        print(f"{time.strftime('%H:%M:%S')}  {name}  {seconds} s, {of_processor} s of the processor", file=sys.stderr, flush=True)

    def read(self, question: str) -> list[dict[str, Any]]:
        """Every result of one question, by name."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self._folder.glob(f"{question}__*.json"))]


def provenance() -> dict[str, str]:
    """Versions and commit a result was measured with."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {"python": sys.version.split()[0], "commit": git.stdout.strip(), **versions}
