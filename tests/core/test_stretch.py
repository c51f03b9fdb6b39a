"""The stretch a stream learns from: whole where short, thinned by blocks where long, the same after a restart."""

import numpy as np
import pytest

from agent.core.streams import Stream, StreamPlan
from agent.core.stretch import BLOCK, Stretch
from detectors.channels import SCORE_CHANNELS
from tests.core.folding import START, timedelta

SPEC = next(spec for spec in SCORE_CHANNELS if spec.transform == "none")


def filled(count, most):
    stretch = Stretch(most)
    for k in range(count):
        stretch.add(np.array([float(k)]), k // 250)
    return stretch


def test_a_short_stretch_is_kept_whole():
    x, runs = filled(2_000, 1_000).arrays()
    assert x[:, 0].tolist() == list(range(2_000))
    assert runs.tolist() == [k // 250 for k in range(2_000)]


def test_a_long_stretch_keeps_whole_blocks_of_all_of_it_with_a_gap_between():
    x, runs = filled(50_000, 1_000).arrays()
    kept = x[np.isfinite(x[:, 0]), 0]
    assert 1_000 <= kept.size <= 2_000 + BLOCK
    assert kept.max() > 45_000
    blocks = kept.reshape(-1, BLOCK)
    assert (np.diff(blocks, axis=1) == 1.0).all()
    gaps = np.flatnonzero(np.isnan(x[:, 0]))
    assert gaps.size == len(blocks) - 1
    assert (runs[np.isfinite(x[:, 0])] == kept // 250).all()


@pytest.mark.parametrize("at", [0, 1, 999, 7_777])
def test_a_restart_changes_no_bit_of_it(at):
    whole, cut = filled(9_000, 1_000), filled(at, 1_000)
    resumed = Stretch(1_000)
    resumed.load(cut.save())
    for k in range(at, 9_000):
        resumed.add(np.array([float(k)]), k // 250)
    for one, two in zip(whole.arrays(), resumed.arrays(), strict=True):
        assert one.tobytes() == two.tobytes()


# --- how long a stream learns


def learning(rows, *, parts=2_000, pitch_s=1.0, **options):
    """A stream of one channel after these rows, and how many it had learned from when it ended Phase I, if it did."""
    stream = Stream(StreamPlan("scores/test", (SPEC,), np.zeros(1), 1e6, parts, 200, **options))
    for k, row in enumerate(rows):
        stream.observe(row, k, 0, START + timedelta(seconds=k * pitch_s))
        if stream.learned_enough:
            stream.learn(arm=True)
            if stream.state != "learning":
                return stream, k + 1
    return stream, None


def test_a_stream_learns_on_while_a_channel_cannot_tell_and_says_so():
    rows = np.random.default_rng(1).standard_normal((4_000, 1))
    stream, ended = learning(rows[:700], parts=600)
    assert (stream.state, ended) == ("learning", None)
    view, _ = stream.views()
    assert view.parts_needed == 1_200
    assert "learning on to 1200 parts" in view.detail
    stream, ended = learning(rows, parts=1_000)
    assert (stream.state, ended) == ("armed", 2_000)


def test_a_stream_that_never_can_tell_ends_at_twice_its_parts():
    stream, ended = learning(np.random.default_rng(2).standard_normal((4_000, 1)), parts=350)
    assert (stream.state, ended) == ("refused", 700)
    assert "cannot tell a steady channel" in stream.baseline.refused[0]


def test_who_vouches_for_steadiness_learns_from_what_was_asked_for():
    stream, ended = learning(np.random.default_rng(3).standard_normal((700, 1)), parts=500, steadiness="assumed")
    assert (stream.state, ended) == ("armed", 500)


def test_a_baseline_spans_the_hours_asked_for_by_the_sources_time():
    rows = np.random.default_rng(4).standard_normal((4_000, 1))
    stream, ended = learning(rows, min_hours=2.0, pitch_s=3.0)
    assert (stream.state, ended) == ("armed", 2_401)
    stream, _ = learning(rows[:2_100], min_hours=2.0, pitch_s=3.0)
    assert stream.views()[0].detail == "1.7 of 2 hours"
