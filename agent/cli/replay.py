"""`linewarden replay`: recorded parts through the same core, offline; the alarm events as JSON lines."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from agent.cli import console
from agent.cli.access import config_option
from agent.runtime.threads import StopEvent

if TYPE_CHECKING:
    from agent.config.model import Config
    from agent.documents import AlarmDoc
    from agent.ports import Snapshot

_ALARMED = 3
_INTERRUPTED = 130
_TAP = "replay"


@click.command("replay", short_help="Fold recorded parts, print the alarm events.")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.option("--frames", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder that image paths are below.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the events here instead of standard output.")
@click.option("--trusted", is_flag=True, help="Accept frames that the records carry measured (exports of the agent's journal).")
@click.option("--exit-code", is_flag=True, help="Exit 3 when any alarm was raised.")
def replay(records: tuple[Path, ...], file: Path, frames: Path | None, out: Path | None, trusted: bool, exit_code: bool) -> int:
    """Fold RECORDS (files of JSON lines: inspections, outcomes, events, commands) and print the alarm events, one JSON a line.

    \b
    linewarden replay --config line.toml january.jsonl outcomes.jsonl
    linewarden replay --config line.toml parts.jsonl --frames images/ --out alarms.jsonl
    linewarden replay --config line.toml parts.jsonl --exit-code && echo quiet

    Files are merged by event time. The configured taps and sinks stay off, nothing is written to the state folder. The same
    records give the same events, live or replayed. A summary goes to standard error.
    """
    from agent.cli.configuration import load
    from agent.runtime.signals import stopped_by_signals

    config = _offline(load(file), records, frames, trusted=trusted)
    with tempfile.TemporaryDirectory(prefix="linewarden-replay-") as folder, _output(out) as sink:
        with console.progress("replaying", _lines(records)) as advance:
            stop = _ShownStop(advance)
            with stopped_by_signals(stop):
                snapshot = _fold(config, stop, Path(folder))
        events = list(_events(Path(folder)))
        for event in events:
            sink.write(_line(event))
    raised = sum(event.transition.endswith("→UNACK") for event in events)
    _summarise(snapshot, len(events), raised)
    if stop.is_set():
        return _INTERRUPTED
    return _ALARMED if exit_code and raised else 0


class _ShownStop(StopEvent):
    """Moves the bar whenever the application looks whether to stop."""

    def __init__(self, advance: console.Advance) -> None:
        super().__init__()
        self._advance = advance
        self._shown = 0
        self.done: Callable[[], int] = int

    def wait(self, timeout_s: float) -> bool:
        """See StopEvent."""
        done = self.done()
        self._advance(done - self._shown)
        self._shown = done
        return super().wait(timeout_s)


def _offline(config: Config, records: tuple[Path, ...], frames: Path | None, *, trusted: bool) -> Config:
    """The configuration with one tap that reads the records to their end, and nothing that talks to the world."""
    from agent.config.model import PlugIn

    tap = PlugIn.model_validate(
        {
            "type": "jsonl",
            "name": _TAP,
            "mode": "replay",
            "paths": [str(path) for path in records],
            "trusted": trusted,
            **({"frames_dir": str(frames)} if frames else {}),
        }
    )
    metrics = config.metrics.model_copy(update={"enabled": False})
    return config.model_copy(update={"taps": [tap], "sinks": [], "metrics": metrics})


def _fold(config: Config, stop: _ShownStop, folder: Path) -> Snapshot:
    from agent.app import build
    from agent.runtime.clock import SystemClock

    app = build(config, SystemClock(), live=False, state_dir=folder)
    stop.done = lambda: app.engine.progress
    app.run(stop)
    return app.snapshots.current()


def _events(folder: Path) -> Iterator[AlarmDoc]:
    from agent.state_folder import STORE_NAME
    from agent.store.reader import Reader

    with Reader(folder / STORE_NAME) as store:
        for _, event in store.alarm_events():
            yield event


def _line(event: AlarmDoc) -> str:
    import msgspec

    return msgspec.json.encode(event).decode() + "\n"


def _lines(records: tuple[Path, ...]) -> int | None:
    """How many lines there are, for the bar; not counted when nobody watches."""
    if not sys.stderr.isatty():
        return None
    total = 0
    for path in records:
        with path.open("rb") as file:
            total += sum(1 for _ in file)
    return total


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    with path.open("w", encoding="utf-8") as file:
        yield file


def _summarise(snapshot: Snapshot, events: int, raised: int) -> None:
    for station in snapshot.stations:
        counted = ", ".join(f"{total} {name}" for name, total in sorted(station.counters.items()) if total)
        console.note(
            f"{station.station}: {station.parts} parts, {station.rejected} rejected, {station.outcomes} outcomes, "
            f"{station.audits_judged} audits judged; {station.state}" + (f"; {counted}" if counted else "")
        )
    for (counter, labels), total in sorted(snapshot.counters.items()):
        if counter in ("refused", "duplicates"):
            console.note(f"{counter} {labels.removeprefix(f'{_TAP}:')}: {total}")
    console.note(f"{raised} alarm(s) raised, {events} event(s)")
