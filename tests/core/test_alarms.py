"""The alarm states as a table."""

from datetime import UTC, datetime

import msgspec
import pytest

from agent.core.alarms import LATCHING, TABLE, Alarm, AlarmBook, next_state, occurrence_id

AT = datetime(2026, 1, 1, tzinfo=UTC)


def alarm(**changes):
    given = {
        "alarm_id": "picture-light",
        "station": "ST4",
        "stream": "imaging/main//A",
        "code": "darker",
        "priority": "warning",
        "andon": "amber",
        "latching": False,
        "changed_at": AT,
    }
    return Alarm(**{**given, **changes})


def walk(signals, *, latching):
    state, seen = "NORM", []
    for signal in signals:
        state = next_state(state, signal, latching=latching) or state
        seen.append(state)
    return seen


@pytest.mark.parametrize(
    ("signals", "states"),
    [
        (["raise", "ack", "clear"], ["UNACK", "ACKED", "NORM"]),
        (["raise", "clear", "ack"], ["UNACK", "RTNUN", "NORM"]),
        (["raise", "clear", "raise"], ["UNACK", "RTNUN", "UNACK"]),
        (["ack", "clear", "reset"], ["NORM", "NORM", "NORM"]),
        (["raise", "raise"], ["UNACK", "UNACK"]),
        (["raise", "shelve", "raise", "unshelve", "raise"], ["UNACK", "SHLVD", "SHLVD", "NORM", "UNACK"]),
    ],
)
def test_a_plain_alarm_walks_the_isa_18_2_states(signals, states):
    assert walk(signals, latching=False) == states


@pytest.mark.parametrize(
    ("signals", "states"),
    [
        (["raise", "ack", "clear", "reset"], ["UNACK", "ACKED", "LATCHED", "NORM"]),
        (["raise", "clear", "ack", "reset"], ["UNACK", "RTNUN", "LATCHED", "NORM"]),
        (["raise", "ack", "clear", "raise"], ["UNACK", "ACKED", "LATCHED", "UNACK"]),
    ],
)
def test_a_latching_alarm_stays_until_a_person_resets_it(signals, states):
    assert walk(signals, latching=True) == states


def test_every_state_can_be_left_and_every_state_can_be_reached():
    for table in (TABLE, LATCHING):
        assert {source for source, _ in table} >= set(table.values())
    assert set(LATCHING.values()) == {"NORM", "UNACK", "ACKED", "RTNUN", "LATCHED", "SHLVD", "DSUPR", "OOSRV"}


def test_an_occurrence_is_named_by_the_record_that_raised_it_alone():
    first = occurrence_id("ST4", "picture-light", "P1", AT)
    assert first == occurrence_id("ST4", "picture-light", "P1", AT)
    assert len({first, occurrence_id("ST4", "picture-light", "P2", AT), occurrence_id("ST4", "scores", "P1", AT)}) == 3


def test_the_book_survives_a_checkpoint():
    book = AlarmBook()
    document = book.send(alarm(), "raise", occurrence_id="o1", raised_at=AT, part_id="P1", text="t", response="r")
    assert document is not None
    assert (document.transition, document.active, document.acked) == ("NORM→UNACK", True, False)
    again = AlarmBook()
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(book.save())))
    assert again.all() == book.all()
    assert again.by_occurrence("o1") == book.get("picture-light")
