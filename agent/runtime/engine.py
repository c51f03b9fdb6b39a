"""The core thread: deliveries in, one transaction at a time, acknowledgements out."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from agent.documents import GapDoc
from agent.errors import StoreError
from agent.messages import cmd_result_topic, message
from agent.ports import Delivery, Lost, Pictured, Refused, Snapshot, Wanted
from agent.records import Command, Commanded, Entry, Event, Feedback, Gap, Inspected, Inspection, Outcome, Tick, Told

if TYPE_CHECKING:
    from agent.config.model import AgentSection
    from agent.core.effects import Effects, FittedBaseline
    from agent.core.fold import Core
    from agent.ports import Clock, Journal, StopSignal, Tap
    from agent.runtime.inbox import BoundedInbox
    from agent.runtime.snapshots import SnapshotBox

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
        core: Callable[[], Core],
        journal: Journal,
        inbox: BoundedInbox,
        taps: Mapping[str, Tap],
        clock: Clock,
        snapshots: SnapshotBox,
        options: AgentSection,
        boot_id: str,
        live: bool,
        figures: Callable[[Snapshot], Snapshot],
        pictures: Callable[[Wanted], None] | None = None,
    ) -> None:
        """core: makes an empty one; called again after a failure, to be folded from the store.

        taps: those with an attribute `window` deliver that many before they must see one acknowledged: commits come at half of it.
        live: ticks, gaps, checkpoints and retention happen; a replay has none of them.
        pictures: asked, after the commit, for those of an alarm, and of a place whose baseline was learned.
        figures: fills in what the edges know (taps, sinks, sizes) before a snapshot is shown.
        """
        self._make_core = core
        self._core = core()
        self._journal = journal
        self._inbox = inbox
        self._taps = taps
        self._clock = clock
        self._snapshots = snapshots
        self._options = options
        self._boot_id = boot_id
        self._live = live
        self._figures = figures
        self._pictures = pictures
        self._wanted: list[Wanted] = []
        windows = [int(getattr(tap, "window", _MAX_UNCOMMITTED)) for tap in taps.values()]
        self._window = max(1, min([*windows, 2 * _MAX_UNCOMMITTED]) // 2)
        self._is_intact = True  # whether the core stands where the open transaction does
        self._pending: list[Delivery] = []  # taken, not committed
        self._again: deque[Delivery] = deque()  # taken before a failure, to be taken once more
        self._folding: Delivery | None = None
        self._poison: Delivery | None = None  # the delivery the fold last failed on
        self._receipts: defaultdict[str, list[object]] = defaultdict(list)
        self._due: defaultdict[str, list[object]] = defaultdict(list)  # committed, not acknowledged yet
        self._reached: dict[str, str] = {}
        self.positions = journal.positions()  # per tap, as committed; replaced whole, so that any thread may read it
        self._results: OrderedDict[str, bytes] = OrderedDict()  # latest answers to commands, by topic
        self._urgent = False
        self._has_folded = False  # since the last commit
        self._seq = 0
        self._checkpoint_seq = 0
        now = clock.elapsed()
        self._committed_at = self._ticked_at = self._checkpoint_at = self._shown_at = self._swept_at = now
        self.progress = 0

    def recover(self, on_entry: Callable[[], object] = lambda: None) -> int:
        """At the start: bring the core to where the journal ends, and note the gap; how many entries were folded again.

        on_entry: called for each of them; without a usable checkpoint there may be years of entries.
        """
        stopped_at = self._journal.last_entry_at()
        folded = self._refold(on_entry)
        if self._live:
            self._fold(Gap(stopped_at, self._clock.now(), self._boot_id))
            if self._journal.quarantined is not None:
                since, now = stopped_at, self._clock.now()
                self._journal.enqueue(
                    message(GapDoc(station.station, "lost", since, now, None)) for station in self._core.view().stations
                )
        self._commit()
        self.show(self._clock.now())  # from the first moment views find every station
        return folded

    def run(self, stop: StopSignal) -> None:
        """Fold until stopped and the inbox is empty; the last commit is made and acknowledged.

        Called again after it raised, it goes back to what is committed and takes once more what was not.
        """
        if not self._is_intact:
            self._restart(stop.is_set)
        try:
            self._work(stop)
        except StoreError:
            self._is_intact = False
            raise
        except BaseException:
            self._is_intact = False
            self._poison = self._folding  # the fold is deterministic: what failed once fails always
            raise

    def _work(self, stop: StopSignal) -> None:
        while True:
            self.progress += 1
            is_stopping = stop.is_set()  # looked at each time round, however busy: the sign of life
            self._acknowledge()
            delivery = self._again.popleft() if self._again else self._inbox.get(0.0 if self._commit_due() else _POLL_S)
            if delivery is not None:
                self._take(delivery)
            elif is_stopping:
                break
            if self._live:
                self._tick()
            if self._commit_due():
                self._commit()
        if self._live and self._seq > self._checkpoint_seq:
            self._checkpoint()
        self._commit()
        self.show(self._clock.now())

    # --- where the journal ends ---------------------------------------------------------------------------------------------

    def _refold(self, on_entry: Callable[[], object]) -> int:
        """Fold what follows the latest usable checkpoint; the effects are in the store already. How many entries."""
        journal = self._journal
        after, discarded = 0, False
        while (checkpoint := journal.latest_checkpoint()) is not None:
            try:
                self._core.load(checkpoint[1])
            except StoreError as error:
                _LOG.warning("the checkpoint after entry %d cannot be continued: %s", checkpoint[0], error)
                journal.count("checkpoints_unusable", "")
                journal.discard_checkpoint(checkpoint[0])
                self._core, discarded = self._make_core(), True
            else:
                after = checkpoint[0]
                break
        from_start = discarded and not after
        if from_start:
            self._core.begin_after(journal.forget_parts())
        folded = 0
        self._seq = self._checkpoint_seq = after
        for seq, entry in journal.entries_after(after):
            on_entry()
            effects = self._core.fold(entry)
            if from_start:
                for part in effects.parts:
                    journal.record_part(part)
            self._seq = seq
            folded += 1
        return folded

    def _restart(self, on_entry: Callable[[], object]) -> None:
        """After a failure: nothing of the open transaction counts, in the store or in the core."""
        self._again.extendleft(reversed(self._pending))
        self._pending.clear()
        self._receipts.clear()
        self._reached.clear()
        self._wanted.clear()
        self._urgent = self._has_folded = False
        self._folding = None
        self._journal.rollback()
        self._core = self._make_core()
        self._refold(on_entry)
        self._is_intact = True

    def result_of(self, request_id: str) -> bytes | None:
        """The answer to a command, once committed; the latest ones are kept. May be called from any thread."""
        return self._results.get(cmd_result_topic(request_id))

    # --- one delivery -------------------------------------------------------------------------------------------------------

    def _take(self, delivery: Delivery) -> None:
        self._pending.append(delivery)
        if isinstance(delivery.item, Refused):
            self._journal.count("refused", f"{delivery.tap}:{delivery.item.reason}")
        elif isinstance(delivery.item, Lost):
            self._note_lost(delivery.item, delivery.tap)
        elif isinstance(delivery.item, Pictured):
            self._journal.record_picture(delivery.item.row, delivery.item.most)
        elif delivery is self._poison:
            self._journal.count("refused", f"{delivery.tap}:fold_failed")
            _answer(delivery, "fold_failed")
        else:
            self._folding = delivery
            effects = self._fold(_entry(delivery.item, delivery))
            if effects is None:
                self._journal.count("duplicates", delivery.tap)
            _answer(delivery, "duplicate" if effects is None else effects.became)
            self._folding = None
        self._urgent = self._urgent or delivery.is_awaited
        if delivery.position is not None:
            self._journal.set_position(delivery.tap, delivery.position)
            self._reached[delivery.tap] = delivery.position
        if delivery.receipt is not None:
            self._receipts[delivery.tap].append(delivery.receipt)

    def _note_lost(self, lost: Lost, tap: str) -> None:
        """Count what a sender dropped; told as a gap of its station. The core is not asked: nothing is known of these parts."""
        for reason, count in lost.counts:
            self._journal.count("lost_records", f"{tap}:{reason}", count)
        if lost.station:
            total = sum(count for _, count in lost.counts)
            self._journal.enqueue([message(GapDoc(lost.station, "lost", lost.since, lost.until, total))])

    def _fold(self, entry: Entry) -> Effects | None:
        """What it brought about; None for a duplicate."""
        seq = self._journal.append(entry)
        if seq is None:
            return None
        self._seq = seq
        self._has_folded = True
        effects = self._core.fold(entry)
        self._apply(effects)
        return effects

    def _apply(self, effects: Effects) -> None:
        journal = self._journal
        kept: tuple[tuple[list[Any], Callable[[Any], None]], ...] = (
            (effects.parts, journal.record_part),
            (effects.outcomes, journal.record_outcome),
            (effects.dispositions, journal.record_disposition),
            (effects.alarms, journal.record_alarm),
            (effects.incidents, journal.record_incident),
            (effects.models, journal.record_model_change),
        )
        for items, record in kept:
            for item in items:
                record(item)
        for baseline in effects.baselines:
            journal.record_baseline(baseline.station, baseline.stream, baseline.at, baseline.body)
        self._want(effects)
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

    def _want(self, effects: Effects) -> None:
        """Pictures of what was raised with this entry, and of what a camera sees as its baseline is learned."""
        if self._pictures is None:
            return
        for alarm in effects.alarms:
            if alarm.transition.endswith("→UNACK") and alarm.incident:
                self._wanted.append(Wanted(alarm.incident, alarm.station, alarm.part_id, alarm.changed_at))
        for station, at in {baseline.station: baseline.at for baseline in effects.baselines if _is_seen(baseline)}.items():
            self._wanted.append(Wanted("", station, "", at))

    def _tick(self) -> None:
        since_s = self._clock.elapsed() - self._ticked_at
        if self._core.tick_due(since_s):
            self._ticked_at += since_s
            self._fold(Tick(self._clock.now(), since_s))

    # --- committing ---------------------------------------------------------------------------------------------------------

    def _commit_due(self) -> bool:
        if self._urgent or len(self._pending) >= self._window:
            return True
        elapsed = self._clock.elapsed()
        return elapsed - self._committed_at >= self._options.commit_interval_s and (
            bool(self._pending) or self._has_folded or elapsed - self._shown_at >= _SNAPSHOT_S
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
        for tap, receipts in self._receipts.items():
            self._due[tap].extend(receipts)
        self._receipts.clear()
        self._pending.clear()
        if self._pictures is not None:
            for wanted in self._wanted:
                self._pictures(wanted)
            self._wanted.clear()
        if self._reached:
            self.positions = {**self.positions, **self._reached}
            self._reached.clear()
        is_shown = self._urgent or elapsed - self._shown_at >= _SNAPSHOT_S
        self._urgent = self._has_folded = False
        self._committed_at = elapsed
        if is_shown:
            self.show(now)
        # Acknowledged last: who asked through the control socket finds the new state shown.
        self._acknowledge()

    def _acknowledge(self) -> None:
        while self._due:
            tap, receipts = self._due.popitem()
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
                    uncommitted=len(self._pending),
                )
            )
        )


def _is_seen(baseline: FittedBaseline) -> bool:
    """Whether a baseline is of what a camera sees."""
    return baseline.stream.startswith("imaging/")


def _answer(delivery: Delivery, word: str) -> None:
    if delivery.became is not None:
        delivery.became(word)


def _entry(item: Inspection | Outcome | Event | Feedback | Command, delivery: Delivery) -> Entry:
    received_at, tap = delivery.received_at, delivery.tap
    match item:
        case Inspection():
            bare = msgspec.structs.replace(item, image_inline=b"") if item.image_inline else item
            return Inspected(bare, delivery.frame, received_at, tap)
        case Command():
            return Commanded(item, received_at, tap)
        case _:
            return Told(item, received_at, tap)
