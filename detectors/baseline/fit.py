"""Phase I: a baseline from a stretch of production, or the reason there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

import numpy as np
from scipy.special import ndtri

from detectors.baseline import gate, spread, tolerated, unresolved
from detectors.baseline import runs as between
from detectors.baseline.residual import residuals
from detectors.baseline.table import quantile_table, reaching
from detectors.baseline.transform import codes, transform
from detectors.budget import run_thresholds, spread_thresholds
from detectors.contract import BoolArray, FloatArray, IntArray, SavedState
from detectors.errors import BaselineRefused, ParameterError, ShapeError
from detectors.level_shift.detector import BETS, LevelShift
from detectors.spread_shift.detector import SpreadShift

# Fewer values than this give no table worth a threshold far in the tail.
MIN_VALUES = 200
# A channel in which one value makes up more than this share has no scale to move on.
MAX_TIED_SHARE = 0.5
# The unresolved mean and variance are bounded at these levels (METHODS 2.5 uses the same for runs).
_MEAN_LEVEL = 0.995
_VARIANCE_LEVEL = 0.01
# Autocorrelation below this many standard errors is not modelled: the residual of a wrong fit is worse than none.
_PHI_ERRORS = 3.0
_PHI_LIMIT = 0.95
_PHI_MOST = 0.99
# A table whose scores end less than this above the tolerated mean is carried on: no shift, however large, could be told from it.
_ROOM = 2.0
# "Smallest detectable shift" is the one the strongest bet finds within so many parts, or, where runs differ, so many runs.
DETECTABLE_WITHIN = 1_000
DETECTABLE_WITHIN_RUNS = 100
_TEXTS = ("reasons", "spread_reasons")

Steadiness = Literal["shown", "assumed"]
"""shown: a channel is watched once its baseline shows that nothing slow moves it; assumed: unless it shows that something does."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What was learned of C channels. knots, scores: (C, KNOTS), the normal-score table of the residuals; the rest (C,).

    kinds: transform codes. center, sd: centre and standard deviation after the transform. phi: AR(1). epsilon: (C, BETS), what
    each bet of level_shift tolerates of z; inflation: eta. smallest_shift: detectable within DETECTABLE_WITHIN parts, after the
    transform. values: how many it rests on.
    reasons: per channel why it is refused, empty where it is not; needed: where values are too few to tell whether it is steady or
    how runs differ, about how many do, else 0. narrowest, widest: allowed second moment of z; spread_reasons:
    why the spread is not watched.
    Where runs differ (METHODS 2.5; run_parts > 0, else 0 throughout): noise, run_spread: sd of innovations and of the runs'
    offsets, which the residuals take out; run_parts: a run mean is of the run's first so many values; run_center, run_scale:
    mean and sd of run means; run_epsilon, run_inflation: of run means so standardised. With too few runs to say how they differ
    run_parts is NEVER: such a channel is watched within runs alone.
    """

    kinds: IntArray
    center: FloatArray
    sd: FloatArray
    phi: FloatArray
    knots: FloatArray
    scores: FloatArray
    epsilon: FloatArray
    inflation: FloatArray
    smallest_shift: FloatArray
    values: IntArray
    needed: IntArray
    narrowest: FloatArray
    widest: FloatArray
    noise: FloatArray
    run_spread: FloatArray
    run_parts: IntArray
    run_center: FloatArray
    run_scale: FloatArray
    run_epsilon: FloatArray
    run_inflation: FloatArray
    reasons: np.ndarray[tuple[int], np.dtype[np.str_]]
    spread_reasons: np.ndarray[tuple[int], np.dtype[np.str_]]

    @property
    def refused(self) -> tuple[str, ...]:
        """Per channel why it is not watched; empty where it is."""
        return tuple(str(reason) for reason in self.reasons)

    @property
    def by_runs(self) -> BoolArray:
        """Which channels are watched within and between runs instead of part by part, (C,)."""
        return self.run_parts > 0

    @property
    def within_alone(self) -> BoolArray:
        """Which of them within runs alone, since the baseline holds too few runs to say how they differ, (C,)."""
        never: BoolArray = self.run_parts == between.NEVER
        return never

    def level(self, thresholds: FloatArray) -> LevelShift:
        """The level test of every channel at the thresholds `fit` was given, (C,): of parts, within runs where these differ."""
        within, _ = run_thresholds(thresholds)
        return LevelShift(self.epsilon.T, self.inflation, np.where(self.by_runs, within, thresholds))

    def run_means(self, thresholds: FloatArray) -> LevelShift:
        """And of run means."""
        return LevelShift(self.run_epsilon, self.run_inflation, np.maximum(run_thresholds(thresholds)[1], 1.0))

    def spread(self, thresholds: FloatArray) -> SpreadShift:
        """The spread test beside it; where that is refused, its bets cannot win, which costs less than leaving rows out."""
        watched = self.spread_reasons == ""
        narrowest, widest = np.where(watched, self.narrowest, 1e-9), np.where(watched, self.widest, 1e9)
        return SpreadShift(narrowest, widest, spread_thresholds(thresholds))

    def select(self, columns: IntArray) -> Self:
        """The baseline of some of its channels, in the order given."""
        return replace(self, **{f.name: getattr(self, f.name)[columns] for f in fields(self)})

    def to_arrays(self) -> SavedState:
        """Copy of everything."""
        return {
            f.name: np.frombuffer("\n".join(getattr(self, f.name).tolist()).encode(), dtype=np.uint8)
            if f.name in _TEXTS
            else np.array(getattr(self, f.name))
            for f in fields(self)
        }

    @classmethod
    def from_arrays(cls, saved: SavedState) -> Self:
        """The baseline `to_arrays` was made of. Raises ShapeError when it is none."""
        names = {f.name for f in fields(cls)}
        if set(saved) != names:
            raise ShapeError(f"a baseline has {', '.join(sorted(names))}, got {', '.join(sorted(saved))}")
        arrays: dict[str, Any] = {
            name: np.array(value.tobytes().decode().split("\n"), dtype=np.str_) if name in _TEXTS else value
            for name, value in saved.items()
        }
        return cls(**arrays)


def fit(
    x: FloatArray,
    runs: IntArray,
    *,
    transforms: Sequence[str],
    tolerances: FloatArray,
    thresholds: FloatArray,
    steadiness: Steadiness = "shown",
) -> Baseline:
    """Fit and judge C channels on T rows.

    x: raw values, (T, C), NaN = not measured. runs: (T,) ids, equal within a lot or set-up. tolerances: (C,) after the transform.
    thresholds: (C,), the c each channel will be watched with. steadiness: whether a channel must be seen to be steady (steady.py)
    or is taken to be so on the caller's word. A channel that cannot be watched honestly is refused with its reason;
    the others stand. Raises ShapeError, ParameterError.
    """
    if x.ndim != 2 or runs.shape != (x.shape[0],):
        raise ShapeError(f"need x (T, C) and runs (T,), got {x.shape} and {runs.shape}")
    columns = x.shape[1]
    if len(transforms) != columns or tolerances.shape != (columns,) or thresholds.shape != (columns,):
        raise ShapeError(f"need {columns} transforms, tolerances and thresholds, got {len(transforms)}, {tolerances.shape}")
    if np.any(tolerances < 0.0):
        raise ParameterError("tolerances must not be negative")
    kinds = codes(transforms)
    y = transform(x, kinds)
    shown = steadiness == "shown"
    learned = [_channel(y[:, k], runs, float(tolerances[k]), float(thresholds[k]), shown=shown) for k in range(columns)]
    values = {f.name: np.array([getattr(one, f.name) for one in learned]) for f in fields(Baseline) if f.name != "kinds"}
    baseline = Baseline(kinds=kinds, **values)
    return replace(baseline, **_silent(baseline, learned, thresholds))


def _silent(baseline: Baseline, learned: Sequence[_Channel], thresholds: FloatArray) -> dict[str, Any]:
    """Reasons, of channels and of spreads, once those are refused that alarm on the baseline itself."""
    z = np.stack([one.held_out for one in learned], axis=1)
    most = max((one.held_out_means.size for one in learned), default=0)
    means = np.stack(
        [np.pad(one.held_out_means, (0, most - one.held_out_means.size), constant_values=np.nan) for one in learned], 1
    )
    alarms = gate.too_many_alarms(baseline.level(thresholds), z) + gate.too_many_alarms(baseline.run_means(thresholds), means)
    reasons, spread_reasons = baseline.reasons.tolist(), baseline.spread_reasons.tolist()
    said = "false alarm(s) on the baseline itself; something changed while it was learned: learn again"
    for k in np.flatnonzero(alarms):
        reasons[k] = spread_reasons[k] = f"{alarms[k]} {said}"
    z[:, [bool(reason) for reason in spread_reasons]] = np.nan
    alarms = gate.too_many_alarms(baseline.spread(thresholds), z)
    for k in np.flatnonzero(alarms):
        spread_reasons[k] = f"{alarms[k]} {said}"
    return {"reasons": np.array(reasons, dtype=np.str_), "spread_reasons": np.array(spread_reasons, dtype=np.str_)}


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel's part of a Baseline, and what the gate judges it by: held-out scores (T,) and standardised run means (R,)."""

    center: float
    sd: float
    phi: float
    knots: FloatArray
    scores: FloatArray
    epsilon: FloatArray
    inflation: float
    smallest_shift: float
    values: int
    narrowest: float
    widest: float
    held_out: FloatArray
    reasons: str = ""
    spread_reasons: str = ""
    needed: int = 0
    noise: float = 0.0
    run_spread: float = 0.0
    run_parts: int = 0
    run_center: float = 0.0
    run_scale: float = 1.0
    run_epsilon: float = 0.0
    run_inflation: float = 0.0
    held_out_means: FloatArray = field(default_factory=lambda: np.empty(0))


