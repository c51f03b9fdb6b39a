"""The core thread: deliveries in, one transaction at a time, acknowledgements out."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from agent.core.messages import cmd_result_topic
from agent.errors import StoreError
from agent.ports import Delivery, Refused, Snapshot
from agent.records import Command, Commanded, Entry, Event, Gap, Inspected, Inspection, Outcome, Tick, Told

if TYPE_CHECKING:
    from agent.config.model import AgentSection
    from agent.core.effects import Effects
    from agent.core.fold import Core
    from agent.ports import Clock, Journal, Tap
    from agent.runtime.inbox import BoundedInbox
    from agent.runtime.snapshots import SnapshotBox
    from agent.runtime.threads import StopEvent

_LOG = logging.getLogger("linewarden")
# Wake-up when nothing arrives: short enough for the commit interval and the ticks, long enough to sleep.
_POLL_S = 0.1
# Uncommitted deliveries at which a commit is due whatever the time, when no tap names a smaller window.
_MAX_UNCOMMITTED = 1_000
# A snapshot is no older than this while records arrive.
_SNAPSHOT_S = 1.0
_RETENTION_S = 60.0
_RESULTS_KEPT = 256


class Engine:
    """Owns the store and the fold; everything in it runs in one thread."""

    def __init__(
        self,
        *,
        core: Core,
        journal: Journal,
        inbox: BoundedInbox,
        taps: Mapping[str, Tap],
        clock: Clock,
        snapshots: SnapshotBox,
        options: AgentSection,
        boot_id: str,
        live: bool,
        figures: Callable[[Snapshot], Snapshot],
    ) -> None:
        """live: ticks, gaps, checkpoints and retention happen; a replay has none of them.

        figures: fills in what the edges know (taps, sinks, sizes) before a snapshot is shown.
        """
        self._core = core
        self._journal = journal
        self._inbox = inbox
        self._taps = taps
        self._clock = clock
        self._snapshots = snapshots
        self._options = options
        self._boot_id = boot_id
        self._live = live
        self._figures = figures
        windows = [int(getattr(tap, "window", _MAX_UNCOMMITTED)) for tap in taps.values()]
        self._window = max(1, min([*windows, 2 * _MAX_UNCOMMITTED]) // 2)
        self._receipts: defaultdict[str, list[object]] = defaultdict(list)
        self._results: OrderedDict[str, bytes] = OrderedDict()  # latest answers to commands, by topic
        self._uncommitted = 0
        self._urgent = False
        self._seq = 0
        self._checkpoint_seq = 0
        now = clock.elapsed()
        self._committed_at = self._folded_at = self._checkpoint_at = self._shown_at = self._swept_at = now
        self.progress = 0

    def recover(self) -> int:
        """Bring the core to where the journal ends; how many entries were folded again. Their effects are in the store already."""
        after = 0
        checkpoint = self._journal.latest_checkpoint()
        if checkpoint is not None:
            try:
                self._core.load(checkpoint[1])
                after = self._checkpoint_seq = checkpoint[0]
            except StoreError as error:
                _LOG.warning("the checkpoint cannot be continued, the journal is folded from its start: %s", error)
                self._journal.discard_checkpoint(checkpoint[0])
                self._journal.forget_parts()
        folded = 0
        self._seq = after
        for seq, entry in self._journal.entries_after(after):
            effects = self._core.fold(entry)
            if checkpoint is not None and not after:
                for part in effects.parts:
                    self._journal.record_part(part)
            self._seq = seq
            folded += 1
        if self._live:
            now = self._clock.now()
            self._fold(Gap(self._journal.last_entry_at(), now, self._boot_id))
        self._commit()
        return folded

    def run(self, stop: StopEvent) -> None:
        """Fold until stopped and the inbox is empty; the last commit is made and acknowledged."""
        while True:
            delivery = self._inbox.get(0.0 if self._commit_due() else _POLL_S)
            if delivery is not None:
                self._take(delivery)
            elif stop.is_set():
                break
            elif self._live:
                self._tick()
            if self._commit_due():
                self._commit()
            self.progress += 1
        if self._live and self._seq > self._checkpoint_seq:
            self._checkpoint()
        self._commit()
        self.show(self._clock.now())

    def result_of(self, request_id: str) -> bytes | None:
        """The answer to a command, once committed; the latest ones are kept. May be called from any thread."""
        return self._results.get(cmd_result_topic(request_id))

    # --- one delivery -------------------------------------------------------------------------------------------------------

    def _take(self, delivery: Delivery) -> None:
        if isinstance(delivery.item, Refused):
            self._journal.count("refused", f"{delivery.tap}:{delivery.item.reason}")
        else:
            entry = _entry(delivery.item, delivery)
            if self._fold(entry) is None:
                self._journal.count("duplicates", delivery.tap)
        if delivery.position is not None:
            self._journal.set_position(delivery.tap, delivery.position)
        if delivery.receipt is not None:
            self._receipts[delivery.tap].append(delivery.receipt)
        self._uncommitted += 1

    def _fold(self, entry: Entry) -> int | None:
        seq = self._journal.append(entry)
        if seq is None:
            return None
        self._seq = seq
        self._uncommitted += 1
        self._apply(self._core.fold(entry))
        self._folded_at = self._clock.elapsed()
        return seq

    def _apply(self, effects: Effects) -> None:
        journal = self._journal
        for part in effects.parts:
            journal.record_part(part)
        for alarm in effects.alarms:
            journal.record_alarm(alarm)
        for incident in effects.incidents:
            journal.record_incident(incident)
        for baseline in effects.baselines:
            journal.record_baseline(baseline.station, baseline.stream, baseline.at, baseline.body)
        for counter, labels, by in effects.counts:
            journal.count(counter, labels, by)
        if effects.messages:
            journal.enqueue(effects.messages)
            for message in effects.messages:
                if message.kind == "cmd_result":
                    self._results[message.topic] = message.payload
                    if len(self._results) > _RESULTS_KEPT:
                        self._results.popitem(last=False)
        self._urgent = self._urgent or effects.urgent

    def _tick(self) -> None:
        idle_s = self._clock.elapsed() - self._folded_at
        if self._core.tick_due(idle_s):
            self._fold(Tick(self._clock.now(), idle_s))

    # --- committing ---------------------------------------------------------------------------------------------------------

    def _commit_due(self) -> bool:
        if self._urgent or self._uncommitted >= self._window:
            return True
        return self._clock.elapsed() - self._committed_at >= self._options.commit_interval_s and (
            self._uncommitted > 0 or self._clock.elapsed() - self._shown_at >= _SNAPSHOT_S
        )

    def _commit(self) -> None:
        elapsed, now = self._clock.elapsed(), self._clock.now()
        if self._live:
            if elapsed - self._checkpoint_at >= self._options.checkpoint_interval_s and self._seq > self._checkpoint_seq:
                self._checkpoint()
            if elapsed - self._swept_at >= _RETENTION_S:
                self._swept_at = elapsed
                self._journal.delete_expired(now)
        self._journal.commit(now)
        shown_late = self._urgent or elapsed - self._shown_at >= _SNAPSHOT_S
        self._uncommitted, self._urgent, self._committed_at = 0, False, elapsed
        if shown_late:
            self.show(now)
        # Acknowledged last: who asked through the control socket finds the new state shown.
        receipts, self._receipts = self._receipts, defaultdict(list)
        for tap, given in receipts.items():
            self._acknowledge(tap, given)

    def _acknowledge(self, tap: str, receipts: Sequence[object]) -> None:
        known = self._taps.get(tap)
        if known is not None:
            known.acknowledge(receipts)

    def _checkpoint(self) -> None:
        self._journal.save_checkpoint(self._seq, self._core.save())
        self._checkpoint_seq, self._checkpoint_at = self._seq, self._clock.elapsed()

    def show(self, now: datetime) -> None:
        """Swap the snapshot for one of the present state."""
        self._shown_at = self._clock.elapsed()
        view = self._core.view()
        before = self._snapshots.current()
        self._snapshots.swap(
            self._figures(
                Snapshot(
                    at=now,
                    started_at=before.started_at,
                    boot_id=self._boot_id,
                    version=before.version,
                    seq=self._seq,
                    stations=view.stations,
                    alarms=view.alarms,
                    incidents=view.incidents,
                    holds=view.holds,
                    uncommitted=self._uncommitted,
                )
            )
        )


def _entry(item: Inspection | Outcome | Event | Command, delivery: Delivery) -> Entry:
    received_at, tap = delivery.received_at, delivery.tap
    match item:
        case Inspection():
            bare = msgspec.structs.replace(item, image_inline=b"") if item.image_inline else item
            return Inspected(bare, delivery.frame, received_at, tap)
        case Command():
            return Commanded(item, received_at, tap)
        case _:
            return Told(item, received_at, tap)
