import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from agent.documents import AlarmDoc, HoldDoc, IncidentDoc, OutMessage
from agent.errors import StoreCorrupt, StoreError, StoreLocked
from agent.ports import PartRow
from agent.records import Command, Commanded, Event, Gap, Inspected, Inspection, Outcome, Tick, Told
from agent.store import retention
from agent.store.identity import entry_key
from agent.store.reader import Reader
from agent.store.writer import SqliteStore

T0 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


def inspected(k, **more):
    at = T0 + timedelta(seconds=3 * k)
    record = Inspection(part_id=f"P{k:06d}", station="ST4", captured_at=at, verdict="ok", p_defect=0.1, recipe="A", **more)
    return Inspected(record, received_at=at, tap="line")


def row(k, verdict="ok", box="B1"):
    return PartRow("ST4", k, f"P{k:06d}", T0 + timedelta(seconds=3 * k), verdict, "A", box)


def message(text, kind="alarm_event"):
    return OutMessage(topic=f"alarm/ST4/{text}", payload=text.encode(), qos=1, retain=False, kind=kind)


def alarm(state, transition, **more):
    given = {"alarm_id": "ST4/focus", "occurrence_id": "ST4-P000007", "station": "ST4", "stream": "A", "priority": "warning"}
    document = {"active": True, "acked": False, "andon": "amber", "code": "X", "text": "t", "response": "r", "part_id": "P7"}
    return AlarmDoc(**given, **document, state=state, transition=transition, raised_at=T0, changed_at=T0, **more)


@pytest.fixture
def opened(tmp_path):
    stores = []

    def open_store(name="s.db", **more):
        store = SqliteStore(tmp_path / name, **{"keep_days": 400, "max_mb": 64, **more})
        stores.append(store)
        return store

    yield open_store
    for store in stores:
        store.close()


def again(store, opened, **more):
    store.close()
    return opened(store.path.name, **more)


def test_what_is_not_committed_is_not_there_after_a_restart(opened):
    store = opened()
    store.append(inspected(1))
    store.commit(T0)
    store.append(inspected(2))
    store.record_part(row(2))
    store.enqueue([message("a")])
    store = again(store, opened)
    assert [seq for seq, _ in store.entries_after(0)] == [1]
    assert store.part("ST4", 2) is None
    assert store.outbox().last_id() == 0


def test_every_kind_of_entry_comes_back_as_it_was_appended(opened):
    store = opened()
    told = Told(Outcome("P1", defective=True, observed_at=T0, inclusion_probability=0.25), T0, "truth")
    entries = [
        Gap(None, T0, "boot"),
        inspected(1, sequence=7, context={"lot": "L1"}),
        told,
        Told(Event("ST4", "lot", T0, "L2"), T0, "line"),
        Commanded(Command("r1", "ack", "meier", "operator", {"occurrence_id": "x"}), T0, "control"),
        Tick(T0, 10.0),
    ]
    assert [store.append(entry) for entry in entries] == [1, 2, 3, 4, 5, 6]
    store.commit(T0)
    assert [entry for _, entry in store.entries_after(0)] == entries
    assert [seq for seq, _ in store.entries_after(4)] == [5, 6]


def test_an_entry_delivered_again_is_a_duplicate_within_and_after_its_transaction(opened):
    store = opened()
    assert store.append(inspected(1)) == 1
    assert store.append(inspected(1)) is None
    store.commit(T0)
    store = again(store, opened)
    assert store.append(inspected(1)) is None
    assert store.append(inspected(2)) == 2


def test_the_source_s_sequence_tells_a_duplicate_whatever_its_capture_time(opened):
    store = opened()
    assert store.append(inspected(1, sequence=5)) == 1
    later = Inspected(Inspection("P000001", "ST4", T0 + timedelta(hours=2), "ok", recipe="A", sequence=5))
    assert store.append(later) is None


def test_ticks_and_gaps_are_never_duplicates(opened):
    store = opened()
    assert [store.append(Tick(T0, 10.0)) for _ in range(3)] == [1, 2, 3]
    assert entry_key(Gap(None, T0)) is None


