"""The options as rows a person reads: where, key, type, bounds, default, meaning; taken from the models and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_BOUNDS = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))


@dataclass(frozen=True, slots=True)
class Option:
    """One option. default: as TOML, empty when there is none. example: as TOML, for one that is required."""

    key: str
    type: str
    bounds: str
    default: str
    required: bool
    meaning: str
    example: str


def options_of(model: type[BaseModel]) -> Iterator[Option]:
    """The options of one section, its subsections left out, in the order of the model."""
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        key = field.alias or name
        body = _resolved(schema["properties"][key])
        if "$ref" in body or _holds_sections(body):
            continue
        default = field.get_default(call_default_factory=True)  # type: ignore[call-arg, unused-ignore]
        shown = "" if default is PydanticUndefined or default is None else toml(default)
        example = toml(field.examples[0]) if field.examples else _placeholder(body)
        yield Option(key, _type(body), _bounds(body), shown, field.is_required(), field.description or "", example)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(v) for v in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{k} = {toml(v)}' for k, v in value.items())} }}" if value else "{}"
    return json.dumps(str(value), ensure_ascii=False)


def _resolved(body: dict[str, Any]) -> dict[str, Any]:
    """Without the `or null` of an optional value: TOML has no null, leaving the key out says it."""
    others = [part for part in body.get("anyOf", []) if part.get("type") != "null"]
    return {**body, **others[0]} if others else body


def _holds_sections(body: dict[str, Any]) -> bool:
    return "$ref" in body.get("items", {})


def _type(body: dict[str, Any]) -> str:
    if "enum" in body:
        return " or ".join(f"`{toml(v)}`" for v in body["enum"])
    if "const" in body:
        return f"`{toml(body['const'])}`"
    if body.get("type") == "array":
        return f"list of {_type(body.get('items', {}))}"
    if body.get("type") == "object":
        inner = body.get("additionalProperties", {})
        return f"name = {_type(inner)}, …" if isinstance(inner, dict) and inner else "section"
    return "path" if body.get("format") == "path" else _TYPES.get(body.get("type", ""), "text")


def _bounds(body: dict[str, Any]) -> str:
    inner = body.get("additionalProperties")
    source = inner if isinstance(inner, dict) else body
    return ", ".join(f"{sign} {source[name]:.10g}" for name, sign in _BOUNDS if name in source)


def _placeholder(body: dict[str, Any]) -> str:
    if "enum" in body:
        return toml(body["enum"][0])
    return {"array": '["…"]', "integer": "1", "number": "1.0", "boolean": "true"}.get(body.get("type", ""), '"…"')
