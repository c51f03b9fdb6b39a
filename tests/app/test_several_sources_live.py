"""Outcomes from a broker, a file, the web and the command line at once, live: what is concluded is what a replay concludes."""

from __future__ import annotations

import http.client
import json
import threading
from itertools import pairwise

import msgspec

from agent.app import build
from agent.cli import main as command_line
from agent.config.model import Config
from agent.core.state import pack, unpack
from agent.records import Inspected, Outcome, Told
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from agent.store.reader import Reader
from tests.brokers import Broker, Plant, needs_mosquitto, until
from tests.core.folding import REGISTER, line
from tests.crash.harness import darker, facts, record_lines, stored

ROADS = ("mqtt", "file", "http", "command")
PARTS, HARMFUL, ROUND = 3000, 1500, 250
STATION = {
    "id": "ST4",
    **REGISTER,
    "parts_per_month": 100_000,
    "threshold": 0.5,
    "baseline": {"parts": 800, "min_stream_parts": 300, "steadiness": "assumed"},
    "audits": {"mode": "fraction", "fraction": 0.2, "deadline_s": 3600},
    "outcomes": {
        "audits_per_month": 40_000,
        "max_escape_ppm": 900,
        "sources": [
            {"name": "mqtt", "kind": "audit", "delay_s": 1500},
            {"name": "file", "kind": "recheck", "delay_s": 1500},
            {"name": "http", "kind": "end_of_line", "delay_s": 1500, "confirmed": False},
            {"name": "command", "kind": "customer", "delay_s": 1500},
        ],
    },
}


def rounds():
    """Entries in time order, cut where so many parts are made; each outcome by one road, some parts told of over two."""
    entries = [*line(3, HARMFUL, change=darker), *line(3, PARTS - HARMFUL, first=HARMFUL, escapes=0.12, change=darker)]
    cut, made, told = [[]], 0, 0
    for entry in entries:
        if isinstance(entry, Inspected):
            made += 1
            if made % ROUND == 0:
                cut.append([])
            cut[-1].append(entry)
            continue
        told += 1
        cut[-1].append(_by(entry, ROADS[told % 4]))
        if told % 50 == 0:
            cut[-1].append(_by(entry, ROADS[(told + 1) % 4], contradicts=True))
    return cut


def _by(entry, road, *, contradicts=False):
    record = entry.record
    chance = record.inclusion_probability if road == "mqtt" else None
    defective = record.defective != contradicts
    return Told(msgspec.structs.replace(record, source=road, inclusion_probability=chance, defective=defective))


class Live:
    """The agent in this process, with a tap for each road."""

    def __init__(self, folder, broker):
        self.folder = folder
        self.state = folder / "state"
        self.file, self.parts = folder / "recheck.jsonl", folder / "parts.jsonl"
        taps = [
            {"type": "jsonl", "name": "line", "paths": [str(self.parts)], "trusted": True, "poll_s": 0.05},
            {"type": "jsonl", "name": "file", "paths": [str(self.file)], "poll_s": 0.05},
            {"type": "mqtt", "name": "mqtt", "port": broker.port},
            {"type": "http", "name": "http", "port": 0},
        ]
        agent = {"state_dir": str(self.state), "commit_interval_s": 0.1}
        body = {"agent": agent, "metrics": {"enabled": False}, "stations": [STATION], "taps": taps}
        self.app = build(Config.model_validate(body), SystemClock())
        self._stop = StopEvent()
        self._thread = threading.Thread(target=self.app.run, args=(self._stop,), daemon=True)
        self._thread.start()
        self._plant = Plant(broker)
        until(lambda: self.app.taps["mqtt"].health()["connected"] == 1.0, 15, "subscribed")

    def send(self, entries):
        """Parts first; then the outcomes over all roads at once, and wait until everything is committed."""
        by_road = {road: [] for road in ("line", *ROADS)}
        for entry, raw in zip(entries, record_lines(entries, frames=True), strict=True):
            by_road[entry.record.source if isinstance(entry.record, Outcome) else "line"].append(raw)
        before = stored(self.state)
        _append(self.parts, by_road["line"])
        until(lambda: stored(self.state) == before + len(by_road["line"]), 60, "the parts are there")
        senders = [threading.Thread(target=getattr(self, f"_{road}"), args=(by_road[road],)) for road in ROADS if by_road[road]]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(60)
        until(lambda: stored(self.state) == before + len(entries), 60, "all outcomes are there")

    def _mqtt(self, lines):
        self._plant.publish_all([("linewarden/v1/in/outcome", raw) for raw in lines])

    def _file(self, lines):
        _append(self.file, lines)

    def _http(self, lines):
        connection = http.client.HTTPConnection("127.0.0.1", self.app.taps["http"].port, timeout=30)
        connection.request("POST", "/v1/in/outcome", b"\n".join(lines), {"Content-Type": "application/x-ndjson"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["accepted"]) == (202, len(lines)), answer

    def _command(self, lines):
        batch = self.folder / "customer.jsonl"
        batch.write_bytes(b"\n".join(lines) + b"\n")
        assert command_line.run(["outcome", "import", str(batch), "--state-dir", str(self.state)]) == 0

    def stop(self):
        self._plant.close()
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def _append(path, lines):
    with path.open("ab") as file:
        file.write(b"".join(raw + b"\n" for raw in lines))


def accounts(state):
    """The station's truth, ledger, audits and counters as the last checkpoint has them; what passes with time alone left out."""
    with Reader(state / "linewarden.db") as store:
        (saved,) = store._db.execute("SELECT state FROM checkpoints ORDER BY seq DESC LIMIT 1").fetchone()
    station = unpack(saved)["stations"]["ST4"]
    station["verification"]["ledger"].pop("silent_s")
    return {name: pack(station[name]) for name in ("verification", "counters", "book")}


@needs_mosquitto
def test_four_roads_at_once_end_in_what_a_replay_of_the_journal_ends_in(tmp_path, capsys):
    broker = Broker(tmp_path).start()
    try:
        live = Live(tmp_path, broker)
        for entries in rounds():
            live.send(entries)
        live.stop()
    finally:
        broker.stop()
    with Reader(live.state / "linewarden.db") as store:
        entries = [entry for _, entry in store.entries() if isinstance(entry, Inspected | Told)]
        taps = {entry.tap for entry in entries}
        counters = store.counters()
    assert taps == {"line", "file", "mqtt", "http", "control"}
    assert not [name for name, _ in counters if name in ("refused", "duplicates")]
    orders = [entry.tap for entry in entries if isinstance(entry, Told)]
    assert sum(one != other for one, other in pairwise(orders)) > 50, "the roads must have interleaved"

    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(raw + b"\n" for raw in record_lines(entries, frames=True)))
    again = tmp_path / "again"
    tap = {"type": "jsonl", "name": "line", "mode": "replay", "paths": [str(journal)], "trusted": True}
    body = {"agent": {"state_dir": str(again)}, "metrics": {"enabled": False}, "stations": [STATION], "taps": [tap]}
    build(Config.model_validate(body), SystemClock()).run(StopEvent())

    raised = {fact[0] for fact in facts(live.state)}
    assert raised >= {"bad-parts-passed", "picture-light", "escape-found"}, raised
    assert facts(again) == facts(live.state)
    assert accounts(again) == accounts(live.state)
