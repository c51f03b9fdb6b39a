import sqlite3
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from agent.documents import AlarmDoc, EvidenceDoc, OnsetDoc
from agent.ports import Origin, PartRow
from agent.records import Inspected, Inspection, Outcome
from agent.store.claim import from_code, to_code
from agent.store.lookup import Sought
from agent.store.reader import Reader
from agent.store.writer import SqliteStore

T0 = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


def at(k):
    return T0 + timedelta(seconds=3 * k)


def row(k, station="ST4", **more):
    given = {
        "verdict": "ng" if k % 50 == 0 else "ok",
        "recipe": "A",
        "box": f"B{k // 100}",
        "p_defect": 0.01,
        "lot": f"L{k // 300}",
    }
    return PartRow(station, k, f"P{k:06d}", at(k), **{**given, **more})


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore(tmp_path / "s.db", keep_days=400, max_mb=64)
    yield opened
    opened.close()


def recorded(store, parts):
    for part in parts:
        store.record_part(part)
    store.commit(T0)
    return store


def found(store, **sought):
    with Reader(store.path) as reader:
        return [part.part_id for part in reader.lookup.parts(Sought(**sought))]


def ids(first, last):
    return [f"P{k:06d}" for k in range(first, last + 1)]


def test_a_part_comes_back_with_all_that_was_judged_of_it(store):
    part = row(7, position="nest-2", model="m1 1.2 0f3a", p_defect=0.0123, box="B 7")
    recorded(store, [part])
    assert store.part("ST4", 7) == part
    with Reader(store.path) as reader:
        assert list(reader.lookup.parts(Sought(serial="P000007"))) == [part]


@pytest.mark.parametrize("p", [0.0, 1e-9, 2.34e-6, 0.0123, 0.5, 0.875, 0.999, 1.0, None])
def test_a_claim_keeps_its_three_figures_in_two_bytes(p):
    code = to_code(p)
    assert code is None or abs(code) < 1 << 15
    assert from_code(code) == (None if p is None else pytest.approx(p, rel=2e-3, abs=1e-14))


def test_a_box_is_found_whole_also_before_its_end_was_written(store):
    recorded(store, (row(k) for k in range(1, 251)))
    assert found(store, box="B1") == ids(100, 199)
    assert found(store, box="B2") == ids(200, 250)
    assert found(store, box="B9") == []


def test_a_box_name_that_comes_back_is_another_filling_and_both_are_found(store):
    parts = [row(k, box="crate") for k in (1, 2, 3, 9001, 9002)] + [row(5000, box="other")]
    recorded(store, sorted(parts, key=lambda part: part.index))
    assert found(store, box="crate") == [*ids(1, 3), *ids(9001, 9002)]
    assert store.boxes_between("ST4", 4, 9000) == ("other",)
    assert store.boxes_between("ST4", 2, 9001) == ("crate", "other")


def test_boxes_filled_side_by_side_are_kept_apart(store):
    recorded(store, (row(k, box=f"lane {k % 2}") for k in range(1, 1001)))
    assert found(store, box="lane 1") == [f"P{k:06d}" for k in range(1, 1001, 2)]


def test_boxes_of_a_hold_are_the_same_after_a_restart_that_lost_what_was_not_written(store):
    recorded(store, (row(k, box="long" if k < 290 else "next") for k in range(1, 300)))
    live = store.boxes_between("ST4", 280, 299)
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE boxes SET last = 256 WHERE name = 'long'")  # as if killed before the block was full
    db.close()
    again = SqliteStore(store.path, keep_days=400, max_mb=64)
    assert again.boxes_between("ST4", 280, 299) == live == ("long", "next")
    assert again.boxes_between("ST4", 290, 299) == ("next",)
    again.close()
    assert found(again, box="long") == ids(1, 289)