def _channel(y: FloatArray, runs: IntArray, tolerance: float, threshold: float, *, shown: bool) -> _Channel:
    try:
        return _watched(y, runs, tolerance, threshold, shown=shown)
    except BaselineRefused as refusal:
        knots, scores = quantile_table(np.zeros(1))
        measured, nothing, said = int(np.isfinite(y).sum()), np.full(y.size, np.nan), _said(refusal)
        return _Channel(
            np.nan, np.nan, 0.0, knots, scores, np.zeros(BETS), 0.0, np.nan, measured, 1.0, 1.0, nothing, said, said, refusal.needed
        )


def _said(refusal: BaselineRefused) -> str:
    return f"{refusal}; {refusal.hint}" if refusal.hint else str(refusal)


def _watched(y: FloatArray, runs: IntArray, tolerance: float, threshold: float, *, shown: bool) -> _Channel:
    measured = y[np.isfinite(y)]
    if measured.size == 0:
        raise BaselineRefused(
            "never measured while it was learned", hint="nothing to do where it cannot be: colour of a grey camera"
        )
    if measured.size < MIN_VALUES:
        raise BaselineRefused(f"{measured.size} values, {MIN_VALUES} needed", hint="not measured on these frames, or learn longer")
    _, counts = np.unique(measured, return_counts=True)
    if counts.max() > MAX_TIED_SHARE * measured.size:
        share = 100.0 * counts.max() / measured.size
        raise BaselineRefused(f"one value makes up {share:.0f} % of the baseline", hint="the channel does not vary here")
    center = float(np.median(measured))
    phi = _phi(y - np.mean(measured), runs)
    try:
        errors = residuals(y, runs, center, phi)
        return _by_parts(y, errors, runs, tolerance * (1.0 - phi), center, phi, threshold, shown=shown, whole=True)
    except BaselineRefused as refusal:
        try:
            return _by_runs(y, runs, tolerance, threshold, shown=shown)
        except BaselineRefused as again:
            said, needed = f"{refusal}; by runs: {again}", max(refusal.needed, again.needed)
            raise BaselineRefused(said, hint=refusal.hint if refusal.needed else again.hint, needed=needed) from again


