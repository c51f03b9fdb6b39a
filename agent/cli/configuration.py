"""`linewarden check-config` and `sample-config`, and how every command loads a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import console

if TYPE_CHECKING:
    from agent.config.model import Config


def load(path: Path) -> Config:
    """The configuration, its warnings said. Raises ConfigError."""
    from agent.config.load import load as load_file
    from agent.config.load import warnings
    from agent.plugins import PlugIns

    config = load_file(path, PlugIns())
    for problem in warnings(config):
        console.warning(*problem)
    return config


@click.command("check-config", short_help="Print every problem of a configuration.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print {ok, problems, warnings} as JSON.")
def check_config(file: Path, as_json: bool) -> int:
    """Check a configuration FILE: every problem at once, with its path and the nearest known key.

    \b
    linewarden check-config linewarden.toml
    linewarden check-config linewarden.toml --json | jq .problems

    Exits 78 when there are problems. A station without owner, deputy, decision, consequence or tier is a warning: it loads
    and learns, but does not arm.
    """
    from agent.config.load import load as load_file
    from agent.config.load import warnings
    from agent.errors import ConfigError
    from agent.plugins import PlugIns

    if not as_json:
        config = load(file)
        stations = ", ".join(station.id for station in config.stations)
        console.out(f"{file}: no problems; stations {stations}; {len(config.taps)} tap(s), {len(config.sinks)} sink(s)")
        console.next_step(f"linewarden run --config {file}")
        return 0
    found: list[tuple[str, str, str]] = []
    warned: list[tuple[str, str, str]] = []
    try:
        warned = warnings(load_file(file, PlugIns()))
    except ConfigError as error:
        found = error.problems
    names = ("path", "message", "hint")
    body = {"problems": found, "warnings": warned}
    listed = {key: [dict(zip(names, problem, strict=True)) for problem in problems] for key, problems in body.items()}
    console.out_json({"ok": not found, **listed})
    return ConfigError.exit_code if found else 0


@click.command("sample-config", short_help="Print a configuration to start from.")
def sample_config() -> None:
    """Print a configuration to start from: every option, its bounds and its default.

    \b
    linewarden sample-config > linewarden.toml
    """
    from agent.config.reference import sample
    from agent.plugins import PlugIns

    console.out(sample(PlugIns()).rstrip("\n"))
    console.next_step("save it, set the station and the broker, then `linewarden check-config FILE`")
