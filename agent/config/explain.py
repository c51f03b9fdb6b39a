"""A validation error in the reader's words: the path, what was expected and what came, and the nearest known key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Problem = tuple[str, str, str]  # path, message, hint
Place = tuple[str | int, ...]
_IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # as in model.py, told in words
_BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
_LONGEST_GOT = 60

# error type of pydantic → what was expected, from its context
_EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "bool_type": lambda _: "true or false",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "string_type": lambda _: "text in quotes",
    "path_type": lambda _: "a path in quotes",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list",
    "set_type": lambda _: "a list",
    "dict_type": lambda _: "a section",
    "model_type": lambda _: "a section",
    "model_attributes_type": lambda _: "a section",
    "finite_number": lambda _: "a finite number",
    "greater_than": lambda c: f"a number > {c['gt']:g}",
    "greater_than_equal": lambda c: f"a number >= {c['ge']:g}",
    "less_than": lambda c: f"a number < {c['lt']:g}",
    "less_than_equal": lambda c: f"a number <= {c['le']:g}",
    "string_too_short": lambda c: f"at least {c['min_length']} character(s)",
    "string_too_long": lambda c: f"at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda _: "letters, digits, `.`, `_` or `-`, starting with a letter or digit, at most 64",
    "too_short": lambda c: f"at least {c['min_length']} item(s)",
    "too_long": lambda c: f"at most {c['max_length']} items",
    "literal_error": lambda c: f"one of {c['expected']}",
    "enum": lambda c: f"one of {c['expected']}",
}


def explain(model: type[BaseModel], error: ErrorDetails, prefix: Place = ()) -> Problem:
    """One pydantic error of `model` as (path, message, hint); prefix: where the model's section stands in the file."""
    loc = error["loc"]
    path = dotted((*prefix, *loc))
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        fields = _fields(model, loc[:-1])
        return (path, "unknown key", nearest(str(loc[-1]), fields) or f"known here: {', '.join(fields)}")
    if kind == "missing":
        field = _fields(model, loc[:-1]).get(str(loc[-1]))
        return (path, "required, but missing", (field.description or "") if field else "")
    if kind == "value_error":
        return (path, str(context.get("error", error["msg"])), "")
    if kind == "string_pattern_mismatch" and context.get("pattern") != _IDENTIFIER_PATTERN:
        return (path, f"expected text matching {context.get('pattern')}, got {_got(error['input'])}", "")
    if kind in _EXPECTED:
        return (path, f"expected {_EXPECTED[kind](context)}, got {_got(error['input'])}", "")
    return (path, error["msg"][:1].lower() + error["msg"][1:], "")


def dotted(loc: Sequence[str | int]) -> str:
    """A place as it is written in messages: `taps[1].topic`."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if _BARE_KEY.match(step) else f'"{step}"'
            text += f".{name}" if text else name
    return text


def _got(value: Any) -> str:
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _LONGEST_GOT else f"{text[:_LONGEST_GOT]}… ({len(text)} characters)"


def nearest(key: str, known: Iterable[str]) -> str:
    """The known name closest to a key, as a question; empty where none is close."""
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def _fields(model: type[BaseModel], loc: Place) -> dict[str, FieldInfo]:
    """The fields known at a place below `model`; none where the place holds no section."""
    current: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(step) if current else None
        current = _section_in(field.annotation) if field else None
    return {field.alias or name: field for name, field in current.model_fields.items()} if current else {}


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section an annotation holds: itself, or the one in its list or union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)
