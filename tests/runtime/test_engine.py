"""The core thread: commits, acknowledgements, ticks, gaps, and what it does after a failure."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from agent.config.model import AgentSection
from agent.core.effects import CoreView, Effects
from agent.documents import CommandResultDoc
from agent.errors import StoreError
from agent.messages import message
from agent.ports import Delivery, Lost, PartRow, Refused, Snapshot
from agent.records import Command, Commanded, Gap, Inspected, Inspection, Outcome, Tick
from agent.runtime.clock import ManualClock
from agent.runtime.engine import Engine
from agent.runtime.inbox import BoundedInbox
from agent.runtime.snapshots import SnapshotBox
from agent.runtime.threads import StopEvent
from agent.store.reader import Reader
from agent.store.writer import SqliteStore

T0 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


class CountingCore:
    """Counts parts; that is its whole state. A part named BAD makes it fail, as a fault in the fold would."""

    def __init__(self):
        self.parts = []
        self.other = []
        self.due_after_s = None

    def fold(self, entry):
        effects = Effects()
        match entry:
            case Inspected(record=record):
                if record.part_id == "BAD":
                    raise ZeroDivisionError
                self.parts.append(record.part_id)
                row = PartRow(record.station, len(self.parts), record.part_id, record.captured_at, record.verdict, "", "")
                effects.parts.append(row)
            case Commanded(record=command):
                effects.urgent = True
                effects.messages.append(message(CommandResultDoc(command.request_id, command.verb, accepted=True, detail="done")))
            case _:
                self.other.append(entry)
        return effects

    def tick_due(self, idle_s):
        return self.due_after_s is not None and idle_s >= self.due_after_s

    def view(self):
        return CoreView((), (), (), ())

    def save(self):
        return ",".join(self.parts).encode()

    def begin_after(self, origins):
        self.origins = origins

    def load(self, state):
        if state == b"other build":
            raise StoreError("not mine")
        self.parts = state.decode().split(",") if state else []


class RecordingTap:
    name = "line"
    finite = False

    def __init__(self, window=None):
        self.acknowledged = []
        if window is not None:
            self.window = window

    def acknowledge(self, receipts):
        self.acknowledged += receipts

    def health(self):
        return {}


class Bench:
    """An engine on a real store, stepped by hand."""

    def __init__(self, folder, *, window=None, live=True, boot="boot-1"):
        self.folder = folder
        self.clock = ManualClock(T0)
        self.store = SqliteStore(folder / "s.db", keep_days=400, max_mb=64)
        self.tap = RecordingTap(window)
        self.inbox = BoundedInbox()
        self.cores = []
        self.snapshots = SnapshotBox(Snapshot(T0, T0, boot, "0", 0))
        self.engine = Engine(
            core=self.make_core,
            journal=self.store,
            inbox=self.inbox,
            taps={"line": self.tap},
            clock=self.clock,
            snapshots=self.snapshots,
            options=AgentSection(),
            boot_id=boot,
            live=live,
            figures=lambda snapshot: snapshot,
        )
        self.stop = StopEvent()

    def make_core(self):
        self.cores.append(CountingCore())
        return self.cores[-1]

    @property
    def core(self):
        return self.cores[-1]

    def take(self, *parts):
        for part in parts:
            self.engine._take(delivery(part))

    def drain(self):
        """Run until the inbox is empty, as an orderly stop does."""
        self.stop.set()
        self.engine.run(self.stop)

    def committed(self):
        with Reader(self.store.path) as reader:
            return [e.record.part_id for _, e in reader.entries() if isinstance(e, Inspected)]

    def entries(self, kind):
        with Reader(self.store.path) as reader:
            return [e for _, e in reader.entries() if isinstance(e, kind)]


def delivery(part, **more):
    item = Inspection(part, "ST4", T0, "ok") if isinstance(part, str) else part
    name = part if isinstance(part, str) else getattr(part, "reason", "") or "command"
    return Delivery("line", item, None, T0, **{"position": f"after {name}", "receipt": name, **more})


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**more):
        made.append(Bench(tmp_path, **more))
        made[-1].engine.recover()
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def test_nothing_is_acknowledged_before_its_commit_and_all_of_it_after(bench):
    b = bench()
    b.take("P1", "P2")
    assert not b.engine._commit_due()
    assert b.tap.acknowledged == []
    assert b.committed() == []
    b.clock.move(1.0)
    assert b.engine._commit_due()
    b.engine._commit()
    assert b.committed() == b.tap.acknowledged == ["P1", "P2"]
    assert b.engine.positions == b.store.positions() == {"line": "after P2"}


def test_a_commit_comes_when_half_the_smallest_window_waits(bench):
    b = bench(window=6)
    b.take("P1", "P2")
    assert not b.engine._commit_due()
    b.take("P3")
    assert b.engine._commit_due()


def test_what_each_record_became_is_told_and_one_that_is_awaited_is_committed_at_once(bench):
    b = bench()
    words = []
    outcome = Outcome(part_id="P1", defective=False, observed_at=T0, station="elsewhere")
    for _ in range(2):
        b.engine._take(delivery(outcome, receipt=None, became=words.append))
    assert words == ["", "duplicate"]  # this core has no word for an outcome
    assert not b.engine._commit_due()
    b.engine._take(delivery("P2", is_awaited=True))
    assert b.engine._commit_due()


def test_a_command_is_committed_at_once_and_its_answer_found(bench):
    b = bench()
    b.inbox.put(delivery(Command("r1", "ack", "meier", "operator")), b.stop)
    b.drain()
    assert b'"accepted":true' in b.engine.result_of("r1")
    assert b.tap.acknowledged == ["command"]


def test_a_command_makes_a_commit_due_at_once(bench):
    b = bench()
    b.engine._take(delivery(Command("r1", "ack", "meier", "operator")))
    assert b.engine._commit_due()


def test_duplicates_and_refusals_are_counted_and_acknowledged_but_not_journalled(bench):
    b = bench()
    b.take("P1", "P1", Refused("schema", "no part_id"))
    b.engine._commit()
    assert b.tap.acknowledged == ["P1", "P1", "schema"]
    assert b.committed() == ["P1"]
    assert b.store.counters() == {("duplicates", "line"): 1, ("refused", "line:schema"): 1}


def test_what_a_sender_lost_is_counted_by_reason_told_as_a_gap_and_not_journalled(bench, monkeypatch):
    b, told = bench(), []
    monkeypatch.setattr(b.store, "enqueue", told.extend)
    lost = Lost((("buffer_full", 40), ("invalid", 2)), "ST4", T0, T0)
    b.engine._take(delivery(lost, receipt="lost", position="report 1"))
    b.engine._take(delivery(Lost((("invalid", 1),), "", None, None), receipt="more", position="report 2"))
    assert b.tap.acknowledged == []
    b.engine._commit()
    assert b.tap.acknowledged == ["lost", "more"]
    assert b.engine.positions == {"line": "report 2"}
    assert b.store.counters() == {("lost_records", "line:buffer_full"): 40, ("lost_records", "line:invalid"): 3}
    assert [msgspec.json.decode(m.payload)["count"] for m in told if m.kind == "gap"] == [42]
    assert b.committed() == []


def test_after_an_orderly_stop_everything_taken_is_committed_acknowledged_and_checkpointed(bench):
    b = bench()
    for part in ("P1", "P2", "P3"):
        b.inbox.put(delivery(part), StopEvent())
    b.drain()
    assert b.committed() == b.tap.acknowledged == ["P1", "P2", "P3"]
    assert b.store.latest_checkpoint() == (4, b"P1,P2,P3")


def test_a_restart_folds_again_what_follows_the_checkpoint_and_notes_the_gap(bench):
    b = bench()
    b.take("P1", "P2")
    b.engine._checkpoint()
    b.take("P3")
    b.engine._commit()
    b.store.close()
    after = bench(boot="boot-2")
    assert after.core.parts == ["P1", "P2", "P3"]
    assert after.entries(Gap) == [Gap(None, T0, "boot-1"), Gap(T0, T0, "boot-2")]
    assert after.store.part("ST4", 3).part_id == "P3"
    assert after.engine.positions == {"line": "after P3"}


def test_a_long_start_and_a_long_restart_give_signs_of_life_for_every_entry(bench):
    b = bench()
    b.take("P1", "P2", "P3")
    b.engine._commit()
    signs = []
    b.engine._restart(lambda: signs.append("restart"))
    b.store.close()
    after = Bench(b.folder)
    after.engine.recover(lambda: signs.append("start"))
    after.store.close()
    assert signs == 4 * ["restart"] + 4 * ["start"], "the gap of the first start is an entry too"


def test_what_was_not_committed_comes_again_and_is_folded_once(bench):
    b = bench()
    b.take("P1")
    b.engine._commit()
    b.take("P2")
    b.store.close()
    after = bench()
    assert after.core.parts == ["P1"]
    after.take("P1", "P2")
    after.engine._commit()
    assert after.core.parts == ["P1", "P2"]
    assert after.tap.acknowledged == ["P1", "P2"]


def test_a_checkpoint_of_another_build_falls_back_to_the_one_before_and_then_to_the_whole_journal(bench):
    b = bench()
    b.take("P1")
    b.engine._checkpoint()
    b.take("P2")
    b.engine._commit()
    b.store.save_checkpoint(b.engine._seq, b"other build")
    b.store.commit(T0)
    b.store.close()
    after = bench()
    assert after.core.parts == ["P1", "P2"]
    after.store.discard_checkpoint(2)
    after.store.save_checkpoint(4, b"other build")
    after.store.commit(T0)
    after.store.close()
    whole = bench()
    assert whole.core.parts == ["P1", "P2"]
    assert whole.store.counters() == {("checkpoints_unusable", ""): 2}


def test_a_store_that_fails_at_the_commit_loses_nothing(bench, monkeypatch):
    b = bench()
    b.take("P1")
    b.engine._commit()
    b.inbox.put(delivery("P2"), StopEvent())
    b.inbox.put(delivery("P3"), StopEvent())
    commit, failures = b.store.commit, []

    def full_once(now):
        if not failures:
            failures.append(now)
            raise StoreError("cannot commit: database or disk is full")
        commit(now)

    monkeypatch.setattr(b.store, "commit", full_once)
    b.stop.set()
    with pytest.raises(StoreError, match="full"):
        b.engine.run(b.stop)
    assert b.tap.acknowledged == ["P1"]
    b.engine.run(b.stop)
    assert failures
    assert b.core.parts == ["P1", "P2", "P3"]
    assert b.committed() == ["P1", "P2", "P3"]
    assert b.tap.acknowledged == ["P1", "P2", "P3"]


def test_a_record_the_fold_fails_on_is_refused_by_reason_and_those_around_it_are_judged(bench):
    b = bench()
    for part in ("P1", "BAD", "P2"):
        b.inbox.put(delivery(part), StopEvent())
    b.stop.set()
    with pytest.raises(ZeroDivisionError):
        b.engine.run(b.stop)
    b.engine.run(b.stop)
    assert b.core.parts == ["P1", "P2"]
    assert b.committed() == ["P1", "P2"]
    assert b.tap.acknowledged == ["P1", "BAD", "P2"]
    assert b.store.counters() == {("refused", "line:fold_failed"): 1}


def test_ticks_are_journalled_only_when_the_core_waits_for_time(bench):
    b = bench()
    b.clock.move(50.0)
    b.engine._tick()
    assert b.core.other == [Gap(None, T0, "boot-1")]
    b.core.due_after_s = 10.0
    b.engine._tick()
    assert b.core.other[1:] == [Tick(T0 + timedelta(seconds=50), 50.0)]
    b.engine._tick()
    assert len(b.core.other) == 2


def test_checkpoints_are_at_least_their_interval_apart(bench):
    b = bench()
    b.take("P1")
    b.clock.move(299)
    b.engine._commit()
    assert b.store.latest_checkpoint() is None
    b.clock.move(1)
    b.engine._commit()
    assert b.store.latest_checkpoint() == (2, b"P1")
    b.clock.move(600)
    b.engine._commit()
    assert b.store.latest_checkpoint() == (2, b"P1"), "nothing was folded since"


def test_a_replay_journals_no_gap_and_no_tick(bench):
    b = bench(live=False)
    b.core.due_after_s = 0.0
    b.inbox.put(delivery("P1"), StopEvent())
    b.drain()
    assert b.entries(Gap) == b.entries(Tick) == []
    assert b.committed() == ["P1"]


def test_the_snapshot_shows_the_state_committed(bench):
    b = bench()
    b.take("P1")
    b.clock.move(1.0)
    b.engine._commit()
    assert b.snapshots.current().seq == 2
    assert b.snapshots.current().at == T0 + timedelta(seconds=1)