def test_keys_of_one_source_grow_with_its_sequence_so_that_the_index_is_appended_to():
    keys = [entry_key(inspected(k, sequence=k))[:4] for k in range(0, 5000, 100)]
    assert keys == sorted(keys)
    assert len(set(keys)) > 10


def test_a_sequence_number_is_never_used_twice_even_when_the_journal_was_emptied(opened):
    store = opened()
    for k in range(5):
        store.append(inspected(k))
    store.save_checkpoint(5, b"state")
    store.commit(T0)
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM journal")
    db.close()
    assert opened().append(inspected(9)) == 6


def test_a_rollback_forgets_everything_since_the_commit(opened):
    store = opened()
    store.append(inspected(1))
    store.count("refused", "line:schema")
    store.commit(T0)
    store.append(inspected(2))
    store.count("refused", "line:schema")
    store.record_part(PartRow("NEW", 1, "P", T0, "ok", "B", ""))
    store.rollback()
    assert store.append(inspected(2)) == 2
    store.record_part(PartRow("NEW", 1, "P", T0, "ok", "B", ""))
    store.commit(T0)
    assert store.counters() == {("refused", "line:schema"): 1}
    assert store.part("NEW", 1) == PartRow("NEW", 1, "P", T0, "ok", "B", "")


def test_parts_are_found_by_index_by_id_up_to_an_index_and_counted_between(opened):
    store = opened()
    for k in range(1, 11):
        store.record_part(row(k, verdict="ng" if k % 5 == 0 else "ok"))
    store.record_part(PartRow("ST4", 11, "P000003", T0, "ok", "A", "B2"))
    store.commit(T0)
    assert store.part("ST4", 4) == row(4)
    assert store.part_index("ST4", "P000003", 20) == 11
    assert store.part_index("ST4", "P000003", 10) == 3
    assert store.part_index("ST4", "P000003", 2) is None
    assert store.part_index("ST5", "P000003", 20) is None
    assert store.passed_between("ST4", 1, 10) == 8


def test_the_two_latest_checkpoints_are_kept(opened):
    store = opened()
    for seq in (3, 6, 9):
        store.save_checkpoint(seq, b"%d" % seq)
    store.commit(T0)
    assert store.latest_checkpoint() == (9, b"9")
    store.discard_checkpoint(9)
    assert store.latest_checkpoint() == (6, b"6")
    store.discard_checkpoint(6)
    assert store.latest_checkpoint() is None


def test_every_transition_is_kept_and_one_current_state_per_alarm(opened):
    store = opened()
    store.record_alarm(alarm("UNACK", "NORM→UNACK"))
    store.record_alarm(alarm("UNACK", ""))
    store.record_alarm(alarm("ACKED", "UNACK→ACKED"))
    store.commit(T0)
    with Reader(store.path) as reader:
        assert [a.state for a in reader.alarms()] == ["ACKED"]
        assert [a.transition for _, a in reader.alarm_events()] == ["NORM→UNACK", "UNACK→ACKED"]


def test_a_sink_reads_in_order_and_its_mark_is_durable_after_the_next_commit(opened):
    store = opened(sinks=("mqtt",))
    store.enqueue([message("a"), message("b"), message("c")])
    store.commit(T0)
    outbox = store.outbox()
    rows = outbox.after(0, 2)
    assert [r.message for r in rows] == [message("a"), message("b")]
    assert rows[0].committed_at == T0
    assert store.outbox_depth() == 3
    outbox.advance("mqtt", rows[-1].id)
    assert outbox.mark("mqtt") == 0
    store.commit(T0)
    assert outbox.mark("mqtt") == 2
    assert store.outbox_depth() == 1
    outbox.advance("mqtt", 1)
    store.commit(T0)
    assert outbox.mark("mqtt") == 2
    outbox.close()


def test_an_outbox_sees_nothing_before_the_commit_and_does_not_wait_when_something_is_new(opened):
    store = opened()
    outbox = store.outbox()
    store.enqueue([message("a")])
    assert outbox.after(0, 10) == []
    store.commit(T0)
    outbox.wait(60)  # returns at once, else the test would time out
    assert len(outbox.after(0, 10)) == 1
    outbox.close()


