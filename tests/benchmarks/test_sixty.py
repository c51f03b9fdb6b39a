"""benchmarks/simulated/sixty in small: the quick road says what the whole core says, and each question has its answer."""

from dataclasses import replace

import msgspec
import pytest

from benchmarks.simulated.sixty.history import play, quick, script, whole
from benchmarks.simulated.sixty.production import Policy, World
from benchmarks.simulated.sixty.station import configuration

# 800 parts a day, of which one in twenty is bad, and 30 % audited: the same things happen as on the large line, sooner.
SHORT = World(days=11.0, fault_day=4.0, commissioning=1_000, defective=0.05, missed_after=0.8, volume=(0.02, 0.02))


def said(played):
    return [(a.index, msgspec.to_builtins(a.document)) for a in played.road.heard.alarms]


def both(world, policies, configs):
    history = script(world, policies, 5, hashed=True, config=configs[0][1])
    return [play(history, road(history, configs[0][1]), configs=configs[1:]) for road in (quick, whole)]


def declared(world, policy, **more):
    return configuration(world, policy, parts_per_day=806.0, **more)


@pytest.mark.parametrize("challenges", [0, 15])
def test_the_quick_road_says_what_the_whole_core_says_and_holds_the_same_parts(challenges):
    world = replace(SHORT, challenges=challenges)
    policy = Policy(fraction=0.3)
    one, other = both(world, [policy], [(0.0, declared(world, policy))])
    assert said(one) == said(other) != []
    assert one.road.heard.asked == other.road.heard.asked != []
    assert one.at_fault == other.at_fault
    assert one.promised == other.promised
    holds = [played.road.station.incidents.holds for played in (one, other)]
    names = [played.road.station.incidents.current_id for played in (one, other)]
    assert names[0] == names[1]
    spans = [held.get(name).spans for held, name in zip(holds, names, strict=True)]
    assert spans[0] == spans[1]
    truths = [played.road.station.truth.save() for played in (one, other)]
    assert msgspec.msgpack.encode(truths[0]["recent"]) == msgspec.msgpack.encode(truths[1]["recent"])
