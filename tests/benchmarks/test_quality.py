"""benchmarks/quality in small: the registry stands, numbers come out twice alike, everybody is fed the same."""

import json
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest

from agent.core.streams import Stream, StreamPlan
from benchmarks.quality import charts, defaults, delay, outcomes, page, peers, scenarios
from benchmarks.quality.cells import Cells
from benchmarks.quality.false_alarms import cell
from benchmarks.quality.matched import at_run_length, quickest
from benchmarks.quality.ours import BLOCK, learned
from benchmarks.quality.records import Records, run_length
from detectors.arl import cusum as exact_cusum
from detectors.baseline import Standardiser
from detectors.budget import LEVEL_SHARE
from detectors.channels.table import IMAGE_CHANNELS, SCORE_CHANNELS
from detectors.outcome_gap import OutcomeGap

NULLS, CHANGES = scenarios.load()
AT = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
# crc32 of the first 50 rows of 3 channels, to three decimals. An id is permanent: a new stream gets a new id, these stay.
STREAMS = {
    "iid": 2554037906,
    "ar-03": 775554271,
    "ar-05": 452864619,
    "ar-09": 1913187767,
    "slow-ar": 3509444261,
    "t4": 23621459,
    "lognormal": 2131191772,
    "gamma": 2185404913,
    "ties": 477061934,
    "factor": 1407965553,
    "factor-ar": 3346236823,
    "day-night": 163595087,
    "setups": 1747148057,
    "lots": 889746847,
}


@pytest.mark.parametrize("name", NULLS)
def test_a_scenario_id_stands_for_the_same_stream_for_ever(name):
    x, _ = scenarios.Source(NULLS[name], 3, 0).take(50)
    assert zlib.crc32(np.round(x + 0.0, 3).tobytes()) == STREAMS[name]


@pytest.mark.parametrize("name", NULLS)
def test_a_stream_is_the_same_in_any_pieces_and_has_the_spread_it_says(name):
    whole, _ = scenarios.Source(NULLS[name], 200, 1).take(6_000)
    pieces = scenarios.Source(NULLS[name], 200, 1)
    if not NULLS[name].factor and not NULLS[name].slow and not NULLS[name].offset:  # these draw twice, so that a piece has a say
        np.testing.assert_allclose(np.concatenate([pieces.take(n)[0] for n in (1_000, 5_000)]), whole, atol=1e-12)
    added = NULLS[name].offset ** 2 + NULLS[name].cycle ** 2 / 2.0 + NULLS[name].quantum ** 2 / 12.0
    assert whole.var() == pytest.approx(1.0 + added, rel=0.06)


def test_a_change_does_what_its_fields_say():
    x = np.zeros((1_000, 4))
    assert (CHANGES["step-2"].apply(x) == 2.0).all()
    assert CHANGES["ramp-1"].apply(x)[-1, 0] == 1.0
    assert CHANGES["ramp-1"].apply(x, since=1_000)[-1, 0] == 2.0
    assert (CHANGES["one-of-300"].apply(x) != 0.0).sum(axis=0).tolist() == [1_000, 0, 0, 0]
    assert (CHANGES["spread-2"].apply(x + 1.0) == 2.0).all()
    assert not x.any()


def test_the_monitor_is_the_agents_own_stream_crossing_by_crossing():
    spec = next(spec for spec in (*IMAGE_CHANNELS, *SCORE_CHANNELS) if spec.transform == "none")
    source = scenarios.Source(NULLS["ar-05"], 3, 2)
    x, runs = source.take(600)
    later, more_runs = source.take(400)
    later = CHANGES["step-2"].apply(later)
    plan = StreamPlan("benchmark", (spec,) * 3, np.zeros(3), 1_000.0, 600, 600, steadiness="assumed")
    stream, expected = Stream(plan), []
    for t, row in enumerate(x):
        stream.observe(row, t, int(runs[t]), AT)
    stream.learn(arm=True)
    for t, row in enumerate(later):
        expected += stream.observe(row, t, int(more_runs[t]), AT)
    assert len(expected) > 10
    got = learned(x, runs, 1_000.0 * LEVEL_SHARE, steadiness="assumed").watch(later, more_runs)
    assert [found for found in got if found[0] == "level_shift"] == [
        (f.test, f.crossing) for f in expected if f.test == "level_shift"
    ]


