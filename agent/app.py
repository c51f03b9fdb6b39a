"""The whole agent put together; the only file that names concrete classes."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.fold import Core
from agent.errors import StoreCorrupt
from agent.frames.measurer import FrameMeasurer, MeasurerInTime
from agent.frames.photographer import NAME as PICTURES
from agent.frames.photographer import Photographer
from agent.frames.recent import Recent
from agent.plugins import PlugIns
from agent.ports import PlugInContext, Snapshot
from agent.runtime.control import NAME as CONTROL
from agent.runtime.control import ControlTap
from agent.runtime.engine import Engine
from agent.runtime.inbox import BoundedInbox
from agent.runtime.notify import SystemdNotifier
from agent.runtime.snapshots import SnapshotBox
from agent.runtime.threads import Pulse, StopEvent, Worker
from agent.runtime.watchdog import Watchdog
from agent.state_folder import CONTROL_NAME, STORE_NAME
from agent.store.writer import SqliteStore

if TYPE_CHECKING:
    from agent.config.model import Config, PlugIn
    from agent.ports import Clock, Sink, StopSignal, Tap, View

_LOG = logging.getLogger("linewarden")
_JOIN_S = 10.0
_DRAIN_S = 5.0
_WATCH_S = 1.0


class App:
    """Threads and their order: taps, sinks and views around the core; stopped taps first, then the core, then the sinks."""

    def __init__(self, config: Config, clock: Clock, *, live: bool, state_dir: Path | None) -> None:
        self.config = config
        self.boot_id = uuid.uuid4().hex[:12]
        self._clock = clock
        self._live = live
        sinks = [plugin.name for plugin in config.sinks] if live else []
        self.store = SqliteStore(
            (state_dir or Path()) / STORE_NAME,
            keep_days=config.store.keep_days,
            trace_days=config.store.trace_days,
            max_mb=config.store.max_mb,
            in_memory=state_dir is None,
            sinks=sinks,
        )
        takes_pictures = live and config.frames.evidence_pictures > 0
        recent = Recent() if takes_pictures else None
        self._measurer = FrameMeasurer(config.frames, config.stations, recent=recent)
        now = clock.now()
        self.snapshots = SnapshotBox(Snapshot(now, now, self.boot_id, version("linewarden"), 0))
        self._inbox = BoundedInbox()
        self._at_edges, self._in_core, self._at_sinks = StopEvent(), StopEvent(), StopEvent()
        self._pulses = {p.name: Pulse(self._at_edges, clock) for p in config.taps}
        context = PlugInContext(config, clock, self._measurer, state_dir or Path(), self.boot_id)
        plugins = PlugIns()
        self.taps: dict[str, Tap] = {
            p.name: _tap(plugins, p, replace(context, measurer=MeasurerInTime(self._measurer, self._pulses[p.name])))
            for p in config.taps
        }
        self.sinks: dict[str, Sink] = {p.name: _sink(plugins, p, context) for p in config.sinks} if live else {}
        self.views: list[View] = []
        if live and config.metrics.enabled:
            from agent.views.prometheus import PrometheusView

            self.views.append(PrometheusView(config.metrics))
        photographer = None
        if recent is not None:
            photographer = Photographer(self._measurer, recent, clock, most=config.frames.evidence_pictures)
            self._add(photographer)
        if live and state_dir is not None:
            control = ControlTap(state_dir / CONTROL_NAME, clock, self.snapshots, self._result_of)
            self._add(control)
        self.engine = Engine(
            core=lambda: Core(config, self.store),
            journal=self.store,
            inbox=self._inbox,
            taps=self.taps,
            clock=clock,
            snapshots=self.snapshots,
            options=config.agent,
            boot_id=self.boot_id,
            live=live,
            figures=self._figures,
            pictures=None if photographer is None else photographer.ask,
        )

    def _add(self, tap: Tap) -> None:
        """One that is no plug-in."""
        self.taps[tap.name] = tap
        self._pulses[tap.name] = Pulse(self._at_edges, self._clock)

    def run(self, stop: StopEvent, on_ready: Callable[[], None] = lambda: None) -> None:
        """Work until stopped, or, where every source ends, until all of it is folded and committed.

        Raises StoreCorrupt, after an orderly stop, when the store was found damaged: the next start sets it aside.
        """
        notifier = SystemdNotifier()
        watchdog = Watchdog(notifier, self._clock)
        refolded = self.engine.recover(watchdog.starting)
        if refolded:
            _LOG.info("folded %d journal entries again", refolded)
        core = Worker("core", self.engine.run, Pulse(self._in_core, self._clock), self._clock, fatal=(StoreCorrupt,))
        taps = [self._tap_worker(tap) for tap in self.taps.values()]
        views = [self._view_worker(view) for view in self.views]
        sinks = [self._sink_worker(sink) for sink in self.sinks.values()]
        for worker in (core, *taps, *sinks, *views):
            worker.start()
        notifier.send("READY=1\nSTATUS=watching")
        on_ready()
        self._watch(stop, core, taps, lambda: watchdog.feed(core, (*taps, *sinks, *views)))
        notifier.send("STOPPING=1")
        self._at_edges.set()
        for worker in (*taps, *views):
            worker.join(_JOIN_S)
        self._in_core.set()
        core.join(6 * _JOIN_S)
        if sinks and not stop.is_set():
            self._at_sinks.wait(_DRAIN_S)
        self._at_sinks.set()
        for worker in sinks:
            worker.join(_JOIN_S)
        self.close()
        if core.error is not None:
            raise core.error

    def _watch(self, stop: StopEvent, core: Worker, taps: list[Worker], feed: Callable[[], object]) -> None:
        """Until stopped, the core has ended, or every source has; `feed` is called all the while."""
        sources = [
            (tap, worker) for tap, worker in zip(self.taps.values(), taps, strict=True) if tap.name not in (CONTROL, PICTURES)
        ]
        is_finite = bool(sources) and all(tap.finite for tap, _ in sources)
        while not stop.wait(_WATCH_S if self._live else 0.02):
            if not core.is_alive:
                _LOG.error("the core has ended; stopping")
                return
            feed()
            if is_finite and not any(worker.is_alive for _, worker in sources):
                return

    def close(self) -> None:
        """Let go of the child process and the store; `run` does so at its end."""
        self._measurer.close()
        self.store.close()

    def _result_of(self, request_id: str) -> bytes | None:
        return self.engine.result_of(request_id)

    def _tap_worker(self, tap: Tap) -> Worker:
        def work(stop: StopSignal) -> None:
            tap.run(self._inbox, self.engine.positions.get(tap.name), stop)

        return Worker(f"tap {tap.name}", work, self._pulses[tap.name], self._clock, is_finite=tap.finite)

    def _sink_worker(self, sink: Sink) -> Worker:
        def work(stop: StopSignal) -> None:
            outbox = self.store.outbox()
            try:
                sink.run(outbox, self.snapshots, stop)
            finally:
                outbox.close()

        return Worker(f"sink {sink.name}", work, Pulse(self._at_sinks, self._clock), self._clock)

    def _view_worker(self, view: View) -> Worker:
        def work(stop: StopSignal) -> None:
            view.run(self.snapshots, stop)

        return Worker(f"view {view.name}", work, Pulse(self._at_edges, self._clock), self._clock)

    def _figures(self, snapshot: Snapshot) -> Snapshot:
        return replace(
            snapshot,
            counters=self.store.counters(),
            taps={name: tap.health() for name, tap in self.taps.items()},
            sinks={name: sink.health() for name, sink in self.sinks.items()},
            outbox_depth=self.store.outbox_depth(),
            store_bytes=self.store.size_bytes(),
        )


def build(config: Config, clock: Clock, *, live: bool = True, state_dir: Path | None = None) -> App:
    """Everything constructed, nothing started. live False: a replay in memory, without ticks, sinks, views or control socket.

    Raises ConfigError for a plug-in's options, StoreLocked when another agent has the state folder.
    """
    if live:
        state_dir = state_dir or config.agent.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return App(config, clock, live=live, state_dir=state_dir)


def _tap(plugins: PlugIns, chosen: PlugIn, context: PlugInContext) -> Tap:
    module = plugins.module("taps", chosen.type)
    tap: Tap = module.build(chosen.name, module.Options.model_validate(chosen.options), context)
    return tap


def _sink(plugins: PlugIns, chosen: PlugIn, context: PlugInContext) -> Sink:
    module = plugins.module("sinks", chosen.type)
    sink: Sink = module.build(chosen.name, module.Options.model_validate(chosen.options), context)
    return sink
