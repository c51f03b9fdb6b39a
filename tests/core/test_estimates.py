"""Estimates on the run path: records in, rates out, with the right parts counted and the right figures printed."""

from datetime import timedelta

import numpy as np
import pytest

from agent.config.model import StationSection
from agent.core.accounts import Verdict
from agent.core.counts import STEP, Counts, step_of
from agent.core.estimates import EARLIER, OTHER, Estimates
from agent.core.figures import Figures
from agent.core.ledger import Pending
from agent.records import Inspection, Outcome, Told
from tests.core.folding import REGISTER, START, Folding, config, part
from tests.core.test_challenges import apart_from_nan


def told(k, *, defective, source="audit", chance=None, mode="", confirmed=False, after_s=300.0):
    at = START + timedelta(seconds=3.0 * k + after_s)
    return Told(
        Outcome(
            part_id=f"P{k:05d}",
            station="ST4",
            defective=defective,
            observed_at=at,
            source=source,
            inclusion_probability=chance,
            defect_class=mode,
            confirmed=confirmed,
        )
    )


def sources(*more, **audit):
    audit = {"name": "audit", "kind": "audit", "delay_s": 600, **audit}
    recheck = {"name": "recheck", "kind": "recheck", "delay_s": 600}
    return {"sources": [audit, recheck, *more], "audits_per_month": 100_000}


def in_order(entries):
    """Entries by time: inspections at 3 s a part, outcomes when they were observed."""
    return [entry for _, _, entry in sorted((_at(entry), number, entry) for number, entry in enumerate(entries))]


def _at(entry):
    record = entry.record
    return record.captured_at if isinstance(record, Inspection) else record.observed_at


def figure(view, name, source=None):
    (found,) = [f for f in view.figures if f.figure == name and source in (None, f.source)]
    return found


def of(station, *, month="all", recipe="", mode=""):
    (view,) = [v for v in station.estimates if (v.month, v.recipe, v.failure_mode) == (month, recipe, mode)]
    return view


def biased(seed, parts=20_000, bad_share=0.2, sensitivity=0.8, audited=0.02):
    """A station that finds four bad parts in five, all of whose rejects and a fiftieth of whose passes are re-checked."""
    rng = np.random.default_rng(seed)
    entries = []
    for k in range(parts):
        bad = rng.random() < bad_share
        rejected = rng.random() < (sensitivity if bad else 0.01)
        entries.append(part(k, None, verdict="ng" if rejected else "ok"))
        if rejected:
            entries.append(told(k, defective=bool(bad), source="recheck"))
        elif rng.random() < audited:
            entries.append(told(k, defective=bool(bad), chance=audited))
    return in_order(entries)


@pytest.fixture(scope="module")
def harmed():
    return Folding(config(outcomes=sources())).all(biased(5))


# --- verification bias ------------------------------------------------------------------------------------------------------


def test_a_sensitivity_of_four_in_five_is_inside_its_bounds_where_the_naive_figure_says_all_but_half_a_percent(harmed):
    view = of(harmed.station)
    miss = figure(view, "miss_rate")
    assert miss.low <= 0.2 <= miss.high < 1.0
    assert miss.estimate == pytest.approx(0.2, abs=0.12)
    assert miss.naive < 0.01  # 99 % and more
    assert miss.low > miss.naive, "what was naive is refuted by the bounds beside it"
    overkill = figure(view, "overkill_rate")
    assert overkill.low <= 0.01 <= overkill.high
    assert overkill.naive > 0.2, "a fiftieth of the good passes was looked at, and every rejected good part"


def test_counts_are_of_matured_parts_alone(harmed):
    view = of(harmed.station)
    assert 0.97 * 20_000 < view.passed + view.rejected < 20_000 - 300 / 3
    assert view.rechecked == view.rejected
    assert view.looked == pytest.approx(0.02 * view.passed, rel=0.2)


# --- what counts ------------------------------------------------------------------------------------------------------------


