"""How commands reach an agent: its control socket when one runs, else its store, read-only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.errors import AgentError, CommandRefused

if TYPE_CHECKING:
    from agent.runtime.control import ControlClient
    from agent.shadow import Comparison
    from agent.store.reader import Reader

Command = Callable[..., Any]


config_option = click.option(
    "-c",
    "--config",
    "file",
    required=True,
    envvar="LINEWARDEN_CONFIG",
    type=click.Path(path_type=Path),
    help="The configuration file.",
)


def agent_options(command: Command) -> Command:
    """The options that say which agent is meant; the command gets `state_dir`."""
    config = click.option(
        "-c",
        "--config",
        "config_file",
        envvar="LINEWARDEN_CONFIG",
        type=click.Path(path_type=Path),
        help="Configuration of the agent that is meant.",
    )
    folder = click.option(
        "--state-dir", envvar="LINEWARDEN_STATE_DIR", type=click.Path(path_type=Path), help="Its state folder, instead of --config."
    )
    return config(folder(command))


def person_options(command: Command) -> Command:
    """Who commands, and why."""
    from typing import get_args, get_type_hints

    from agent.records import Command as Record

    roles = get_args(get_type_hints(Record)["role"])
    who = click.option("--by", required=True, envvar="LINEWARDEN_BY", help="Who you are (a pseudonym will do).")
    role = click.option("--role", type=click.Choice(roles), default="operator", show_default=True, help="In which role.")
    why = click.option("--reason", default="", help="Why, for the record.")
    return who(role(why(command)))


def state_folder(config_file: Path | None, state_dir: Path | None) -> Path:
    """The state folder meant: as given, as configured, or the default one. Raises ConfigError."""
    if state_dir is not None:
        return state_dir
    from agent.config.model import AgentSection

    if config_file is None:
        return AgentSection().state_dir
    from agent.config.load import load
    from agent.plugins import PlugIns

    return load(config_file, PlugIns()).agent.state_dir


def again(config_file: Path | None, state_dir: Path | None) -> str:
    """The options that name the same agent, to be put behind a suggested command."""
    if state_dir is not None:
        return f" --state-dir {state_dir}"
    return "" if config_file is None else f" --config {config_file}"


def connect(folder: Path) -> ControlClient:
    """A connection to the running agent. Raises NotRunning."""
    from agent.runtime.control import ControlClient
    from agent.state_folder import CONTROL_NAME

    return ControlClient(folder / CONTROL_NAME)


def snapshot(folder: Path) -> dict[str, Any]:
    """What the running agent shows. Raises NotRunning."""
    client = connect(folder)
    try:
        shown: dict[str, Any] = client.ask({"ask": "snapshot"})["snapshot"]
    finally:
        client.close()
    return shown


def stations(folder: Path, name: str | None) -> list[dict[str, Any]]:
    """What the running agent shows of the station of this name, of all where none is given. Raises NotRunning, AgentError."""
    found = [station for station in snapshot(folder)["stations"] if name in (None, station["station"])]
    if not found:
        raise AgentError(f"no station {name}", hint="`linewarden status` lists them")
    return found


def store(folder: Path) -> Reader:
    """The store, read-only, whether or not an agent runs. Raises StoreError when there is none."""
    from agent.state_folder import STORE_NAME
    from agent.store.reader import Reader

    return Reader(folder / STORE_NAME)


def command(
    folder: Path,
    verb: str,
    *,
    by: str,
    role: str,
    reason: str,
    target: dict[str, str],
    parts: tuple[str, ...] = (),
    found_bad: tuple[str, ...] = (),
    comparison: Comparison | None = None,
) -> str:
    """What was done, in the agent's words, once committed. Raises NotRunning, and AgentError when it was not accepted."""
    import msgspec

    from agent.records import Command as Record

    body = {"verb": verb, "by": by, "role": role, "reason": reason, "target": target}
    body |= {"parts": parts, "found_bad": found_bad, "comparison": msgspec.to_builtins(comparison)}
    try:
        record = msgspec.convert({"type": "command", "request_id": uuid.uuid4().hex, **body}, Record)
    except msgspec.ValidationError as error:
        raise CommandRefused(f"not a command: {error}", hint="at most 20,000 parts at a time") from error
    client = connect(folder)
    try:
        result: dict[str, Any] = client.ask({"ask": "command", "record": msgspec.json.encode(record).decode()})["result"]
    finally:
        client.close()
    if not result["accepted"]:
        raise AgentError(result["detail"], hint=result.get("hint", ""))
    return str(result["detail"])
