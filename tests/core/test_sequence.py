"""Source order inside a bounded window."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent.core.sequence import PATIENCE_S, Reorder
from agent.records import Inspected, Inspection


def numbered(number):
    record = Inspection(
        part_id=f"P{number}", station="S", captured_at=datetime(2026, 1, 1, tzinfo=UTC), verdict="ok", sequence=number
    )
    return Inspected(record)


def push_all(reorder, numbers):
    released = [reorder.push(numbered(number)) for number in numbers]
    order = [entry.record.sequence for one in released for entry in one.entries]
    return order, sum(one.late for one in released), sum(one.lost for one in released)


@given(st.data())
def test_any_shuffle_inside_the_window_is_put_back_in_order(data):
    numbers = list(range(100, 140))
    shuffled = [100, *(n for k in range(1, 40, 5) for n in data.draw(st.permutations(numbers[k : k + 5])))]
    order, late, lost = push_all(Reorder(8), shuffled)
    assert (order, late, lost) == (numbers, 0, 0)


def test_a_record_behind_the_window_is_late_and_counted():
    order, late, lost = push_all(Reorder(2), [10, 12, 13, 14, 11])
    assert (order, late, lost) == ([10, 12, 13, 14], 1, 1)


def test_a_hole_is_given_up_when_time_passes_without_a_record():
    reorder = Reorder(64)
    push_all(reorder, [1, 3])
    assert reorder.wait(PATIENCE_S / 2).entries == []
    released = reorder.wait(PATIENCE_S)
    assert [entry.record.sequence for entry in released.entries] == [3]
    assert released.lost == 1


def test_a_counter_that_was_reset_starts_over():
    order, late, _ = push_all(Reorder(4), [70_000, 70_001, 1, 2])
    assert (order, late) == ([70_000, 70_001, 1, 2], 0)


def test_a_checkpoint_keeps_what_waits():
    reorder = Reorder(64)
    push_all(reorder, [5, 7, 8])
    again = Reorder(64)
    again.load(reorder.save())
    assert [e.record.sequence for e in again.push(numbered(6)).entries] == [6, 7, 8]