def test_channels_standardised_some_at_a_time_have_the_scores_they_have_all_at_once():
    channels = 2 * BLOCK + 3
    source = scenarios.Source(NULLS["lots"], channels, 1)
    x, runs = source.take(2_000)
    monitor, (later, more) = learned(x, runs, 1e9), source.take(500)
    starts = np.concatenate([[True], more[1:] != more[:-1]])
    assert monitor.by_runs > BLOCK
    np.testing.assert_array_equal(monitor._scores(later, starts), Standardiser(monitor.baseline).apply(later, starts))


def test_the_outcome_column_is_the_outcome_gap():
    audits = outcomes.load()["misses-1"]
    p, bad = audits.draw(np.random.default_rng(5), (3_000, 2))
    claim = np.maximum(p, outcomes.FLOOR)
    evidence = outcomes.Ours(2).statistic(claim, bad)
    for k in range(2):
        crossings = OutcomeGap(500.0).update(np.column_stack([claim[:, k], bad[:, k]]), np.arange(3_000))
        assert crossings[0].at == np.argmax(evidence[:, k] >= 500.0)


def test_a_cell_gives_the_same_numbers_twice_and_counts_what_it_watched():
    small = {"repeats": 2, "parts": 4_000, "channels": 20}
    one, two = (cell(NULLS["setups"], 500, steadiness="assumed", **small) for _ in range(2))
    assert one == two
    assert sum(one["alarms"]) > 0  # nobody can know a set-up that comes after the baseline


@pytest.mark.parametrize("name", ["iid", "slow-ar", "day-night", "setups", "lots"])
def test_from_500_parts_nothing_is_taken_for_steady(name):
    assert cell(NULLS[name], 500, repeats=1, parts=4_000, channels=20)["refused"] == [20]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    measured = []
    for _ in range(2):
        cells = Cells(tmp_path)
        cells.measure("a/b", lambda: measured.append(1) or {"figure": 1.5})
    assert len(measured) == 1
    result = Cells(tmp_path).read("a")[0]
    assert (result["figure"], result["cell"]) == (1.5, "a/b")
    assert result["measured_with"]["commit"]


def test_two_shares_of_a_run_measure_everything_once(tmp_path):
    for share in (1, 2):
        cells = Cells(tmp_path, share=(share, 2))
        for name in "abcde":
            cells.measure(f"q/{name}", lambda share=share: {"share": share})
    assert [result["share"] for result in Cells(tmp_path).read("q")] == [1, 2, 1, 2, 1]


def test_first_passages_agree_with_watching_one_limit():
    rng = np.random.default_rng(3)
    statistic = np.abs(rng.standard_normal((400, 30)))
    records = Records(30)
    for piece in (statistic[:7], statistic[7:300], statistic[300:]):
        records.add(piece)
    over = statistic >= 2.5
    expected = np.where(over.any(axis=0), over.argmax(axis=0) + 1.0, np.inf)
    np.testing.assert_array_equal(records.passages(2.5), expected)
    assert run_length(expected, 400)[1] == int(over.any(axis=0).sum())


def test_the_cusum_has_its_exact_run_length():
    chart, records = charts.cusum(0.5), Records(4_000)
    chart.know(4_000)
    rng = np.random.default_rng(7)
    for _ in range(4):
        records.add(chart.statistic(rng.standard_normal((150, 4_000))))
    arl0, alarms = run_length(records.passages(4.0), 600)
    assert arl0 == pytest.approx(exact_cusum(0.5, 4.0) / 2.0, rel=4.0 / np.sqrt(alarms))  # two sides: half of one (Kemp 1961)


