"""A configuration file read whole: either a valid Config, or every problem in it at once."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from agent.config.ageing import problems as limit_problems
from agent.config.drawing import problems as drawing_problems
from agent.config.explain import Place, Problem, dotted, explain, nearest
from agent.config.measurements import problems as measurement_problems
from agent.config.model import NEEDED_TO_ARM, Config, StationSection
from agent.errors import ConfigError

Kind = Literal["taps", "sinks"]
KINDS: tuple[Kind, ...] = get_args(Kind)
M = TypeVar("M", bound=BaseModel)


class PlugInOptions(Protocol):
    """Where the loader asks for the options of a tap or sink, so that it need not know any."""

    def types(self, kind: Kind) -> tuple[str, ...]:
        """The types that can be configured."""
        ...

    def options(self, kind: Kind, type_: str) -> type[BaseModel]:
        """The options of one of them."""
        ...


def load(path: Path, plug_ins: PlugInOptions) -> Config:
    """The configuration in a TOML file, checked with the options of its taps and sinks.

    Raises ConfigError carrying every problem as (path, message, hint).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        hint = "name an existing file; `linewarden sample-config` prints one to start from"
        raise ConfigError([(str(path), message, hint)]) from error
    return parse(raw, plug_ins)


def parse(raw: bytes, plug_ins: PlugInOptions) -> Config:
    """The configuration in TOML bytes. Raises ConfigError carrying every problem as (path, message, hint)."""
    try:
        body = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([(f"line {line}", f"not UTF-8 at byte {error.start}", "save the file as UTF-8")]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(str(error), raw)]) from error
    config, problems = _validate(Config, body, ())
    problems += _plug_in_problems(body, plug_ins)
    problems += _duplicates(body)
    for index, station in _sections(body, "stations"):
        problems += drawing_problems(station, ("stations", index))
        problems += limit_problems(station, ("stations", index))
        problems += measurement_problems(station, ("stations", index))
    if problems or config is None:
        raise ConfigError(problems)
    return config


def warnings(config: Config) -> list[Problem]:
    """What loads but will not do what its author may expect, as (path, message, hint)."""
    found: list[Problem] = []
    for index, station in enumerate(config.stations):
        missing = [name for name in NEEDED_TO_ARM if getattr(station, name) is None]
        if missing:
            hint = "a station is watched and learned, but judges nothing until a named owner answers for it"
            found.append((f"stations[{index}]", f"{station.id} does not arm: no {', '.join(missing)}", hint))
        found += _audit_warnings(station, f"stations[{index}].audits")
    if not config.taps:
        found.append(("taps", "no tap: nothing will be received", "add a [[taps]] section"))
    return found


def _audit_warnings(station: StationSection, path: str) -> Iterator[Problem]:
    """Audits that are not drawn, too few for what is asked, or answered after they count."""
    audits, outcomes = station.audits, station.outcomes
    if audits.mode == "off":
        return
    if outcomes.mode != "sample":
        yield (
            f"{path}.mode",
            "no audits are drawn: outcomes.mode is not sample",
            "a census needs none; without outcomes nothing answers",
        )
    days = 30 * len(audits.shifts)
    wanted = audits.fraction * station.parts_per_month if audits.mode == "fraction" else audits.per_shift * days
    if wanted * audits.tightened > outcomes.audits_per_month:
        said = f"up to {wanted * audits.tightened:,.0f} a month are asked for, {outcomes.audits_per_month:,.0f} are declared"
        yield (
            path,
            f"audits are capped: {said}",
            "raise outcomes.audits_per_month; the threshold grows with it, the delay as its logarithm",
        )
    if audits.deadline_s > outcomes.delay_s:
        yield (f"{path}.deadline_s", "answers may come after their part is judged", "set it below outcomes.delay_s")


def _syntax_problem(message: str, raw: bytes) -> Problem:
    """Tomllib says where in words: "… (at line 3, column 5)" or "(at end of document)"."""
    where = re.search(r" \(at (line \d+, column \d+|end of document)\)$", message)
    if where is None:
        return ("file", f"not TOML: {message}", "")
    at = where.group(1)
    place = f"line {raw.count(bytes([10])) + 1}" if at == "end of document" else at
    text = message[: where.start()]
    return (place, f"not TOML: {text[:1].lower()}{text[1:]}", "text values stand in quotes, sections in [brackets]")


def _validate(model: type[M], body: Any, prefix: Place) -> tuple[M | None, list[Problem]]:
    """JSON mode: strict about types (no "4000" for 4000), yet text may stand for a path."""
    text = json.dumps(body, default=str)
    try:
        return model.model_validate_json(text, strict=True), []
    except ValidationError as error:
        return None, [explain(model, item, prefix) for item in error.errors(include_url=False)]


def _plug_in_problems(body: dict[str, Any], plug_ins: PlugInOptions) -> list[Problem]:
    problems: list[Problem] = []
    for kind in KINDS:
        for index, section in _sections(body, kind):
            name = section.get("type")
            if not isinstance(name, str):
                continue  # reported by the model
            known = plug_ins.types(kind)
            if name not in known:
                problems.append(
                    (f"{kind}[{index}].type", f"expected one of {', '.join(known)}, got {name!r}", nearest(name, known))
                )
                continue
            options = {key: value for key, value in section.items() if key not in ("type", "name")}
            problems += _validate(plug_ins.options(kind, name), options, (kind, index))[1]
    return problems


def _sections(body: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    found = body.get(name, [])
    return [(i, s) for i, s in enumerate(found) if isinstance(s, dict)] if isinstance(found, list) else []


def _duplicates(body: dict[str, Any]) -> list[Problem]:
    problems = _repeated([(("stations", i, "id"), s.get("id")) for i, s in _sections(body, "stations")], "station ids")
    for kind in KINDS:
        problems += _repeated([((kind, i, "name"), s.get("name")) for i, s in _sections(body, kind)], f"names of {kind}")
    for index, station in _sections(body, "stations"):
        for key in ("views", "positions"):
            values = station.get(key)
            if isinstance(values, list):
                problems += _repeated([(("stations", index, key, i), v) for i, v in enumerate(values)], key)
        problems += _repeated(list(_masters(station, index)), "part ids of masters")
        sets = [(("stations", index, "challenge_sets", i, "name"), s.get("name")) for i, s in _sections(station, "challenge_sets")]
        problems += _repeated(sets, "names of challenge sets")
    return problems


def _masters(station: dict[str, Any], index: int) -> Iterator[tuple[Place, Any]]:
    for i, section in _sections(station, "challenge_sets"):
        parts = section.get("parts")
        for j, part in enumerate(parts if isinstance(parts, list) else ()):
            yield ("stations", index, "challenge_sets", i, "parts", j), part


def _repeated(values: Sequence[tuple[Place, Any]], what: str) -> list[Problem]:
    first: dict[str, str] = {}
    problems: list[Problem] = []
    for loc, value in values:
        if not isinstance(value, str):
            continue  # reported by the model
        if value in first:
            problems.append((dotted(loc), f"{what} must be unique, {value!r} already stands at {first[value]}", ""))
        first.setdefault(value, dotted(loc))
    return problems
