"""One connection's worth of sending: how things stand, then live rows, then the backlog at a limited rate."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

from agent.documents import OutMessage
from agent.mqtt_link import troubles
from agent.mqtt_link.account import Account
from agent.mqtt_link.events import FIRST_FAILURE
from agent.mqtt_link.link import Link
from agent.ports import Clock, Outbox, Snapshot
from agent.sinks.mqtt import wire
from agent.sinks.mqtt.lane import PAGE_ROWS, Lane, Sending
from agent.sinks.mqtt.options import Options

NO_MATCHING_SUBSCRIBERS = 0x10
MAX_REFUSED_WAITING = 1000


@dataclass(slots=True)
class Figures:
    """Counted over the sink's life; the last two are the present state."""

    sent: int = 0
    confirmed: int = 0
    replayed: int = 0
    superseded: int = 0
    nobody_listened: int = 0
    in_flight: int = 0
    refused_waiting: int = 0


class Transmission:
    """Everything sent over one connection. A new connection starts over behind what was confirmed."""

    def __init__(
        self, link: Link, options: Options, stamp: wire.Stamp, clock: Clock, outbox: Outbox, figures: Figures, account: Account
    ) -> None:
        self._link = link
        self._options = options
        self._stamp = stamp
        self._clock = clock
        self._outbox = outbox
        self._figures = figures
        self._account = account
        self._flying: dict[int, tuple[str, Sending | None]] = {}  # topic, and None when it is not a row
        self._retries: list[tuple[float, int, Sending, bool]] = []  # due, row, what, replay
        self._standing: list[OutMessage] = []
        self._andon_at: dict[str, float] = {}
        self._replay: set[int] = set()  # rows in flight that were sent as replay
        self._last_elapsed = clock.elapsed()
        self._allowance = 0.0
        self._window = 1
        self._seen = 0
        self._latest: dict[str, int] = {}  # per topic, the newest retained row sent over this connection
        self._backlog = Lane(outbox, 0, 0)
        self._live = Lane(outbox, 0, None)

    def begin(self, snapshot: Snapshot, confirmed_to: int, window: int) -> None:
        """Take stock: backlog are the rows behind confirmed_to that exist now; what they leave standing overrides the snapshot."""
        self._window = window
        self._seen = max(self._outbox.last_id(), confirmed_to)
        self._backlog = Lane(self._outbox, confirmed_to, self._seen)
        self._live = Lane(self._outbox, self._seen, None)
        standing = {**wire.standing(snapshot), **{out.topic: out for out in wire.andon_requests(snapshot).values()}}
        standing.update(self._left_standing(confirmed_to))
        self._standing = list(reversed(standing.values()))

    def _left_standing(self, after: int) -> dict[str, OutMessage]:
        """The last retained row per topic of the backlog: newer than a snapshot that was swapped a moment too early."""
        last: dict[str, OutMessage] = {}
        while rows := self._outbox.after(after, PAGE_ROWS):
            last.update((row.message.topic, row.message) for row in rows if row.message.retain and row.id <= self._seen)
            after = rows[-1].id
            self._link.service(0.0)
            if after >= self._seen:
                break
        return last

    # --- the broker's answers ------------------------------------------------------------------------------------------------

    def answered(self, mid: int, code: int, reason: str) -> None:
        """A PUBACK. Failures are counted by reason and the row is sent again later; it holds the mark, not the rows after it."""
        if mid not in self._flying:
            return
        topic, sending = self._flying.pop(mid)
        self._figures.in_flight = len(self._flying)
        if code >= FIRST_FAILURE:
            self._account.note(troubles.publish_refused(reason, code, topic, self._options))
            if sending is not None:
                due = self._clock.elapsed() + self._options.retry_s
                heapq.heappush(self._retries, (due, sending.row.id, sending, sending.row.id in self._replay))
                self._figures.refused_waiting = len(self._retries)
            return
        if sending is None:
            return
        self._figures.confirmed += 1
        self._figures.nobody_listened += int(code == NO_MATCHING_SUBSCRIBERS)
        self._replay.discard(sending.row.id)
        sending.confirmed = True

    @property
    def confirmed_to(self) -> int:
        """The highest row up to which everything was confirmed."""
        self._backlog.settle()
        self._live.settle()
        return self._live.confirmed_to if self._backlog.is_done else self._backlog.confirmed_to

    @property
    def is_busy(self) -> bool:
        """Something is out, or the backlog is not finished."""
        return bool(self._flying or self._standing) or not self._backlog.is_done

    @property
    def is_live_done(self) -> bool:
        """Nothing is out, nothing waits but backlog and refused rows."""
        return not self._flying and not self._standing and self._outbox.last_id() <= self._live.handed_to

    # --- sending -------------------------------------------------------------------------------------------------------------

    def push(self, snapshot: Snapshot, *, live_only: bool = False) -> None:
        """Send what may be sent now, most urgent first."""
        while self._standing and self._has_room:
            if not self._send_standing(self._standing[-1]):
                return
            self._standing.pop()
        self._send_live()
        self._refresh_andon(snapshot)
        if not live_only:
            self._send_again()
            self._send_backlog()

    @property
    def _has_room(self) -> bool:
        return len(self._flying) < self._window

    def _send_live(self) -> None:
        while not self._standing and self._has_room and len(self._retries) < MAX_REFUSED_WAITING:
            sending = self._live.next()
            if sending is None:
                return
            if not self._send_row(sending, replay=False):
                self._live.put_back(sending)
                return

    def _send_backlog(self) -> None:
        now = self._clock.elapsed()
        most = max(1.0, self._options.replay_per_s / 10)  # a tenth of a second's worth at once
        self._allowance = min(most, self._allowance + (now - self._last_elapsed) * self._options.replay_per_s)
        self._last_elapsed = now
        while self._has_room and self._allowance >= 1.0 and len(self._retries) < MAX_REFUSED_WAITING:
            sending = self._backlog.next()
            if sending is None:
                return
            if sending.row.message.retain:  # superseded by what was sent standing
                sending.confirmed = True
                self._figures.superseded += 1
                continue
            if not self._send_row(sending, replay=True):
                self._backlog.put_back(sending)
                return
            self._allowance -= 1.0
            self._figures.replayed += 1

    def _send_again(self) -> None:
        now = self._clock.elapsed()
        while self._retries and self._retries[0][0] <= now and self._has_room:
            _, _, sending, replay = heapq.heappop(self._retries)
            if sending.row.message.retain and not replay and self._is_outdated(sending):
                sending.confirmed = True
                self._figures.superseded += 1
            elif not self._send_row(sending, replay=replay):
                heapq.heappush(self._retries, (now, sending.row.id, sending, replay))
                break
        self._figures.refused_waiting = len(self._retries)

    def _is_outdated(self, sending: Sending) -> bool:
        return self._latest.get(sending.row.message.topic, 0) > sending.row.id

    def _send_row(self, sending: Sending, *, replay: bool) -> bool:
        row = sending.row
        payload = self._stamp.row(row, replay=replay)
        if not self._publish(row.message, payload, sending):
            return False
        if replay:
            self._replay.add(row.id)
        return True

    def _send_standing(self, out: OutMessage) -> bool:
        payload = self._stamp.standing(out, self._seen)
        return self._publish(out, payload, None)

    def _refresh_andon(self, snapshot: Snapshot) -> None:
        """Repeat each request before it ends; from its last sending on, so that an older snapshot never follows a newer row."""
        age_s = (self._clock.now() - snapshot.at).total_seconds()
        if self._standing or age_s > self._options.andon_valid_s:  # a core that stands still must not keep the lamp alive
            return
        now = self._clock.elapsed()
        for out in wire.andon_requests(snapshot).values():
            sent_at = self._andon_at.get(out.topic)
            if (sent_at is None or now - sent_at >= self._options.andon_refresh_s) and not self._send_standing(out):
                return

    def _publish(self, out: OutMessage, payload: bytes, sending: Sending | None) -> bool:
        """Hand one message, and the integer beside an andon request, to the connection; False when it is gone."""
        topic = f"{self._options.base}/{out.topic}"
        qos: Literal[0, 1] = 1 if out.qos else 0
        mid = self._link.publish(topic, payload, qos=qos, retain=out.retain)
        if mid is None:
            return False
        self._figures.sent += 1
        if qos:
            self._flying[mid] = (topic, sending)
        elif sending is not None:
            sending.confirmed = True
        if sending is not None and out.retain:
            self._latest[out.topic] = max(sending.row.id, self._latest.get(out.topic, 0))
        code = wire.andon_code(out)
        if code is not None:
            self._andon_at[out.topic] = self._clock.elapsed()
            topic = f"{self._options.base}/{code[0]}"
            mid = self._link.publish(topic, code[1], qos=1, retain=True)
            if mid is not None:
                self._flying[mid] = (topic, None)
        self._figures.in_flight = len(self._flying)
        return True