@pytest.mark.parametrize(("first", "last"), [(1, 5), (250, 260), (255, 256), (1000, 1100), (1, 1100)])
def test_a_span_of_time_is_found_across_blocks_and_in_the_one_being_made(store, first, last):
    recorded(store, (row(k) for k in range(1, 1101)))
    assert found(store, since=at(first), until=at(last)) == ids(first, last)


def test_parts_out_of_order_in_time_are_found_by_their_own_time(store):
    parts = [row(k) if k != 700 else PartRow("ST4", 700, "late", at(10), "ok", "A", "") for k in range(1, 1001)]
    recorded(store, parts)
    assert found(store, since=at(9), until=at(11)) == ["P000009", "P000010", "P000011", "late"]


def test_the_times_of_a_block_survive_a_restart_in_its_middle(store):
    recorded(store, (row(k) for k in range(1, 101)))
    store.close()
    again = SqliteStore(store.path, keep_days=400, max_mb=64)
    recorded(again, (row(k) for k in range(101, 600)))
    again.close()
    assert found(again, since=at(90), until=at(110)) == ids(90, 110)


def test_a_position_a_station_and_the_beginning_of_a_serial_narrow_the_search(store):
    recorded(store, (row(k, position=f"nest-{k % 4}") for k in range(1, 41)))
    recorded(store, [row(5, station="ST5")])
    assert found(store, since=at(1), until=at(8), position="nest-2") == ["P000002", "P000006"]
    assert found(store, serial="P000005") == ["P000005"] * 2
    assert found(store, serial="P000005", station="ST5") == ["P000005"]
    assert found(store, serial="P00000*", station="ST4") == ids(1, 9)


def test_what_a_part_turned_out_to_be_is_there_by_source_even_told_before_it_was_made(store):
    store.record_outcome(Outcome("P000003", defective=False, observed_at=at(1), source="end_of_line", station="ST4"))
    recorded(store, (row(k) for k in range(1, 5)))
    store.record_outcome(
        Outcome("P000003", defective=True, observed_at=at(9), source="customer", confirmed=True, defect_class="burr")
    )
    store.commit(T0)
    with Reader(store.path) as reader:
        (part,) = reader.trace(Sought(serial="P000003"))
        assert [(o.source, o.defective, o.defect_class) for o in part.outcomes] == [
            ("end_of_line", False, ""),
            ("customer", True, "burr"),
        ]
        (other,) = reader.trace(Sought(serial="P000004"))
        assert other.outcomes == ()


def alarm(occurrence, changed, *, active, raised, onset):
    when = OnsetDoc("P", at(onset), "P", at(onset - 10), "P", at(onset + 10))
    evidence = EvidenceDoc("level_shift", "luminance", 9.0, 8.0, "once", 5, onset=when)
    given = {"alarm_id": "picture-light", "station": "ST4", "stream": "A", "priority": "warning", "andon": "amber", "code": "X"}
    return AlarmDoc(
        **given,
        occurrence_id=occurrence,
        state="UNACK" if active else "RTNUN",
        transition="NORM→UNACK" if active else "UNACK→RTNUN",
        active=active,
        acked=False,
        text="darker",
        response="look",
        part_id="P",
        raised_at=at(raised),
        changed_at=at(changed),
        evidence=evidence,
    )


def test_a_part_shows_the_alarm_that_stood_and_the_one_that_may_have_begun_by_then(store):
    recorded(store, (row(k) for k in range(1, 301)))
    store.record_alarm(alarm("o1", 100, active=True, raised=100, onset=80))
    store.record_alarm(alarm("o1", 200, active=False, raised=100, onset=80))
    store.commit(T0)
    with Reader(store.path) as reader:

        def stood(k):
            return [a.stood for part in reader.trace(Sought(serial=f"P{k:06d}")) for a in part.alarms]

        assert [stood(k) for k in (69, 70, 99, 100, 199, 200)] == [[], [False], [False], [True], [True], []]


