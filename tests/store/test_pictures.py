"""Pictures in the store: bounded, each once, with what stood before, and kept while their incident is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.documents import IncidentDoc
from agent.ports import PictureRow
from agent.store.reader import Reader
from agent.store.writer import SqliteStore

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def picture(number=0, *, incident="ST4-0001", moment="after", source="alarm", recipe="A", at=START):
    body = b"jpeg%d" % number
    place = ("ST4", "main", "", recipe)
    return PictureRow(
        incident, *place, moment, source, f"P{number}", at, f"{number:064x}", f"{number + 9:064x}", 4, 3, (1, 2, 3), body
    )


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "store.db", keep_days=1, trace_days=1, max_mb=64)
    yield store
    store.close()


def kept(store, incident="ST4-0001"):
    store.commit(START)
    with Reader(store.path) as reader:
        return reader.pictures(incident)


def test_an_incident_keeps_so_many_and_each_once(store):
    for number in (1, 2, 2, 3, 4):
        store.record_picture(picture(number), most=3)
    assert kept(store) == [picture(1), picture(2), picture(3)]


def test_the_baseline_s_picture_is_put_beside_the_first_of_a_place_and_outlives_the_next_baselines(store):
    for number in (1, 2):
        store.record_picture(picture(number, incident="", moment="before", source="baseline"), most=3)
    store.record_picture(picture(5), most=3)
    store.record_picture(picture(6, recipe="B"), most=3)
    for number in (7, 8, 9):
        store.record_picture(picture(number, incident="", moment="before", source="baseline"), most=3)
    found = kept(store)
    assert [(p.moment, p.source, p.part_id, p.recipe) for p in found] == [
        ("before", "baseline", "P2", "A"),
        ("after", "alarm", "P5", "A"),
        ("after", "alarm", "P6", "B"),
    ]
    assert [p.part_id for p in kept(store, "")] == ["P8", "P9"]


def test_a_golden_frame_stands_before_instead_of_the_baseline(store):
    store.record_picture(picture(1, incident="", moment="before", source="baseline"), most=3)
    store.record_picture(picture(2, moment="before", source="golden"), most=3)
    store.record_picture(picture(3), most=3)
    assert [(p.moment, p.source) for p in kept(store)] == [("before", "golden"), ("after", "alarm")]


@pytest.mark.parametrize(("is_open", "left"), [(True, 1), (False, 0)])
def test_pictures_go_with_their_age_once_the_incident_is_closed(store, is_open, left):
    document = IncidentDoc("ST4-0001", "ST4", START, (), None, None, is_open)
    store.record_incident(document)
    store.record_picture(picture(1), most=3)
    store.commit(START)
    store.delete_expired(START + timedelta(hours=1))
    assert len(kept(store)) == 1
    store.delete_expired(START + timedelta(days=2))
    assert len(kept(store)) == left
