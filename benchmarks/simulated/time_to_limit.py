"""Time to limit: how often the interval holds the truth, and how wide it is, over simulated lamps.

`python -m benchmarks.simulated.time_to_limit [--lamps 1200]` prints Markdown tables. Every lamp has a life of 100 to 700
production days to L70, is looked at once at 20 to 95 % of it, and shows day means with noise of 0.3 to 1 %: AR(1) with phi 0, 0.3,
0.6 or 0.8 in equal parts, half of the lamps with day-to-day offsets making up half of the variance. Cleanings every 20 to 60 days
move the level by 1 % for good, declared or not. (Noise, phi and steps are assumptions: STANDARDS gives lamps 0.4 to 2.4 % per
1,000 h and none for these.) The last table has lamps the method is not made for.
"""

from __future__ import annotations

import argparse

import numpy as np

from detectors.trend.cases import LIMIT, Lamp, watched
from detectors.trend.detector import BLOCK_DAYS, TimeToLimit, Trend

SHAPES = ("linear", "exponential")
PHIS = (0.0, 0.3, 0.6, 0.8)


def drawn(rng: np.random.Generator, shape: str, phi: float, *, cleaned: bool) -> tuple[Lamp, int]:
    """A lamp, and the age at which it is looked at."""
    days = float(rng.uniform(100.0, 700.0))
    lamp = Lamp(
        shape=shape,
        days=days,
        noise=float(rng.uniform(0.003, 0.01)),
        phi=phi,
        serial=0.5 if rng.random() < 0.5 else 1.0,
        steps=int(rng.integers(20, 61)) if cleaned else 0,
        step=0.01,
    )
    return lamp, max(30, int(days * float(rng.uniform(0.2, 0.95))))


def row(name: str, found: list[tuple[TimeToLimit, float]]) -> str:
    """Coverage of all, share informative, coverage and relative width of these."""
    told = [(answer, left) for answer, left in found if answer.is_informative]
    cells = [f"{len(found)}", _share(found), f"{100 * len(told) / len(found):.0f}", _share(told) if told else ""]
    near = [(answer, left) for answer, left in told if 0 < left <= 100]
    widths = [[(answer.latest - answer.earliest) / left for answer, left in group if left > 0] for group in (told, near)]
    cells += [f"{float(np.median(width)):.2f}" if width else "" for width in widths]
    return f"| {name} | " + " | ".join(cells) + " |"


def _share(found: list[tuple[TimeToLimit, float]]) -> str:
    held = sum(answer.earliest <= max(left, 0.0) <= answer.latest for answer, left in found)
    error = 100 * np.sqrt(max(held * (len(found) - held), 1) / len(found) ** 3)
    return f"{100 * held / len(found):.1f} ± {error:.1f}"


def leads(seed: int, lamps: int = 40, horizon: float = 30.0) -> None:
    """Print how many days before the limit a lamp is advised and alarmed, and how many of steady ones are."""
    print(
        f"\nDays left at the first word, horizon {horizon:g} days, lamps of 200 to 500 days, noise 0.5 %, AR(1) 0.3, c = 1,000:\n"
    )
    print("| lamps | | 10 % | median | 90 % | never before the limit |\n|---|---|---|---|---|---|")
    for shape in SHAPES:
        rng = np.random.default_rng([seed, 200])
        first: dict[str, list[float]] = {"advised": [], "alarm": []}
        for _ in range(lamps):
            days = float(rng.uniform(200.0, 500.0))
            told = _first_words(rng, Lamp(shape, days, 0.005, 0.3, 1.0), int(days), horizon)
            for name, at in told.items():
                first[name].append(days - at)
        for name, left in first.items():
            known = np.array([value for value in left if np.isfinite(value)])
            shown = " | ".join(f"{q:.0f}" for q in np.quantile(known, [0.1, 0.5, 0.9])) if known.size else " | | "
            print(f"| {shape} | {name} | {shown} | {lamps - known.size} of {lamps} |")
    rng = np.random.default_rng([seed, 201])
    steady = [_first_words(rng, Lamp("linear", 1e9, 0.005, 0.3, 1.0), 1000, horizon) for _ in range(10)]
    counts = {name: sum(np.isfinite(told[name]) for told in steady) for name in ("advised", "alarm")}
    print(f"\n10 lamps that do not age, 1,000 days each: {counts['advised']} advised, {counts['alarm']} alarms")


def _first_words(rng: np.random.Generator, lamp: Lamp, last: int, horizon: float) -> dict[str, float]:
    """Days at which it is first advised and first alarms; infinite where it is not by day `last`."""
    detector = Trend(np.array([LIMIT]), np.array([-1]), np.array([horizon]), np.array([1000.0]), np.array([True]))
    told = {"advised": np.inf, "alarm": np.inf}
    value = float(rng.standard_normal())
    days = np.arange(1.0, last + 1.0)
    for day, light in zip(days.tolist(), lamp.light(days).tolist(), strict=True):
        crossings = detector.update(np.array([[light * np.exp(lamp.noise * value)]]), np.array([int(day)], np.int64))
        value = lamp.phi * value + np.sqrt(1.0 - lamp.phi**2) * float(rng.standard_normal())
        if crossings:
            told["alarm"] = min(told["alarm"], day)
        if day % BLOCK_DAYS == 0 and not np.isfinite(told["advised"]) and detector.is_due(0):
            told["advised"] = day
    return told


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lamps", type=int, default=1200)
    options.add_argument("--seed", type=int, default=65001)
    given = options.parse_args()
    head = "| lamps | looked at | holds the truth, % | informative, % | of these, % | width / truth, median | within 100 days |"
    every: list[tuple[TimeToLimit, float]] = []
    print(f"{head}\n|---|---|---|---|---|---|---|")
    cells = [(shape, phi, cleaned) for shape in SHAPES for phi in PHIS for cleaned in (False, True)]
    for number, (shape, phi, cleaned) in enumerate(cells):
        rng = np.random.default_rng([given.seed, number])
        found = []
        for _ in range(max(1, given.lamps // len(cells))):
            lamp, age = drawn(rng, shape, phi, cleaned=cleaned)
            found.append(watched(rng, lamp, age))
        every += found
        print(row(f"{shape}, AR(1) {phi:g}{', cleaned' if cleaned else ''}", found))
    print(row("all of these", every))
    print(f"\nNot made for:\n\n{head}\n|---|---|---|---|---|---|---|")
    outside = (
        ("linear", False, "cleanings not declared"),
        ("exponential", False, "cleanings not declared"),
        ("accelerating", True, "declared"),
    )
    for number, (shape, declared, name) in enumerate(outside):
        rng = np.random.default_rng([given.seed, 100 + number])
        found = []
        for _ in range(max(1, given.lamps // 8)):
            lamp, age = drawn(rng, shape, 0.3, cleaned=True)
            found.append(watched(rng, lamp, age, declared=declared))
        print(row(f"{shape}, {name}", found))
    leads(given.seed)


if __name__ == "__main__":
    main()