def fold(entries, outcomes=None, **station):
    last = max(_at(entry) for entry in entries)
    end = Told(Outcome("nobody", defective=False, observed_at=last + timedelta(hours=2), station="ST4", source="audit"))
    folding = Folding(config(outcomes=outcomes or sources(), **station)).all(in_order(entries))
    folding.fold(end)
    return folding


def test_finds_count_once_they_are_confirmed_and_parts_nobody_drew_never():
    entries = [part(k, None) for k in range(8)]
    entries += [told(0, defective=True, chance=0.5), told(1, defective=True, chance=0.5, confirmed=True)]
    entries += [told(2, defective=False, chance=0.5), told(3, defective=False), told(4, defective=True, source="recheck")]
    view = of(fold(entries, sources(confirmed=False)).station)
    escape = figure(view, "escape_rate")
    assert (escape.looked, escape.found) == (2, 1)
    assert view.unconfirmed == 1
    assert view.unanswered == 1, "a find nobody looked at again is an audit nobody finished"
    assert view.unknown_chance == 2


def test_customers_and_operators_are_in_no_rate():
    entries = [part(k, None) for k in range(4)] + [told(0, defective=True, source="returns"), told(1, defective=False, chance=1.0)]
    view = of(fold(entries, sources({"name": "returns", "kind": "customer", "delay_s": 600})).station)
    assert (view.looked, view.unknown_chance, figure(view, "escape_rate").found) == (1, 0, 0)


def test_silence_of_a_census_is_good_and_of_a_sample_nothing():
    entries = [part(k, None) for k in range(50)] + [told(3, defective=True, source="eol"), told(7, defective=True, source="eol")]
    census = sources({"name": "eol", "kind": "end_of_line", "coverage": "census", "delay_s": 600})
    escape = figure(of(fold(entries, census).station), "escape_rate")
    assert (escape.source, escape.looked, escape.found) == ("census", 50, 2)
    sample = sources({"name": "eol", "kind": "end_of_line", "delay_s": 600})
    view = of(fold(entries, sample).station)
    assert (view.looked, view.unknown_chance) == (0, 2)


def test_a_source_that_cannot_see_a_failure_says_nothing_of_its_rate():
    entries = [part(k, None) for k in range(40)]
    entries += [told(k, defective=k == 5, chance=1.0, mode="hole" if k == 5 else "") for k in range(40)]
    station = fold(entries, sources(failure_modes=["hole", "burr"])).station
    assert figure(of(station, mode="hole"), "escape_rate").looked == 40
    assert of(station).looked == 0, "all modes together nobody saw"


def test_of_a_mode_a_find_without_a_name_may_be_or_not():
    def folded(name):
        entries = [part(k, None) for k in range(60)]
        modes = {0: "hole", 1: name}
        return fold([*entries, *(told(k, defective=k in modes, chance=1.0, mode=modes.get(k, "")) for k in range(60))]).station

    unnamed, other = (figure(of(folded(name), mode="hole"), "escape_rate") for name in ("", "burr"))
    assert unnamed.low == other.low
    assert unnamed.high > other.high
    assert unnamed.estimate == other.estimate


def test_a_naive_figure_never_stands_alone(harmed):
    for view in harmed.station.estimates:
        for one in view.figures:
            assert np.isnan(one.naive) or not np.isnan(one.estimate)


# --- chances ----------------------------------------------------------------------------------------------------------------


def test_parts_drawn_with_unequal_chances_count_by_them_and_the_naive_rate_is_outside():
    """Near the threshold, where the planner looks more often, a fifth is bad; elsewhere one in two hundred."""
    rng = np.random.default_rng(7)
    outcomes = {"mode": "sample", "delay_s": 600, "audits_per_month": 100_000, "confirmed": True}
    audits = {"mode": "fraction", "fraction": 0.1, "deadline_s": 500, "tightened": 1.0}
    folding = Folding(config(outcomes=outcomes, audits=audits))
    entries = []
    for k in range(20_000):
        near = rng.random() < 0.03
        bad = bool(rng.random() < (0.2 if near else 0.005))
        entries += [part(k, None, p=0.4 if near else 0.01), told(k, defective=bad, source="default", confirmed=True)]
    for entry in in_order(entries):
        if isinstance(entry.record, Inspection) or folding.core._stations["ST4"].verification.audits.probability_of(
            entry.record.part_id
        ):
            folding.fold(entry)
    escape = figure(of(folding.station), "escape_rate")
    truth = 0.03 * 0.2 + 0.97 * 0.005
    assert escape.low <= truth <= escape.high
    assert escape.estimate == pytest.approx(truth, rel=0.35)
    assert escape.naive > 3 * truth
    assert of(folding.station).unknown_chance == 0


