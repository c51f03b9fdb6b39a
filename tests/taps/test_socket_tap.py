"""The socket tap against real sockets."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from agent.errors import AgentError
from agent.ports import NOWHERE, Lost, Place, Refused
from agent.records import Frame
from agent.taps.socket import Options, build
from agent.taps.socket import serving as loop
from tests.brokers import free_port, until
from tests.edges import ListInbox, Running, context, inspection, outcome

HELLO = b'{"type":"hello","linetap":1,"client":"c1"}\n'


class Sender:
    """A client as simple as can be: bytes out, lines in."""

    def __init__(self, address: Path | int) -> None:
        if isinstance(address, int):
            self.sock = socket.create_connection(("127.0.0.1", address), 5)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(5)
            self.sock.connect(str(address))
        self.file = self.sock.makefile("rb")

    def send(self, *lines: bytes) -> Sender:
        self.sock.sendall(b"".join(line + b"\n" for line in lines))
        return self

    def answer(self) -> Any:
        return json.loads(self.file.readline() or b"null")

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Serving:
    """A tap being run, committing by hand or at once."""

    def __init__(
        self, folder: Path, inbox: ListInbox | None = None, position: str | None = None, given: Any = None, **options: Any
    ):
        self.path = folder / "t.sock"
        self.inbox = inbox or ListInbox()
        self.tap = build("line", Options(path=self.path, **options), given or context(folder, stations=("ST4", "ST5")))
        self._running = Running(lambda stop: self.tap.run(self.inbox, position, stop))
        self.committed = 0
        self._senders: list[Sender] = []

    def __enter__(self) -> Self:
        self._running.__enter__()
        until(lambda: self.tap.health()["connected"] == 1.0 or self._running.ended, what="the tap listens")
        return self

    def __exit__(self, *error: object) -> None:
        for sender in self._senders:
            sender.close()
        self._running.__exit__(*error)

    def sender(self, address: Path | int | None = None) -> Sender:
        self._senders.append(Sender(self.path if address is None else address))
        return self._senders[-1]

    def commit(self) -> None:
        """All that is in the inbox."""
        fresh = self.inbox.deliveries[self.committed :]
        self.committed += len(fresh)
        self.tap.acknowledge([d.receipt for d in fresh if d.receipt is not None])

    def arrived(self, count: int, timeout_s: float = 10.0) -> None:
        until(lambda: len(self.inbox.deliveries) >= count, timeout_s, f"{count} deliveries, got {len(self.inbox.deliveries)}")


def test_lines_are_delivered_in_order_and_acknowledged_only_when_committed(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender()
        sender.sock.sendall(HELLO)
        assert [sender.answer(), sender.answer()] == [{"hello": 1}, {"ack": 1}]
        sender.send(inspection("p1"), outcome("p1"), inspection("p2"))
        serving.arrived(3)
        sender.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sender.file.readline()
        serving.commit()
        assert serving.inbox.names == ["p1", "p1", "p2"]
        sender.close()


def test_an_acknowledgement_stands_for_every_line_before_it(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender().send(inspection("p1"), b"", b"garbage", inspection("p2"))
        refusal = sender.answer()
        assert (refusal["refused"], refusal["reason"]) == (3, "not_json")
        serving.arrived(3)
        serving.tap.acknowledge([serving.inbox.deliveries[0].receipt])
        assert sender.answer() == {"ack": 1}
        serving.tap.acknowledge([d.receipt for d in serving.inbox.deliveries[1:]])
        assert sender.answer() == {"ack": 4}
        sender.close()


def test_loopback_tcp_speaks_the_same(tmp_path):
    port = free_port()
    with Serving(tmp_path, port=port) as serving:
        assert serving.tap.port == port
        sender = serving.sender(port).send(inspection("p1"))
        serving.arrived(1)
        serving.commit()
        assert sender.answer() == {"ack": 1}
        sender.close()


def test_a_sender_that_closes_at_once_after_sending_is_heard(tmp_path):
    with Serving(tmp_path) as serving:
        serving.sender().send(*(inspection(f"p{i}") for i in range(500))).close()
        serving.arrived(500)
        assert serving.inbox.names == [f"p{i}" for i in range(500)]
        serving.commit()
        until(lambda: serving.tap.health()["clients"] == 0.0)


def test_a_sender_that_only_ends_its_own_side_still_gets_its_acknowledgement(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender().send(inspection("p1"))
        sender.sock.shutdown(socket.SHUT_WR)
        serving.arrived(1)
        serving.commit()
        assert sender.answer() == {"ack": 1}
        assert sender.file.readline() == b""
        sender.close()


def test_a_picture_is_measured_before_the_line_is_acknowledged_and_its_bytes_are_let_go(tmp_path):
    with Serving(tmp_path, frames_dir=tmp_path) as serving:
        picture = base64.b64encode(b"x" * 262_144).decode()
        serving.sender().send(inspection("p1", image_inline=picture), inspection("p2", image="a.png"))
        serving.arrived(2)
        assert [d.frame.table for d in serving.inbox.deliveries] == [1, 1]
        assert serving.inbox.items[0].image_inline == b""
        assert serving.tap._reading._intake._measurer.asked == [(262_144, "", str(tmp_path)), (0, "a.png", str(tmp_path))]


def test_commands_are_taken_only_where_the_tap_is_told_so(tmp_path):
    command = b'{"verb":"ack","request_id":"r1","by":"mia","role":"operator","target":{"occurrence_id":"o1"}}'
    for allowed, name in ((False, "command_not_allowed"), (True, "Command")):
        with Serving(tmp_path, commands=allowed) as serving:
            serving.sender().send(command)
            serving.arrived(1)
            assert serving.inbox.names == [name]


def test_another_protocol_is_answered_counted_and_hung_up_on(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender().send(b'{"type":"hello","linetap":2}', inspection("p1"))
        assert sender.answer() == {"error": "linetap must be 1, got 2"}
        serving.arrived(1)
        serving.commit()
        rest = sender.file.read()
        assert b"wrong_protocol" in rest
        assert serving.inbox.names == ["wrong_protocol"]


# --- hostile input ------------------------------------------------------------------------------------------------------------


def test_a_line_longer_than_any_record_is_refused_in_bounded_memory_and_the_next_is_read(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender()
        for _ in range(5 * 16):
            sender.sock.sendall(b"x" * 65_536)
        sender.send(b"", inspection("p1"))
        serving.arrived(2)
        assert serving.inbox.names == ["too_large", "p1"]


def test_a_line_the_connection_ended_in_is_counted_and_never_read_as_a_record(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender()
        sender.sock.sendall(inspection("p1") + b"\n" + inspection("p2"))
        sender.close()
        serving.arrived(2)
        assert serving.inbox.names == ["p1", "cut_off"]


def test_garbage_is_refused_line_by_line_and_the_connection_goes_on(tmp_path):
    with Serving(tmp_path) as serving:
        serving.sender().send(
            b"\xff\xfe\x00",
            b"[" * 5000,
            b"{}",
            b'"x"',
            b'{"type":"lost"}',
            b'{"type":["lost"]}',
            b'{"type":"hello"}',
            inspection("p1"),
        )
        serving.arrived(8)
        reasons = ["not_json", "not_json", "unknown_type", "not_json", "schema", "schema", "schema", "p1"]
        assert serving.inbox.names == reasons


def test_a_sender_that_reads_no_answer_costs_bounded_memory_and_is_read_on(tmp_path):
    with Serving(tmp_path, records_per_s=100_000) as serving:
        sender = serving.sender()
        for _ in range(20):
            sender.send(*[b"garbage"] * 1000)
        serving.arrived(20_000)
        serving.commit()
        sender.close()


def test_a_sender_that_answers_to_nothing_is_let_go(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender().send(inspection("p1"))
        serving.arrived(1)
        sender.close()
        serving.commit()
        until(lambda: serving.tap.health()["clients"] == 0.0)


def test_one_process_can_hold_half_the_connections_and_is_told_when_it_wants_more(tmp_path):
    with Serving(tmp_path, max_connections=4) as serving:
        senders = [serving.sender() for _ in range(2)]
        until(lambda: serving.tap.health()["clients"] == 2.0)
        refused = serving.sender()
        assert refused.answer() == {"error": "too many connections"}
        assert serving.tap.health()["connections_refused"] == 1.0
        senders[0].send(inspection("p1"))
        serving.arrived(1)


def test_a_connection_long_silent_gives_way_to_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SILENT_S", 0.05)
    with Serving(tmp_path, max_connections=2) as serving:
        silent = serving.sender()
        until(lambda: serving.tap.health()["clients"] == 1.0)
        time.sleep(0.1)
        serving.sender().send(inspection("p1"))
        serving.arrived(1)
        assert silent.answer() is None


# --- quotas -------------------------------------------------------------------------------------------------------------------


def test_a_station_over_its_quota_is_made_to_wait_and_nothing_of_it_is_lost(tmp_path):
    with Serving(tmp_path, records_per_s=100, burst_s=1) as serving:
        started = time.monotonic()
        serving.sender().send(*(inspection(f"p{i}") for i in range(200)))
        serving.arrived(200)
        assert time.monotonic() - started > 0.8
        assert serving.inbox.names == [f"p{i}" for i in range(200)]
        assert serving.tap.health()["throttled_records"] > 10


def test_bytes_count_too(tmp_path):
    with Serving(tmp_path, mb_per_s=0.1, burst_s=1) as serving:
        started = time.monotonic()
        note = {"note": "x" * 250}
        serving.sender().send(*(inspection(f"p{i}", **{f"n{k}": note for k in range(40)}) for i in range(20)))
        serving.arrived(20)
        assert time.monotonic() - started > 0.8
        assert serving.tap.health()["throttled_bytes"] > 0


def test_a_flood_of_one_station_delays_no_record_of_another(tmp_path):
    with Serving(tmp_path, records_per_s=50, burst_s=1) as serving:
        flood = serving.sender()
        flood.sock.settimeout(0)
        lines = b"".join(inspection(f"f{i}") + b"\n" for i in range(2_500))
        normal = serving.sender()
        slowest = 0.0
        for i in range(40):
            with contextlib.suppress(BlockingIOError):
                flood.sock.send(lines)
            sent = time.monotonic()
            normal.send(inspection(f"n{i}", station="ST5"))
            until(lambda i=i: f"n{i}" in serving.inbox.names, what=f"n{i}")
            slowest = max(slowest, time.monotonic() - sent)
            time.sleep(0.025)
        assert slowest < 0.25
        assert sum(name.startswith("f") for name in serving.inbox.names) < 250


def test_two_senders_of_one_station_share_its_quota(tmp_path):
    with Serving(tmp_path, records_per_s=50, burst_s=1) as serving:
        flood, normal = serving.sender(), serving.sender()
        flood.send(*(inspection(f"f{i}") for i in range(300)))
        serving.arrived(60)
        normal.send(*(inspection(f"n{i}") for i in range(10)))
        until(lambda: sum(name.startswith("n") for name in serving.inbox.names) == 10, 1.5, "the normal sender's records")


def test_a_sender_of_pictures_that_take_seconds_does_not_starve_the_others(tmp_path):
    class SlowMeasurer:
        def measure(self, image: bytes, path: str, frames_dir: str, place: Place = NOWHERE) -> Frame:
            time.sleep(0.2)
            return Frame(table=1, missing="timeout")

        def close(self) -> None: ...

    given = replace(context(tmp_path, stations=("ST4", "ST5")), measurer=SlowMeasurer())
    with Serving(tmp_path, given=given, frames_dir=tmp_path) as serving:
        serving.sender().send(*(inspection(f"s{i}", image="x.png") for i in range(50)))
        serving.arrived(1)
        quick = serving.sender()
        for i in range(100):
            quick.send(inspection(f"q{i}", station="ST5"))
            time.sleep(0.01)
        until(lambda: sum(name.startswith("q") for name in serving.inbox.names) == 100, 1.0, "all quick records")
        assert sum(name.startswith("s") for name in serving.inbox.names) < 12


# --- losses -------------------------------------------------------------------------------------------------------------------


def lost(number: int, **counts: int) -> bytes:
    return json.dumps({"type": "lost", "number": number, "station": "ST4", "counts": counts}).encode()


def test_a_loss_report_is_counted_by_reason_and_acknowledged(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender()
        sender.sock.sendall(HELLO)
        sender.send(lost(1, buffer_full=7, sunspots=2, invalid=0))
        serving.arrived(1)
        item = serving.inbox.items[0]
        assert isinstance(item, Lost)
        assert (item.counts, item.station) == ((("buffer_full", 7), ("other", 2)), "ST4")
        serving.commit()
        assert [sender.answer() for _ in range(3)][-1] == {"ack": 2}
        assert serving.tap.health()["lost"] == 9.0


def test_a_loss_report_sent_again_is_counted_once_even_over_a_restart(tmp_path):
    with Serving(tmp_path) as serving:
        for part in ("p1", "p2"):
            sender = serving.sender()
            sender.sock.sendall(HELLO)
            sender.send(lost(1, buffer_full=7), inspection(part))
            until(lambda part=part: serving.inbox.names[-1:] == [part])
            sender.close()
        reports = [d for d in serving.inbox.deliveries if isinstance(d.item, Lost)]
    assert len(reports) == 1
    with Serving(tmp_path, position=reports[0].position) as serving:
        sender = serving.sender()
        sender.sock.sendall(HELLO)
        sender.send(lost(1, buffer_full=7), lost(2, buffer_full=1))
        serving.arrived(1)
        assert serving.inbox.items[0].counts == (("buffer_full", 1),)


# --- the socket file ----------------------------------------------------------------------------------------------------------


def test_the_file_has_the_permissions_and_group_configured(tmp_path):
    import grp

    group = grp.getgrgid(os.getgid()).gr_name
    with Serving(tmp_path, mode="600", group=group) as serving:
        status = serving.path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_gid == os.getgid()
    assert not serving.path.exists()


def test_a_stale_file_is_replaced_and_a_living_one_is_not(tmp_path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "t.sock"))
    stale.close()
    with Serving(tmp_path) as serving:
        other = build("other", Options(path=serving.path), context(tmp_path))
        with (
            pytest.raises(AgentError, match="another process listens"),
            Running(lambda stop: other.run(ListInbox(), None, stop)) as run,
        ):
            until(lambda: run.ended)
        serving.sender().send(inspection("p1"))
        serving.arrived(1)


def test_what_is_no_socket_is_left_alone(tmp_path):
    (tmp_path / "t.sock").write_text("precious")
    tap = build("line", Options(path=tmp_path / "t.sock"), context(tmp_path))
    with pytest.raises(AgentError, match="is no socket"), Running(lambda stop: tap.run(ListInbox(), None, stop)) as run:
        until(lambda: run.ended)
    assert (tmp_path / "t.sock").read_text() == "precious"


def test_an_unknown_group_and_a_missing_folder_are_said_with_a_hint(tmp_path):
    for options, words in (
        ({"group": "nobody-of-that-name"}, "there is no group"),
        ({"path": tmp_path / "no/t.sock"}, "No such file"),
    ):
        tap = build("line", Options(**{"path": tmp_path / "t.sock", **options}), context(tmp_path))
        with (
            pytest.raises(AgentError, match=words) as caught,
            Running(lambda stop, tap=tap: tap.run(ListInbox(), None, stop)) as run,
        ):
            until(lambda run=run: run.ended)
        assert "`group` of the tap" in caught.value.hint
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_tidied_away_is_noticed_so_that_the_supervisor_starts_again(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOOK_S", 0.05)
    tap = build("line", Options(path=tmp_path / "t.sock"), context(tmp_path))
    run = Running(lambda stop: tap.run(ListInbox(), None, stop))
    until(lambda: tap.health()["connected"] == 1.0)
    (tmp_path / "t.sock").unlink()
    until(lambda: run.ended)
    assert isinstance(run.error, AgentError)
    assert "was removed" in str(run.error)


def test_the_default_place_is_the_runtime_directory_else_the_state_folder_however_deep(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/run/other")
    assert build("line", Options(), context(tmp_path / "state"))._path == tmp_path / "linetap.sock"
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    tap = build("line", Options(), context(deep))
    with Running(lambda stop: tap.run(ListInbox(), None, stop)):
        until((deep / "linetap.sock").exists)
    assert list(deep.iterdir()) == []


def test_refusals_are_told_to_the_sender_and_counted(tmp_path):
    with Serving(tmp_path) as serving:
        sender = serving.sender().send(b'{"part_id":"p1","verdict":"maybe"}')
        answer = sender.answer()
        assert answer["reason"] == "schema"
        serving.arrived(1)
        assert isinstance(serving.inbox.items[0], Refused)
        until(lambda: serving.tap.health()["refused"] == 1.0)
        assert str(serving.tap.health()["last_error"]).startswith("schema: ")
