"""The mqtt sink: committed messages out, each counted as delivered only on the broker's own yes."""

from __future__ import annotations

from agent.mqtt_link import troubles
from agent.mqtt_link.account import Account
from agent.mqtt_link.events import FIRST_FAILURE, Arrived, Connected, Disconnected, Published, Session, Subscribed, Will
from agent.mqtt_link.link import Link
from agent.ports import Outbox, PlugInContext, Snapshots, StopSignal
from agent.sinks.mqtt import wire
from agent.sinks.mqtt.options import Options
from agent.sinks.mqtt.sending import Figures, Transmission

IDLE_S = 0.2
BUSY_S = 0.02
LAST_WORDS_S = 3.0


class MqttSink:
    """Status, heartbeat, alarms, andon, holds, results. The mark advances on a PUBACK that says success, in order, never else."""

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock = context.clock
        self._boot_id = context.boot_id
        self._stations = tuple(station.id for station in context.config.stations)
        self._client_id = options.identifier("sink", name, context.state_dir)
        self._stamp = wire.Stamp(context.boot_id, options.andon_valid_s, context.clock)
        self._figures = Figures()
        self._link: Link | None = None
        self._account = Account(f"sink {name}", context.clock)
        self._status_mid: int | None = None
        self._confirmed_to = 0
        self._cursor_refused = 0
        self._beats = 0
        self._last_beat_at: float | None = None  # monotonic seconds
        self._blind_s = 0.0

    def run(self, outbox: Outbox, snapshots: Snapshots, stop: StopSignal) -> None:
        """Send until `stop`, then the rest and the status 'stopped'."""
        will = Will(f"{self._options.base}/status", wire.status(snapshots.current(), "lost", self._stations, self._boot_id, None))
        link = Link(self._options, self._client_id, self._clock, Session(), self._account, will)
        self._link = link
        self._confirmed_to = max(self._confirmed_to, outbox.mark(self.name))
        transmission: Transmission | None = None
        orderly = False
        try:
            while not stop.is_set():
                transmission = self._events(link, transmission, outbox, snapshots)
                if transmission is None:
                    link.service(IDLE_S)
                    continue
                self._beat(link, snapshots)
                transmission.push(snapshots.current())
                self._advance(transmission, outbox)
                if transmission.is_busy or link.events:
                    link.service(0.0 if link.events else BUSY_S)
                else:
                    outbox.wait(IDLE_S)
                    link.service(0.0)
            if transmission is not None:
                self._last_words(link, transmission, outbox, snapshots)
            orderly = True
        finally:
            self._link = None
            link.close(will=not orderly)

    def health(self) -> dict[str, float | str]:
        """Figures for status and metrics; `kind:reason`: how often what went wrong, reasons as the broker gave them."""
        link = self._link
        figures = self._figures
        return {
            "connected": float(link is not None and link.connected),
            "connections": float(self._account.connections),
            "reconnects": float(max(0, self._account.connections - 1)),
            "connection_failures": float(self._account.failures),
            "sent": float(figures.sent),
            "confirmed": float(figures.confirmed),
            "replayed": float(figures.replayed),
            "superseded": float(figures.superseded),
            "nobody_listened": float(figures.nobody_listened),
            "in_flight": float(figures.in_flight),
            "refused_waiting": float(figures.refused_waiting),
            "confirmed_to": float(self._confirmed_to),
            "cursor_refused": float(self._cursor_refused),
            "last_error": self._account.last,
            **self._account.figures(),
        }

    def _events(self, link: Link, transmission: Transmission | None, outbox: Outbox, snapshots: Snapshots) -> Transmission | None:
        """What the network reported; the transmission of the present connection, None without one."""
        while link.events:
            match link.events.popleft():
                case Connected(receive_maximum=limit):
                    transmission = self._begin(link, min(limit, self._options.window), outbox, snapshots)
                case Disconnected():
                    transmission = None
                    self._figures.in_flight = 0
                case Published(mid=mid, code=code, reason=reason):
                    if mid == self._status_mid:
                        self._status_mid = None
                        if code >= FIRST_FAILURE:
                            self._account.note(
                                troubles.publish_refused(reason, code, f"{self._options.base}/status", self._options)
                            )
                    elif transmission is not None:
                        transmission.answered(mid, code, reason)
                case Subscribed():  # a refusal is in the account
                    pass
                case Arrived(message=message):
                    self._host_stored(bytes(message.payload), outbox)
        return transmission

    def _begin(self, link: Link, window: int, outbox: Outbox, snapshots: Snapshots) -> Transmission:
        """Status first, then how everything stands; then live, then backlog (Transmission)."""
        link.subscribe(self._options.subscriptions)
        snapshot = snapshots.current()
        self._status(link, snapshots, "online")
        transmission = Transmission(link, self._options, self._stamp, self._clock, outbox, self._figures, self._account)
        transmission.begin(snapshot, self._confirmed_to, window)
        return transmission

    def _status(self, link: Link, snapshots: Snapshots, state: wire.State) -> int | None:
        body = wire.status(snapshots.current(), state, self._stations, self._boot_id, self._clock.now())
        self._status_mid = link.publish(f"{self._options.base}/status", body, qos=1, retain=True)
        return self._status_mid

    def _beat(self, link: Link, snapshots: Snapshots) -> None:
        now, last = self._clock.elapsed(), self._last_beat_at
        if last is not None and now - last < self._options.heartbeat_s:
            return
        self._last_beat_at = now
        snapshot = snapshots.current()
        if last is not None and wire.sight(snapshot, self._clock.now()) == "blind":
            self._blind_s += now - last
        self._beats += 1
        body = wire.heartbeat(snapshot, self._beats, self._blind_s, self._boot_id, self._clock.now())
        link.publish(f"{self._options.base}/heartbeat", body, qos=0, retain=True)

    def _advance(self, transmission: Transmission, outbox: Outbox) -> None:
        confirmed_to = transmission.confirmed_to
        if confirmed_to > self._confirmed_to:
            self._confirmed_to = confirmed_to
            outbox.advance(self.name, confirmed_to)

    def _host_stored(self, payload: bytes, outbox: Outbox) -> None:
        seq = wire.cursor(payload)
        if seq is None or seq > outbox.last_id():
            self._cursor_refused += 1
        elif seq > outbox.mark("host"):
            outbox.advance("host", seq)

    def _last_words(self, link: Link, transmission: Transmission, outbox: Outbox, snapshots: Snapshots) -> None:
        """The last commit's messages, then 'stopped', answered within a few seconds or not at all."""
        until = self._clock.elapsed() + LAST_WORDS_S
        said: int | None = None
        while self._clock.elapsed() < until and link.connected:
            transmission.push(snapshots.current(), live_only=True)
            if said is None and transmission.is_live_done:
                said = self._status(link, snapshots, "stopped")
            link.service(BUSY_S)
            answered = {event.mid for event in link.events if isinstance(event, Published)}
            if self._events(link, transmission, outbox, snapshots) is not transmission:
                return
            self._advance(transmission, outbox)
            if said is not None and said in answered:
                return
