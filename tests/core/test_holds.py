import msgspec
import pytest

from agent.core.holds import Containment
from agent.documents import HoldDoc
from agent.records import Command, Commanded, Inspected
from detectors.contract import Onset
from tests.core.folding import START, Folding, config, line, part

BOX = 50


def boxed(entries):
    """The same line with a box for every fifty parts."""
    for entry in entries:
        if isinstance(entry, Inspected):
            box = f"B{int(entry.record.part_id[1:]) // BOX}"
            record = msgspec.structs.replace(entry.record, context={**entry.record.context, "box": box})
            yield msgspec.structs.replace(entry, record=record)
        else:
            yield entry


@pytest.fixture(scope="module")
def harmed():
    """A station on which bad parts passed, until the alarm, as bytes to be continued from."""
    folding = Folding()
    folding.all(boxed(line(3, 2500)))
    folding.all(boxed(line(3, 1500, first=2500, escapes=0.4)))
    assert any(alarm.alarm_id == "bad-parts-passed" for alarm in folding.alarms)
    return folding.core.save(), folding.history


@pytest.fixture
def held(harmed):
    folding = Folding()
    folding.history.rows = dict(harmed[1].rows)
    folding.core.load(harmed[0])
    return folding


def hold(folding) -> HoldDoc:
    (document,) = folding.core.view().holds
    return document


def command(folding, number, kind, *, role="quality", reason="sorted twice", parts=(), found_bad=(), **target):
    given = {"incident": hold(folding).incident, "kind": kind, **target}
    order = Command(f"r{number}", "dispose", "anna", role, given, reason, parts=parts, found_bad=found_bad)
    effects = folding.fold(Commanded(order, START))
    return msgspec.json.decode(next(m.payload for m in effects.messages if m.kind == "cmd_result")), effects


def closes(document):
    return document.parts == document.released + document.sorted + document.scrapped + document.undecided


def held_rows(folding):
    document = hold(folding)
    return [
        r for (_, i), r in folding.history.rows.items() if r.verdict == "ok" and i <= document.to_index and i >= document.from_index
    ]


def test_a_hold_counts_its_passed_parts_and_names_their_boxes(held):
    document = hold(held)
    assert document.parts == len(held_rows(held))
    assert document.grows
    assert document.undecided == document.parts
    assert document.boxes_total == len({row.box for row in held_rows(held)})
    assert document.onset_index is not None
    assert document.onset_index[0] <= document.onset_index[1] <= document.onset_index[2]


def test_a_hold_grows_with_every_part_and_is_published_every_hundred(held):
    before = hold(held)
    published = [m for e in boxed(line(9, 250, first=4000)) for m in held.fold(e).messages if m.kind == "hold"]
    assert 2 <= len(published) <= 8  # once more where the incident has news
    assert hold(held).to_index > before.to_index + 150
    assert closes(hold(held))


def test_what_is_published_of_a_hold_is_bounded_whatever_it_holds(held):
    held.all(boxed(line(5, 30_000 // 4, first=4000)))
    document = hold(held)
    assert document.boxes_total > 100 == len(document.boxes)
    assert document.boxes[0] == f"B{(document.from_index - 1) // BOX}"
    assert len(msgspec.json.encode(document)) < 4000


def test_parts_boxes_times_and_the_rest_end_as_decided_and_the_sums_close(held):
    rows = held_rows(held)
    named = tuple(row.part_id for row in rows[5:50:3])
    result, effects = command(held, 1, "scrapped", parts=named)
    assert result["accepted"], result
    assert hold(held).scrapped == len(named)
    assert sum(row.parts for row in effects.dispositions) == len(named)
    box = rows[200].box
    assert command(held, 2, "sorted", box=box)[0]["accepted"]
    assert hold(held).sorted == sum(row.box == box for row in rows)
    span = {"from": rows[400].captured_at.isoformat(), "to": rows[499].captured_at.isoformat()}
    assert command(held, 3, "released", **span)[0]["accepted"]
    assert hold(held).released == 100
    assert closes(hold(held))
    result, effects = command(held, 4, "released", all="yes")
    assert result["accepted"]
    document = hold(held)
    assert document.undecided == 0
    assert closes(document)
    assert document.scrapped == len(named)
    assert "held = " in result["detail"]


def test_a_part_is_not_disposed_of_twice_unless_only_the_rest_is_asked_for(held):
    rows = held_rows(held)
    box = rows[200].box
    inside = [row for row in rows if row.box == box]
    assert command(held, 1, "scrapped", parts=(inside[3].part_id,))[0]["accepted"]
    before = hold(held)
    result, effects = command(held, 2, "released", box=box)
    assert not result["accepted"]
    assert f"1 of {len(inside)} parts are disposed of already, first {inside[3].part_id}: scrapped" in result["detail"]
    assert hold(held) == before
    assert effects.dispositions == []
    assert command(held, 3, "released", box=box, rest="yes")[0]["accepted"]
    assert (hold(held).released, hold(held).scrapped) == (len(inside) - 1, 1)
    assert closes(hold(held))


def test_parts_found_bad_at_sorting_are_scrapped_and_kept_as_outcomes_but_enter_no_rate(held):
    rows = held_rows(held)
    box = rows[300].box
    inside = [row.part_id for row in rows if row.box == box]
    before = held.station
    result, effects = command(held, 1, "sorted", box=box, found_bad=(inside[0], inside[7]))
    assert result["accepted"], result
    document = hold(held)
    assert (document.sorted, document.scrapped, document.found_bad) == (len(inside) - 2, 2, 2)
    assert [(o.part_id, o.defective, o.source) for o in effects.outcomes] == [
        (inside[0], True, "sorting"),
        (inside[7], True, "sorting"),
    ]
    after = held.station
    rates = ("audits_judged", "observed_escapes", "claimed_escapes", "outcome_evidence", "outcomes")
    assert [getattr(after, name) for name in rates] == [getattr(before, name) for name in rates]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "operator"}, "role must be one of"),
        ({"reason": " "}, "needs a reason"),
        ({"parts": ("nobody",)}, "1 of parts are not under this hold, first nobody"),
        ({"box": "B99999"}, "no held part is in box B99999"),
        ({"from": "tomorrow"}, "must be a time with its zone"),
        ({"box": "B61", "all": "yes"}, "name the parts one way"),
        ({}, "name the parts one way"),
        ({"kind": "eaten", "all": "yes"}, "must be one of released, sorted, scrapped"),
        ({"incident": "ST4-9999", "all": "yes"}, "no incident ST4-9999 is open"),
    ],
)
def test_a_disposition_that_cannot_be_is_refused_in_words_and_changes_nothing(held, change, said):
    before = hold(held)
    kind = change.pop("kind", "released")
    result, effects = command(held, 1, kind, **change)
    assert not result["accepted"]
    assert said in result["detail"]
    assert hold(held) == before
    assert not effects.dispositions


