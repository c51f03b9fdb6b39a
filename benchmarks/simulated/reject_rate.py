"""Reject rate: false alarms on overdispersed blocks in control and delay after a change, beside a CUSUM and Laney's chart.

`python -m benchmarks.simulated.reject_rate [--repeats 100]` prints a Markdown table. Every repeat learns a baseline of 240 blocks
of 200 parts (a refused one goes on to 480 and 960, as the agent does), the same for all charts, and then watches blocks nobody has
seen. Budget: 20,000 blocks to a false alarm. `--lots` prints instead what lots of several lengths do to baselines of several sizes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.errors import BaselineRefused
from detectors.rate_shift import RateShift, cases, fit

FloatArray = NDArray[np.float64]
BASELINE = 240
ARL0 = 20_000.0
LONG = 5_000  # blocks in control per repeat
WARM_UP = 200
PATIENCE = 2_000  # blocks after a change
CHANGES = {"x1.5": 1.5, "x2": 2.0, "x4": 4.0, "/2": 0.5, "/4": 0.25, "none": 0.0}


@dataclass(frozen=True)
class Line:
    """Blocks in control: their rate, the correlation within a block, and how many blocks in a row share a rate (a lot)."""

    rate: float
    correlation: float
    lot: int = 1

    def blocks(self, rng: np.random.Generator, count: int, factor: float = 1.0) -> FloatArray:
        """Blocks (rejects, parts), (count, 2), at `factor` times the rate."""
        rate = self.rate * factor
        shares = np.full(-(-count // self.lot), rate)
        if self.correlation and rate:
            total = 1.0 / self.correlation - 1.0
            shares = rng.beta(rate * total, (1.0 - rate) * total, shares.size)
        rejects = rng.binomial(cases.PARTS, np.repeat(shares, self.lot)[:count])
        return np.column_stack([rejects, np.full(count, cases.PARTS)]).astype(np.float64)


# A chart is learned from baseline blocks and then says at which of further blocks it alarms, starting anew after each.
Chart = Callable[[FloatArray], Callable[[FloatArray], list[int]]]


def ours(baseline: FloatArray) -> Callable[[FloatArray], list[int]]:
    """This project's, at the guaranteed threshold. Raises BaselineRefused."""
    known = fit(baseline, tolerance=0.1)
    detector = RateShift(known, ARL0)
    return lambda blocks: cases.fold(detector, blocks, known.group)


def cusum(limit: float) -> Chart:
    """Two binomial CUSUMs, for twice and for half the learned rate (Page 1954; Reynolds and Stoumbos 1999)."""

    def learn(baseline: FloatArray) -> Callable[[FloatArray], list[int]]:
        rate = max(float(baseline[:, 0].sum()), 0.5) / float(baseline[:, 1].sum())
        others = np.array([min(2.0 * rate, 0.99), rate / 2.0])
        weights = np.log(others / rate), np.log((1.0 - others) / (1.0 - rate))

        def watch(blocks: FloatArray) -> list[int]:
            steps = blocks[:, :1] * weights[0] + (blocks[:, 1:] - blocks[:, :1]) * weights[1]
            up = down = 0.0
            alarms = []
            for t, (one, other) in enumerate(steps.tolist()):
                up, down = max(0.0, up + one), max(0.0, down + other)
                if max(up, down) >= limit:
                    alarms.append(t)
                    up = down = 0.0
            return alarms

        return watch

    return learn


