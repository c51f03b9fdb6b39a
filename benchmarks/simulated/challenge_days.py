"""Days from a silent failure of one mode to its alarm by check parts, beside what the blind spot promised; what is then held.

`python -m benchmarks.simulated.challenge_days [--seeds 200] [--per-day 15] [--per-month 1000]` prints one Markdown table.
The agent's own `Challenges` is shown masters, spread over the day, of a station that makes 100 parts between two
presentations; the mode is
missed `before` of the time for 30 days and `after` from then on. Held: of all escapes of that mode since the failure, over all
seeds, those that lie in the hold, and how many parts it holds for each. Thresholds are a station's with outcomes and one
challenged mode. Nothing else of the station is simulated: no audits, no other alarms.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.config.model import StationSection
from agent.core.challenges import Challenges
from agent.core.plans import Plans
from agent.records import Inspection
from detectors.challenge import days_until_found

START = datetime(2026, 1, 5, tzinfo=UTC)
BEFORE_DAYS, PARTS_BETWEEN, SHARE_OF_MODE = 30, 100, 0.002
STATION = {
    "id": "ST4",
    "outcomes": {"mode": "sample"},
    "challenge": {"presentations_per_month": 1_000},
    "challenge_sets": [{"name": "set", "failure_mode": "mode", "parts": ["M0", "M1", "M2"]}],
}


def run(
    options: StationSection, rng: np.random.Generator, before: float, after: float, per_day: int
) -> tuple[float, int, int, int]:
    """Days to the alarm (NaN: a false one before), escapes since the failure, those of them held, parts held."""
    challenges = Challenges(options, Plans(options).challenge_threshold, "en")
    failure = BEFORE_DAYS * per_day
    for k in range(10_000 * per_day):
        missed = rng.random() < (before if k < failure else after)
        at = START + timedelta(days=k / per_day)
        record = Inspection(f"M{k % 3}", "ST4", at, "ok" if missed else "ng")
        index = k * PARTS_BETWEEN
        crossed = challenges.shown("set", record, index)[1]
        if not crossed:
            continue
        if k < failure:
            return np.nan, 0, 0, 0
        first = challenges.containment(["mode"], crossed[0].crossing.onset.earliest) or 1
        escapes = np.flatnonzero(rng.random(index - failure * PARTS_BETWEEN + 1) < SHARE_OF_MODE * after) + failure * PARTS_BETWEEN
        held = np.count_nonzero(escapes >= first)
        return (k - failure) / per_day, escapes.size, int(held), index - first + 1
    return np.inf, 0, 0, 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--per-day", type=int, default=15)
    parser.add_argument("--per-month", type=float, default=1_000.0, help="presentations_per_month, as declared: sets the threshold")
    chosen = parser.parse_args()
    options = StationSection.model_validate(STATION | {"challenge": {"presentations_per_month": chosen.per_month}})
    threshold = Plans(options).challenge_threshold
    print(f"{chosen.per_day} presentations a day, {chosen.seeds} seeds, limit 2 %, threshold {threshold:,.0f}\n")
    print("| missed before → after | promised days | mean | 90 % within | false before | escapes held | parts held for each |")
    print("|---|---|---|---|---|---|---|")
    for before, after in ((0.01, 0.1), (0.02, 0.2), (0.02, 0.5), (0.02, 1.0)):
        rng = np.random.default_rng([620, round(100 * after)])
        rows = np.array([run(options, rng, before, after, chosen.per_day) for _ in range(chosen.seeds)])
        good = rows[~np.isnan(rows[:, 0])]
        promised = days_until_found(0.02, threshold, after, chosen.per_day)
        escapes, held, parts = good[:, 1:].sum(axis=0)
        days = f"{promised:.1f} | {good[:, 0].mean():.1f} | {np.quantile(good[:, 0], 0.9):.1f}"
        print(
            f"| {before:.0%} → {after:.0%} | {days} | {len(rows) - len(good)} | {held:.0f} of {escapes:.0f} | {parts / held:,.0f} |"
        )


if __name__ == "__main__":
    main()
