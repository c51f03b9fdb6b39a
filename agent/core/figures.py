"""Figures: rates, agreement and the reliability curve made of a station's counts, each with bounds and a judgement."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import pairwise
from operator import add

from agent.config.model import StationSection
from agent.core.counts import FLOOR, Counts, Looked
from agent.core.curve import EDGES, Curve
from agent.core.estimates import Cell, Estimates
from agent.ports import BandView, EstimateView, FigureView
from detectors.estimate import (
    Interval,
    Tally,
    clean_needed,
    effectiveness,
    interval,
    kappa,
    miss_rate,
    overkill_rate,
    run_bound,
    run_needed,
    told_share,
)

ALL = "all"
# By tier, where the owner declares none: our choice (customers allow 15 to 50 ppm, AIAG 2 % missed, 5 % marginally).
ESCAPES = {1: 50e-6, 2: 500e-6, 3: 2_000e-6}
MISSED = {1: 0.02, 2: 0.05, 3: 0.1}
OVERKILL = {1: 0.05, 2: 0.05, 3: 0.1}
# AIAG MSA, attribute study: effectiveness of 90 % and more is acceptable; kappa above 0.75 is good agreement.
LEAST_EFFECTIVENESS, LEAST_KAPPA = 0.9, 0.75
_UNKNOWN = Interval(math.nan, 0.0, 1.0)
_Key = tuple[str, str]  # month and recipe
Presented = Counter[tuple[str, str, bool]]  # failure mode, known state, judged wrongly?


class Figures:
    """Makes what is shown, and keeps it until the counts it rests on have changed. No state of its own."""

    def __init__(self, options: StationSection) -> None:
        tier, given = options.tier or 3, options.estimates
        self._confidence = given.confidence
        escapes = options.outcomes.max_escape_ppm
        self._escapes = ESCAPES[tier] if escapes is None else escapes / 1e6
        self._missed = given.max_miss_rate or MISSED[tier]
        self._overkill = given.max_overkill_rate or OVERKILL[tier]
        self._declared: dict[tuple[str, str], float] = {}
        for s in options.challenge_sets:
            key = (s.failure_mode, s.known)
            self._declared[key] = min(s.max_miss_rate, self._declared.get(key, 1.0))
        self._is_on = options.outcomes.judges
        self._kept: dict[_Key, tuple[object, tuple[EstimateView, ...]]] = {}
        self._curves: dict[str, tuple[object, tuple[BandView, ...]]] = {}

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def estimates(self, counted: Estimates) -> tuple[EstimateView, ...]:
        """All of them: by month, latest first, and all together; in each all recipes, then each where there are several."""
        views: list[EstimateView] = []
        named = sorted(counted.months.keys() | counted.presented.keys(), reverse=True)
        spans = [(month, [month]) for month in named] + [(ALL, named)]
        for title, months in spans:
            cells = [(recipe, cell) for month in months for recipe, cell in counted.months.get(month, {}).items()]
            presented: Presented = Counter()
            for month in months:
                presented = presented + counted.presented.get(month, Counter())
            recipes = sorted({recipe for recipe, _ in cells})
            for recipe in ["", *(recipes if len(recipes) > 1 else [])]:
                chosen = [cell for of, cell in cells if not recipe or of == recipe]
                shown = presented if not recipe else Presented()
                version = tuple(cell.version for cell in chosen), tuple(sorted(shown.items()))
                views += self._cached((title, recipe), version, chosen, shown)
        return tuple(views)

    def _cached(self, key: _Key, version: object, cells: list[Cell], shown: Presented) -> tuple[EstimateView, ...]:
        if key not in self._kept or self._kept[key][0] != version:
            counts = reduce(add, (cell.shown for cell in cells), Counts())
            self._kept[key] = version, tuple(self._views(*key, counts, shown))
        return self._kept[key][1]

    def _views(self, month: str, recipe: str, counts: Counts, shown: Presented) -> Iterator[EstimateView]:
        modes = {mode for mode in counts.modes if mode}
        if not recipe:
            modes |= {mode for mode, known in self._declared if known == "defective"}
        n, claimed = counts.claimed
        for mode in ["", *sorted(modes)]:
            _, looked = counts.looked(mode)
            yield EstimateView(
                month=month,
                recipe=recipe,
                failure_mode=mode,
                passed=counts.passed,
                rejected=counts.rejected,
                looked=looked.audited,
                rechecked=counts.rechecked,
                unanswered=counts.unanswered,
                unknown_chance=counts.unknown_chance,
                unconfirmed=counts.unconfirmed,
                claimed=claimed / n if n and not mode else math.nan,
                figures=(*(self.of_parts(counts, mode) if self._is_on else ()), *self.of_check_parts(shown, mode)),
            )

    # --- production parts ---------------------------------------------------------------------------------------------------

    def of_parts(self, counts: Counts, mode: str = "") -> Iterator[FigureView]:
        """What judged parts show of a failure mode, of all where none is named."""
        source, looked = counts.looked(mode)
        third = 1.0 - (1.0 - self._confidence) / 3.0
        bad = counts.bad_rejects.total() if not mode else counts.bad_rejects[mode]
        escape = self._escape(counts, mode, self._confidence)
        yield self._escape_figure(looked, counts.looked(mode, unnamed=True)[1], source, escape)
        flow = interval(Tally.census(counts.passed + counts.rejected, counts.rejected), floor=1.0, confidence=third)
        escaped, caught = self._escape(counts, mode, third), self._caught(counts, mode, third)
        missed = miss_rate(flow, escaped, caught)
        told = looked.bad + bad
        yield _figure(
            "miss_rate",
            source,
            missed,
            self._missed,
            naive=looked.bad / told if told else math.nan,
            looked=told,
            found=looked.bad,
            more=lambda: self._more_for_misses(looked, flow, caught, third),
        )
        if mode:
            return
        good, rechecked = counts.good_rejects, counts.rechecked
        known_good = looked.audited - looked.bad + good
        yield _figure(
            "overkill_rate",
            "rechecks",
            overkill_rate(flow, escaped, caught),
            self._overkill,
            naive=good / known_good if known_good else math.nan,
            looked=rechecked,
            found=good,
        )
        yield _figure(
            "rejects_good",
            "rechecks",
            _rest(self._caught(counts, mode, self._confidence)),
            math.nan,
            naive=good / rechecked if rechecked else math.nan,
            looked=rechecked,
            found=good,
        )
        everything = looked.audited + rechecked
        right = looked.audited - looked.bad + bad
        for name, make, limit in (("effectiveness", effectiveness, LEAST_EFFECTIVENESS), ("kappa", kappa, LEAST_KAPPA)):
            naive = right / everything if everything and name == "effectiveness" else math.nan
            yield _figure(name, source, make(flow, escaped, caught), limit, naive=naive, looked=everything, found=right, least=True)

    def _escape(self, counts: Counts, mode: str, confidence: float) -> Interval:
        """Bad ones among the passed; of a mode, a find that names none may be of it or not."""
        _, looked = counts.looked(mode)
        found = interval(looked.tally, floor=FLOOR, confidence=confidence)
        high = found.high
        if mode:
            _, at_most = counts.looked(mode, unnamed=True)
            if at_most.bad != looked.bad:
                high = interval(at_most.tally, floor=FLOOR, confidence=confidence).high
        return Interval(looked.estimate, found.low / looked.widening, min(1.0, high * looked.widening))

    @staticmethod
    def _caught(counts: Counts, mode: str, confidence: float) -> Interval:
        """Bad ones among the rejected."""
        if not mode:
            return told_share(counts.rejected, counts.bad_rejects.total(), counts.good_rejects, confidence=confidence)
        named = counts.bad_rejects[mode]
        others = counts.rechecked - named - counts.bad_rejects[""]
        share = told_share(counts.rejected, named, others, confidence=confidence)
        return Interval(named / counts.rechecked if counts.rechecked else math.nan, share.low, share.high)

    def _escape_figure(self, looked: Looked, greatest: Looked, source: str, escape: Interval) -> FigureView:
        """greatest: with the finds that name no mode, which must not be missing from what a clean run proves."""
        at_most = run_bound(greatest.tally, floor=FLOOR, confidence=self._confidence) * looked.widening
        limit = self._escapes
        needed = clean_needed if greatest.bad else run_needed

        def more() -> int:
            return needed(greatest.tally, limit / looked.widening, floor=FLOOR, confidence=self._confidence)

        naive = looked.bad / looked.audited if looked.audited else math.nan
        return _figure(
            "escape_rate", source, escape, limit, naive=naive, looked=looked.audited, found=looked.bad, more=more, at_most=at_most
        )

    def _more_for_misses(self, looked: Looked, flow: Interval, caught: Interval, confidence: float) -> int | None:
        """Clean audits until the miss rate is at most its limit: its greatest escape rate, at the least that is caught."""
        if not flow.low * caught.low > 0.0:
            return None
        odds = self._missed / (1.0 - self._missed)
        most = odds * flow.low * caught.low / (1.0 - flow.low) / looked.widening
        return clean_needed(looked.tally, most, floor=FLOOR, confidence=confidence) if 0.0 < most < 1.0 else 0

    # --- check parts --------------------------------------------------------------------------------------------------------

    def of_check_parts(self, shown: Presented, mode: str = "") -> Iterator[FigureView]:
        """An attribute study that never ends: masters of known state, and what the station said of them."""
        bad, good = (_presented(shown, mode, known) for known in ("defective", "good"))
        declared = [limit for (of, known), limit in self._declared.items() if known == "defective" and mode in ("", of)]
        if sum(bad) or declared:
            yield self._presented("miss_rate", bad, min(declared, default=self._missed))
        declared = [limit for (of, known), limit in self._declared.items() if known == "good" and mode in ("", of)]
        if sum(good):
            yield self._presented("false_alarm_rate", good, min(declared, default=self._overkill))
        if not (sum(bad) and sum(good)):
            return
        half = 1.0 - (1.0 - self._confidence) / 2.0
        missed, rejected = (
            interval(Tally.census(shown_ok + wrong, wrong), floor=1.0, confidence=half) for shown_ok, wrong in (bad, good)
        )
        share = sum(bad) / (sum(bad) + sum(good))
        first = Interval(share, share, share)  # as many bad ones as were chosen: known
        found = _rest(missed)
        right, everything = bad[0] + good[0], sum(bad) + sum(good)
        for name, make, limit in (("effectiveness", effectiveness, LEAST_EFFECTIVENESS), ("kappa", kappa, LEAST_KAPPA)):
            value = make(first, rejected, found)
            yield _figure(name, "check_parts", value, limit, naive=math.nan, looked=everything, found=right, least=True)

    def _presented(self, name: str, counts: tuple[int, int], limit: float) -> FigureView:
        right, wrong = counts
        tally = Tally.census(right + wrong, wrong)
        needed = clean_needed if wrong else run_needed

        def more() -> int:
            return needed(tally, limit, floor=1.0, confidence=self._confidence)

        at_most = run_bound(tally, floor=1.0, confidence=self._confidence)
        value = interval(tally, floor=1.0, confidence=self._confidence)
        return _figure(
            name, "check_parts", value, limit, naive=math.nan, looked=right + wrong, found=wrong, more=more, at_most=at_most
        )

    # --- reliability curve --------------------------------------------------------------------------------------------------

    def curves(self, counted: Estimates) -> tuple[BandView, ...]:
        """Claimed beside observed, by month, latest first; renewed with the month's figures."""
        views: list[BandView] = []
        for month in sorted(counted.curves, reverse=True):
            version = tuple(cell.version for cell in counted.months.get(month, {}).values())
            if month not in self._curves or self._curves[month][0] != version:
                self._curves[month] = version, tuple(self._bands(month, counted.curves[month]))
            views += self._curves[month][1]
        return tuple(views)

    def _bands(self, month: str, curve: Curve) -> Iterator[BandView]:
        for (least, most), band in zip(pairwise(EDGES), curve.bands, strict=True):
            road, looked = band.counts.looked("")
            if looked.audited:
                value = self._escape(band.counts, "", self._confidence)
                claimed = band.claimed[road] / looked.standing
                yield BandView(
                    month, "passed", least, most, claimed, value.estimate, value.low, value.high, looked.audited, looked.bad
                )
            if band.counts.rechecked:
                bad = band.counts.bad_rejects.total()
                value = told_share(band.counts.rejected, bad, band.counts.good_rejects, confidence=self._confidence)
                claimed = band.rejects_claimed / band.counts.rejected
                yield BandView(
                    month, "rejected", least, most, claimed, value.estimate, value.low, value.high, band.counts.rechecked, bad
                )


