"""Files generated from the options: the sample, the reference page and the JSON Schema; and the page of channels.

`python -m agent.config.reference --write` writes them, `--check` exits 1 when one is stale.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from agent.config.audits import AuditsSection, BlindSpotSection
from agent.config.challenges import ChallengeSection, ChallengeSetSection
from agent.config.estimates import EstimatesSection
from agent.config.feedback import FeedbackSection
from agent.config.limits import LimitSection
from agent.config.load import KINDS, PlugInOptions
from agent.config.mapping import MappingSection
from agent.config.measurements import MeasurementSection
from agent.config.model import (
    AgentSection,
    BaselineSection,
    Config,
    FeedSection,
    FramesSection,
    MetricsSection,
    OutcomesSection,
    PictureSection,
    ResponseSection,
    StationSection,
    StoreSection,
)
from agent.config.options import Option, options_of
from agent.config.references import CaliperSection, ReferenceSection
from agent.config.sources import SourceSection
from agent.plugins import PlugIns
from agent.records import Record
from detectors.channels.table import as_markdown

_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("agent", AgentSection),
    ("store", StoreSection),
    ("frames", FramesSection),
    ("metrics", MetricsSection),
)
_STATION_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("baseline", BaselineSection),
    ("outcomes", OutcomesSection),
    ("picture", PictureSection),
    ("feed", FeedSection),
    ("audits", AuditsSection),
    ("feedback", FeedbackSection),
    ("challenge", ChallengeSection),
    ("blind_spot", BlindSpotSection),
    ("estimates", EstimatesSection),
)
# Any number of them, and none by default: the sample shows one, commented out.
_STATION_LISTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("response", ResponseSection),
    ("outcomes.sources", SourceSection),
    ("references", ReferenceSection),
    ("references.calipers", CaliperSection),
    ("limits", LimitSection),
    ("measurements", MeasurementSection),
    ("challenge_sets", ChallengeSetSection),
)
_LISTS: tuple[tuple[str, type[BaseModel]], ...] = (("mappings", MappingSection),)
# What the sample's station says where an option has no default: a plausible register entry to overwrite.
_REGISTER = {
    "id": '"ST4"',
    "owner": '"A. Example, quality engineer"',
    "deputy": '"B. Example, shift lead"',
    "decision": '"passes or rejects the brazed joint of part 4711"',
    "consequence": '"a leaking joint reaches the customer"',
    "tier": "2",
}
_ACTIVE_IN_SAMPLE = "mqtt"  # of each kind, the plug-in the sample switches on
_WIDTH = 110


def sample(plug_ins: PlugInOptions) -> str:
    """A configuration file to start from: it loads as it is, every option stands in it with its default."""
    lines = [
        "# Linewarden configuration. Every option is listed; one that is commented out shows its default.",
        "# Check it with `linewarden check-config FILE`. Reference: docs/configuration.md.",
    ]
    for name, model in _TABLES:
        lines += ["", f"[{name}]  # {_doc(model)}", *_sample_options(model, {})]
    lines += ["", f"[[stations]]  # {_doc(StationSection)}", *_sample_options(StationSection, _REGISTER)]
    for name, model in _STATION_TABLES:
        lines += ["", f"[stations.{name}]  # {_doc(model)}", *_sample_options(model, {})]
    for name, model in _STATION_LISTS:
        lines += ["", *(f"# {line}" for line in (f"[[stations.{name}]]  # {_doc(model)}", *_sample_options(model, {})))]
    for name, model in _LISTS:
        lines += ["", *(f"# {line}" for line in (f"[[{name}]]  # {_doc(model)}", *_sample_options(model, {})))]
    for kind in KINDS:
        for type_ in plug_ins.types(kind):
            model = plug_ins.options(kind, type_)
            body = [f"[[{kind}]]  # {_doc(model)}", f'type = "{type_}"', f'name = "{type_}"', *_sample_options(model, {})]
            lines += ["", *(body if type_ == _ACTIVE_IN_SAMPLE else [f"# {line}" for line in body])]
    return "\n".join(lines) + "\n"


def page(plug_ins: PlugInOptions) -> str:
    """The reference page, one table per section."""
    lines = [
        "# Configuration",
        "",
        "Generated from `agent/config/model.py` and the options of each tap and sink. Do not edit; `make docs` writes it.",
        "",
        "One TOML file. Unknown keys are errors; `linewarden check-config FILE` prints every problem at once with its path and",
        "exits 78. `linewarden sample-config` prints a file to start from. Paths are relative to where the agent is started.",
    ]
    for name, model in _TABLES:
        lines += _table(f"[{name}]", model)
    lines += _table("[[stations]]", StationSection)
    for name, model in _STATION_TABLES:
        lines += _table(f"[stations.{name}]", model)
    for name, model in _STATION_LISTS:
        lines += _table(f"[[stations.{name}]]", model)
    for name, model in _LISTS:
        lines += _table(f"[[{name}]]", model)
    for kind in KINDS:
        for type_ in plug_ins.types(kind):
            lines += _table(f'[[{kind}]] type = "{type_}"', plug_ins.options(kind, type_))
    return "\n".join(lines) + "\n"


def schema(plug_ins: PlugInOptions) -> str:
    """JSON Schema of the whole file, each tap and sink with the options of its type."""
    whole = Config.model_json_schema()
    definitions: dict[str, Any] = whole["$defs"]
    definitions.pop("PlugIn")
    for kind in KINDS:
        variants = []
        for type_ in plug_ins.types(kind):
            body = plug_ins.options(kind, type_).model_json_schema()
            definitions.update(body.pop("$defs", {}))
            body["properties"] = {"type": {"const": type_}, "name": {"type": "string"}, **body["properties"]}
            body["required"] = ["type", "name", *body.get("required", [])]
            body["title"] = f"{kind}: {type_}"
            variants.append(body)
        whole["properties"][kind]["items"] = {"oneOf": variants}
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def records_schema() -> str:
    """JSON Schema of the records that come in; `type` may be left out where the members tell it."""
    return json.dumps(msgspec.json.schema(Record), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def generated(plug_ins: PlugInOptions) -> dict[str, str]:
    """Every generated file of the repository, by its path in it."""
    return {
        "config/sample.toml": sample(plug_ins),
        "docs/configuration.md": page(plug_ins),
        "docs/config.schema.json": schema(plug_ins),
        "docs/records.schema.json": records_schema(),
        "docs/channels.md": as_markdown(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write or check the generated files below --root."""
    parser = argparse.ArgumentParser(prog="python -m agent.config.reference", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit 1 when a file is stale")
    action.add_argument("--write", action="store_true", help="write them")
    parser.add_argument("--root", type=Path, default=Path(), help="folder of the checkout")
    chosen = parser.parse_args(arguments)
    stale = []
    for name, text in generated(PlugIns()).items():
        path = chosen.root / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if chosen.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            stale.append(name)
    for name in stale:
        sys.stderr.write(f"{name}: stale; hint: `make docs` writes it again\n")
    return 1 if stale else 0


def _doc(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _sample_options(model: type[BaseModel], values: dict[str, str]) -> Iterator[str]:
    for option in options_of(model):
        told = f"{option.meaning} ({_limits(option)})"
        yield from textwrap.wrap(told, _WIDTH, initial_indent="# ", subsequent_indent="#   ")
        if option.key in values:
            yield f"{option.key} = {values[option.key]}"
        elif option.required:
            yield f"{option.key} = {option.example}"
        else:
            yield f"# {option.key} = {option.default or option.example}"


def _limits(option: Option) -> str:
    kind = option.type.replace("`", "")
    without = "" if option.default or option.required else "; unset"
    return f"{kind}, {option.bounds}{without}" if option.bounds else f"{kind}{without}"


def _table(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield from ("", f"## `{title}`", "", _doc(model), "")
    yield from ("| key | type | default | meaning |", "|---|---|---|---|")
    for option in options_of(model):
        kind = f"{option.type}, {option.bounds}" if option.bounds else option.type
        default = f"`{option.default}`" if option.default else ("required" if option.required else "unset")
        cells = (f"`{option.key}`", kind, default, option.meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
