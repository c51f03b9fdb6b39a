"""Every check, one after the other; none keeps the others from running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config.load import KINDS, load, warnings
from agent.config.model import Config
from agent.doctor import broker, clock, disk, measurements, model, permissions, references, store
from agent.doctor.finding import Finding, ok
from agent.errors import ConfigError
from agent.mqtt_link.options import BrokerOptions
from agent.plugins import PlugIns
from agent.ports import Clock
from agent.runtime.timekeeping import KernelClock, kernel_clock
from agent.store import library

MOUNTS = Path("/proc/self/mountinfo")


def examine(file: Path, machine_clock: Clock) -> Iterator[Finding]:
    """The findings as they are made. Without a usable configuration its problems are all there is to say."""
    started, began = machine_clock.now(), machine_clock.elapsed()
    try:
        config = load(file, PlugIns())
    except ConfigError as error:
        for path, message, hint in error.problems:
            seen, why = f"{path}: {message}", "the agent does not start; nothing else was checked"
            yield Finding("config", str(file), "fail", seen, why, hint or "mend it, then run `linewarden check-config`")
        return
    yield from _configuration(file, config)
    folder = config.agent.state_dir
    brokers = dict(_brokers(config))
    tokens = dict(_tokens(config))
    yield from permissions.examine(file, folder, {place: options for place, (_, options) in brokers.items()}, tokens)
    yield from disk.examine(folder, config.store.max_mb, MOUNTS.read_text("utf-8", "replace"))
    yield store.examine_library(library.version())
    readable, last_entry_at = store.examine_file(folder)
    yield readable
    if readable.severity == "ok":
        yield from model.examine(config, folder)
    yield from references.examine(config)
    running, snapshot = store.examine_agent(folder)
    yield from running
    yield from measurements.examine(snapshot)
    for place, (client_id, options) in brokers.items():
        kind, name = place.split(" ", 1)
        figures: dict[str, Any] = snapshot.get(f"{kind}s", {}).get(name, {})
        yield from broker.examine(place, options, client_id, machine_clock, figures)
    moved = (machine_clock.now() - started).total_seconds() - (machine_clock.elapsed() - began)
    yield from clock.examine(clock.ClockLook(machine_clock.now(), _kernel(), moved, last_entry_at))


def _configuration(file: Path, config: Config) -> Iterator[Finding]:
    found = warnings(config)
    for path, message, hint in found:
        yield Finding(
            "config", str(file), "warn", f"{path}: {message}", hint, f"edit {file}, then `linewarden check-config {file}`"
        )
    if not found:
        yield ok("config", str(file), f"no problems; {len(config.stations)} station(s)")


def _brokers(config: Config) -> Iterator[tuple[str, tuple[str, BrokerOptions]]]:
    """Place, client identifier for the look, and options of every plug-in with a broker."""
    plug_ins = PlugIns()
    for kind in KINDS:
        for chosen in config.taps if kind == "taps" else config.sinks:
            options = plug_ins.options(kind, chosen.type).model_validate(chosen.options)
            if isinstance(options, BrokerOptions):
                own = options.identifier(kind[:-1], chosen.name, config.agent.state_dir)
                yield f"{kind[:-1]} {chosen.name}", (f"{own}-doctor", options)


def _tokens(config: Config) -> Iterator[tuple[str, Path]]:
    """Files with a token that senders show, by the place of their tap."""
    plug_ins = PlugIns()
    for chosen in config.taps:
        path = getattr(plug_ins.options("taps", chosen.type).model_validate(chosen.options), "token_file", None)
        if path is not None:
            yield f"tap {chosen.name}", path


def _kernel() -> KernelClock | None:
    try:
        return kernel_clock()
    except OSError:
        return None
