"""Reject rates in the fold: blocks, learning, alarms, and what never enters."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from agent.core.blocks import BlockPlan
from agent.core.rates import rate
from agent.core.texts import CATALOGUES, LIMIT, say
from agent.records import Inspected
from tests.core.folding import START, Folding, config, part
from tests.core.test_fold import command, facts

BASELINE = {"parts": 800, "min_stream_parts": 300, "steadiness": "assumed", "rate_blocks": 60}
ARMED = 60 * 200


def rates(**station):
    return config(**{"baseline": BASELINE, "outcomes": {"mode": "none"}, **station})


def verdicts(seed, n, *, rate=0.02, first=0, recipe="A"):
    """Entries of a line without pictures or scores, (n), 3 s apart."""
    rng = np.random.default_rng([seed, first])
    return [
        part(k, None, p=None, verdict="ng" if rng.random() < rate else "ok", recipe=recipe, lot="L1")
        for k in range(first, first + n)
    ]


def changed(rate, *, seed=1, n=4000):
    return verdicts(seed, ARMED + 4000) + verdicts(seed, n, rate=rate, first=ARMED + 4000)


@pytest.fixture(scope="module")
def doubled():
    return Folding(rates()).all(changed(0.08))


def stream(folding, name="rates/A"):
    return next(s for s in folding.station.streams if s.stream == name)


def test_a_line_in_control_learns_its_rate_arms_and_stays_silent():
    folding = Folding(rates()).all(verdicts(2, ARMED - 1))
    assert stream(folding).state == "learning"
    assert (stream(folding).parts, stream(folding).parts_needed) == (ARMED - 1, ARMED)
    folding.all(verdicts(2, 8001, first=ARMED - 1))
    assert stream(folding).state == "armed"
    assert folding.station.state == "armed"
    (channel,) = folding.station.channels
    assert (channel.channel, channel.updates, channel.refused) == ("reject_rate", 40, "")
    assert 0.2 < channel.smallest_shift < 5
    assert folding.alarms == []


def test_more_rejects_are_said_in_operator_words_and_hold_nothing(doubled):
    (alarm,) = doubled.alarms
    assert (alarm.alarm_id, alarm.code, alarm.stream, alarm.andon) == ("reject-rate", "reject_rate_higher", "rates/A", "amber")
    assert alarm.text.startswith("ST4 ")
    assert " % of parts rejected since about " in alarm.text
    assert ", was " in alarm.text
    assert alarm.evidence.detector == "rate_shift"
    assert alarm.evidence.change == pytest.approx(6, abs=2)
    assert alarm.evidence.value >= alarm.evidence.threshold
    assert ARMED + 3400 <= int(alarm.evidence.onset.part_id[1:]) <= ARMED + 4600
    assert ARMED + 4000 < int(alarm.part_id[1:]) < ARMED + 6000
    assert all(incident.hold is None for incident in doubled.incidents)


def test_rejects_that_stop_are_as_suspicious_and_no_praise():
    folding = Folding(rates()).all(changed(0.0, n=6000))
    (alarm,) = folding.alarms
    assert alarm.code == "reject_rate_lower"
    assert "only 0.0 % of parts" in alarm.text
    assert "Not proof of better parts" in alarm.text


def test_a_restart_at_any_point_changes_no_alarm(doubled):
    rng = np.random.default_rng(7)
    folding = Folding(rates())
    for entry in changed(0.08):
        folding.fold(entry)
        if rng.random() < 0.002:
            folding.restarted()
    assert facts(folding.alarms) == facts(doubled.alarms)
    assert folding.core.save() == doubled.core.save()


@pytest.mark.parametrize("mark", ["simulated", "golden", "challenge", "retry", "partial"])
def test_marked_inspections_never_enter_the_rate(doubled, mark):
    folding = Folding(rates())
    for k, entry in enumerate(changed(0.08)):
        folding.fold(entry)
        if k % 500 == 0:
            record = msgspec.structs.replace(entry.record, part_id=f"M{k}", verdict="ng", mark=mark)
            folding.fold(Inspected(record))
    assert facts(folding.alarms) == facts(doubled.alarms)


def test_the_alarm_returns_when_the_rate_has_stayed_back():
    entries = changed(0.08, n=1200)
    folding = Folding(rates()).all(entries + verdicts(5, 14_000, first=len(entries)))
    (raised, returned) = folding.alarms
    assert (raised.state, returned.transition) == ("UNACK", "UNACK→RTNUN")
    assert int(returned.part_id[1:]) - int(raised.part_id[1:]) >= 4000


def test_each_recipe_is_compared_with_itself():
    a, b = verdicts(1, ARMED + 6000), verdicts(6, ARMED + 6000, rate=0.1, recipe="B")
    mixed = [entry for pair in zip(a, b, strict=True) for entry in pair]
    numbered = [
        Inspected(msgspec.structs.replace(e.record, part_id=f"Q{k}", captured_at=START + timedelta(seconds=3 * k)))
        for k, e in enumerate(mixed)
    ]
    folding = Folding(rates()).all(numbered)
    assert [stream(folding, name).state for name in ("rates/A", "rates/B")] == ["armed", "armed"]
    assert folding.alarms == []


def test_a_recipe_too_many_is_counted(monkeypatch):
    monkeypatch.setattr("agent.core.signals.MAX_STREAMS", 2)
    folding = Folding(rates()).all(part(k, None, p=None, recipe=f"R{k}") for k in range(5))
    assert len(folding.station.streams) == 2
    assert folding.station.counters["too_many_streams"] == 3


def test_a_rate_that_goes_by_lots_is_learned_longer_and_then_refused_with_the_reason():
    rng = np.random.default_rng(3)
    entries = []
    for lot in range(16):
        entries += verdicts(4, 3000, rate=float(rng.choice([0.01, 0.06])), first=3000 * lot)
    folding = Folding(rates()).all(entries[:13_000])
    assert (stream(folding).state, stream(folding).parts_needed) == ("learning", 2 * ARMED)
    assert "resemble" in stream(folding).detail
    folding.all(entries[13_000:]).restarted()
    assert stream(folding).state == "refused"
    assert folding.alarms == []


def test_an_accepted_rate_is_learned_anew_and_its_alarm_ends(doubled):
    folding = Folding(rates()).all(changed(0.08, n=1200))
    folding.fold(command("accept_baseline", station="ST4", stream="rates/A"))
    assert folding.alarms[-1].state == "NORM"
    assert stream(folding).state == "learning"
    assert stream(doubled).state == "armed"


def test_a_rate_waits_for_acceptance_where_everything_does():
    folding = Folding(rates(baseline={**BASELINE, "arming": "after_acceptance"})).all(verdicts(2, ARMED + 100))
    assert stream(folding).state == "candidate"
    folding.fold(command("accept_baseline", station="ST4"))
    folding.all(verdicts(2, 400, first=ARMED + 100))
    assert stream(folding).state == "armed"
    assert folding.station.channels[0].updates == 2


def test_a_station_without_an_owner_never_judges_its_rate():
    folding = Folding(rates(owner=None)).all(changed(0.08))
    assert folding.alarms == []
    assert "does not arm" in stream(folding).detail


# --- blocks -----------------------------------------------------------------------------------------------------------------


def blocks(spacings_s):
    """Sizes of the blocks parts with these spacings are gathered into."""
    counted, at = rate("rates/A", BlockPlan(threshold=1e6, blocks=60, tolerance=0.1, updates_per_month=1e4)), START
    for k, spacing in enumerate(spacings_s):
        at += timedelta(seconds=spacing)
        counted.observe("ok", index=k + 1, at=at)
    return [block["ok"] for block in counted.save()["learned"]]


@pytest.mark.parametrize(
    ("spacing_s", "sizes"),
    [
        (3.0, [200, 200]),  # 200 parts in 10 minutes
        (10.0, [90] * 6),  # 90 parts in 15 minutes
        (60.0, [50] * 11),  # 15 parts in 15 minutes: the block goes on
    ],
)
def test_a_block_ends_at_200_parts_or_15_minutes_but_not_below_50(spacing_s, sizes):
    assert blocks([spacing_s] * 599) == sizes


def test_a_block_left_open_by_a_stop_is_closed_by_the_next_part():
    assert blocks([3.0] * 120 + [7200.0] + [3.0] * 199) == [120, 200]


# --- budget and words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", sorted(CATALOGUES))
@pytest.mark.parametrize("code", ["reject_rate_higher", "reject_rate_lower"])
def test_the_words_fit_a_panel_and_claim_nothing_about_passed_parts(language, code):
    words = {
        "st": "station-12",
        "size": "0.0012 %",
        "was": "12.3 %",
        "since": "24.11. 02:05",
        "cause": "Material or tool wear likely.",
    }
    text, response = say(language, code, words)
    assert len(text) < LIMIT
    assert words["size"] in text
    assert words["was"] in text
    assert response
    assert "passed" not in text
