"""Several sources of truth about one part: what stands, what supersedes, what contradicts, and what alarms."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.model import OutcomesSection
from agent.core.accounts import LEAST_CONTRADICTIONS, QUIET_RECHECKS, Accounts
from agent.core.ledger import Ledger, Pending
from agent.errors import ConfigError
from agent.records import Outcome, Told
from tests.core.folding import REGISTER, START, Folding, config, part
from tests.core.test_challenges import apart_from_nan

AT = datetime(2026, 1, 1, tzinfo=UTC)
EOL = {"name": "eol", "kind": "end_of_line", "coverage": "census", "delay_s": 1_000}
AUDIT = {"name": "audit", "kind": "audit", "delay_s": 100}
RETURNS = {"name": "returns", "kind": "customer", "delay_s": 10}
RECHECK = {"name": "recheck", "kind": "recheck", "coverage": "census", "delay_s": 50}


def accounts(*sources, **more):
    return Accounts(OutcomesSection.model_validate({"sources": list(sources), **more}))


def told(source, *, bad, seconds=0.0, part_id="P1", **more):
    return Outcome(part_id=part_id, defective=bad, observed_at=AT + timedelta(seconds=seconds), source=source, **more)


def judged(subject, *outcomes, passed=True):
    """What a part is judged by after these outcomes, and the word each was."""
    one = Pending(1, "P1", AT, passed=passed, p_defect=0.1, scope="main")
    words = []
    for outcome in outcomes:
        one.told, word = subject.hear(one.told, outcome)
        words.append(word)
    subject.settle(one)
    return one.defective, one.audited, words


def test_a_part_is_judged_when_the_slowest_source_that_counts_is_due():
    ledger = Ledger(accounts(EOL, AUDIT, {**RETURNS, "delay_s": 9e6}))
    ledger.add(Pending(1, "P1", AT, passed=True, p_defect=0.1, scope="main"))
    ledger.tell(told("audit", bad=False), known=True)
    ledger.advance(AT + timedelta(seconds=999))
    assert list(ledger.mature()) == []
    ledger.advance(AT + timedelta(seconds=1_000))
    assert [p.defective for p in ledger.mature()] == [False]


def test_what_customers_and_operators_say_enters_no_rate():
    assert judged(accounts(AUDIT, RETURNS), told("returns", bad=True)) == (None, False, ["evidence"])
    assert judged(accounts(AUDIT, RETURNS), told("returns", bad=True), told("audit", bad=False)) == (
        False,
        False,
        ["evidence", "contradicting"],
    )


def test_the_silence_of_a_census_means_good_only_for_the_parts_it_covers():
    assert judged(accounts(EOL)) == (False, True, [])
    assert judged(accounts(RECHECK), passed=True) == (None, False, [])
    assert judged(accounts(RECHECK), passed=False) == (False, True, [])
    assert judged(accounts({**EOL, "covers": "passed"}), passed=False) == (None, False, [])
    assert judged(accounts(AUDIT)) == (None, False, [])


def test_a_correction_supersedes_what_the_source_had_said_and_an_older_statement_does_not():
    first, later = told("audit", bad=True, seconds=1), told("audit", bad=False, seconds=2)
    assert judged(accounts(AUDIT), first, later) == (False, False, ["matched", "corrected"])
    assert judged(accounts(AUDIT), later, first) == (False, False, ["matched", "stale"])
    assert judged(accounts(AUDIT), first, first) == (True, False, ["matched", "repeated"])


def test_a_source_that_says_both_at_the_same_time_is_a_contradiction_and_the_cautious_one_stands():
    good, bad = told("audit", bad=False, seconds=1), told("audit", bad=True, seconds=1)
    for order in ((good, bad), (bad, good)):
        assert judged(accounts(AUDIT), *order) == (True, False, ["matched", "contradicting"])


def test_a_find_stands_against_good_unless_only_the_good_is_confirmed():
    good, bad = told("eol", bad=False), told("audit", bad=True)
    assert judged(accounts(EOL, AUDIT), good, bad)[::2] == (True, ["matched", "contradicting"])
    unsure = {**AUDIT, "confirmed": False}
    assert judged(accounts(EOL, unsure), good, bad)[0] is False
    assert judged(accounts(EOL, unsure), good, told("audit", bad=True, confirmed=True))[0] is True
    assert judged(accounts({**EOL, "confirmed": False}, unsure), good, bad)[0] is True


def test_good_from_a_source_that_cannot_see_the_failure_contradicts_nothing():
    blind = {**EOL, "failure_modes": ["leak"]}
    unsure = {**AUDIT, "confirmed": False}
    scratch = told("audit", bad=True, defect_class="scratch")
    assert judged(accounts(blind, unsure), told("eol", bad=False), scratch)[::2] == (True, ["matched", "matched"])
    leak = told("audit", bad=True, defect_class="leak")
    assert judged(accounts(blind, unsure), told("eol", bad=False), leak)[::2] == (False, ["matched", "contradicting"])


def test_after_it_was_judged_a_correction_is_told_from_a_contradiction_and_both_from_the_merely_late():
    subject = accounts(EOL, AUDIT)
    judged(subject, told("audit", bad=False, seconds=1))
    assert subject.hear_late(told("audit", bad=True, seconds=2)) == "corrected_late"
    assert subject.hear_late(told("eol", bad=False, seconds=3)) == "contradicting_late"
    assert subject.hear_late(told("eol", bad=False, seconds=3, part_id="P2")) == "late"
    assert subject.hear_late(told("eol", bad=True, seconds=4, part_id="P2")) == "corrected_late"


def test_an_undeclared_source_is_counted_and_judges_nothing():
    assert judged(accounts(AUDIT), told("audit2", bad=True)) == (None, False, ["undeclared_source"])


@given(st.permutations([("eol", False, 1), ("audit", True, 1), ("audit", False, 5), ("returns", True, 3), ("eol", True, 4)]))
def test_what_stands_does_not_depend_on_the_order_of_arrival(order):
    subject = accounts(EOL, AUDIT, RETURNS)
    assert judged(subject, *(told(source, bad=bad, seconds=at) for source, bad, at in order))[0] is True
    assert {(s.source, s.defective) for s in subject._judged["P1"]} == {("eol", True), ("audit", False), ("returns", True)}


# --- alarms -------------------------------------------------------------------------------------------------------------------


def mature(subject, k, *outcomes):
    one = Pending(k, f"P{k}", AT, passed=True, p_defect=0.1, scope="main")
    for outcome in outcomes:
        one.told, _ = subject.hear(one.told, msgspec.structs.replace(outcome, part_id=one.part_id))
    subject.settle(one)
    return subject.matured(one, AT)


def test_contradictions_above_the_declared_share_alarm_and_are_over_at_half_of_it():
    subject = accounts(EOL, AUDIT, contradictions_share=0.1)
    agreed = told("eol", bad=False), told("audit", bad=False)
    split = told("eol", bad=False), told("audit", bad=True)
    found = [mature(subject, k, *agreed) for k in range(40)]
    found += [mature(subject, 40 + k, *split) for k in range(LEAST_CONTRADICTIONS)]
    assert [len(f) for f in found] == [0] * 44 + [1]
    raised = found[-1][0]
    assert (raised.alarm_id, raised.stands, raised.words) == ("outcomes-disagree", True, {"count": "5", "window": "45"})
    over = [mature(subject, 50 + k, *agreed) for k in range(100)]
    ended = next(k for k, f in enumerate(over) if f)
    assert (over[ended][0].stands, ended) == (False, 54)  # 5 of 100 is half of a tenth
    assert subject.sums == {"parts_told_twice": 145, "parts_contradicted": 5}


def test_a_part_told_of_once_says_nothing_about_agreement():
    subject = accounts(EOL, AUDIT)
    assert not any(mature(subject, k, told("audit", bad=True)) for k in range(50))
    assert subject.sums["parts_told_twice"] == 0


def test_a_confirmed_find_is_said_at_once_only_where_hardly_any_may_be():
    find = told("returns", bad=True)
    assert accounts(RETURNS).escaped(find) == []
    assert accounts(RETURNS, max_escape_ppm=5_000).escaped(find) == []
    assert accounts({**RETURNS, "confirmed": False}, max_escape_ppm=500).escaped(find) == []
    subject = accounts(RETURNS, AUDIT, max_escape_ppm=500)
    (raised,) = subject.escaped(find)
    assert (raised.alarm_id, raised.stands, raised.words["part"]) == ("escape-found", True, "P1")
    quiet = [mature(subject, k, told("audit", bad=False)) for k in range(QUIET_RECHECKS)]
    assert [f[0].stands for f in quiet if f] == [False]
    assert quiet[-1]


# --- in the fold --------------------------------------------------------------------------------------------------------------


def entries():
    """300 parts; three sources speak of some of them, with corrections, contradictions and late ones among it."""
    found = []
    for k in range(300):
        found.append((3.0 * k, part(k, None)))
        for source, every, after, bad in (("audit", 5, 60, False), ("eol", 7, 500, k % 3 == 0), ("returns", 50, 900, True)):
            if k % every == 0:
                found.append((3.0 * k + after, heard(k, source, bad=bad, after=after)))
        if k % 20 == 0:
            found.append((3.0 * k + 90, heard(k, "audit", bad=True, after=90)))
        if k % 60 == 0:
            found.append((3.0 * k + 1_200, heard(k, "audit", bad=False, after=1_200)))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def heard(k, source, *, bad, after):
    at = START + timedelta(seconds=3.0 * k + after)
    return Told(Outcome(part_id=f"P{k:05d}", station="ST4", defective=bad, observed_at=at, source=source, confirmed=True))


def line():
    sources = [AUDIT, {**EOL, "delay_s": 600}, RETURNS]
    return config(outcomes={"sources": sources, "max_escape_ppm": 500, "contradictions_share": 0.2}, **REGISTER)


def test_restarted_from_a_checkpoint_anywhere_it_says_and_judges_the_same():
    whole = Folding(line()).all(entries())
    assert {"outcomes-disagree", "escape-found"} <= {alarm.alarm_id for alarm in whole.alarms}
    counters = whole.station.counters
    assert all(counters[f"outcomes_{word}"] > 0 for word in ("matched", "corrected", "contradicting", "evidence", "corrected_late"))
    for at in (1, 57, 200, 341):
        cut = Folding(line())
        cut.all(entries()[:at]).restarted().all(entries()[at:])
        assert cut.alarms == whole.alarms
        assert apart_from_nan(cut.station) == apart_from_nan(whole.station)


def test_what_the_control_socket_is_told_is_what_the_fold_made_of_each():
    folding = Folding(line())
    words = [folding.fold(entry).became for entry in (*entries()[:100], heard(0, "who", bad=True, after=1))]
    assert words[-1] == "undeclared_source"
    assert {"matched", "corrected"} <= set(words)


# --- configuration ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ({"sources": [AUDIT, AUDIT]}, "each source once"),
        ({"sources": [AUDIT], "mode": "census"}, "mode in each of the sources"),
        ({"sources": [{**RETURNS, "coverage": "census"}]}, "a census of 'returns'"),
    ],
)
def test_a_configuration_that_means_two_things_is_refused(outcomes, message):
    with pytest.raises((ValueError, ConfigError), match=message):
        config(outcomes=outcomes)


def test_sources_chosen_by_look_alone_take_no_part_of_the_budget():
    station = config(outcomes={"sources": [RETURNS]}).stations[0]
    assert (station.outcomes.is_on, station.outcomes.judges) == (True, False)