def test_a_hold_and_what_was_decided_are_the_same_after_a_restart_at_any_command(held):
    rows = held_rows(held)
    restarted = Folding()
    restarted.history = held.history
    restarted.core.load(held.core.save())
    orders = [("scrapped", {"parts": (rows[9].part_id,)}), ("sorted", {"box": rows[90].box}), ("released", {"all": "yes"})]
    for number, (kind, target) in enumerate(orders):
        one, other = command(held, number, kind, **target), command(restarted.restarted(), number, kind, **target)
        assert one == other
        for entry in boxed(line(7, 130, first=4000 + 130 * number)):
            held.fold(entry)
            restarted.fold(entry)
    assert hold(held) == hold(restarted)
    assert held.core.save() == restarted.core.save()


def test_accepting_the_present_claims_ends_the_growth_and_parts_made_since_are_not_held(held):
    order = Command("a1", "accept_baseline", "anna", "quality", {"station": "ST4", "stream": "outcomes"})
    held.fold(Commanded(order, START))
    document = hold(held)
    assert not document.grows
    assert document.ended_by == "accepted: outcomes"
    assert document.open
    held.all(boxed(line(5, 300, first=4000)))
    assert hold(held).to_index == document.to_index
    assert command(held, 1, "released", all="yes")[0]["accepted"]
    assert not hold(held).open


def test_clean_audits_enough_of_parts_made_since_end_the_growth():
    folding = Folding(config(outcomes={"mode": "sample", "delay_s": 600, "audits_per_month": 10_000, "max_escape_ppm": 20_000}))
    folding.all(line(3, 2500, escapes=0.0))
    folding.all(line(3, 500, first=2500, escapes=0.5))
    while not folding.core.view().holds:
        folding.all(line(4, 100, first=len(folding.history.rows), escapes=0.5))
    first = hold(folding)
    assert first.grows
    folding.all(line(5, 1500, first=len(folding.history.rows), escapes=0.0))
    assert hold(folding).ended_by == "clean audits"


def test_harm_that_comes_back_after_a_good_check_is_a_second_span_with_what_lies_between_left_out():
    folding = Folding().all(boxed(part(k, None, verdict="ng" if k % 10 == 0 else "ok") for k in range(600)))
    incidents = folding.core._stations["ST4"].incidents
    incidents.open_id(START)
    incidents.hold(Containment(101, verified=True), 600)
    incidents.covered(600, "check", START)
    folding.all(boxed(part(k, None, verdict="ng" if k % 10 == 0 else "ok") for k in range(600, 1000)))
    incidents.hold(Containment(901, verified=True), 1000)
    document = hold(folding)
    assert [(s.from_index, s.to_index) for s in document.spans] == [(101, 600), (901, 1000)]
    assert document.parts == 450 + 90
    assert document.boxes_total == 12
    assert "not under this hold" in command(folding, 1, "released", parts=("P00701",))[0]["detail"]
    assert command(folding, 2, "scrapped", parts=("P00599", "P00901"))[0]["accepted"]
    assert command(folding, 3, "sorted", all="yes")[0]["accepted"]
    assert (hold(folding).sorted, hold(folding).scrapped) == (538, 2)


def test_the_onset_beside_a_hold_is_that_of_the_harm():
    folding = Folding()
    folding.all([part(k, None) for k in range(10)])
    incidents = folding.core._stations["ST4"].incidents
    from detectors.attribution import Symptom

    incidents.observe(
        [Symptom("lighting", "darker", Onset(2, 1, 3)), Symptom("outcomes", "bad_parts_passed", Onset(6, 5, 8))], (), START
    )
    incidents.hold(Containment(1, verified=False), 10)
    assert incidents.documents()[0].hold.onset_index == (5, 6, 8)
