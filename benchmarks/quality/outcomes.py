"""Question 3: how many audits until an alarm when passed parts begin to be bad, at one and the same false-alarm rate and claim?

All get the same audited passed parts: the model's p, the claim made of it, and the outcome; first a baseline of 10,000, then
36,000 in control, whose first alarms give the false-alarm rate, or 2,000 in control and the change. Two claims: exact (the true
p, but at least 2e-4) and learned (the agent's claim map, fitted to the baseline). Those that know no claim see outcomes alone.
"""

from __future__ import annotations

import math
import os
import tomllib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import peers
from benchmarks.quality.cells import Cells
from benchmarks.quality.records import Records, run_length

FloatArray = NDArray[np.float64]
FLOOR = 2e-4
COLUMNS, REPEATS = 60, 10  # columns of a repeat share a baseline
BASELINE, CONTROL, WARM_UP, PATIENCE, PIECE = 10_000, 36_000, 2_000, 60_000, 1_000
ARL0 = (1_000.0, 3_000.0, 10_000.0, 36_000.0)
TARGET = 36_000.0
PEER_COLUMNS = {"river": 40, "frouros": 6}
MULTIPLES = tuple(np.arange(0.5, 12.01, 0.25).tolist())


@dataclass(frozen=True)
class Audits:
    """What audited passed parts are like; the fields are those of scenarios.toml."""

    name: str
    confident_misses: float = 0.0
    odds: float = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """The model's p and the outcome (1 bad) of so many parts."""
        p = np.where(rng.random(shape) < 0.03, rng.beta(2.0, 38.0, shape), rng.beta(0.5, 2500.0, shape))
        true = self.odds * p / (1.0 - p + self.odds * p)
        true += self.confident_misses * (1.0 - true)
        return p, (rng.random(shape) < true).astype(np.float64)


def load() -> dict[str, Audits]:
    """The registry's audits, by id."""
    tables = tomllib.loads((Path(__file__).parent / "scenarios.toml").read_text(encoding="utf-8"))
    return {name: Audits(name, **fields) for name, fields in tables["outcome"].items()}


class Ours:
    """The agent's outcome gap on many columns: its bets, on its evidence."""

    def __init__(self, columns: int) -> None:
        from detectors.evidence import EvidenceBank
        from detectors.outcome_gap.detector import BETS, bets

        self._bets, self._bank = bets, EvidenceBank(BETS, np.full(columns, 1e12))

    def statistic(self, claim: FloatArray, bad: FloatArray) -> FloatArray:
        e = self._bets(claim.ravel(), bad.ravel())[:, :, 0].reshape(*claim.shape, -1).transpose(0, 2, 1)
        evidence = np.empty_like(claim)
        for t in range(len(claim)):
            self._bank.fold(np.ascontiguousarray(e[t : t + 1]))
            evidence[t] = self._bank.evidence
        return evidence


class Steiner:
    """Risk-adjusted CUSUM for odds of so many times the claimed (Steiner, Cook, Farewell and Treasure 2000)."""

    def __init__(self, columns: int, odds: float) -> None:
        self._odds, self._sum = odds, np.zeros(columns)

    def statistic(self, claim: FloatArray, bad: FloatArray) -> FloatArray:
        steps = np.where(bad == 1.0, math.log(self._odds), 0.0) - np.log1p((self._odds - 1.0) * claim)
        return _cusum(self._sum, steps)


class Bernoulli:
    """CUSUM for a rate of so many times the baseline's, which knows no claim (Reynolds and Stoumbos 1999)."""

    def __init__(self, columns: int, factor: float, rate: float) -> None:
        self._sum = np.zeros(columns)
        self._bad, self._good = math.log(factor), math.log((1.0 - factor * rate) / (1.0 - rate))

    def statistic(self, _claim: FloatArray, bad: FloatArray) -> FloatArray:
        return _cusum(self._sum, np.where(bad == 1.0, self._bad, self._good))


def _cusum(state: FloatArray, steps: FloatArray) -> FloatArray:
    sums = np.empty_like(steps)
    for t in range(len(steps)):
        np.maximum(0.0, state + steps[t], out=state)
        sums[t] = state
    return sums


def limited() -> dict[str, Callable[[int, float], Any]]:
    """Detectors with a limit, by name: (columns, baseline rate) -> a fresh one."""
    made: dict[str, Callable[[int, float], Any]] = {"ours": lambda columns, _rate: Ours(columns)}
    for odds in (2.0, 4.0, 8.0):
        made[f"steiner-{odds:g}"] = lambda columns, _rate, odds=odds: Steiner(columns, odds)
    for factor in (2.0, 4.0, 8.0):
        made[f"bernoulli-cusum-{factor:g}"] = lambda columns, rate, factor=factor: Bernoulli(columns, factor, rate)
    return made


