"""The outcome gap on the kit's shipped logs, census of passes, claims from the first 4,000 in-control parts."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from detectors.outcome_gap import FLOOR_CONFIRMED, OutcomeGap, fit_claim_map

KIT = Path(os.environ.get("LINEWARDEN_KIT") or Path(__file__).resolve().parents[3] / "shared" / "kit") / "line"
pytestmark = [
    pytest.mark.kit,
    pytest.mark.skipif(not KIT.is_dir(), reason="the development kit is absent: set LINEWARDEN_KIT to its folder"),
]
# one part each 3 s, all passes audited, 0.1 false alarms a month
THRESHOLD = 28_800 * 30 * 0.5865 / 0.1


def passes(name):
    """(index, p, outcome, recipe) of the passed parts of a log."""
    outcomes = "elpv_outcomes.jsonl" if name == "incontrol" else f"elpv_{name}_outcomes.jsonl"
    truth = {row["part_id"]: row["defective"] for row in map(json.loads, (KIT / outcomes).read_text().splitlines())}
    rows = [json.loads(line) for line in (KIT / f"elpv_{name}.jsonl").read_text().splitlines()]
    kept = [(k, row["p_defect"], truth[row["part_id"]], row["recipe"]) for k, row in enumerate(rows) if row["verdict"] == "ok"]
    index, p, bad, recipe = zip(*kept, strict=True)
    return np.array(index), np.array(p), np.array(bad, dtype=np.float64), np.array(recipe)


@pytest.fixture(scope="module")
def claims():
    index, p, bad, recipe = passes("incontrol")
    learned = index < 4000
    return {r: fit_claim_map(p[m], bad[m], floor=FLOOR_CONFIRMED) for r in ("mono", "poly") if (m := learned & (recipe == r)).any()}


def judged(name, claims, first=0, order=None):
    index, p, bad, recipe = passes(name)
    claimed = np.where(recipe == "mono", claims["mono"].claim(p), claims["poly"].claim(p))
    rows, at = np.column_stack([claimed, bad])[index >= first], index[index >= first].astype(np.int64)
    if order is not None:
        rows = rows[order.permutation(len(rows))]
    return OutcomeGap(THRESHOLD).update(rows, at)


def test_nothing_is_raised_in_control_nor_in_ten_reshuffles(claims):
    assert judged("incontrol", claims, first=4000) == []
    assert [judged("incontrol", claims, first=4000, order=np.random.default_rng(seed)) for seed in range(1, 11)] == [[]] * 10


@pytest.mark.parametrize("drift", ["bump", "longtail"])
def test_nothing_is_raised_where_the_picture_changes_and_the_truth_does_not(claims, drift):
    assert judged(drift, claims) == []


def test_the_silent_failure_is_found_within_its_ramp(claims):
    crossing = judged("overexpose", claims)[0]
    assert 2500 < crossing.at < 5000
    assert crossing.size > 0.0
