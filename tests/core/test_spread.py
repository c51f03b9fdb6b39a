"""Spread and run means in the fold: alarms, words, way back, restarts, and the budget they share."""

import msgspec
import numpy as np
import pytest

from agent.core.plans import Plans
from agent.core.texts import CATALOGUES, FAMILIES, LIMIT, say
from agent.core.watch import Watch
from agent.records import Frame, Inspected
from detectors.baseline import fit
from detectors.budget import MIN_RUN_PARTS, run_thresholds, spread_thresholds
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import Folding, config, line, part, raw_rows
from tests.core.test_fold import darker, facts

LUMINANCE = [spec.name for spec in IMAGE_CHANNELS].index("luminance")


def scaled(factor, first=1200, last=10**9):
    """Luminance varies `factor` times as much from part `first` to `last`."""

    def change(k, row):
        if first <= k < last:
            row = row.copy()
            row[LUMINANCE] = np.exp(4.5 + factor * (np.log(row[LUMINANCE]) - 4.5))
        return row

    return change


@pytest.fixture(scope="module")
def flickering():
    return Folding().all(line(1, 1500, change=scaled(2.2)))


def test_a_flickering_picture_is_said_to_vary_more_and_by_how_much(flickering):
    (alarm,) = [a for a in flickering.alarms if a.alarm_id == "picture-light-spread"]
    assert (alarm.transition, alarm.code, alarm.andon) == ("NORM→UNACK", "varies_more", "amber")
    assert alarm.text.startswith("ST4 light of the picture varies ")
    assert (alarm.evidence.detector, alarm.evidence.channel) == ("spread_shift", "luminance")
    assert alarm.evidence.change == pytest.approx(2.0, abs=0.4)
    assert 1150 < int(alarm.evidence.onset.part_id[1:]) < 1230
    assert 1200 < int(alarm.part_id[1:]) < 1260
    (incident,) = flickering.core.view().incidents
    assert (incident.causes[0].cause, incident.causes[0].reasons[0].code) == ("lamp", "light_varies")


def test_a_picture_that_hardly_varies_any_more_is_said_to():
    folding = Folding().all(line(1, 1500, change=scaled(0.4)))
    (alarm,) = [a for a in folding.alarms if a.alarm_id == "picture-light-spread"]
    assert alarm.code == "varies_less"
    assert alarm.evidence.change == pytest.approx(0.4, abs=0.1)


def test_a_shift_of_the_mean_is_one_alarm_and_not_a_spread_as_well():
    folding = Folding().all(line(1, 2500, change=darker))
    assert [a.alarm_id for a in folding.alarms] == ["picture-light"]


@pytest.mark.parametrize("factor", [2.2, 0.4])
def test_the_alarm_is_over_when_the_spread_is_shown_to_be_back_and_no_earlier(factor):
    folding = Folding().all(line(1, 3000, change=scaled(factor, last=1500)))
    spreads = [a for a in folding.alarms if a.alarm_id == "picture-light-spread"]
    assert [a.transition for a in spreads] == ["NORM→UNACK", "UNACK→RTNUN"]
    assert 1500 < int(spreads[1].part_id[1:]) < 2600
    standing = Folding().all(line(1, 2500, change=scaled(factor)))
    of_standing = [a for a in standing.alarms if a.alarm_id == "picture-light-spread"]
    assert [a.transition for a in of_standing if a.transition] == ["NORM→UNACK"]  # else reworded: another cause is likelier
    assert all(a.active for a in of_standing)


def test_a_restart_at_any_point_changes_no_spread_alarm(flickering):
    rng, folding = np.random.default_rng(8), Folding()
    for entry in line(1, 1500, change=scaled(2.2)):
        folding.fold(entry)
        if rng.random() < 0.01:
            folding.restarted()
    assert facts(folding.alarms) == facts(flickering.alarms)


# --- runs -------------------------------------------------------------------------------------------------------------------

LOT = 50