def test_a_mark_survives_a_transaction_that_was_rolled_back(opened):
    store = opened(sinks=("mqtt",))
    store.enqueue([message("a")])
    store.commit(T0)
    outbox = store.outbox()
    outbox.advance("mqtt", 1)
    store.append(inspected(1))
    store.rollback()
    store.commit(T0)
    assert outbox.mark("mqtt") == 1
    outbox.close()


def test_a_second_writer_is_refused_and_told_who_holds_the_store(opened):
    store = opened()
    with pytest.raises(StoreLocked, match=f"locked by process {os.getpid()}") as caught:
        opened()
    assert "state_dir" in caught.value.hint
    store.close()


def test_a_killed_writer_leaves_no_lock(opened, tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from agent.store.writer import SqliteStore;"
        "SqliteStore(Path(sys.argv[1]), keep_days=1, max_mb=64); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s.db")], check=False, timeout=60)
    assert done.returncode == -9
    assert opened().append(inspected(1)) == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 4096, b"not a database at all, and long enough to be read as one" * 100])
def test_a_damaged_store_is_set_aside_counted_and_replaced(opened, damage):
    store = opened()
    for k in range(200):
        store.append(inspected(k))
    store.commit(T0)
    store.close()
    content = bytearray(store.path.read_bytes())
    if damage:
        content[: len(damage)] = damage
    else:
        content[8192:-2048] = os.urandom(len(content) - 8192 - 2048)
    store.path.write_bytes(content)
    fresh = opened()
    assert fresh.quarantined is not None
    assert fresh.quarantined.read_bytes() == bytes(content)
    assert fresh.append(inspected(1)) == 1
    assert fresh.last_entry_at() is not None, "the gap starts when the damaged file was last written"
    fresh.commit(datetime.now(UTC))
    assert fresh.counters() == {("store_quarantined", fresh.quarantined.name): 1}


def test_damage_met_in_use_is_set_aside_at_the_next_start(opened):
    store = opened()
    for k in range(3000):
        store.append(inspected(k))
    store.commit(T0)
    store.close()
    store = opened()
    content = bytearray(store.path.read_bytes())
    content[4096:-4096] = b"\xff" * (len(content) - 8192)
    store.path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        list(store.entries_after(0))
    store.close()
    assert opened().quarantined is not None


def test_a_store_of_a_newer_build_is_refused_with_what_to_do(opened):
    store = opened()
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="schema 99") as caught:
        opened()
    assert "newer" in caught.value.hint


def test_the_pragmas_are_those_of_a_durable_log(opened):
    store = opened()
    ask = {
        name: store._tx.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "auto_vacuum")
    }
    assert ask == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}


def test_a_store_in_memory_leaves_nothing_behind():
    store = SqliteStore(None, keep_days=1, max_mb=64, in_memory=True)
    folder = store.path.parent
    store.append(inspected(1))
    store.commit(T0)
    with Reader(store.path) as reader:
        assert len(list(reader.entries())) == 1
    store.close()
    assert not folder.exists()


def fill(store, days, per_day=50):
    """One checkpoint a day, as an agent would have."""
    k = 0
    for day in range(days):
        for _ in range(per_day):
            k += 1
            at = T0 + timedelta(days=day, seconds=k)
            entry = Inspected(Inspection(f"P{k:06d}", "ST4", at, "ok", recipe="A"), received_at=at)
            seq = store.append(entry)
            store.record_part(PartRow("ST4", k, f"P{k:06d}", at, "ok", "A", ""))
        store.save_checkpoint(seq, b"state")
        store.commit(at)
    return k


def held(first):
    hold = HoldDoc("I1", "ST4", "why", "arming", f"P{first:06d}", T0, "P000500", T0, 10, (), open=True, from_index=first)
    return IncidentDoc("I1", "ST4", T0, ("o",), None, hold, open=True)


def test_age_takes_old_journal_entries_and_parts_but_no_alarm(opened):
    store = opened(keep_days=5)
    fill(store, 10)
    store.record_alarm(alarm("UNACK", "NORM→UNACK"))
    now = T0 + timedelta(days=10)
    store.delete_expired(now)
    store.commit(now)
    first = next(store.entries_after(0))[0]
    assert first == 251
    assert store.part("ST4", 250) is None
    assert store.part("ST4", 251) is not None
    assert store.counters() == {("expired", "journal"): 250, ("expired", "parts"): 250}
    with Reader(store.path) as reader:
        assert len(list(reader.alarm_events())) == 1