def test_western_electric_rules_fire_where_they_should():
    chart = charts.western_electric()
    for rows, alarm in (
        ([0.0, 3.1], True),
        ([2.1, 0.1, 2.1], True),
        ([2.1, -2.1, 0.1], False),
        ([1.1, 1.1, 0.0, 1.1, 1.1], True),
        ([0.1] * 7, False),
        ([0.1] * 8, True),
    ):
        chart.know(1)
        assert (chart.statistic(np.array(rows)[:, None])[-1, 0] >= 1.0) == alarm, rows


def test_dummies_always_and_never_fire():
    for name, rate in (("always fires", 1e5), ("never fires", 0.0)):
        build, limit = defaults.CHARTS[name]
        chart = build()
        chart.learn(np.random.default_rng(1).standard_normal((100, 3)))
        assert chart.alarms(np.zeros((50, 3)), limit) / 150 * 1e5 == rate


@pytest.mark.parametrize("question", ["level", "outcome"])
def test_a_peer_is_fed_the_baseline_and_then_value_by_value_what_ours_is(question):
    for name, entry in peers.load(question).items():
        assert entry.settings or entry.defaults, name


@pytest.mark.parametrize("name", ["river-adwin", "river-pagehinkley"])
def test_a_library_peer_gives_the_same_numbers_twice_and_finds_a_large_step(name):
    entry = peers.load("level")[name]
    if reason := entry.missing():
        pytest.skip(reason)
    x = np.random.default_rng(2).standard_normal(1_500)
    delays = []
    for _ in range(2):
        peer = entry.build(entry.defaults)
        peer.learn(x[:1_000].tolist())
        delays.append(peers.first_alarm(peer, (x[1_000:] + 3.0).tolist()))
    assert delays[0] == delays[1] < 200


def test_every_result_is_plain_json():
    one = defaults.chart(NULLS["iid"], charts.never(), 1.0)
    assert json.loads(json.dumps(one)) == one


def test_the_delay_of_a_step_is_one_when_the_first_part_alarms():
    class Level:
        def learn(self, x, runs):
            pass

        def statistic(self, x, runs):
            return x

    source = scenarios.Source(NULLS["iid"], 300, 0)
    change = scenarios.Change("jump", level=100.0)
    _, after = delay._records(source, Level(), change, 50.0)
    assert (after.passages(50.0) == 1.0).all()


def test_a_table_goes_between_its_marks_and_the_words_stay():
    page_text = "a\n<!-- table x -->\nold\n<!-- /table -->\nb\n<!-- table y -->\n<!-- /table -->\n"
    written = page.between(page_text, "x", "| new \\1 |")
    assert written == page_text.replace("old", "| new \\1 |")
    assert page.between(written, "x", "old") == page_text
    with pytest.raises(ValueError, match="marks of table z"):
        page.between(page_text, "z", "| new |")


def test_the_page_has_the_marks_of_every_table():
    text = page.PAGE.read_text(encoding="utf-8")
    for name in page.TABLES:
        assert page.between(text, name, "new") != text, name


def test_a_setting_that_alarms_too_often_is_not_a_librarys_best():
    def point(arl0, mean):
        return {"arl0": arl0, "delays": {"step-1": {"mean": mean, "channels": 10, "missed": 0}}}

    points = [point(17_000.0, 5.0), point(18_500.0, 9.0), point(90_000.0, 8.0)]
    assert quickest(points, "step-1", 20_000.0) is points[2]
    assert quickest(points, "step-1", 200_000.0) is None


def test_delays_are_read_between_the_limits_measured_and_not_beyond():
    points = [{"arl0": arl0, "delays": {"step-1": {"mean": mean}}} for arl0, mean in ((1_000.0, 10.0), (100_000.0, 40.0))]
    assert at_run_length(points, "step-1", 10_000.0) == pytest.approx(20.0)
    assert np.isnan(at_run_length(points, "step-1", 500.0))
