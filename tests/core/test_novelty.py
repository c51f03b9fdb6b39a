"""Novelty in the fold: parts whose channels do not belong together, told one by one and as a share."""

import json

import numpy as np
import pytest

from agent.core.candidates import KEPT, Candidate, Candidates
from agent.core.fold import Core
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import Folding, config, part, raw_rows
from tests.core.test_fold import command, facts

NAMES = [spec.name for spec in IMAGE_CHANNELS]
LEFT, RIGHT, LUMINANCE = (NAMES.index(name) for name in ("tilt_x", "tilt_y", "luminance"))
LEARNED = 4000
NAME = "novelty/main//A/"


def pictures(seed, n, *, first=0, torn=0.0, dim=1.0):
    """Entries of a line where two channels go together, but for a share of parts; each channel alone is as ever."""
    rng = np.random.default_rng([seed, first])
    rows = raw_rows(rng, n)
    rows[:, RIGHT] = rows[:, LEFT] + 0.002 * rng.standard_normal(n)
    apart = rng.random(n) < torn
    rows[apart, RIGHT] = -rows[apart, RIGHT]
    rows[:, LUMINANCE] *= dim
    return [part(first + k, rows[k], p=None, lot="L1") for k in range(n)]


@pytest.fixture(scope="module")
def learned():
    """A station that has learned what goes together, and its checkpoint."""
    folding = Folding(config(outcomes={"mode": "none"})).all(pictures(1, LEARNED))
    assert folding.alarms == []
    return folding, folding.core.save()


def again(learned):
    """That station once more, from its checkpoint."""
    before, state = learned
    folding = Folding(before.configuration)
    folding.history.rows = dict(before.history.rows)
    folding.core = Core(folding.configuration, folding.history)
    folding.core.load(state)
    return folding


def station(folding):
    return folding.core._stations["ST4"]


def candidates(folding):
    return station(folding).signals.candidates


@pytest.fixture(scope="module")
def torn(learned):
    return again(learned).all(pictures(2, 600, first=LEARNED) + pictures(3, 1500, first=LEARNED + 600, torn=0.2))


def test_it_learns_from_four_thousand_parts_of_its_own_and_says_how_far_it_is(learned):
    folding, _ = learned
    early = Folding(folding.configuration).all(pictures(1, 900))
    stream = next(s for s in early.station.streams if s.stream == NAME)
    assert (stream.state, stream.parts, stream.parts_needed) == ("learning", 900, LEARNED)
    stream = next(s for s in folding.station.streams if s.stream == NAME)
    assert (stream.state, stream.parts_needed, stream.detail) == ("armed", LEARNED, "")
    channel = next(c for c in folding.station.channels if c.stream == NAME)
    assert (channel.channel, channel.family) == ("novel_share", "novelty")
    assert 0 < channel.smallest_shift < 3


def test_a_line_in_control_stays_silent_and_tells_of_about_one_part_in_a_hundred(learned):
    folding = again(learned).all(pictures(4, 3000, first=LEARNED))
    assert folding.alarms == []
    assert 10 <= folding.station.novel_parts <= 60


def test_parts_whose_channels_do_not_belong_together_are_said_though_each_channel_is_as_ever(torn):
    (alarm,) = torn.alarms
    assert (alarm.alarm_id, alarm.code, alarm.andon, alarm.stream) == ("novel-parts", "novel_parts", "amber", NAME)
    assert "parts unlike any learned" in alarm.text
    assert "Not yet proof" in alarm.text
    assert alarm.evidence.detector == "novelty"
    assert 2 < alarm.evidence.change < 20
    assert LEARNED + 400 <= int(alarm.evidence.onset.part_id[1:]) <= LEARNED + 800
    assert all(incident.hold is None for incident in torn.incidents)
    assert torn.incidents[-1].harm == "not_shown"
    assert torn.incidents[-1].signs[0].family == "novelty"


def test_single_novel_parts_become_candidates_with_what_stood_out(torn):
    found = candidates(torn).since(LEARNED + 601)
    assert len(found) > 40
    assert {one.stream for one in found} == {NAME}
    assert all(one.p <= 0.01 and one.part_id == f"P{one.index - 1:05d}" for one in found)
    assert np.mean([bool({"tilt_x", "tilt_y"} & set(one.channels[:2])) for one in found]) > 0.6