def laney(baseline: FloatArray) -> Callable[[FloatArray], list[int]]:
    """Laney's P' chart, 3 sigma (Laney 2002, Quality Engineering 14, 531): sigma times the moving-range sigma of the z."""
    rate = float(baseline[:, 0].sum() / baseline[:, 1].sum())
    sigma = np.sqrt(rate * (1.0 - rate) / baseline[:, 1])
    z = np.divide(baseline[:, 0] / baseline[:, 1] - rate, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    spread = float(np.abs(np.diff(z)).mean()) / 1.128

    def watch(blocks: FloatArray) -> list[int]:
        beyond = np.abs(blocks[:, 0] / blocks[:, 1] - rate) > 3.0 * spread * np.sqrt(rate * (1.0 - rate) / blocks[:, 1])
        found: list[int] = np.flatnonzero(beyond).tolist()
        return found

    return watch


def _knowing(line: Line, seed: int) -> Chart:
    """What no plant has: the true rate, and a limit sought on the line's own distribution."""
    chart, told = cusum(cusum_limit(line, seed)), _told(line)
    return lambda _baseline: chart(told)


def always(_baseline: FloatArray) -> Callable[[FloatArray], list[int]]:
    """Fires at every block."""
    return lambda blocks: list(range(len(blocks)))


def never(_baseline: FloatArray) -> Callable[[FloatArray], list[int]]:
    """Never fires."""
    return lambda _blocks: []


def cusum_limit(line: Line, seed: int) -> float:
    """Limit at which the CUSUMs, told the rate, have ARL0 on blocks of this line, by simulation."""
    blocks = line.blocks(np.random.default_rng([seed, 1]), 400_000)
    low, high = 0.5, 200.0
    for _ in range(14):
        middle = (low + high) / 2.0
        alarms = len(cusum(middle)(_told(line))(blocks))
        low, high = (middle, high) if alarms > len(blocks) / ARL0 else (low, middle)
    return high


def _told(line: Line) -> FloatArray:
    return np.array([[line.rate * 1e9, 1e9]])


def _learn(line: Line, rng: np.random.Generator, baseline: int = BASELINE) -> FloatArray | None:
    """The first stretch of blocks that is not refused."""
    blocks = line.blocks(rng, 4 * baseline)
    for count in (baseline, 2 * baseline, 4 * baseline):
        try:
            fit(blocks[:count], tolerance=0.1)
        except BaselineRefused:
            continue
        return blocks[:count]
    return None


def measure(line: Line, charts: dict[str, Chart], repeats: int, seed: int) -> tuple[dict[str, float], dict[str, list[str]], int]:
    """Per chart: false alarms as multiples of the budget, delays in blocks (median) per change; and baselines refused."""
    alarms = dict.fromkeys(charts, 0)
    delays: dict[str, dict[str, list[float]]] = {name: {change: [] for change in CHANGES} for name in charts}
    refused = done = 0
    while done < repeats:
        rng = np.random.default_rng([seed, 2, done + refused])
        baseline = _learn(line, rng)
        if baseline is None:
            refused += 1
            continue
        done += 1
        control = line.blocks(rng, LONG)
        changed = {change: line.blocks(rng, PATIENCE, factor) for change, factor in CHANGES.items()}
        for name, learn in charts.items():
            alarms[name] += len(learn(baseline)(control))
            for change, blocks in changed.items():
                watch = learn(baseline)
                watch(control[:WARM_UP])
                found = watch(blocks)
                delays[name][change].append(found[0] + 1.0 if found else np.inf)
    budget = repeats * LONG / ARL0
    medians = {name: [_shown(found) for found in by_change.values()] for name, by_change in delays.items()}
    return {name: count / budget for name, count in alarms.items()}, medians, refused


def _shown(found: list[float]) -> str:
    middle = float(np.median(found))
    return f"> {PATIENCE:,}" if np.isinf(middle) else f"{middle:,.0f}"


def lots(repeats: int, seed: int) -> None:
    """Print how many baselines lots have refused, and the false alarms of those that were not."""
    print("| rate, correlation, blocks per lot | blocks learned from | refused | false alarms |")
    print("|---|---|---|---|")
    for line in (Line(0.02, 0.005, 2), Line(0.02, 0.005, 5), Line(0.02, 0.002, 20), Line(0.02, 0.01, 20)):
        for baseline in (60, 120, 240):
            refused, alarms = 0, 0
            for repeat in range(repeats):
                rng = np.random.default_rng([seed, 3, repeat])
                learned = _learn(line, rng, baseline)
                if learned is None:
                    refused += 1
                else:
                    alarms += len(ours(learned)(line.blocks(rng, LONG)))
            watched = (repeats - refused) * LONG / ARL0
            times = f"x{alarms / watched:,.1f}" if alarms else f"≤ x{3.0 / watched:.1f}" if watched else ""
            print(f"| {line.rate:.1%}, {line.correlation:g}, {line.lot} | {baseline} | {refused} of {repeats} | {times} |")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=100)
    options.add_argument("--seed", type=int, default=41001)
    options.add_argument("--lots", action="store_true")
    given = options.parse_args()
    if given.lots:
        lots(given.repeats, given.seed)
        return
    lines = [Line(0.008, 0.0), Line(0.008, 0.01), Line(0.02, 0.0), Line(0.02, 0.01), Line(0.02, 0.005, lot=5), Line(0.1, 0.01)]
    print(f"False alarms in control, as multiples of the budget (one in {ARL0:,.0f} blocks); median delay in blocks of 200 parts\n")
    print("| rate, correlation, blocks per lot | chart | false alarms | " + " | ".join(CHANGES) + " |")
    print("|---|---|---|" + "---|" * len(CHANGES))
    for line in lines:
        charts: dict[str, Chart] = {
            "rate_shift": ours,
            "CUSUM, limit for independent parts": cusum(cusum_limit(Line(line.rate, 0.0), given.seed)),
            "CUSUM, told the rate, limit for this very line": _knowing(line, given.seed),
            "Laney P', 3 sigma": laney,
            **({"always fires": always, "never fires": never} if line == lines[-1] else {}),
        }
        false, delays, refused = measure(line, charts, given.repeats, given.seed)
        for name in charts:
            what = (
                f"{line.rate:.1%}, {line.correlation:g}, {line.lot} ({refused} baselines refused)" if name == "rate_shift" else ""
            )
            times = f"x{false[name]:,.2f}" if false[name] else f"≤ x{3.0 * ARL0 / (given.repeats * LONG):.2f}"
            print(f"| {what} | {name} | {times} | " + " | ".join(delays[name]) + " |")


if __name__ == "__main__":
    main()
