"""How often the bounds of every figure hold the truth, looked at again and again, and stopped when they look worst.

`python -m benchmarks.simulated.coverage` prints a Markdown table, the rows of each plan as soon as it is done. A history is a month
as the agent counts it (`agent/core/counts.py`), shown by the agent's own `Figures` after every peek: at 1, 2, 3, … and then every
fifth more parts looked at. A history counts as held when the truth was inside at *every* peek, which is what somebody who stops at
the worst moment meets; `at the last` is the share held at the end alone. Beside it Clopper-Pearson's 95 % interval of what was
looked at, as if evenly drawn, at the same peeks and at the end alone; and the mean width of the figure's own interval at the end.
The escape rate is besides tested after every single audit, by the wealth of its bets against the truth: an interval excludes it
when, and only when, that wealth reaches its limit.

Stations: `even`, 2 % of the passes drawn; `near`, 30 % of the audits near the threshold, where bad ones are thirty times as likely;
`switched`, from one to the other and to three times as many, twice; `half`, half of the rejects looked at, those that look bad
first. All rejects are re-checked but in `half`. 1 % of parts is bad, one in five of these passes, 1 % of the good ones is rejected.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.config.model import StationSection
from agent.core.counts import STEP, Counts, step_of
from agent.core.figures import Figures
from agent.ports import FigureView
from detectors.estimate import share

BAD, MISSED, OVERKILL = 0.01, 0.2, 0.01
NEAR, RATIO = 0.05, 30.0  # share of the passes near the threshold, and how much likelier one of them is bad
PLANS = ("even", "near", "switched", "half")
CHECKED = "check-parts"
OPTIONS = {"id": "ST4", "outcomes": {"mode": "sample"}, "tier": 3}
# So strict that figures are soon judged: how many more parts would be needed is not asked for here.
STRICT = {**OPTIONS, "outcomes": {"mode": "sample", "max_escape_ppm": 1.0}, "estimates": {"max_miss_rate": 1e-6}}


@dataclass(frozen=True, slots=True)
class Truth:
    """What the figures are about."""

    rejected: float
    escape: float
    caught: float

    def of(self, figure: str) -> float:
        """The true value of a figure."""
        o, e, h = self.rejected, self.escape, self.caught
        effectiveness = (1 - o) * (1 - e) + o * h
        bad = (1 - o) * e + o * h
        by_chance = o * bad + (1 - o) * (1 - bad)
        return {
            "escape_rate": e,
            "miss_rate": (1 - o) * e / bad,
            "overkill_rate": o * (1 - h) / (1 - bad),
            "rejects_good": 1 - h,
            "effectiveness": effectiveness,
            "kappa": (effectiveness - by_chance) / (1 - by_chance),
        }[figure]


def truth() -> Truth:
    """Of the stations above."""
    rejected = BAD * (1 - MISSED) + (1 - BAD) * OVERKILL
    return Truth(rejected, BAD * MISSED / (1 - rejected), BAD * (1 - MISSED) / rejected)


def chances(plan: str, audits: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each audited part: whether it is near the threshold, its chance, and the least any pass had then."""
    even = np.full(audits, plan in ("even", "half"))
    scale = np.ones(audits)
    if plan == "switched":
        quarter = np.arange(audits) * 4 // audits
        even, scale = np.isin(quarter, (0, 2)), np.where(quarter >= 2, 3.0, 1.0)
    of_near, of_rest = 0.02 * 0.3 / NEAR * scale, 0.02 * 0.7 / (1 - NEAR) * scale
    share = np.where(even, NEAR, 0.3)  # of the audits that is near
    is_near = rng.random(audits) < share
    chance = np.where(even, 0.02 * scale, np.where(is_near, of_near, of_rest))
    return is_near, chance, np.where(even, chance, np.minimum(of_near, of_rest))