def _rest(value: Interval) -> Interval:
    """The share of what is left."""
    return Interval(1.0 - value.estimate, 1.0 - value.high, 1.0 - value.low)


def _presented(shown: Presented, mode: str, known: str) -> tuple[int, int]:
    """Of one mode (or all): judged rightly, and wrongly."""
    counts = [
        sum(n for (of, state, missed), n in shown.items() if state == known and missed == wrong and mode in ("", of))
        for wrong in (False, True)
    ]
    return counts[0], counts[1]


def _figure(
    name: str,
    source: str,
    value: Interval,
    limit: float,
    *,
    naive: float,
    looked: int,
    found: int,
    more: Callable[[], int | None] = lambda: None,
    at_most: float = math.nan,
    least: bool = False,
) -> FigureView:
    """A figure with its judgement against a limit it must not exceed, or, with `least`, must reach."""
    needed: int | None = 0
    if math.isnan(limit):
        judgement = ""
    elif value.low >= limit if least else (value.high <= limit or at_most <= limit):
        judgement = "within"
    elif value.high < limit if least else value.low > limit:
        judgement = "beyond"
    else:
        judgement, needed = "not_informative", more()
    naive = math.nan if math.isnan(value.estimate) else naive  # it never stands alone
    return FigureView(name, source, value.estimate, value.low, value.high, naive, at_most, looked, found, limit, judgement, needed)