def lots(seed, count, *, first=0, shift=0.0):
    """Parts in lots of 50 whose luminance differs from lot to lot by 10 %, as much as it varies within; `shift` on all."""
    rng = np.random.default_rng([seed, first])
    rows = raw_rows(rng, count)
    offsets = np.repeat(0.1 * rng.standard_normal(-(-count // LOT)), LOT)[:count]
    rows[:, LUMINANCE] *= np.exp(offsets + shift)
    entries = [part(first + k, row, p=None, lot=f"L{(first + k) // LOT}") for k, row in enumerate(rows)]
    return [Inspected(e.record, Frame(e.frame.values, e.frame.table)) for e in entries]


BASELINE = {"parts": 3000, "min_stream_parts": 300, "steadiness": "assumed"}


def by_lots(entries):
    return Folding(config(baseline=BASELINE, outcomes={"mode": "none"})).all(entries)


def test_lots_that_differ_are_learned_watched_and_raise_nothing():
    folding = by_lots(lots(1, 6000))
    (luminance,) = [c for c in folding.station.channels if c.channel == "luminance"]
    assert (luminance.refused, luminance.note) == ("", "within and between runs")
    assert 0.1 < luminance.smallest_shift < 0.3
    assert folding.alarms == []


def test_a_shift_of_every_lot_is_found_by_lot_means_and_stays_until_they_return():
    entries = lots(1, 3000) + lots(2, 5000, first=3000, shift=0.3) + lots(3, 12_000, first=8000)
    folding = by_lots(entries[:8000]).restarted()
    (raised,) = folding.alarms
    assert (raised.alarm_id, raised.code, raised.evidence.detector) == ("picture-light", "brighter", "run_means")
    assert raised.evidence.change == pytest.approx(35, abs=12)
    folding.all(entries[8000:])
    assert [a.transition for a in folding.alarms] == ["NORM→UNACK", "UNACK→RTNUN"]
    assert int(folding.alarms[1].part_id[1:]) > 9000


def test_a_jump_inside_a_lot_is_found_within_it():
    after = [
        Inspected(
            msgspec.structs.replace(entry.record, context={"lot": "long"}),
            Frame(
                tuple(
                    v * (1.15 if i == LUMINANCE and k >= 100 else 1.0) if v is not None else None
                    for i, v in enumerate(entry.frame.values)
                ),
                entry.frame.table,
            ),
        )
        for k, entry in enumerate(line_of_one_lot(4, 200))
    ]
    folding = by_lots(lots(1, 3000) + after)
    (raised,) = folding.alarms
    assert (raised.evidence.detector, raised.code) == ("level_shift", "brighter")
    assert 3100 <= int(raised.part_id[1:]) < 3200


def line_of_one_lot(seed, count):
    return [part(3000 + k, row, p=None, lot="long") for k, row in enumerate(raw_rows(np.random.default_rng(seed), count))]


def test_a_watch_restored_at_any_row_continues_to_the_same_crossings():
    rng = np.random.default_rng(9)
    runs = np.arange(6000) // LOT
    x = rng.standard_normal((6000, 3)) + np.array([1.0, 0.0, 0.0]) * rng.standard_normal((120, 3))[runs]
    c = np.full(3, 1e4)
    baseline = fit(x, runs, transforms=["none"] * 3, tolerances=np.zeros(3), thresholds=c)
    assert baseline.by_runs.tolist() == [True, False, False]
    rows = rng.standard_normal((4000, 3)) + np.array([3.0, 1.0, 0.0]) * (np.arange(4000) < 2000)[:, None]
    rows[:, 2] *= np.where(np.arange(4000) < 2000, 2.0, 1.0)
    whole, cut, found, again, stood = Watch(baseline, c), Watch(baseline, c), [], [], set()
    for t in range(4000):
        new, row = t % LOT == 0, rows[t : t + 1]
        found += whole.observe(row, new_run=new, index=t)
        again += cut.observe(row, new_run=new, index=t)
        stood |= {(kind, k) for kind in ("level", "spread") for k in cut.standing(kind)}
        if rng.random() < 0.02:
            resumed = Watch(baseline, c)
            resumed.load(cut.save())
            cut = resumed
    assert again == found
    assert {one.test for one in found} == {"level_shift", "run_means", "spread_shift"}
    assert {("level", 0), ("level", 1), ("spread", 2)} <= stood
    assert ("spread", 1) not in stood


# --- budget and words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runs_differ", [False, True])
def test_a_channels_tests_together_spend_exactly_its_share(runs_differ):
    options = config().stations[0]
    plans, parts = Plans(options), options.parts_per_month
    level = np.array([plans.stream("imaging/main//A").threshold])
    within, means = run_thresholds(level)
    spent = parts / spread_thresholds(level)
    spent += parts / within + parts / MIN_RUN_PARTS / means if runs_differ else parts / level
    assert spent[0] == pytest.approx(plans.channel_share)


@pytest.mark.parametrize("language", sorted(CATALOGUES))
@pytest.mark.parametrize("family", sorted(FAMILIES["en"]))
def test_the_words_fit_a_panel_and_claim_nothing_about_passed_parts(language, family):
    words = {
        "st": "station-12",
        "size": "0.45",
        "what": FAMILIES[language][family],
        "since": "24.11. 02:05",
        "cause": "Cause unknown.",
    }
    for code in ("varies_more", "varies_less"):
        text, response = say(language, code, words)
        assert len(text) <= LIMIT
        assert not text.endswith("…")
        assert response
        assert "passed" not in text
