"""Parts and outcomes joined, matured in part order."""

from datetime import UTC, datetime, timedelta

import msgspec

from agent.config.model import OutcomesSection
from agent.core.accounts import Accounts
from agent.core.ledger import SILENCE_S, Ledger, Pending
from agent.records import Outcome

START = datetime(2026, 1, 1, tzinfo=UTC)


def new_ledger(*, delay_s, census):
    return Ledger(Accounts(OutcomesSection(mode="census" if census else "sample", delay_s=delay_s)))


def at(seconds):
    return START + timedelta(seconds=seconds)


def part(k, *, passed=True):
    return Pending(k, f"P{k}", at(k), passed, 0.1, "main")


def outcome(k, *, defective, seconds, **more):
    return Outcome(part_id=f"P{k}", defective=defective, observed_at=at(seconds), **more)


def test_bad_news_that_travels_fast_is_judged_no_earlier_than_good_news_that_travels_slowly():
    ledger = new_ledger(delay_s=100, census=False)
    ledger.add(part(1))
    ledger.add(part(2))
    assert ledger.tell(outcome(2, defective=True, seconds=3), known=True) == "matched"
    ledger.advance(at(3))
    assert list(ledger.mature()) == []
    assert ledger.tell(outcome(1, defective=False, seconds=99), known=True) == "matched"
    ledger.advance(at(102))
    assert [(p.part_id, p.defective) for p in ledger.mature()] == [("P1", False), ("P2", True)]


def test_silence_means_good_in_a_census_and_unknown_in_a_sample():
    for census, expected in ((True, False), (False, None)):
        ledger = new_ledger(delay_s=10, census=census)
        ledger.add(part(1))
        ledger.advance(at(11))
        assert [p.defective for p in ledger.mature()] == [expected]


def test_an_outcome_after_its_part_matured_is_late_and_one_before_its_part_waits_for_it():
    ledger = new_ledger(delay_s=10, census=False)
    assert ledger.tell(outcome(1, defective=True, seconds=0), known=False) == "early"
    ledger.add(part(1))
    ledger.advance(at(50))
    assert [p.defective for p in ledger.mature()] == [True]
    assert ledger.tell(outcome(1, defective=False, seconds=51), known=True) == "corrected_late"
    assert ledger.tell(outcome(2, defective=False, seconds=51), known=True) == "late"


def test_wall_time_matures_nothing_while_the_line_is_not_silent_and_everything_in_the_end():
    ledger = new_ledger(delay_s=10, census=False)
    ledger.add(part(1))
    ledger.advance(at(1))
    ledger.wait(SILENCE_S)
    assert list(ledger.mature()) == []
    ledger.wait(10)
    assert [p.part_id for p in ledger.mature()] == ["P1"]


def test_a_checkpoint_continues_where_the_ledger_was():
    ledger = new_ledger(delay_s=10, census=False)
    ledger.add(part(1))
    ledger.tell(outcome(1, defective=True, seconds=2, inclusion_probability=0.05), known=True)
    ledger.tell(outcome(9, defective=True, seconds=2), known=False)
    ledger.advance(at(2))
    again = new_ledger(delay_s=10, census=False)
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.save())))
    for one in (ledger, again):
        one.add(part(9))
        one.advance(at(60))
    assert list(again.mature()) == list(ledger.mature()) != []
