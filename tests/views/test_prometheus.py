"""The Prometheus view over real HTTP, checked by promtool."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.config.model import MetricsSection
from agent.documents import AlarmDoc, AndonDoc, HoldDoc, IncidentDoc
from agent.ports import (
    AuditsView,
    BlindSpotView,
    ChallengeView,
    ChannelView,
    LimitView,
    MeasurementView,
    Snapshot,
    StationView,
    StreamView,
)
from agent.views.prometheus import PrometheusView
from agent.views.prometheus.metrics import MAX_REASONS, MAX_STREAMS
from agent.views.prometheus.server import MAX_READS
from tests.brokers import until
from tests.edges import FixedSnapshots, Running

AT = datetime(2026, 1, 1, tzinfo=UTC)


def station(streams: int = 1, counters: dict[str, int] | None = None) -> StationView:
    names = [f'main/recipe {i}\n"\\' for i in range(streams)]
    channels = tuple(
        ChannelView(name, channel, "lighting", 5.0, 10.0, 7, 0.02, shift, "%", refused)
        for name in names
        for channel, shift, refused in (("log_luminance", 3.0, ""), ("contrast", float("nan"), "too little variation"))
    )
    lamp = LimitView("lamp", "main", None, "luminance", "grey level", 70.0, "below", 30.0, 44, -0.4, 33.0, 25.0, 41.0, 0.0,
                     is_informative=True, is_due=True, evidence=50.0, threshold=500.0)  # fmt: skip
    still = replace(lamp, limit="focus", days=math.inf, latest=math.inf, more_days=math.inf, is_informative=False, is_due=False)
    limits = (lamp, still)
    return StationView(
        "ST4", "armed", "unverified", 10, 7, 3, 5, 4, "armed", 2.0, 8.0, 0.5, 1.0, AT,
        tuple(StreamView(name, "armed", 10, 4000, "") for name in names), channels, counters or {"late_inspections": 2},
        AndonDoc(station="ST4", colour="amber", pattern="steady", sound=False, code=2, because="a", text="t"), limits, 12,
        tuple(MeasurementView("main", f'm{i}\n"', "not declared") for i in range(300)),
    )  # fmt: skip


def full(**more: Any) -> Snapshot:
    alarm = AlarmDoc("a", "o", "ST4", "main", "UNACK", "", True, False, "warning", "amber", "L1", "t", "r", "p", AT, AT)
    hold = HoldDoc("i1", "ST4", "r", "arming", "p1", AT, "p9", AT, 9, (), True)
    incident = IncidentDoc("i1", "ST4", AT, ("o",), None, hold, True)
    return Snapshot(
        AT, AT, "boot", "1.2", 99, (station(),), (alarm,), (incident,), (hold,),
        {("refused", "line:not_json"): 3, ("duplicates", "line"): 2, ("unknown_station", "event"): 1,
         ("lost_records", "line:buffer_full"): 42},
        {"line": {"connected": 1.0, "records": 5.0, "last_error": "text"}},
        {"plant": {"connected": 0.0, "publish_refused:not_authorized": 2.0}}, 4, 1, 4096,
    )  # fmt: skip


class Served:
    def __init__(self, snapshot: Snapshot, port: int = 0) -> None:
        self.shots = FixedSnapshots(snapshot)
        self.view = PrometheusView(MetricsSection(port=port))
        self.running = Running(lambda stop: self.view.run(self.shots, stop))
        until(lambda: self.view.port > 0, what="view listens")

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.view.port}{path}", timeout=5) as answer:
            return answer.read()

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(self.get("/metrics").decode())
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@pytest.fixture
def served():
    served = Served(full())
    with served.running:
        yield served


def at(samples: Any, name: str, **labels: str) -> float:
    return samples[f"linewarden_{name}", frozenset(labels.items())]


def test_the_snapshot_is_shown_with_units_in_the_names(served):
    samples = served.samples()
    assert at(samples, "parts_total", station="ST4", verdict="ng") == 3
    assert at(samples, "station_state", station="ST4", state="armed") == 1
    assert at(samples, "station_state", station="ST4", state="learning") == 0
    assert at(samples, "last_capture_time_seconds", station="ST4") == AT.timestamp()
    assert at(samples, "outcome_evidence_ratio", station="ST4") == 0.25
    assert at(samples, "measurements_not_watched", station="ST4", why="not declared") == 300
    assert at(samples, "channel_evidence_ratio", station="ST4", stream='main/recipe 0\n"\\', channel="log_luminance") == 0.5
    assert at(samples, "channel_watched", station="ST4", stream='main/recipe 0\n"\\', channel="contrast") == 0
    assert at(samples, "alarms_active", station="ST4", priority="warning") == 1
    assert at(samples, "alarms_active", station="ST4", priority="critical") == 0
    assert at(samples, "held_parts", station="ST4") == 9
    assert at(samples, "refused_records_total", tap="line", reason="not_json") == 3
    assert at(samples, "duplicate_records_total", tap="line") == 2
    assert at(samples, "other_records_total", kind="unknown_station") == 1
    assert at(samples, "lost_records_total", tap="line", reason="buffer_full") == 42
    assert at(samples, "tap_connected", tap="line") == 1
    assert at(samples, "sink_connected", sink="plant") == 0
    assert at(samples, "sink_troubles_total", sink="plant", kind="publish_refused", reason="not_authorized") == 2
    assert at(samples, "andon_code", station="ST4") == 2


def test_limits_show_the_days_left_with_their_interval_and_never_as_infinite(served):
    samples = served.samples()
    assert [at(samples, "limit_distance", station="ST4", limit="lamp", bound=b) for b in ("estimate", "earliest", "latest")] == [
        33,
        25,
        41,
    ]
    assert at(samples, "limit_distance", station="ST4", limit="focus", bound="latest") == math.inf
    assert at(samples, "limit_due", station="ST4", limit="lamp") == 1
    assert at(samples, "limit_informative", station="ST4", limit="focus") == 0
    assert at(samples, "limit_informative_after", station="ST4", limit="focus") == math.inf
    assert at(samples, "limit_evidence_ratio", station="ST4", limit="lamp") == 0.1
    assert at(samples, "novel_parts_total", station="ST4") == 12


def test_each_set_of_check_parts_is_shown_with_its_state_and_counts(served):
    one = ChallengeView(
        "holes", "hole", "defective", "B", "due", "time", 900, 5000, 28800.0, 60.0, AT, 5, 3, 1, 2, 20, 1, 5.0, 10.0
    )
    served.shots.snapshot = replace(full(), stations=(replace(station(), challenges=(one,), correctness="overdue"),))
    samples, key = served.samples(), {"station": "ST4", "set": "holes", "failure_mode": "hole"}
    assert at(samples, "station_correctness", station="ST4", correctness="overdue") == 1
    assert at(samples, "challenge_state", **key, state="due") == 1
    assert at(samples, "challenge_parts_at_risk", **key) == 900
    assert at(samples, "challenge_checks_total", **key, result="overdue") == 2
    assert at(samples, "challenge_misses_total", **key) == 1
    assert at(samples, "challenge_evidence_ratio", **key) == 0.5


def test_audits_and_the_blind_spot_are_shown_endless_or_unknown_as_they_are(served):
    audits = AuditsView("fraction", 0.01, True, 41.5, 0.02, 0.0, 7, {"sampled": 40, "missed_sample": 2}, ())
    blind = tuple(BlindSpotView(mode, 0.2, days, 14.0, 7) for mode, days in (("hole", 2.5), ("crack", float("inf"))))
    served.shots.snapshot = replace(full(), stations=(replace(station(), audits=audits, blind_spots=blind),))
    samples = served.samples()
    assert at(samples, "audit_probability", station="ST4") == 0.01
    assert at(samples, "audits_expected_total", station="ST4") == 41.5
    assert at(samples, "audit_requests_total", station="ST4", what="missed_sample") == 2
    assert at(samples, "blind_spot_days", station="ST4", failure_mode="hole") == 2.5
    assert at(samples, "blind_spot_days", station="ST4", failure_mode="crack") == float("inf")


def test_a_scrape_shows_the_snapshot_of_that_moment_and_nothing_is_kept(served):
    served.shots.snapshot = replace(full(), seq=100)
    assert at(served.samples(), "journal_entries_total") == 100
    served.shots.snapshot = replace(full(), stations=())
    assert not [name for name, _ in served.samples() if name == "linewarden_parts_total"]


def test_every_name_is_prefixed_except_the_process_figures(served):
    assert {name.partition("_")[0] for name, _ in served.samples()} == {"linewarden", "process"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: apt-get install -y prometheus")
def test_promtool_finds_nothing_to_say_about_full_and_empty_snapshots(served):
    for snapshot in (full(), Snapshot(AT, AT, "b", "0", 0)):
        served.shots.snapshot = snapshot
        checked = subprocess.run(["promtool", "check", "metrics"], input=served.get("/metrics"), capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_series_stay_bounded_whatever_records_make_up(served):
    served.shots.snapshot = replace(full(), stations=(station(10 * MAX_STREAMS, {f"frame_{i}": 1 for i in range(1000)}),),
                                    counters={("refused", f"line:r{i}"): 1 for i in range(1000)})  # fmt: skip
    samples = served.samples()
    assert len([1 for name, _ in samples if name == "linewarden_stream_parts"]) == MAX_STREAMS
    assert len([1 for name, _ in samples if name == "linewarden_station_records_total"]) == MAX_REASONS + 1
    assert at(samples, "station_records_total", station="ST4", reason="other") == 1000 - MAX_REASONS
    assert at(samples, "refused_records_total", tap="line", reason="other") == 1000 - MAX_REASONS
    assert at(samples, "streams_not_shown", station="ST4") == 9 * MAX_STREAMS


def test_health_answers_and_anything_else_is_not_found(served):
    assert b'"serving":true' in served.get("/healthz")
    with pytest.raises(urllib.error.HTTPError) as caught:
        served.get("/etc/passwd")
    assert caught.value.code == 404
    caught.value.close()


def test_a_client_that_says_nothing_or_nonsense_does_not_stop_the_view(served):
    with (
        socket.create_connection(("127.0.0.1", served.view.port)) as silent,
        socket.create_connection(("127.0.0.1", served.view.port)) as rude,
    ):
        rude.sendall(b"\x00\xff" * 1000 + b"\n\n")
        silent.sendall(b"GET")
        assert served.samples()


def test_a_client_that_sends_byte_by_byte_is_let_go(served):
    with socket.create_connection(("127.0.0.1", served.view.port)) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = 0

        def is_let_go():
            nonlocal sent
            try:
                sent += slow.send(b"x")
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False

        until(is_let_go, what="the view hangs up")
        assert sent >= MAX_READS
        assert served.samples()


def test_it_is_back_on_its_port_at_once_after_a_restart_whoever_scraped_it_last():
    first = Served(full())
    with first.running:
        first.get("/metrics")
        port = first.view.port
    second = Served(full(), port)
    with second.running:
        assert second.view.port == port
        assert b"linewarden_" in second.get("/metrics")


def test_a_port_that_is_taken_is_an_error_for_the_supervisor():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        view = PrometheusView(MetricsSection(port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use"):
            view.run(FixedSnapshots(), None)  # type: ignore[arg-type]