def test_a_restart_at_any_point_changes_neither_alarm_nor_candidate(learned, torn):
    rng = np.random.default_rng(7)
    folding = again(learned)
    for entry in pictures(2, 600, first=LEARNED) + pictures(3, 1500, first=LEARNED + 600, torn=0.2):
        folding.fold(entry)
        if rng.random() < 0.01:
            folding.restarted()
    assert facts(folding.alarms) == facts(torn.alarms)
    assert candidates(folding).latest == candidates(torn).latest
    assert folding.core.save() == torn.core.save()


def test_while_the_whole_picture_is_known_to_have_changed_no_part_is_called_novel(learned):
    folding = again(learned).all(pictures(5, 1500, first=LEARNED, dim=0.75))
    assert [a.alarm_id for a in folding.alarms] == ["picture-light"]
    assert folding.station.novel_parts < 40


def test_the_alarm_is_over_when_novel_parts_have_stayed_away(learned):
    entries = pictures(3, 400, first=LEARNED, torn=0.3)
    folding = again(learned).all(entries + pictures(6, 2500, first=LEARNED + 400))
    assert [a.transition for a in folding.alarms] == ["NORM→UNACK", "UNACK→RTNUN"]
    assert int(folding.alarms[1].part_id[1:]) - int(folding.alarms[0].part_id[1:]) >= 500


@pytest.mark.parametrize("stream", [NAME, "imaging/main//A"])
def test_accepting_what_the_camera_sees_now_learns_novelty_anew_and_ends_its_alarm(learned, stream):
    folding = again(learned).all(pictures(3, 800, first=LEARNED, torn=0.3))
    folding.fold(command("accept_baseline", station="ST4", stream=stream))
    assert folding.alarms[-1].state == "NORM"
    shown = next(s for s in folding.station.streams if s.stream == NAME)
    assert (shown.state, shown.parts) == ("learning", 0)


def test_accepting_another_recipe_leaves_it_alone(learned):
    folding = again(learned).all(
        part(LEARNED + k, row, p=None, recipe="B") for k, row in enumerate(raw_rows(np.random.default_rng(8), 50))
    )
    folding.fold(command("accept_baseline", station="ST4", stream="imaging/main//B"))
    assert {s.stream: s.state for s in folding.station.streams if s.stream.startswith("novelty")} == {
        NAME: "armed",
        "novelty/main//B/": "learning",
    }


def test_a_space_too_many_is_counted(monkeypatch):
    monkeypatch.setattr("agent.core.spaces.MAX_SPACES", 2)
    rows = raw_rows(np.random.default_rng(9), 5)
    folding = Folding().all(part(k, rows[k], recipe=f"R{k}") for k in range(5))
    assert folding.station.counters["too_many_spaces"] == 3


def test_candidates_keep_the_latest_and_survive_a_checkpoint():
    kept = Candidates()
    for k in range(KEPT + 5):
        kept.add(Candidate(k, f"P{k}", NAME, 0.004, ("tilt_x",)))
    assert [one.index for one in kept.latest] == list(range(5, KEPT + 5))
    assert kept.total == KEPT + 5
    loaded = Candidates()
    loaded.load(kept.save())
    assert (loaded.latest, loaded.total) == (kept.latest, kept.total)


def test_the_most_novel_parts_are_asked_for_a_few_in_a_shift_and_never_counted_in_a_rate():
    outcomes = {"mode": "sample", "delay_s": 7200, "audits_per_month": 100_000}
    audits = {"mode": "fraction", "fraction": 1e-6, "least_probability": 1e-6, "deadline_s": 600, "novel_per_shift": 3}
    folding = Folding(config(outcomes=outcomes, audits=audits)).all(pictures(1, LEARNED))
    assert not [m for m in folding.messages if m.kind == "audit"]
    folding.all(pictures(3, 200, first=LEARNED, torn=0.3)).restarted().all(pictures(4, 200, first=LEARNED + 200, torn=0.3))
    asked = [json.loads(m.payload) for m in folding.messages if m.kind == "audit"]
    assert len(asked) == 3
    p_of = {candidate.part_id: candidate.p for candidate in candidates(folding).latest}
    for request in asked:
        assert p_of[request["part_id"]] <= 0.001
        assert request["reason"].startswith("unlike learned parts: tilt_")
        assert "inclusion_probability" not in request
    assert folding.station.audits.counts["candidates"] == 3
