"""The mix of classes in the fold: shares that move, classes nobody had seen, and what never enters."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from agent.core.mix import FURTHER, MAX_CLASSES, Mix
from agent.core.plans import Plans
from tests.core.folding import START, Folding, config, part
from tests.core.test_fold import command, facts

BASELINE = {"parts": 800, "min_stream_parts": 300, "steadiness": "assumed", "rate_blocks": 60}
ARMED = 60 * 200
SHARES = {"": 0.9, "scratch": 0.05, "dent": 0.03, "burr": 0.02}


def mixes(**station):
    return config(**{"baseline": BASELINE, "outcomes": {"mode": "none"}, **station})


def classed(seed, n, *, first=0, **shares):
    """Entries of a line without pictures or scores whose rejects come in classes; what is given is taken from the parts without."""
    rng = np.random.default_rng([seed, first])
    wanted = {**SHARES, **shares}
    wanted[""] = 1.0 - sum(share for name, share in wanted.items() if name)
    names = rng.choice(list(wanted), n, p=list(wanted.values()))
    return [
        part(first + k, None, p=None, verdict="ng" if name else "ok", class_name=str(name), lot="L1")
        for k, name in enumerate(names)
    ]


def moved(**shares):
    return classed(1, ARMED + 2000) + classed(1, 6000, first=ARMED + 2000, **shares)


def raised(folding, alarm_id):
    return [a for a in folding.alarms if a.alarm_id == alarm_id and a.transition.endswith("→UNACK")]


@pytest.fixture(scope="module")
def swapped():
    """Dents become scratches: the reject rate stays what it was."""
    return Folding(mixes()).all(moved(scratch=0.08, dent=0.0))


def test_a_line_in_control_learns_its_mix_arms_and_stays_silent():
    folding = Folding(mixes()).all(classed(2, ARMED + 10_000))
    stream = next(s for s in folding.station.streams if s.stream == "classes/A")
    assert stream.state == "armed"
    names = {channel.channel for channel in folding.station.channels if channel.family == "class_mix"}
    assert names == {"share (no class)", "share burr", "share dent", "share scratch", "share (new classes)"}
    assert folding.alarms == []


def test_one_class_taking_the_place_of_another_is_said_though_the_reject_rate_stays(swapped):
    (alarm,) = raised(swapped, "class-mix")
    assert alarm.code in ("class_share_higher", "class_share_lower")
    assert "scratch" in alarm.text or "dent" in alarm.text
    assert ", was " in alarm.text
    assert alarm.evidence.detector == "class_mix"
    assert ARMED + 1400 <= int(alarm.evidence.onset.part_id[1:]) <= ARMED + 3600
    assert not raised(swapped, "reject-rate")
    assert all(incident.hold is None for incident in swapped.incidents)
    assert swapped.incidents[-1].signs[0].family == "class_mix"


def test_a_class_never_learned_is_said_with_its_first_part_without_a_lamp_and_once():
    folding = Folding(mixes()).all(classed(1, ARMED + 2000))
    first = ARMED + 2000
    odd = [part(first + k, None, p=None, verdict="ng", class_name=name, lot="L1") for k, name in enumerate(["blister", "blister"])]
    folding.all(odd)
    (alarm,) = raised(folding, "class-new")
    assert (alarm.code, alarm.priority, alarm.andon, alarm.part_id) == ("class_new", "info", "none", f"P{first:05d}")
    assert "blister" in alarm.text
    assert folding.station.andon is None or folding.station.andon.colour == "none"
    folding.all(classed(3, 3000, first=first + 2))
    assert len(raised(folding, "class-new")) == 1
    folding.fold(part(first + 4000, None, p=None, verdict="ng", class_name="pore", lot="L1"))
    assert "pore" in raised(folding, "class-new")[-1].text


def test_many_parts_of_classes_never_learned_are_an_alarm():
    folding = Folding(mixes()).all(moved(blister=0.015, pore=0.015))
    alarm = raised(folding, "class-mix")[0]
    assert alarm.code == "classes_new_more"
    assert alarm.text.startswith("ST4 ")


def test_a_restart_at_any_point_changes_no_alarm(swapped):
    rng = np.random.default_rng(7)
    folding = Folding(mixes())
    for entry in moved(scratch=0.08, dent=0.0):
        folding.fold(entry)
        if rng.random() < 0.002:
            folding.restarted()
    assert facts(folding.alarms) == facts(swapped.alarms)
    assert folding.core.save() == swapped.core.save()


def test_a_station_that_reports_no_class_has_no_mix():
    folding = Folding(mixes()).all(part(k, None, p=None, lot="L1") for k in range(500))
    assert [stream.stream for stream in folding.station.streams] == ["rates/A"]


def test_marked_parts_never_enter_the_mix(swapped):
    folding = Folding(mixes())
    for k, entry in enumerate(moved(scratch=0.08, dent=0.0)):
        folding.fold(entry)
        if k % 500 == 0:
            odd = msgspec.structs.replace(entry.record, part_id=f"M{k}", class_name="golden", mark="golden")
            folding.fold(msgspec.structs.replace(entry, record=odd))
    assert facts(folding.alarms) == facts(swapped.alarms)


def test_an_accepted_mix_is_learned_anew_and_its_alarm_ends():
    folding = Folding(mixes()).all(moved(scratch=0.08, dent=0.0))
    folding.fold(command("accept_baseline", station="ST4", stream="classes/A"))
    assert folding.alarms[-1].state == "NORM"
    assert next(s for s in folding.station.streams if s.stream == "classes/A").state == "learning"


def test_more_classes_than_are_told_apart_are_counted_as_one():
    tested = Mix(Plans(mixes().stations[0]).mixes)
    kinds = [tested.kind_of(f"class {k}")[0] for k in range(MAX_CLASSES + 5)]
    assert kinds[-5:] == [FURTHER] * 5
    assert len(set(kinds)) == MAX_CLASSES + 1


def test_a_long_class_name_fits_the_text():
    folding = Folding(mixes()).all(classed(1, ARMED + 2000))
    folding.fold(part(ARMED + 2000, None, p=None, verdict="ng", class_name="x" * 200, lot="L1"))
    (alarm,) = raised(folding, "class-new")
    assert len(alarm.text) < 160
    assert alarm.raised_at == START + timedelta(seconds=3 * (ARMED + 2000))