def run(cells: Cells, _nulls: object, _changes: object) -> None:
    """Every cell."""
    audits = load()
    for claim in ("exact", "learned"):
        for name, build in limited().items():
            cells.measure(f"outcomes/{claim}/{name}", lambda build=build, claim=claim: curve(build, claim, audits))
    for name, entry in peers.load("outcome").items():
        if reason := entry.missing():
            print(f"left out: {name}: {reason}")
        elif name.startswith("nannyml"):
            for options in entry.settings:
                size = options["chunk_size"]
                cells.measure(f"outcomes/none/{name}-{size}", lambda entry=entry, size=size: nannyml_curve(entry, size, audits))
        else:
            cells.measure(f"outcomes/none/{name}", lambda entry=entry: peer_curve(entry, audits))


def _rng(audits: Audits, repeat: int, stretch: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(audits.name.encode()), repeat, stretch])


def curve(build: Callable[[int, float], Any], claim: str, audits: dict[str, Audits]) -> dict[str, Any]:
    """Delays of every change at limits for every ARL0."""
    control = Records(COLUMNS * REPEATS)
    for repeat in range(REPEATS):
        control.take(_records(build, claim, audits["honest"], None, repeat)[1], repeat * COLUMNS)
    limits = [control.limit(arl0) for arl0 in ARL0]
    changed = {
        name: [_records(build, claim, audits["honest"], change, repeat, max(limits)) for repeat in range(REPEATS)]
        for name, change in audits.items()
        if name != "honest"
    }
    points = []
    for limit in [*limits, *([TARGET] if build is limited()["ours"] else [])]:
        arl0, alarms = run_length(control.passages(limit), CONTROL)
        delays = {
            name: _summary(np.concatenate([after.passages(limit)[before.maximum < limit] for before, after in repeats]))
            for name, repeats in changed.items()
        }
        points.append({"setting": {"limit": limit}, "arl0": arl0, "alarms": alarms, "delays": delays})
    return {"claim": claim, "columns": COLUMNS * REPEATS, "points": points}


