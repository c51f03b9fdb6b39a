"""Declarations proposed for measurements that arrive and are not declared: TOML to paste."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# A name that ends in one of these tells its unit.
_UNITS = {"mm": "mm", "um": "µm", "px": "px", "deg": "°", "pct": "%", "percent": "%", "mm2": "mm²", "px2": "px²"}


def declarations(station: Mapping[str, Any]) -> list[str]:
    """One for each measurement a station's snapshot, as JSON gives it, lists as not declared."""
    return [_declaration(measurement) for measurement in station["measurements"] if measurement["why"] == "not declared"]


def _declaration(measurement: Mapping[str, Any]) -> str:
    name, view = measurement["name"], measurement["view"]
    lines = ["[[stations.measurements]]", f"name = {_text(name)}"]
    if view != "main":
        lines.append(f"view = {_text(view)}")
    unit = _UNITS.get(name.lower().replace(" ", "_").replace(".", "_").rpartition("_")[2], "")
    lines.append(f'unit = "{unit}"' + ("" if unit else "  # mm, px, °"))
    why = f"half a standard deviation of {measurement['values']} values: put the change that matters here"
    return "\n".join([*lines, f"tolerance = {float(measurement['sd']) / 2.0:.2g}  # {why}"])


def _text(value: str) -> str:
    """As a TOML string, whose escapes are JSON's but for the deletion character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