def test_entries_after_the_oldest_checkpoint_and_parts_of_an_open_hold_are_never_deleted(opened):
    store = opened(keep_days=1)
    last = fill(store, 10)
    store.record_incident(held(first=100))
    now = T0 + timedelta(days=400)
    store.delete_expired(now)
    store.commit(now)
    assert next(store.entries_after(0))[0] == last - 50
    assert store.part("ST4", 99) is None
    assert store.part("ST4", 100) is not None


def test_one_call_deletes_a_bounded_slice(opened, monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 100)
    store = opened(keep_days=1)
    fill(store, 10)
    now = T0 + timedelta(days=400)
    store.delete_expired(now)
    store.commit(now)
    assert next(store.entries_after(0))[0] == 101


def test_size_takes_journal_first_and_alarms_last_and_gives_the_pages_back(opened):
    store = opened(sinks=("mqtt",))
    fill(store, 30, per_day=400)
    store.enqueue([message("never confirmed")])
    store.record_alarm(alarm("UNACK", "NORM→UNACK"))
    now = T0 + timedelta(days=30)
    store.commit(now)
    store._tx.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = store.path.stat().st_size
    store._retention._max_bytes = int((retention.WAL_PAGES * 2048 + before / 2) / retention.FILL)
    for _ in range(20):
        store.delete_expired(now)
        store.commit(now)
    store._tx.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not store._retention.is_over()
    assert store.path.stat().st_size < 0.75 * before
    counters = store.counters()
    assert counters["expired", "journal"] > 0
    assert ("lost", "outbox") not in counters
    store._retention._max_bytes = 1
    for _ in range(20):
        store.delete_expired(now)
        store.commit(now)
    counters = store.counters()
    assert counters["lost", "outbox"] == 1
    assert counters["expired", "alarm_events"] == 1
    with Reader(store.path) as reader:
        assert [a.state for a in reader.alarms()] == ["UNACK"]


def test_outbox_rows_stay_until_every_sink_confirmed_them_and_the_replay_window_is_over(opened):
    store = opened(sinks=("a", "b"))
    store.enqueue([message("1"), message("2")])
    store.commit(T0)
    outbox = store.outbox()
    outbox.advance("a", 2)
    outbox.advance("b", 1)
    store.commit(T0)
    store.delete_expired(T0 + timedelta(days=6))
    store.commit(T0)
    assert len(outbox.after(0, 10)) == 2
    store.delete_expired(T0 + timedelta(days=8))
    store.commit(T0)
    assert [r.id for r in outbox.after(0, 10)] == [2]
    outbox.close()


def test_a_full_disk_is_a_store_error_that_a_rollback_gets_over(opened):
    store = opened()
    store.append(inspected(0))
    store.commit(T0)
    store._tx.connection.execute(f"PRAGMA max_page_count = {store._tx.connection.execute('PRAGMA page_count').fetchone()[0]}")

    def until_it_is_full():
        for k in range(1, 2000):
            store.append(inspected(k))
            store.commit(T0)

    with pytest.raises(StoreError, match="full") as caught:
        until_it_is_full()
    assert "disk" in caught.value.hint
    assert not isinstance(caught.value, StoreCorrupt)
    store.rollback()
    kept = len(list(store.entries_after(0)))
    store._tx.connection.execute("PRAGMA max_page_count = 1000000")
    assert store.append(inspected(3000)) == kept + 1
    store.commit(T0)
    assert len(list(store.entries_after(0))) == kept + 1


def test_bytes_per_part_stay_small(opened):
    """On disk, and written at ten parts a commit; benchmarks/speed has the exact figures."""
    store = opened()
    before = written()
    for k in range(2000):
        store.append(inspected(k, sequence=k))
        store.record_part(row(k))
        if k % 10 == 9:
            store.commit(T0)
    per_part = (written() - before) / 2000
    store.close()
    assert store.path.stat().st_size / 2000 < 400
    assert per_part < 4500


def written():
    with open("/proc/self/io") as file:
        return int(dict(line.split(": ") for line in file.read().splitlines())["wchar"])