def _records(
    build: Callable[[int, float], Any], claim: str, honest: Audits, change: Audits | None, repeat: int, enough: float = math.inf
) -> tuple[Records, Records]:
    claimed, rate = _claims(claim, honest, repeat)
    detector, before, after = build(COLUMNS, rate), Records(COLUMNS), Records(COLUMNS)
    rng = _rng(honest, repeat, 2)

    def fold(records: Records, audits: Audits, rows: int) -> None:
        p, bad = audits.draw(rng, (rows, COLUMNS))
        records.add(detector.statistic(claimed(p), bad))

    if change is None:
        for _ in range(CONTROL // PIECE):
            fold(after, honest, PIECE)
        return before, after
    fold(before, honest, WARM_UP)
    while after.rows < PATIENCE and (np.maximum(before.maximum, after.maximum) < enough).any():
        fold(after, change, PIECE)
    return before, after


def _claims(claim: str, honest: Audits, repeat: int) -> tuple[Callable[[FloatArray], FloatArray], float]:
    """What is claimed for parts with these p, and the baseline's rate of bad ones."""
    p, bad = honest.draw(_rng(honest, repeat, 1), (BASELINE,))
    rate = max(float(bad.mean()), 1.0 / BASELINE)
    if claim == "exact":
        return lambda p: np.maximum(p, FLOOR), rate
    from detectors.outcome_gap.claim import fit_claim_map

    learned = fit_claim_map(p, bad, floor=FLOOR)
    return lambda p: learned.claim(p.ravel()).reshape(p.shape), rate


def _summary(delays: FloatArray, watched: float = PATIENCE) -> dict[str, float]:
    missed = int(np.isinf(delays).sum())
    delays = np.minimum(delays, watched)
    error = float(delays.std(ddof=1) / np.sqrt(delays.size)) if delays.size > 1 else math.nan
    return {"mean": float(delays.mean()) if delays.size else math.nan, "se": error, "columns": delays.size, "missed": missed}


def peer_curve(entry: peers.Entry, audits: dict[str, Audits]) -> dict[str, Any]:
    """The same of a library's detector of errors, fed with outcomes."""
    columns = PEER_COLUMNS[entry.name.split("-")[0]]
    honest = audits["honest"]
    baseline = honest.draw(_rng(honest, 0, 1), (BASELINE, columns))[1]
    control = honest.draw(_rng(honest, 0, 2), (CONTROL, columns))[1]
    changed = {name: a.draw(_rng(a, 0, 3), (PATIENCE // 3, columns))[1] for name, a in audits.items() if name != "honest"}
    points = []
    for options in [entry.defaults, *entry.settings]:

        def learned(column: int, options: peers.Options = options) -> peers.Peer:
            peer = entry.build(entry.defaults | options)
            peer.learn(baseline[:, column].tolist())
            return peer

        passages = np.array([peers.first_alarm(learned(k), control[:, k].tolist()) for k in range(columns)])
        arl0, alarms = run_length(passages, CONTROL)
        delays = {}
        for name, rows in changed.items() if arl0 >= 300.0 else ():
            found = []
            for k in range(columns):
                peer = learned(k)
                if math.isinf(peers.first_alarm(peer, control[:WARM_UP, k].tolist())):
                    found.append(peers.first_alarm(peer, rows[:, k].tolist()))
            delays[name] = _summary(np.array(found))
        points.append({"setting": options, "arl0": arl0, "alarms": alarms, "delays": delays})
    return {"claim": "none", "columns": columns, "points": points}


def nannyml_curve(entry: peers.Entry, size: int, audits: dict[str, Audits]) -> dict[str, Any]:
    """NannyML by chunk: its own reference, chunk values and standard-deviation rule, the 3 standard deviations scaled.

    An alarm is said at the end of its chunk; the onset falls anywhere within one. 8,000 audits are watched after it; a change
    missed in these counts as if found at their end, which flatters it.
    """
    honest, trials, points = audits["honest"], 12, []
    later = max(4, 8_000 // size)  # chunks watched after the onset
    null: dict[float, list[int]] = {m: [] for m in MULTIPLES}
    delays: dict[str, dict[float, list[float]]] = {name: {m: [] for m in MULTIPLES} for name in audits if name != "honest"}
    for repeat in range(4):
        rng = _rng(honest, repeat, 4)
        p, bad = honest.draw(_rng(honest, repeat, 1), (BASELINE,))
        stretches = [honest.draw(rng, (CONTROL * 4 // size * size,))]
        phases = {}
        for name in delays:
            phases[name] = rng.integers(0, size, trials)
            for phase in phases[name]:
                stretches += [honest.draw(rng, (int(phase),)), audits[name].draw(rng, (later * size - int(phase),))]
        values, mean, sd = chunk_values(entry.kind, size, (p, bad), stretches)
        first = CONTROL * 4 // size
        for m in MULTIPLES:
            null[m].append(int((values[:first] < mean - m * sd).sum()))
        for index, name in enumerate(delays):
            start = first + index * trials * later
            of_trials = values[start : start + trials * later].reshape(trials, later)
            for m in MULTIPLES:
                low = of_trials < mean - m * sd
                chunk = np.where(low.any(axis=1), low.argmax(axis=1), np.inf)
                delays[name][m] += ((chunk + 1.0) * size - phases[name]).tolist()
    watched = 4 * (CONTROL * 4 // size) * size
    for m in MULTIPLES:
        alarms = sum(null[m])
        summary = {name: _summary(np.array(found[m]), later * size) for name, found in delays.items()}
        setting = {"chunk_size": size, "multiple": float(m), "default": m == 3.0}
        arl0 = watched / alarms if alarms else watched / 3.0
        points.append({"setting": setting, "arl0": arl0, "alarms": alarms, "delays": summary})
    return {"claim": "none", "columns": trials * 4, "points": points}


def chunk_values(
    kind: str, size: int, reference: tuple[FloatArray, FloatArray], stretches: list[tuple[FloatArray, FloatArray]]
) -> tuple[FloatArray, float, float]:
    """Accuracy by chunk after the reference (of passed parts: one minus the share of bad ones); mean and sd of the reference's."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # it reports every call to its makers otherwise
    import nannyml
    import pandas as pd

    def frame(p: FloatArray, bad: FloatArray) -> pd.DataFrame:
        return pd.DataFrame({"p": p, "pred": np.zeros(p.size, dtype=int), "bad": bad.astype(int)})

    made = {
        "problem_type": "classification_binary",
        "y_true": "bad",
        "y_pred": "pred",
        "y_pred_proba": "p",
        "metrics": ["accuracy"],
        "chunk_size": size,
    }
    model = getattr(nannyml, kind)(**made)
    model.fit(frame(*reference))
    parts = frame(np.concatenate([p for p, _ in stretches]), np.concatenate([bad for _, bad in stretches]))
    result = (model.calculate if kind == "PerformanceCalculator" else model.estimate)(parts).to_df()
    period, value = result[("chunk", "period")].to_numpy(), result[("accuracy", "value")].to_numpy()
    of_reference = value[period == "reference"]
    return value[period == "analysis"], float(of_reference.mean()), float(of_reference.std())