def test_age_takes_the_journal_and_leaves_the_parts_until_their_own_time(tmp_path):
    store = SqliteStore(tmp_path / "s.db", keep_days=5, trace_days=50, max_mb=64)
    for k in range(1, 601):
        day = T0 + timedelta(days=k / 100)
        seq = store.append(Inspected(Inspection(f"P{k:06d}", "ST4", day, "ok"), received_at=day))
        store.record_part(PartRow("ST4", k, f"P{k:06d}", day, "ok", "A", f"B{k // 100}"))
        store.record_outcome(Outcome(f"P{k:06d}", defective=False, observed_at=day))
    store.save_checkpoint(seq, b"state")
    store.commit(T0)

    def expire(days):
        store.delete_expired(T0 + timedelta(days=days))
        store.commit(T0)
        tables = ("journal", "parts", "outcomes", "boxes", "part_times")
        return {name: store._tx.one(f"SELECT count(*) FROM {name}")[0] for name in tables}

    assert expire(20)["parts"] == 600
    assert expire(20)["journal"] == 1  # the checkpoint's own
    left = expire(55.5)
    assert (left["parts"], left["outcomes"]) == (51, 51)  # one of them is exactly as old
    assert left["part_times"] == 0  # the block being made has no row yet
    assert left["boxes"] <= 5
    store.close()


def test_parts_whose_entries_have_expired_stay_when_the_journal_is_folded_from_its_start(store):
    for k in range(1, 301):
        store.append(Inspected(Inspection(f"P{k:06d}", "ST4", at(k), "ok"), received_at=at(k)))
        store.record_part(row(k))
    store.commit(T0)
    assert store.forget_parts() == {"ST4": Origin(0, 0)}
    assert store.part("ST4", 1) is None
    recorded(store, (row(k) for k in range(1, 301)))
    store._tx.write("DELETE FROM journal WHERE seq <= 200")
    store.commit(T0)
    assert store.forget_parts() == {"ST4": Origin(200, 0)}
    assert store.part("ST4", 200) == row(200)
    assert store.part("ST4", 201) is None
    recorded(store, (row(k) for k in range(201, 301)))
    store.close()
    assert found(store, since=at(195), until=at(205)) == ids(195, 205)
    assert found(store, box="B2") == ids(200, 299)


def test_a_store_of_the_first_schema_is_taken_over_with_its_parts(tmp_path):
    path = tmp_path / "s.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.executescript(resources.files("agent.store").joinpath("migrations/0001_initial.sql").read_text("utf-8"))
    db.executemany("INSERT INTO names VALUES (?,?)", [(1, "ST4"), (2, "line"), (3, "A"), (4, "B")])
    db.executemany(
        "INSERT INTO parts VALUES (1,?,?,?,?,?,?)",
        [
            (k, f"P{k:06d}", int(at(k).timestamp()) * 1_000_000, "ng" if k == 9 else "ok", 3 + (k > 300), f"B{k // 100}")
            for k in range(1, 601)
        ],
    )
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    store = SqliteStore(path, keep_days=400, max_mb=64)
    assert store.part("ST4", 9) == PartRow("ST4", 9, "P000009", at(9), "ng", "A", "B0")
    assert store.part("ST4", 400) == PartRow("ST4", 400, "P000400", at(400), "ok", "B", "B4")
    assert store.passed_between("ST4", 1, 600) == 599
    store.record_part(row(601, box="B6"))
    store.commit(T0)
    store.close()
    assert found(store, box="B6") == ["P000600", "P000601"]
    assert found(store, since=at(598), until=at(700)) == ids(598, 601)


def test_an_index_beyond_all_never_reaches_into_another_station(store):
    recorded(store, [row(1, station="ST1"), row(1, station="ST2"), row(2, station="ST2")])
    assert store.passed_between("ST1", 1, 1 << 60) == 1
    with Reader(store.path) as reader:
        assert len(list(reader.passed_parts("ST1", 1, 1 << 40))) == 1
