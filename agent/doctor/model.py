"""The model file a station declares, against what its records carry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from agent.config.model import Config
from agent.doctor.finding import Finding, ok
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader

_WHY = "a silent change of the model makes its approval and its baseline void"


def examine(config: Config, folder: Path) -> Iterator[Finding]:
    """One finding per station that names a model_file."""
    for station in config.stations:
        if station.model_file is not None:
            yield _compare(station.id, station.model_file, reported(folder, station.id))


def reported(folder: Path, station: str) -> str:
    """The SHA-256 the station's latest records carry; empty when they carry none."""
    path = folder / STORE_NAME
    if not path.exists():
        return ""
    with Reader(path) as reader:
        return reader.model_sha256(station)


def _compare(station: str, file: Path, carried: str) -> Finding:
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        seen = f"{file} cannot be read: {(error.strerror or str(error)).lower()}"
        return Finding("model.hash", station, "fail", seen, _WHY, "set model_file to the file the vision program loads")
    if not carried:
        hint = 'have the vision program send "model": {"name": …, "sha256": …} with its records'
        return Finding("model.hash", station, "unknown", f"{file} has SHA-256 {digest}; the records carry none", _WHY, hint)
    if carried.lower() != digest:
        hint = "find out which of the two is approved; restart the vision program if it still runs the older one"
        return Finding("model.hash", station, "fail", f"{file} has SHA-256 {digest}, the records carry {carried}", _WHY, hint)
    return ok("model.hash", station, f"SHA-256 {digest}, as the records carry")