@pytest.mark.parametrize("multiple", [1.0, 1.001, 1.3, 7.7, 400.0])
def test_a_chance_is_rounded_up_by_less_than_a_step(multiple):
    step = step_of(0.002 * multiple, 0.002)
    assert multiple * (1 - 1e-9) <= STEP**step < multiple * STEP


# --- what is printed --------------------------------------------------------------------------------------------------------


def station(**more):
    return StationSection.model_validate({"id": "ST4", **REGISTER, "tier": 1, "outcomes": {"mode": "sample"}, **more})


def judged(estimates, n, **verdict):
    known = Verdict(told=(), is_sure=True, chance=0.01)
    for k in range(n):
        pending = Pending(k, f"P{k}", START, passed=True, p_defect=0.01, scope="main", defective=False, said=known, **verdict)
        estimates.matured(pending)


def test_fifty_ppm_need_59_914_clean_audits_and_not_one_fewer():
    options = station()
    estimates, figures = Estimates(options, START.tzinfo), Figures(options)
    (view,) = figures.estimates(estimates)
    escape = figure(view, "escape_rate")
    assert (escape.limit, escape.judgement, escape.more) == (50e-6, "not_informative", 59_914)
    assert (escape.low, escape.high) == (0.0, 1.0)
    counts = Counts(passed=6_000_000)
    for audits, needed in ((59_913, 1), (59_914, 0)):
        counts.looks.clear()
        counts.looks["audits", 0, ()] = audits
        counts.standing["audits", ()] = audits / 0.01
        escape = next(figures.of_parts(counts))
        assert escape.more == needed
        assert escape.judgement == ("not_informative" if needed else "within")
    assert escape.at_most == pytest.approx(50e-6, rel=1e-4)
    assert escape.high == pytest.approx(71e-6, rel=0.01), "the two-sided bound, which also lasts beyond a find, is wider"


@pytest.mark.parametrize("n", [100, 1000])
def test_no_find_in_n_audits_proves_at_most_about_three_in_n(n):
    options = station()
    estimates = Estimates(options, START.tzinfo)
    judged(estimates, n)
    escape = figure(of(_Shown(Figures(options).estimates(estimates))), "escape_rate")
    assert 0.98 * n <= escape.looked <= n, "figures are renewed with every fiftieth look"
    assert escape.at_most == pytest.approx(3.0 / escape.looked, rel=0.02)


class _Shown:
    def __init__(self, estimates):
        self.estimates = estimates


CHALLENGED = {"challenge_sets": [{"name": "set", "failure_mode": "hole", "parts": ["M"], "max_miss_rate": 0.02}]}


def test_two_percent_missed_need_149_clean_presentations_and_not_one_fewer():
    folding = Folding(config(**CHALLENGED))
    miss = figure(of(folding.station, mode="hole"), "miss_rate", "check_parts")
    assert (miss.judgement, miss.more) == ("not_informative", 149)
    for k in range(149):
        assert figure(of(folding.station, mode="hole"), "miss_rate", "check_parts").more == 149 - k
        record = Inspection("M", "ST4", START + timedelta(seconds=k), "ng")
        folding.fold(part(0, None).__class__(record))
    miss = figure(of(folding.station, mode="hole"), "miss_rate", "check_parts")
    assert (miss.judgement, miss.more, miss.looked) == ("within", 0, 149)
    assert miss.at_most == pytest.approx(0.02, rel=0.01)


