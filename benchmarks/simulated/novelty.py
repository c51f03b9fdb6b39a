"""Novelty: which distance flags what, and what the bound on the share of novel parts does to false alarms.

`python -m benchmarks.simulated.novelty [--baselines 60]` prints two Markdown tables: the share of changed parts with p <= 0.01 by
Mahalanobis distance and by the 10th nearest neighbour, all on the same scores and with the same calibration; and false alarms over
learned baselines with the Beta bound and with plain 0.01.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.novelty import LEVEL, Novelty, NoveltyBaseline, fit
from detectors.novelty.baseline import share_bound
from detectors.novelty.cases import false_alarm_factor

FloatArray = NDArray[np.float64]
CHANNELS = 25
LEARNED = 2_000  # parts for scales and correlation, and again as many to calibrate on
Draw = Callable[[np.random.Generator, int], FloatArray]


def lines(rng: np.random.Generator) -> dict[str, Draw]:
    """Parts in control, 25 channels with three common factors: normal, t with 4 degrees of freedom, in two modes 6 sd apart."""
    loadings = 0.8 * rng.standard_normal((3, CHANNELS))
    modes = np.where(np.arange(CHANNELS) < 8, 6.0, 0.0)

    def normal(rng: np.random.Generator, count: int) -> FloatArray:
        return rng.standard_normal((count, 3)) @ loadings + 0.6 * rng.standard_normal((count, CHANNELS))

    def heavy(rng: np.random.Generator, count: int) -> FloatArray:
        return rng.standard_t(4, (count, 3)) @ loadings + 0.6 * rng.standard_t(4, (count, CHANNELS))

    def modal(rng: np.random.Generator, count: int) -> FloatArray:
        return normal(rng, count) + (rng.random(count) < 0.3)[:, None] * modes

    return {"normal": normal, "t4": heavy, "two modes": modal}


def changes(rng: np.random.Generator, x: FloatArray) -> dict[str, FloatArray]:
    sd, one = x.std(axis=0), np.arange(CHANNELS) == 20
    return {
        "none": x,
        "one channel +3 sd": x + 3 * sd * one,
        "one channel +6 sd": x + 6 * sd * one,
        "all +1 sd": x + sd,
        "correlation broken": np.column_stack([rng.permutation(x[:, c]) for c in range(CHANNELS)]),
    }


def neighbours(reference: FloatArray, z: FloatArray, count: int = 10) -> FloatArray:
    """Distance to the `count`-th nearest of the reference parts."""
    return np.array([np.partition(((reference - row) ** 2).sum(axis=1), count)[count] for row in z])


def distances(known: NoveltyBaseline, first: FloatArray) -> dict[str, Callable[[FloatArray], FloatArray]]:
    scored = known.gauge().standardised  # the peers are to have the same scores
    whiten = np.linalg.inv(np.linalg.cholesky(known.correlation)).T
    reference = scored(first)
    return {
        "Mahalanobis": lambda x: known.judge(x)[0],
        "10th neighbour": lambda x: neighbours(reference, scored(x)),
        "10th neighbour, whitened": lambda x: neighbours(reference @ whiten, scored(x) @ whiten),
    }


def flagged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows: list[str] = []
    names: list[str] = []
    for line, draw in lines(rng).items():
        first, second, later = draw(rng, LEARNED), draw(rng, LEARNED), draw(rng, 1_000)
        known = fit(np.concatenate([first, second]))
        for method, distance in distances(known, first).items():
            cut = np.sort(distance(second))[-20]
            shares = {name: float((distance(x) >= cut).mean()) for name, x in changes(np.random.default_rng(seed), later).items()}
            names = list(shares)
            rows.append(f"| {line} | {method} | " + " | ".join(f"{100 * share:.1f}" for share in shares.values()) + " |")
    print(f"Share of parts flagged at p <= {LEVEL:g}, % (seed {seed})\n\n| line | distance | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    print("\n".join(rows))


def alarms(baselines: int, seed: int) -> None:
    threshold, count = 500.0, 100_000
    rng = np.random.default_rng([seed, 1])
    draw = lines(rng)["normal"]
    watched = 25 * 100
    found = {"Beta bound": 0, "plain 0.01": 0}
    shares = []
    for repeat in range(baselines):
        rng = np.random.default_rng([seed, 2, repeat])
        known = fit(draw(rng, 2 * LEARNED))
        p = known.judge(draw(rng, watched))[1]
        shares.append(float((p <= LEVEL).mean()))
        p = rng.permutation(np.resize(p, count))[:, None]  # parts of this baseline's own share of novel ones, many times over
        for name, bound in (("Beta bound", known.share), ("plain 0.01", LEVEL)):
            found[name] += len(Novelty(bound, threshold).update(p, np.arange(count, dtype=np.int64)))
    allowed = baselines * count / 25 / threshold
    print(f"\nNovel, {baselines} baselines: {min(shares):.4f} to {max(shares):.4f}, bound {share_bound(LEARNED):.4f}")
    print("\n| null | false alarms / (T / c), blocks of 25, c = 500 | one bet on x3 per part, exact, c = 10,000 | c = 50,000 |")
    print("|---|---|---|---|")
    for name, bound in (("Beta bound", share_bound(LEARNED)), ("plain 0.01", LEVEL)):
        exact = " | ".join(f"x{false_alarm_factor(bound, 3.0, c, LEARNED):.2f}" for c in (1e4, 5e4))
        print(f"| {name} | x{found[name] / allowed:.2f} | {exact} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--baselines", type=int, default=60)
    options.add_argument("--seed", type=int, default=64001)
    given = options.parse_args()
    flagged(given.seed)
    alarms(given.baselines, given.seed)


if __name__ == "__main__":
    main()
