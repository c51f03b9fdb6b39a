"""The command `linewarden`: finds the subcommand, runs it, and turns what it raises into a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from agent.cli import console
from agent.errors import AgentError, ConfigError

# command → (module, object); imported only when asked for, so that `linewarden ack` does not wait for numpy
_COMMANDS = {
    "run": ("agent.cli.service", "run"),
    "demo": ("agent.cli.service", "demo"),
    "check-config": ("agent.cli.configuration", "check_config"),
    "sample-config": ("agent.cli.configuration", "sample_config"),
    "replay": ("agent.cli.replay", "replay"),
    "doctor": ("agent.cli.doctor", "doctor"),
    "status": ("agent.cli.reading", "status"),
    "alarms": ("agent.cli.reading", "alarms"),
    "ack": ("agent.cli.acting", "ack"),
    "incident": ("agent.cli.incident", "incident"),
    "hold": ("agent.cli.hold", "hold"),
    "trace": ("agent.cli.trace", "trace"),
    "outcome": ("agent.cli.outcome", "outcome"),
    "audit": ("agent.cli.audit", "audit"),
    "estimates": ("agent.cli.estimates", "estimates"),
    "feedback": ("agent.cli.feedback", "feedback"),
    "challenge": ("agent.cli.challenge", "challenge"),
    "baseline": ("agent.cli.baseline", "baseline"),
    "model": ("agent.cli.model", "model"),
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Commands(click.Group):
    """The subcommands in the order a new user meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Names, in order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """The command, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="linewarden", message="%(prog)s %(version)s")
def linewarden() -> None:
    """Watch AI inspection stations from outside: is the picture still the one the model was approved on, and does its
    confidence still tell the truth?

    \b
    See it work:      linewarden demo
    Set it up:        linewarden sample-config > linewarden.toml
                      linewarden check-config linewarden.toml
                      linewarden doctor --config linewarden.toml
                      linewarden run --config linewarden.toml
    Look at it:       linewarden status --config linewarden.toml

    Every reading command has --json. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 alarms (replay --exit-code), 78 the
    configuration has problems.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        code = linewarden.main(arguments, prog_name="linewarden", standalone_mode=False)
    except ConfigError as error:
        console.problems(error.problems, str(error))
        return error.exit_code
    except AgentError as error:
        console.error(str(error), error.hint)
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "linewarden"
        message = error.format_message()
        console.error(f"{message[:1].lower()}{message[1:].rstrip('.')}", f"see `{path} --help`")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.note("stopped")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
