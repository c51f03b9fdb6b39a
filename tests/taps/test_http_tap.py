"""The http tap: POSTs of records, answered after the commit, with nobody able to hold it up or come in unasked."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.ports import Refused
from agent.taps import http as http_tap
from agent.taps.http import exchange, serving
from agent.taps.http.body import split
from agent.taps.http.request import KINDS
from tests.app.fuzzing import mixed
from tests.brokers import until
from tests.edges import ListInbox, Running, context, inspection, outcome

TOKEN = "0123456789abcdef0123"
JSON, LINES = "application/json", "application/x-ndjson"


class Agent:
    """The tap, with a core that commits as soon as it is told to."""

    def __init__(self, folder, *, room=1_000_000, commits=True, **options):
        self.inbox = ListInbox(room)
        self.tap = http_tap.build("web", http_tap.Options(port=0, **options), context(folder))
        self.commits = commits
        self.became = "matched"
        self._done = 0
        self._stop = threading.Event()
        self._core = threading.Thread(target=self._commit, daemon=True)

    def _commit(self):
        while not self._stop.wait(0.002):
            if self.commits:
                self.commit()

    def commit(self):
        fresh = self.inbox.deliveries[self._done :]
        self._done += len(fresh)
        for delivery in fresh:
            if not isinstance(delivery.item, Refused):
                delivery.became(self.became)
        self.tap.acknowledge([delivery.receipt for delivery in fresh])

    @contextlib.contextmanager
    def running(self):
        with Running(lambda stop: self.tap.run(self.inbox, None, stop)):
            until(lambda: self.tap.port)
            self._core.start()
            try:
                yield self
            finally:
                self._stop.set()
                self._core.join(5)

    def post(self, body, path="/v1/in", *, type_=JSON, method="POST", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.tap.port, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {**({"Content-Type": type_} if type_ else {}), **given})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer, response

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.tap.port), timeout=10) as sock:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.fixture
def web(tmp_path):
    with Agent(tmp_path).running() as agent:
        yield agent


def test_one_object_an_array_and_lines_are_taken_and_answered_with_what_they_became(web):
    for body, type_, count in (
        (outcome("A"), JSON, 1),
        (json.dumps(json.loads(outcome("B")), indent=2).encode(), JSON, 1),
        (b"[" + outcome("C") + b"," + outcome("D") + b"]", JSON, 2),
        (outcome("E") + b"\n\n" + outcome("F") + b"\r\n", LINES, 2),
        (b"\xef\xbb\xbf" + outcome("G"), "application/json; charset=utf-8", 1),
    ):
        status, answer, _ = web.post(body, type_=type_)
        assert (status, answer) == (202, {"accepted": count, "became": {"matched": count}})
    assert web.inbox.names == list("ABCDEFG")


def test_each_kind_has_its_address_and_defaults_stand_in_it(web):
    assert web.post(outcome("A", station=""), "/v1/in/outcome?source=eol&station=ST7")[0] == 202
    assert web.post(inspection("B"), "/v1/in/inspection")[0] == 202
    assert web.post(b'{"station":"ST4","saw":"other","at":"2026-01-01T00:00:00Z"}', "/v1/in/feedback")[0] == 202
    assert web.post(b'{"station":"ST4","kind":"lamp","at":"2026-01-01T00:00:00Z"}', "/v1/in/event")[0] == 202
    assert [type(item).__name__.lower() for item in web.inbox.items] == ["outcome", "inspection", "feedback", "event"]
    assert web.inbox.items[0].source == "eol"
    assert set(KINDS) == {type(item).__name__.lower() for item in web.inbox.items}


def test_it_is_answered_only_once_everything_is_committed(tmp_path):
    with Agent(tmp_path, commits=False).running() as agent:
        answers = []
        sender = threading.Thread(target=lambda: answers.append(agent.post(outcome("A") + b"\n" + outcome("B"), type_=LINES)[0]))
        sender.start()
        until(lambda: len(agent.inbox.deliveries) == 2)
        assert [d.is_awaited for d in agent.inbox.deliveries] == [False, True]
        agent.tap.acknowledge([agent.inbox.deliveries[0].receipt])
        sender.join(0.3)
        assert answers == []
        agent.tap.acknowledge([agent.inbox.deliveries[1].receipt])
        sender.join(5)
        assert answers == [202]


def test_refused_records_are_told_by_line_and_reason_and_the_others_are_kept(web):
    body = outcome("A") + b"\nnonsense\n" + b'{"part_id":"B","defective":"maybe","observed_at":"2026-01-01T00:00:00Z"}\n'
    body += b'{"verb":"ack","request_id":"r","by":"x","role":"owner"}\n'
    status, answer, _ = web.post(body, type_=LINES)
    assert (status, answer["accepted"], answer["refused"]) == (422, 1, 3)
    assert [(one["line"], one["reason"]) for one in answer["lines"]] == [
        (2, "not_json"),
        (3, "schema"),
        (4, "command_not_allowed"),
    ]
    assert "defective" in answer["lines"][1]["message"]
    status, answer, _ = web.post(inspection("C", type="inspection"), "/v1/in/outcome")
    assert (status, answer["lines"][0]["reason"]) == (422, "wrong_kind")
    assert len([item for item in web.inbox.items if isinstance(item, Refused)]) == 4, "each is counted by the core"


def test_a_record_the_core_failed_on_is_told_as_refused(web):
    web.became = "fold_failed"
    status, answer, _ = web.post(outcome("A"))
    assert (status, answer["accepted"], answer["lines"][0]["reason"]) == (422, 0, "fold_failed")


@pytest.mark.parametrize(
    ("body", "path", "more", "status"),
    [
        (b"", "/v1/in", {}, 400),
        (b"[1,", "/v1/in", {}, 400),
        (b"[" * 5000, "/v1/in", {}, 400),
        (b"{}", "/v1/out", {}, 404),
        (b"{}", "/v1/in/command", {}, 404),
        (b"{}", "/v1/in?token=x", {}, 400),
        (b"{}", "/v1/in", {"method": "PUT"}, 405),
        (None, "/v1/in", {"method": "GET"}, 405),
        (b"{}", "/v1/in", {"method": "OPTIONS"}, 405),
        (b"{}", "/v1/in", {"type_": "text/plain"}, 415),
        (b"{}", "/v1/in", {"type_": "application/x-www-form-urlencoded"}, 415),
        (b"{}", "/v1/in", {"type_": ""}, 415),
        (b"{}", "/v1/in", {"Host": "evil.example"}, 403),
    ],
)
def test_what_cannot_be_taken_is_answered_with_why(web, body, path, more, status):
    got, answer, _ = web.post(body, path, **more)
    assert (got, bool(answer["error"])) == (status, True)
    assert web.inbox.deliveries == []
    assert web.tap.health()[f"answered_{status}"] == 1.0


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}", 400),
        (b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{}", 413),
        (b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", 411),
        (b"POST /v1/in HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"POST /v1/in HTTP/1.1\r\nA: " + b"b" * 20_000, 431),
        (b"POST http://[ HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_a_broken_request_is_answered_and_the_next_one_served(web, raw, status):
    assert web.raw(raw).startswith(f"HTTP/1.1 {status} ".encode())
    assert web.post(outcome("A"))[0] == 202


def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with Agent(tmp_path, max_body_mb=0.01).running() as agent:
        assert agent.post(b" " * 200_000)[0] == 413
        assert agent.raw(b"POST /v1/in HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n")[:13] == (
            b"HTTP/1.1 413 "
        )


def test_who_asks_whether_to_go_on_is_told_so(web):
    body = outcome("A")
    head = f"POST /v1/in HTTP/1.1\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.tap.port), timeout=10) as sock:
        sock.sendall(head.encode())
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(1000).startswith(b"HTTP/1.1 202 ")


def test_the_answer_reaches_who_has_hung_up_their_own_side(web):
    body = outcome("A")
    with socket.create_connection(("127.0.0.1", web.tap.port), timeout=10) as sock:
        sock.sendall(f"POST /v1/in HTTP/1.0\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        sock.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: sock.recv(65536), b"")).startswith(b"HTTP/1.1 202 ")


def test_without_a_token_it_listens_on_loopback_alone():
    for host in ("0.0.0.0", "::", "10.0.0.1", "plant.example"):
        with pytest.raises(ValidationError, match="token_file"):
            http_tap.Options(host=host)
    for host in ("127.0.0.1", "::1", "localhost", "127.8.0.1"):
        assert http_tap.Options(host=host).token_file is None


def test_with_a_token_only_who_shows_it_may_send_and_it_can_be_changed_while_it_runs(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with Agent(tmp_path, token_file=file).running() as agent:
        for shown in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN}x"},
        ):
            status, _, response = agent.post(outcome("A"), **shown)
            assert (status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert agent.post(b"{}", "/v1/other")[0] == 401, "a stranger is told nothing of what there is"
        assert agent.post(outcome("A"), Authorization=f"Bearer {TOKEN}", Host="line-pc.plant")[0] == 202
        file.write_text("another-token-of-length")
        assert agent.post(outcome("A"), Authorization=f"Bearer {TOKEN}")[0] == 401
        assert agent.post(outcome("A"), Authorization="bearer another-token-of-length")[0] == 202
        file.unlink()
        assert agent.post(outcome("A"), Authorization=f"Bearer {TOKEN}")[0] == 503
        assert "cannot be read" in agent.tap.health()["last_error"]
    assert len(agent.inbox.deliveries) == 2


def test_a_short_or_missing_token_stops_it_at_its_start(tmp_path):
    file = tmp_path / "token"
    for text, why in ((None, "cannot be read"), ("short", "at least 16")):
        if text is not None:
            file.write_text(text)
        tap = http_tap.build("web", http_tap.Options(port=0, token_file=file), context(tmp_path))
        with pytest.raises(Exception, match=why), Running(lambda stop, tap=tap: tap.run(ListInbox(), None, stop)) as run:
            until(lambda run=run: run.ended)


def test_a_bare_name_is_a_credential_of_the_unit(tmp_path, monkeypatch):
    (tmp_path / "http_token").write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with Agent(tmp_path, token_file="http_token").running() as agent:
        assert agent.post(outcome("A"), Authorization=f"Bearer {TOKEN}")[0] == 202


def test_a_full_inbox_makes_the_sender_come_again_and_the_others_are_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "BUSY_S", 0.3)
    with Agent(tmp_path, room=2, commits=False).running() as agent:
        status, answer, response = agent.post(b"\n".join(outcome(f"P{k}") for k in range(5)), type_=LINES)
        assert (status, response.headers["Retry-After"]) == (429, "5")
        assert "again" in answer["error"]
        assert agent.post(b"", "/v1/in")[0] == 400
        agent.inbox.room, agent.commits = 100, True
        assert agent.post(b"\n".join(outcome(f"P{k}") for k in range(5)), type_=LINES)[0] == 202


def test_what_is_not_committed_in_time_is_not_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "COMMIT_S", 0.2)
    with Agent(tmp_path, commits=False).running() as agent:
        assert agent.post(outcome("A"))[0] == 503


def test_slow_and_silent_senders_hold_nobody_up_and_are_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "HEAD_S", 0.5)
    with Agent(tmp_path, max_connections=4).running() as agent, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", agent.tap.port), timeout=10)) for _ in range(3)]
        for sock in slow:
            sock.sendall(b"POST /v1")
        assert agent.post(outcome("A"))[0] == 202
        assert all(sock.recv(100).startswith(b"HTTP/1.1 408 ") for sock in slow)
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", agent.tap.port), timeout=10)) for _ in range(8)]
        assert agent.post(outcome("B"))[0] == 202, "it waited in the network until places were free"
        assert crowd


def test_at_the_end_what_is_handed_over_is_still_answered(tmp_path):
    agent = Agent(tmp_path, commits=False)
    answers = []
    with Running(lambda stop: agent.tap.run(agent.inbox, None, stop)):
        until(lambda: agent.tap.port)
        sender = threading.Thread(target=lambda: answers.append(agent.post(outcome("A"))[0]))
        sender.start()
        until(lambda: agent.inbox.deliveries)
        threading.Timer(0.3, agent.commit).start()
    sender.join(5)
    assert answers == [202]


def test_each_request_of_the_testdata_becomes_what_stands_beside_it(web):
    for line in (Path(http_tap.__file__).parent / "testdata/requests.tsv").read_text().splitlines():
        address, body, status, given = line.split("\t")
        before = len(web.inbox.deliveries)
        assert web.post(body.encode(), address)[0] == int(status), line
        items = web.inbox.items[before:]
        assert [i.reason if isinstance(i, Refused) else type(i).__name__.lower() for i in items] == given.split(), line


def test_whatever_is_sent_is_answered_and_every_record_accounted_for(web):
    rng = random.Random(7)
    sent = accepted = refused = 0
    for _ in range(60):
        lines, _ = mixed(rng, 20, first=sent * 2)
        status, answer, _ = web.post(b"\n".join(lines), type_=LINES)
        if status == 400:  # its first line began an array
            continue
        sent += len([line for line in lines if line.strip()])
        accepted += answer["accepted"]
        refused += answer.get("refused", 0)
    assert accepted + refused == sent == len(web.inbox.deliveries)
    assert min(accepted, refused) > sent // 20
    for _ in range(200):
        with contextlib.suppress(OSError):
            web.raw(bytes(rng.randbytes(rng.randrange(1, 400))) + b"\r\n\r\n")
    assert web.post(outcome("LAST"))[0] == 202


def test_bodies_are_split_into_numbered_records():
    assert split(b'{"a":1}') == [(1, b'{"a":1}')]
    assert split(b'{"a":\n1}') == [(1, b'{"a":\n1}')]
    assert split(b'\n{"a":1}\n\n{"b":2}\n') == [(2, b'{"a":1}'), (4, b'{"b":2}')]
    assert split(b'[{"a":1}, {"b":2}]') == [(1, b'{"a":1}'), (2, b'{"b":2}')]
    assert split(b"[]") == []
