"""What the mqtt sink fills in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from agent.documents import OutMessage
from agent.ports import OutRow
from agent.runtime.clock import ManualClock
from agent.sinks import mqtt
from agent.sinks.mqtt.lane import Lane
from agent.sinks.mqtt.sending import FIRST_FAILURE, NO_MATCHING_SUBSCRIBERS
from agent.sinks.mqtt.wire import Stamp, andon_code, cursor
from tests.edges import MemoryOutbox

DATA = Path(mqtt.__file__).parent / "testdata"


class Synced(ManualClock):
    def is_synced(self) -> bool:
        return True


def andon() -> OutMessage:
    return OutMessage("andon/ST4/request", (DATA / "andon.json").read_bytes(), 1, True, "andon")


def test_the_andon_request_of_the_testdata_is_sent_as_stands_beside_it():
    row = OutRow(7, andon(), datetime(2026, 3, 2, 6, tzinfo=UTC))
    sent = Stamp("boot", 60.0, Synced(datetime(2026, 3, 2, 6, 0, 1, tzinfo=UTC))).row(row, replay=False)
    assert json.loads(sent) == json.loads((DATA / "andon.sent.json").read_bytes())
    assert andon_code(andon()) == ("andon/ST4/code", b"2")


def test_a_cursor_is_a_count_and_nothing_else():
    assert [cursor(p) for p in (b"3", b'{"seq": 4}', b"0")] == [3, 4, 0]
    assert {cursor(p) for p in (b"-1", b"1.5", b"true", b"null", b"{}", b"", b"\xff", b"[" * 5000)} == {None}


def test_a_lane_counts_as_confirmed_only_what_has_nothing_unconfirmed_before_it():
    outbox = MemoryOutbox()
    outbox.commit(*[andon()] * 4)
    lane = Lane(outbox, 0, 3)
    first, second, third = lane.next(), lane.next(), lane.next()
    assert lane.next() is None
    second.confirmed = third.confirmed = True
    lane.settle()
    assert (lane.confirmed_to, lane.is_done) == (0, False)
    first.confirmed = True
    lane.settle()
    assert (lane.confirmed_to, lane.is_done) == (3, True)


def test_a_lane_whose_rows_were_deleted_by_retention_ends_where_it_should():
    outbox = MemoryOutbox()
    lane = Lane(outbox, 0, 5)
    assert lane.next() is None
    lane.settle()
    assert (lane.confirmed_to, lane.is_done) == (5, True)


def test_the_refused_reason_counted_is_the_brokers_word():
    assert ReasonCode(PacketTypes.PUBACK, "Not authorized").value >= FIRST_FAILURE
    assert ReasonCode(PacketTypes.PUBACK, "No matching subscribers").value == NO_MATCHING_SUBSCRIBERS
