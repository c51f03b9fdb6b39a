"""`linewarden run` and `linewarden demo`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from agent.cli import console
from agent.cli.access import config_option


@click.command("run", short_help="Run the agent until it is stopped.")
@config_option
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def run(file: Path, verbose: bool) -> int:
    """Run the agent until it is stopped (Ctrl-C, SIGTERM).

    \b
    linewarden run --config /etc/linewarden/linewarden.toml

    It receives from the configured taps, keeps everything in the state folder, publishes to the sinks and serves /metrics.
    Stopped at any instant, it continues where its journal ends. Exits 78 when the configuration has problems.
    """
    from agent.cli.configuration import load

    config = load(file)
    _log_to_stderr(verbose=verbose)
    from agent.app import build
    from agent.runtime.clock import SystemClock
    from agent.runtime.signals import stopped_by_signals
    from agent.runtime.threads import StopEvent

    stop = StopEvent()
    app = build(config, SystemClock())

    def ready() -> None:
        stations = ", ".join(station.id for station in config.stations)
        console.note(f"watching {stations}; state in {config.agent.state_dir}")
        if config.metrics.enabled and config.metrics.port:
            console.note(f"metrics at http://{config.metrics.host}:{config.metrics.port}/metrics")
        console.next_step(f"linewarden status --config {file}   (in another terminal; Ctrl-C here stops the agent)")

    with stopped_by_signals(stop):
        app.run(stop, ready)
    return 0


@click.command(
    "demo",
    short_help="See it work on a simulated line.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> int:
    """See it work: a simulated line whose model goes on reporting high confidence while bad parts pass.

    \b
    linewarden demo
    linewarden demo --seed 7        another onset, another cause
    linewarden demo --no-fault      nothing happens, and nothing is raised
    linewarden demo --fast          unattended; fails when the story does not hold
    """
    try:
        from agent.demo.main import main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "agent":
            raise
        console.error(f"the demo needs {error.name}", 'pip install "linewarden[demo]", or `make demo` in a checkout')
        return 1
    return main(list(arguments))


def _log_to_stderr(*, verbose: bool) -> None:
    """With the time on a terminal; without it under systemd, whose journal has its own."""
    form = "%(asctime)s %(levelname)s %(message)s" if sys.stderr.isatty() else "%(levelname)s %(message)s"
    logging.basicConfig(stream=sys.stderr, format=form, level=logging.DEBUG if verbose else logging.INFO)