def _by_parts(
    y: FloatArray,
    errors: FloatArray,
    runs: IntArray,
    tolerance: float,
    center: float,
    phi: float,
    threshold: float,
    *,
    shown: bool,
    whole: bool,
) -> _Channel:
    """A channel watched by its residuals, (T,), part by part. tolerance: of a residual. shown: it must be seen to be steady;
    whole: and its runs not to differ. Raises BaselineRefused.
    """
    used = np.sort(errors[np.isfinite(errors)])  # in order, a table is read four times as fast
    knots, scores = quantile_table(used)
    unsure, variance = unresolved.mean(used.size, _MEAN_LEVEL), unresolved.variance(used.size, _VARIANCE_LEVEL)
    moved = tolerated.moved(used, knots, scores, tolerance)
    held_out = gate.held_out(errors, runs, tolerated=(max(moved[0], unsure), max(moved[1], unsure)), inflation=variance)
    if shown:
        gate.judge_steady(held_out, runs, tolerated=max(0.0, min(moved)), between=whole)
    epsilon = np.maximum(tolerated.of_bets(used, knots, scores, tolerance, variance), unsure)
    gentle = epsilon[:2]  # of the weakest bets, which come nearest to the mean of z
    if (short := np.array([scores[-1], -scores[0]]) - gentle < _ROOM).any():
        up, down = np.where(short, gentle + 2.0 * _ROOM, 0.0).tolist()
        knots, scores = reaching(knots, scores, tolerance, down=down, up=up)
        epsilon = np.maximum(tolerated.of_bets(used, knots, scores, tolerance, variance), unsure)
    inflation = (1.0 + variance) * (1.0 + _unresolved_phi(phi, used.size)) - 1.0
    narrowest, widest = spread.allowed(used, knots, scores, tolerance)
    detectable = [tolerated.detectable(epsilon[way::2], inflation, threshold, DETECTABLE_WITHIN) for way in (0, 1)]
    smallest = tolerated.raw_shift(used, knots, scores, detectable) / (1.0 - phi)
    try:
        gate.judge_spread(held_out[np.isfinite(held_out)])
        unwatched = ""
    except BaselineRefused as refusal:
        unwatched = _said(refusal)
    measured = y[np.isfinite(y)]
    sd = float(np.std(measured))
    return _Channel(
        center, sd, phi, knots, scores, epsilon, inflation, smallest, measured.size, narrowest, widest, held_out, "", unwatched
    )