def history(plan: str, audits: int, rng: np.random.Generator) -> Iterator[tuple[Counts, np.ndarray]]:
    """The counts at each peek; and, with the first, (chance/least, bad) of every audit."""
    true = truth()
    is_near, chance, least = chances(plan, audits, rng)
    rest = true.escape / (1 - NEAR + NEAR * RATIO)
    bad = rng.random(audits) < np.where(is_near, RATIO * rest, rest)
    made = rng.geometric(0.02, audits)  # passes for each audit; how many more were made has no say in what was found
    rejected = rng.negative_binomial(made, 1 - true.rejected)
    caught = rng.binomial(rejected, true.caught)
    shown_bad, shown_good = caught, rejected - caught
    if plan == "half":
        look = -(-rejected // 2)
        shown_bad = np.minimum(caught, look)
        shown_good = look - shown_bad
    counts, peek = Counts(), 1
    every = np.column_stack([chance / least, bad])
    for k in range(audits):
        counts.passed += int(made[k])
        counts.rejected += int(rejected[k])
        counts.good_rejects += int(shown_good[k])
        if shown_bad[k]:
            counts.bad_rejects[""] += int(shown_bad[k])
        counts.look("audits", step_of(float(chance[k]), float(least[k])), (), float(chance[k]), "" if bad[k] else None)
        if k + 1 >= peek or k + 1 == audits:
            peek = k + 1 + max(1, (k + 1) // 5)
            yield counts, every


def held_by_wealth(every: np.ndarray, escape: float, confidence: float = 0.95) -> bool:
    """Whether the escape rate's bounds held its truth after every audit; widened where chances differ, as they are shown."""
    from detectors.estimate.rate import EXCESSES, FRACTION_WEIGHTS, FRACTIONS

    steps = np.ceil(np.log(every[:, 0]) / math.log(STEP) - 1e-9)
    weights, bad = STEP**-steps, every[:, 1]
    wide = STEP if steps.any() else 1.0
    limit = math.log(2.0 / (1.0 - confidence))
    out = False
    for m, shares, mixed, sign in (
        (escape / wide, FRACTIONS / (1 - escape / wide), FRACTION_WEIGHTS, 1.0),
        (min(1 - 1e-9, escape * wide), np.minimum(EXCESSES / (1 - escape * wide), 1 / (escape * wide)), None, -1.0),
    ):
        factors = np.multiply.outer(weights * sign * (m - bad), shares)
        logs = np.cumsum(np.log1p(np.maximum(factors, 1e-16 - 1.0)), axis=0)
        most = logs.max(axis=1, keepdims=True)
        chosen = np.full(shares.size, 1 / shares.size) if mixed is None else mixed
        out = out or bool((most[:, 0] + np.log(np.exp(logs - most) @ chosen)).max() >= limit)
    return not out


@dataclass(slots=True)
class Held:
    """Of histories: held at every peek, held at the last; the peer's and the naive figure's."""

    histories: int = 0
    always: int = 0
    last: int = 0
    peer: int = 0
    naive: int = 0
    width: float = 0.0


def simulate(plan: str, histories: int, audits: int, seed: int) -> dict[str, Held]:
    """Coverage of every figure under one plan; `escape_rate, every audit` by its wealth."""
    figures, true = Figures(StationSection.model_validate(STRICT)), truth()
    held: dict[str, Held] = {}
    for number in range(histories):
        rng = np.random.default_rng([seed, PLANS.index(plan), number])
        missed: Counter[str] = Counter()
        peers: Counter[str] = Counter()
        shown: list[FigureView] = []
        every = np.zeros((0, 2))
        for counts, every in history(plan, audits, rng):  # noqa: B007  the last one is used
            shown = list(figures.of_parts(counts))
            for one in shown:
                value = true.of(one.figure)
                missed[one.figure] += not one.low <= value <= one.high
                peers[one.figure] += not _peer_holds(one, value)
        for one in shown:
            value, kept = true.of(one.figure), held.setdefault(one.figure, Held())
            kept.histories += 1
            kept.always += not missed[one.figure]
            kept.last += one.low <= value <= one.high
            kept.peer += not peers[one.figure]
            kept.naive += _peer_holds(one, value)
            kept.width += one.high - one.low
        kept = held.setdefault("escape_rate, every audit", Held())
        kept.histories += 1
        kept.always += held_by_wealth(every, true.escape)
    return held


def _peer_holds(one: FigureView, value: float) -> bool:
    """Clopper-Pearson of what was looked at, as if evenly drawn; kappa has none."""
    if one.figure == "kappa" or not one.looked:
        return True
    if one.figure == "overkill_rate":
        looked = round(one.found / one.naive) if one.naive and not math.isnan(one.naive) else one.looked
        low, high = share(one.found, looked)
    else:
        low, high = share(one.found, one.looked)
    return low <= value <= high


def check_parts(histories: int, presentations: int, rate: float, seed: int) -> Held:
    """Masters of one failure mode, missed at a rate; looked at after every one of them."""
    options = {"challenge_sets": [{"name": "set", "failure_mode": "mode", "parts": ["M"]}], **OPTIONS}
    figures, held = Figures(StationSection.model_validate(options)), Held()
    known: dict[tuple[int, int], tuple[bool, bool, float]] = {}
    for number in range(histories):
        rng = np.random.default_rng([seed, 100, number])
        missed = np.cumsum(rng.random(presentations) < rate)
        inside, peer = [], []
        for n in range(1, presentations + 1):
            key = (n, int(missed[n - 1]))
            if key not in known:
                shown = Counter({("mode", "defective", True): key[1], ("mode", "defective", False): n - key[1]})
                one = next(iter(figures.of_check_parts(shown, "mode")))
                known[key] = one.low <= rate <= one.high, _peer_holds(one, rate), one.high - one.low
            is_held, is_held_by_peer, width = known[key]
            inside.append(is_held)
            peer.append(is_held_by_peer)
        held.histories += 1
        held.always += all(inside)
        held.last += inside[-1]
        held.peer += all(peer)
        held.naive += peer[-1]
        held.width += width
    return held


def row(plan: str, name: str, value: float, held: Held) -> str:
    """One line of the table."""
    n = held.histories
    always = held.always / n
    error = 100 * math.sqrt(max(always * (1 - always), 1 / n) / n)
    rest = [f"{100 * held.last / n:.1f}", f"{100 * held.peer / n:.1f}", f"{100 * held.naive / n:.1f}", f"{held.width / n:.2g}"]
    if "every audit" in name:
        rest = [""] * 4
    if name == "kappa":
        rest[1] = rest[2] = ""
    return f"| {plan} | {name.replace('_', ' ')} | {value:.3g} | {100 * always:.1f} ± {error:.1f} | " + " | ".join(rest) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=1_000, help="simulated for every row (default: %(default)s)")
    parser.add_argument("--audits", type=int, default=400, help="passes audited in each history (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=54_001, help="the same seed gives the same table (default: %(default)s)")
    parser.add_argument("--plans", nargs="*", choices=(CHECKED, *PLANS), default=(CHECKED, *PLANS), help="only these plans' rows")
    given = parser.parse_args()
    print(f"{given.histories} histories for every row, each of {given.audits} audits; shares in %, nominal 95\n")
    print(
        "| plan | figure | truth | held at every peek | at the last | Clopper-Pearson, every peek | the same, last look | width |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for rate in (0.02, 0.2) if CHECKED in given.plans else ():
        print(row("check parts, every one", "miss_rate", rate, check_parts(given.histories, 300, rate, given.seed)), flush=True)
    for plan in (plan for plan in PLANS if plan in given.plans):
        for name, held in simulate(plan, given.histories, given.audits, given.seed).items():
            print(row(plan, name, truth().of(name.partition(",")[0]), held), flush=True)


if __name__ == "__main__":
    main()
