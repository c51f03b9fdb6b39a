"""The coverage benchmark in small: no figure loses the truth more often than its confidence allows, looked at again and again."""

import numpy as np
import pytest

from agent.config.model import StationSection
from agent.core.figures import Figures
from benchmarks.simulated import coverage


@pytest.mark.parametrize("plan", coverage.PLANS)
def test_every_figure_holds_the_truth_at_every_peek_as_often_as_it_says(plan):
    held = coverage.simulate(plan, histories=12, audits=120, seed=11)
    assert len(held) == 7
    for name, kept in held.items():
        assert kept.histories == 12
        assert kept.always >= 10, f"{name}: three misses of twelve are likely once in fifty at 95 %"


def test_the_naive_miss_rate_never_holds_it():
    held = coverage.simulate("even", histories=6, audits=400, seed=12)
    assert held["miss_rate"].naive == 0
    assert held["miss_rate"].always == 6


def test_check_parts_looked_at_after_every_one_of_them_hold_and_one_look_s_interval_does_not():
    held = coverage.check_parts(histories=150, presentations=150, rate=0.1, seed=13)
    assert held.always >= 0.95 * 150 - 2 * np.sqrt(0.05 * 0.95 * 150)
    assert held.peer < 0.9 * 150


def test_a_wrong_truth_is_outside_sooner_or_later():
    rng = np.random.default_rng(14)
    *_, (_, every) = coverage.history("near", 2_000, rng)
    assert coverage.held_by_wealth(every, coverage.truth().escape)
    assert not coverage.held_by_wealth(every, 8 * coverage.truth().escape)
    assert not coverage.held_by_wealth(every, coverage.truth().escape / 100)


@pytest.mark.parametrize("plan", ["even", "near"])
def test_what_an_interval_excludes_at_any_peek_the_wealth_excludes_too(plan):
    """The quick test after every audit and the interval that is shown are one statement."""
    figures = Figures(StationSection.model_validate(coverage.STRICT))
    bounds, every = [], np.zeros((0, 2))
    for counts, every in coverage.history(plan, 400, np.random.default_rng(15)):  # noqa: B007  the last one is used
        escape = next(figures.of_parts(counts))
        bounds.append((escape.low, escape.high))
    excluded = [rate for rate in np.geomspace(1e-5, 0.5, 25) if not all(low <= rate <= high for low, high in bounds)]
    assert len(excluded) > 5
    assert not [rate for rate in excluded if coverage.held_by_wealth(every, rate * (1 + 1e-6 * np.sign(rate - 0.002)))]