def _by_runs(y: FloatArray, runs: IntArray, tolerance: float, threshold: float, *, shown: bool) -> _Channel:
    """A channel whose runs differ: by its predictive residuals within runs and, with enough runs to say how they differ, by its run
    means. Raises BaselineRefused.
    """
    layer = between.learn(y, runs, lambda centred: _phi(centred, runs))
    if layer.means.size:
        gate.judge_run_means(layer.means)
    within, of_means = run_thresholds(np.array([threshold]))
    errors = between.predictive_residuals(y, runs, layer)
    of_residual = tolerance * (1.0 - layer.phi) / layer.noise
    channel = _by_parts(y, errors, runs, of_residual, layer.center, layer.phi, float(within[0]), shown=shown, whole=False)
    channel = replace(channel, noise=layer.noise, run_spread=layer.spread, run_parts=layer.parts)
    if not layer.means.size:
        enough = channel.values * between.MIN_RUNS // np.unique(runs[np.isfinite(y)]).size
        return replace(channel, needed=enough + 1)
    scale, count = float(layer.means.std(ddof=1)), layer.means.size
    of_runs, inflation = between.unresolved_of(count)
    epsilon = max(tolerance / scale, of_runs)
    return replace(
        channel,
        smallest_shift=scale * tolerated.detectable(epsilon, inflation, float(of_means[0]), DETECTABLE_WITHIN_RUNS),
        run_center=layer.center,
        run_scale=scale,
        run_epsilon=epsilon,
        run_inflation=inflation,
        held_out_means=(layer.means - layer.center) / scale,
    )


def _phi(centred: FloatArray, runs: IntArray) -> float:
    """Lag-1 autocorrelation within runs of values less their mean, 0 where it is not distinguishable from none."""
    now, before = centred[1:], centred[:-1]
    usable = (runs[1:] == runs[:-1]) & np.isfinite(now) & np.isfinite(before)
    if usable.sum() < MIN_VALUES // 2:
        return 0.0
    now, before = now[usable], before[usable]
    # Clipped, so that a few outliers neither hide nor feign autocorrelation.
    spread = np.nanstd(centred)
    now, before = np.clip(now, -4 * spread, 4 * spread), np.clip(before, -4 * spread, 4 * spread)
    phi = float(np.dot(now, before) / np.dot(before, before))
    if abs(phi) < _PHI_ERRORS / np.sqrt(now.size):
        return 0.0
    return float(np.clip(phi, -_PHI_LIMIT, _PHI_LIMIT))


def _unresolved_phi(phi: float, n: int) -> float:
    """By how much residuals of a fitted AR(1) may vary more in the long run than independent ones, because phi is not known: ((1 -
    phi) / (1 - upper))² - 1, upper the 99 % bound of phi's large-sample law (Box, Jenkins, Reinsel 2008, 7.2). 0 where phi is 0.
    """
    if phi == 0.0:
        return 0.0
    upper = min(phi + (1.0 + 3.0 * phi) / n + float(-ndtri(_VARIANCE_LEVEL)) * float(np.sqrt((1.0 - phi * phi) / n)), _PHI_MOST)
    return ((1.0 - phi) / (1.0 - upper)) ** 2 - 1.0 if upper > phi else 0.0