def test_check_parts_and_audits_are_kept_apart():
    folding = Folding(config(outcomes=sources(), **CHALLENGED)).all(biased(6, parts=1000))
    folding.fold(part(0, None).__class__(Inspection("M", "ST4", START + timedelta(hours=1), "ok")))
    miss = {f.source: (f.looked, f.found) for f in of(folding.station).figures if f.figure == "miss_rate"}
    assert miss["check_parts"] == (1, 1)
    assert miss["audits"][0] > 30


# --- kept -------------------------------------------------------------------------------------------------------------------


def test_continued_from_a_checkpoint_anywhere_the_same_is_shown():
    entries = biased(8, parts=1500)
    whole = Folding(config(outcomes=sources(), **CHALLENGED)).all(entries)
    for at in (1, 400, 1100, 1499):
        cut = Folding(config(outcomes=sources(), **CHALLENGED)).all(entries[:at]).restarted().all(entries[at:])
        assert apart_from_nan(cut.station) == apart_from_nan(whole.station)


def test_months_beyond_those_kept_are_one_and_no_part_is_lost():
    options = station(estimates={"months": 3})
    estimates = Estimates(options, START.tzinfo)
    for month in range(8):
        known = Verdict(told=(), is_sure=True, chance=0.5)
        for k in range(10):
            at = START + timedelta(days=31 * month)
            estimates.matured(
                Pending(k, f"P{k}", at, passed=True, p_defect=0.01, scope="main", recipe="A", defective=k == 0, said=known)
            )
    assert len(estimates.months) == 4
    assert EARLIER in estimates.months
    view = of(_Shown(Figures(options).estimates(estimates)))
    assert (view.passed, view.looked, figure(view, "escape_rate").found) == (80, 80, 8)
    late = Pending(0, "P", START, passed=True, p_defect=0.01, scope="main", recipe="A")
    estimates.matured(late)
    assert len(estimates.months) == 4, "a part of long ago opens no month"


def test_recipes_and_modes_without_end_are_counted_as_other():
    estimates = Estimates(station(), START.tzinfo)
    known = Verdict(told=(), is_sure=True, chance=0.5)
    for k in range(300):
        estimates.matured(
            Pending(
                k,
                f"P{k}",
                START,
                passed=True,
                p_defect=0.01,
                scope="main",
                recipe=f"R{k}",
                defective=True,
                mode=f"M{k}",
                said=known,
            )
        )
    cells = estimates.months["2026-01"]
    assert len(cells) == 65
    assert cells[OTHER].counts.looks.total() == 300 - 64
    assert len({mode for cell in cells.values() for mode in cell.counts.modes}) == 33


def test_recipes_stand_beside_all_of_them_and_add_up():
    entries = [part(k, None, recipe="AB"[k % 2]) for k in range(400)]
    entries += [told(k, defective=k % 40 == 0, chance=0.5) for k in range(0, 400, 2)]
    station = fold([*entries, *(told(k, defective=False, chance=0.5) for k in range(1, 400, 4))]).station
    alone = [of(station, recipe=recipe) for recipe in "AB"]
    assert [view.looked for view in alone] == pytest.approx([200, 100], rel=0.02)
    assert of(station).looked == sum(view.looked for view in alone)
    assert figure(alone[0], "escape_rate").estimate == pytest.approx(10 / 200, rel=0.02)
    assert figure(alone[1], "escape_rate").found == 0


def test_the_curve_says_where_the_claim_is_too_low():
    rng = np.random.default_rng(3)
    entries = []
    for k in range(2000):
        p = 0.002 if k % 2 else 0.2
        entries += [part(k, None, p=p), told(k, defective=bool(rng.random() < 0.2), chance=1.0)]
    bands = {band.least: band for band in fold(entries).station.curves if band.verdict == "passed"}
    assert bands[0.001].claimed == pytest.approx(0.002)
    assert bands[0.001].low > 0.1
    assert bands[0.1].low <= 0.2 <= bands[0.1].high
