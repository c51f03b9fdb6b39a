"""`linewarden estimates` and the rates in `status` and `/metrics`: what a quality engineer reads, and what never stands alone."""

import json

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agent.cli import access, reading
from agent.cli import main as command_line
from agent.ports import Snapshot
from agent.runtime.snapshots import SnapshotBox
from agent.views.prometheus.metrics import SnapshotCollector
from tests.core.folding import START, Folding, config
from tests.core.test_estimates import CHALLENGED, biased, sources


@pytest.fixture(scope="module")
def seen():
    """A station with a sensitivity of 80 %, all rejects and a fiftieth of the passes re-checked, as the control socket shows it."""
    view = Folding(config(outcomes=sources(), tier=1, **CHALLENGED)).all(biased(5)).core.view()
    return Snapshot(START, START, "boot", "0", 1, view.stations, view.alarms, view.incidents, view.holds)


@pytest.fixture
def ask(seen, monkeypatch, capsys):
    shown = msgspec.json.decode(msgspec.json.encode(seen))
    for module in (access, reading):
        monkeypatch.setattr(module, "snapshot", lambda _: shown)

    def run(*arguments, code=0):
        assert command_line.run(list(arguments)) == code
        return capsys.readouterr()

    return run


def rows(text):
    lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_the_printed_sensitivity_holds_80_percent_and_the_naive_one_is_printed_beside_it_alone(ask):
    (miss,) = [r for r in rows(ask("estimates").out) if (r["figure"], r["from"], r["mode"]) == ("miss rate", "audits", "all")]
    low, high = (float(word) for word in miss["bounds at any time"].replace("%", "").split("to"))
    assert low <= 20.0 <= high
    assert float(miss["naive"].removesuffix(" %")) < 1.0
    assert float(miss["estimate"].removesuffix(" %")) == pytest.approx(20.0, abs=10.0)


def test_what_is_shipped_is_read_in_ppm_and_judged_against_the_tiers_limit(ask):
    escape = next(r for r in rows(ask("estimates", "--period", "all").out) if r["figure"] == "escape rate")
    assert escape["estimate"].endswith(" ppm")
    assert escape["judged"] == "beyond 50 ppm"


def test_a_mode_without_presentations_says_how_many_it_needs(ask):
    miss = [r for r in rows(ask("estimates", "--mode", "hole").out) if r["from"] == "check parts"]
    assert [r["judged"] for r in miss] == ["not informative for 2 %, 149 more needed"]
    assert miss[0]["estimate"] == "not known"


def test_json_has_every_month_and_the_curve(ask):
    (station,) = json.loads(ask("estimates", "--json").out)
    assert {v["month"] for v in station["estimates"]} == {"2026-01", "all"}
    assert station["curve"]
    (only,) = json.loads(ask("estimates", "--json", "--period", "all", "--mode", "").out)
    assert [(v["month"], v["failure_mode"]) for v in only["estimates"]] == [("all", "")]


def test_the_curve_is_printed_and_the_claims_stand_beside_what_was_observed(ask):
    told = ask("estimates", "--curve")
    assert rows(told.out)[0]["claimed bad"] == "2 %"
    assert "claimed by the model" in ask("estimates").err


def test_another_station_is_named(ask):
    assert "no station ST9" in ask("estimates", "--station", "ST9", code=1).err


def test_help_says_what_each_figure_means_and_how_to_go_on(ask):
    text = ask("estimates", "--help").out
    for words in ("ppm shipped", "naive", "not informative", "docs/estimates.md", "linewarden estimates --curve"):
        assert words in text


def test_status_shows_the_three_rates_without_a_naive_figure(ask):
    text = ask("status").out
    shown = [line for line in text.splitlines() if "escape rate (audits)" in line or "miss rate" in line or "overkill rate" in line]
    assert len(shown) == 4  # audits and check parts have a miss rate each
    assert "naive" not in text


def test_metrics_have_bounded_labels_and_no_naive_figure(seen):
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(SnapshotBox(seen)))
    text = generate_latest(registry).decode()
    assert "naive" not in text
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}
    where = 'failure_mode="",recipe="",source="audits",station="ST4"'
    low, high = (values[f'linewarden_miss_rate_ratio{{bound="{bound}",{where}}}'] for bound in ("low", "high"))
    assert low <= 0.2 <= high
    assert (
        values['linewarden_estimate_judgement{failure_mode="",figure="escape_rate",recipe="",source="audits",station="ST4"}'] == 1
    )
    needed = 'linewarden_estimate_needed_parts{failure_mode="hole",figure="miss_rate",recipe="",source="check_parts",station="ST4"}'
    assert values[needed] == 149
    assert values['linewarden_claimed_escape_ratio{station="ST4"}'] == pytest.approx(0.02)
