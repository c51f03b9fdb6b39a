"""Outcomes of parts without serials: joined where one part can be meant, refused and counted where it may be another."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.sources import SourceSection
from agent.core.joining import WAITING_KEPT, Joiner
from agent.errors import RecordRefused
from agent.records import Outcome, Told, decode, identity
from tests.core.folding import START, Folding, config, part
from tests.core.test_challenges import apart_from_nan

AT = datetime(2026, 1, 1, tzinfo=UTC)
BY_TIME = SourceSection(name="eol", kind="end_of_line", join="time", join_window_s=4)
BY_BOX = SourceSection(name="eol", kind="end_of_line", join="box")
BY_SEQUENCE = SourceSection(name="eol", kind="end_of_line", join="sequence")
LATER = AT + timedelta(days=1)


def at(seconds):
    return AT + timedelta(seconds=seconds)


def told(**named):
    return Outcome(part_id="", defective=True, observed_at=LATER, source="eol", **named)


def joined(joiner, outcome, source, reached=LATER):
    """The part_id, the refusal, or None while it waits."""
    refusal = joiner.tell(outcome, source)
    if refusal is not None:
        return refusal
    found = [found for came, found in joiner.due(reached) if came is outcome]
    return next((f if isinstance(f, str) else f.part_id for f in found), None)


def by_time(*seconds):
    joiner = Joiner()
    for k, second in enumerate(seconds, start=1):
        joiner.add(k, f"P{k}", at(second), "", None)
    return joiner


@pytest.mark.parametrize(
    ("made", "expected"),
    [(10.0, "P1"), (11.9, "P1"), (12.1, "P1"), (14.9, "ambiguous"), (15.0, "ambiguous"), (17.0, "P2"), (24.1, "unmatched")],
)
def test_the_nearest_part_is_meant_unless_another_is_less_than_twice_as_far(made, expected):
    assert joined(by_time(10, 20) if made > 24 else by_time(10, 18), told(made_at=at(made)), BY_TIME) == expected


def test_two_parts_of_the_same_instant_are_never_told_apart():
    assert joined(by_time(10, 10), told(made_at=at(10)), BY_TIME) == "ambiguous"


def test_it_waits_until_no_nearer_part_can_come():
    joiner = by_time(10)
    outcome = told(made_at=at(12))
    assert joined(joiner, outcome, BY_TIME, reached=at(20)) is None
    joiner.add(2, "P2", at(12.5), "", None)
    assert [f.part_id for _, f in joiner.due(at(21))] == ["P2"]
    assert list(joiner.due(LATER)) == []


def test_where_a_part_that_may_be_meant_is_judged_already_it_is_late():
    joiner = by_time(10, 20)
    joiner.forget(1, at(10))
    assert joined(joiner, told(made_at=at(13)), BY_TIME) == "late"
    assert joined(joiner, told(made_at=at(20)), BY_TIME) == "P2"


def test_a_box_means_its_only_part_once_it_is_full_or_the_part_at_a_place():
    joiner = Joiner()
    for k, box in ((1, "A"), (2, "B"), (3, "B"), (4, "C")):
        joiner.add(k, f"P{k}", at(k), box, None)
    assert joined(joiner, told(box="A"), BY_BOX) == "P1"
    assert joined(joiner, told(box="B"), BY_BOX) == "ambiguous"
    assert joined(joiner, told(box="B", sequence=2), BY_BOX) == "P3"
    assert joined(joiner, told(box="B", sequence=3), BY_BOX) == "unmatched"
    assert joined(joiner, told(box="C"), BY_BOX) is None, "more parts may come into it"
    joiner.add(5, "P5", at(5), "D", None)
    assert [f.part_id for _, f in joiner.due(LATER)] == ["P4"]
    joiner.forget(2, at(2))
    assert joined(joiner, told(box="B", sequence=1), BY_BOX) == "late", "its places have moved"


def test_a_sequence_that_two_parts_have_is_ambiguous_and_one_that_none_has_waits():
    joiner = Joiner()
    for k, sequence in ((1, 7), (2, 8), (3, 7)):
        joiner.add(k, f"P{k}", at(k), "", sequence)
    assert joined(joiner, told(sequence=8), BY_SEQUENCE) == "P2"
    assert joined(joiner, told(sequence=7), BY_SEQUENCE) == "ambiguous"
    assert joined(joiner, told(sequence=9), BY_SEQUENCE) is None
    joiner.add(4, "P4", at(4), "", 9)
    assert [f.part_id for _, f in joiner.due(LATER)] == ["P4"]


def test_an_outcome_without_what_its_source_joins_by_is_unjoinable():
    by_id = SourceSection(name="eol", kind="end_of_line")
    for source in (BY_TIME, BY_BOX, BY_SEQUENCE, by_id):
        assert joined(Joiner(), told(), source) == "unjoinable"


def test_more_than_can_wait_give_up_the_oldest_and_say_so():
    joiner = Joiner()
    refusals = [joiner.tell(told(sequence=k), BY_SEQUENCE) for k in range(WAITING_KEPT + 2)]
    assert refusals[-3:] == [None, "unmatched", "unmatched"]


@given(
    parts=st.lists(st.floats(0, 100), min_size=1, max_size=12),
    made=st.floats(0, 100),
    cut=st.integers(0, 12),
)
def test_the_join_does_not_depend_on_the_order_of_parts_or_on_a_checkpoint(parts, made, cut):
    outcome = told(made_at=at(made))
    named = list(enumerate(parts, start=1))

    def answer(order, *, restart=False):
        joiner = Joiner()
        for n, (k, second) in enumerate(order):
            if restart and n == cut:
                again = Joiner()
                again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(joiner.save())), {"eol": BY_TIME})
                joiner = again
            joiner.add(k, f"P{k}", at(second), "", None)
        return joined(joiner, outcome, BY_TIME)

    assert answer(named) == answer(named[::-1]) == answer(named, restart=True)


# --- records and the fold -----------------------------------------------------------------------------------------------------


def test_an_outcome_that_names_no_part_is_refused_and_one_named_by_time_is_itself_delivered_again():
    body = {"defective": True, "observed_at": "2026-01-02T00:00:00Z"}
    with pytest.raises(RecordRefused, match="part_id"):
        decode(msgspec.json.encode(body), {"type": "outcome"})
    with pytest.raises(RecordRefused, match="names no part"):
        decode(msgspec.json.encode({**body, "part_id": ""}), {"type": "outcome"})
    first, second = (
        Told(decode(msgspec.json.encode({**body, "made_at": made}), {"type": "outcome"})[0])
        for made in ("2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z")
    )
    assert identity(first) != identity(second)
    assert identity(first) == identity(Told(first.record))


def line():
    source = {"name": "eol", "kind": "end_of_line", "delay_s": 600, "join": "time", "join_window_s": 1.4}
    return config(outcomes={"sources": [source]})


def entries():
    found = []
    for k in range(300):
        found.append((3.0 * k, part(k, None)))
        if k % 4 == 0:
            jitter = (k % 7 - 3) / 4  # up to 0.75 s of a pitch of 3 s
            made = START + timedelta(seconds=3.0 * k + jitter)
            observed = made + timedelta(seconds=200)
            outcome = Outcome(part_id="", defective=k % 40 == 0, observed_at=observed, source="eol", made_at=made)
            found.append((3.0 * k + 200, Told(outcome)))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def test_outcomes_joined_by_time_in_the_fold_are_matched_and_a_restart_anywhere_changes_nothing():
    whole = Folding(line())
    words = [whole.fold(entry).became for entry in entries()]
    assert words.count("matched") == 75
    assert whole.station.counters["outcomes_matched"] == 75
    for cut in (10, 200, 330):
        again = Folding(line()).all(entries()[:cut]).restarted().all(entries()[cut:])
        assert apart_from_nan(again.station) == apart_from_nan(whole.station)
        assert again.core.save() == whole.core.save()
