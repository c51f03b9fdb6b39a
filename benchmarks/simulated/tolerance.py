"""False alarms of skewed channels that stand at the edge of what is tolerated, and how soon they are found beyond it.

    python -m benchmarks.simulated.tolerance [--channels 200] [--json OUT]

Every channel has its own baseline of 4,000 parts. A tolerance is in sd of the channel. False alarms: of `PARTS` parts a channel, at
a threshold of 10,000, beside the number the budget allows; delays: median parts at a station's threshold of 3e7, `-` where fewer
than half of the channels alarm within `PATIENCE` parts. No time series: parts are independent, steadiness is assumed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.baseline import Baseline, Standardiser, fit

SEED = 20_261_130
LEARNED, PARTS, PATIENCE, ROWS = 4_000, 20_000, 4_000, 250
BUDGET_C, STATION_C = 10_000.0, 3e7
Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]
# Each with its own sd.
STREAMS: dict[str, tuple[Draw, float]] = {
    "lognormal, sigma 1": (lambda rng, shape: np.exp(rng.standard_normal(shape)), float(np.sqrt((np.e - 1.0) * np.e))),
    "lognormal, sigma 0.5": (
        lambda rng, shape: np.exp(0.5 * rng.standard_normal(shape)),
        float(np.sqrt((np.exp(0.25) - 1.0) * np.exp(0.25))),
    ),
    "gamma, shape 2": (lambda rng, shape: rng.gamma(2.0, size=shape), float(np.sqrt(2.0))),
    "normal": (lambda rng, shape: rng.standard_normal(shape), 1.0),
}
TOLERANCES = (0.1, 1.0, 3.0)


def learned(draw: Draw, tolerance: float, c: float, channels: int, rng: np.random.Generator) -> Baseline:
    """Baselines of so many channels."""
    return fit(
        draw(rng, (LEARNED, channels)),
        np.arange(LEARNED) // 200,
        transforms=["none"] * channels,
        tolerances=np.full(channels, tolerance),
        thresholds=np.full(channels, c),
        steadiness="assumed",
    )


def alarms(baseline: Baseline, c: float, draw: Draw, shift: float, rows: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """(part, channel) of each crossing of the level test."""
    channels = baseline.phi.size
    standardiser, test = Standardiser(baseline), baseline.level(np.full(channels, c))
    found = []
    for t in range(0, rows, ROWS):
        z = standardiser.apply(draw(rng, (ROWS, channels)) + shift, np.zeros(ROWS, np.bool_))
        found += [(crossing.at, crossing.column) for crossing in test.update(z, np.arange(t, t + ROWS))]
    return found


def median_delay(baseline: Baseline, draw: Draw, shift: float, rng: np.random.Generator) -> float:
    """Median parts from a shift to its crossing; infinite where fewer than half crossed."""
    first = np.full(baseline.phi.size, np.inf)
    for at, channel in alarms(baseline, STATION_C, draw, shift, PATIENCE, rng):
        first[channel] = min(first[channel], at + 1)
    return float(np.median(first))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    heads = ("stream", "tolerance, sd", "refused", "tolerated of z up / down", "allowed", "false alarms at 0, +, - tolerance")
    heads += ("parts to find +3, -3 tolerances",)
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|", flush=True)
    results = []
    for number, (name, (draw, sd)) in enumerate(STREAMS.items()):
        for tolerance in TOLERANCES:
            rng = np.random.default_rng([SEED, number, int(10 * tolerance)])
            baseline = learned(draw, tolerance * sd, BUDGET_C, options.channels, rng)
            kept = np.flatnonzero([not reason for reason in baseline.refused])
            baseline = baseline.select(kept)
            false = [len(alarms(baseline, BUDGET_C, draw, at * tolerance * sd, PARTS, rng)) for at in (0, 1, -1)]
            delays = [median_delay(baseline, draw, at * 3.0 * tolerance * sd, rng) for at in (1, -1)]
            up, down = np.median(baseline.epsilon[:, :2], axis=0).tolist()
            allowed = PARTS * kept.size / BUDGET_C
            results.append(
                {
                    "stream": name,
                    "tolerance": tolerance,
                    "up": up,
                    "down": down,
                    "allowed": allowed,
                    "false": false,
                    "delays": delays,
                }
            )
            told = " / ".join("-" if np.isinf(delay) else f"{delay:,.0f}" for delay in delays)
            cells = (name, f"{tolerance:g}", str(options.channels - kept.size), f"{up:.2f} / {down:.2f}", f"{allowed:,.0f}")
            print("| " + " | ".join((*cells, ", ".join(map(str, false)), told)) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
