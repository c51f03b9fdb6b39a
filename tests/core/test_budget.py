"""The budget of a station: every test it may arm, together exactly what was given."""

import pytest

from agent.core.blocks import Block
from agent.core.mix import mix
from agent.core.plans import Plans
from detectors.budget import LEVEL_SHARE
from detectors.channels import IMAGE_CHANNELS, SCORE_CHANNELS
from tests.core.folding import config

LAMP = {"name": "lamp", "channel": "luminance", "limit": 60.0, "beyond": "below"}
FOCUS = {"name": "focus", "channel": "edge_spread", "limit": 3.0, "beyond": "above", "view": "top"}


def spent(plans, options):
    """False alarms a month each test may raise, from its threshold and the most updates it may have."""
    parts = options.parts_per_month
    level = plans.stream("imaging/main//A").threshold
    channels = len(options.views) * (len(IMAGE_CHANNELS) + len(SCORE_CHANNELS))
    blocks = parts / 50
    return {
        "channels": channels * (parts / level) / LEVEL_SHARE,
        "outcomes": options.outcomes.audits_per_month / plans.outcome_threshold,
        "rates": blocks / plans.rates.threshold,
        "class_mix": blocks / plans.mixes.threshold,
        "novelty": len(options.views) * (parts / 25) / plans.novelty.threshold,
        "limits": sum((31 / 5) / limit.threshold for limit in plans.limits()),
    }


@pytest.mark.parametrize("station", [{}, {"views": ["main", "top"], "limits": [LAMP, FOCUS]}, {"limits": [LAMP]}])
def test_what_every_test_may_raise_adds_up_to_the_budget_exactly(station):
    options = config(**station).stations[0]
    shares = spent(Plans(options), options)
    assert sum(shares.values()) == pytest.approx(options.false_alarms_per_month, rel=1e-12)
    assert sum(shares.values()) <= options.false_alarms_per_month * (1 + 1e-12)


def test_the_new_tests_leave_a_channel_more_than_nine_tenths_of_what_it_had():
    options = config(limits=[LAMP]).stations[0]
    channels = len(IMAGE_CHANNELS) + len(SCORE_CHANNELS)
    before = options.false_alarms_per_month * (1 - options.outcome_share) / (channels + 1)
    assert Plans(options).channel_share > 0.9 * before


def test_the_columns_of_a_class_mix_share_one_share():
    plans = Plans(config().stations[0])
    learned = mix("classes/A", plans.mixes)
    learned.tested.fit([Block({"scratch": 4, "dent": 8, "burr": 8, "(no class)": 180})] * 60)
    learned.arm()
    thresholds = [channel.threshold for channel in learned.views()[1]]
    assert len(thresholds) == 5
    assert sum(plans.mixes.updates_per_month / c for c in thresholds) == pytest.approx(plans.channel_share)
