"""What goes over the wire: documents with the members of one sending filled in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from agent.documents import SCHEMA, OutMessage
from agent.messages import alarm_messages, message
from agent.ports import Clock, OutRow, Snapshot

State = Literal["online", "stopped", "lost"]

STALE_S = 60.0  # the core swaps its snapshot every second
_DECODER = msgspec.json.Decoder(dict[str, Any])
_ENCODER = msgspec.json.Encoder()


class Stamp:
    """Fills the volatile members."""

    def __init__(self, boot_id: str, andon_valid_s: float, clock: Clock) -> None:
        self._boot_id = boot_id
        self._clock = clock
        self._andon_valid = timedelta(seconds=andon_valid_s)

    def row(self, row: OutRow, *, replay: bool) -> bytes:
        """A committed message. seq and msg_id are the row's: the same however often it is sent."""
        msg_id = f"{row.committed_at.timestamp():.3f}-{row.id}"
        return self._fill(row.message, {"msg_id": msg_id, "seq": row.id, "replay": replay})

    def standing(self, out: OutMessage, seq: int) -> bytes:
        """The present state of something; seq: of the last row it may rest on."""
        msg_id = f"{self._clock.now().timestamp():.3f}-{out.topic}"
        return self._fill(out, {"msg_id": msg_id, "seq": seq, "replay": False})

    def _fill(self, out: OutMessage, volatile: dict[str, Any]) -> bytes:
        now, synced = self._clock.now(), self._clock.is_synced()
        body = _DECODER.decode(out.payload)
        body.update(volatile, boot_id=self._boot_id, sent_at=now)
        if synced is not None:
            body["clock"] = "synced" if synced else "unsynced"
        if out.kind == "andon":
            body["valid_until"] = now + self._andon_valid
        return _ENCODER.encode(body)


def andon_code(out: OutMessage) -> tuple[str, bytes] | None:
    """Topic and payload of the same request as one integer, for PLCs; None for other messages."""
    if out.kind != "andon" or not out.topic.endswith("/request"):
        return None
    return out.topic.removesuffix("request") + "code", str(int(_DECODER.decode(out.payload).get("code", 0))).encode()


def andon_requests(snapshot: Snapshot) -> dict[str, OutMessage]:
    """Per station, the lamp asked for now."""
    return {station.station: message(station.andon) for station in snapshot.stations if station.andon is not None}


def standing(snapshot: Snapshot) -> dict[str, OutMessage]:
    """Per topic, the retained messages that say how things stand: alarms, incidents, holds."""
    states = [alarm_messages(document)[0] for document in snapshot.alarms]
    rest = [*map(message, snapshot.incidents), *map(message, snapshot.holds)]
    return {out.topic: out for out in (*states, *rest)}


def status(snapshot: Snapshot, state: State, stations: tuple[str, ...], boot_id: str, at: datetime | None) -> bytes:
    """The retained status. at: None in the last will, which is written before it happens."""
    body: dict[str, Any] = {"schema": SCHEMA, "state": state, "boot_id": boot_id, "version": snapshot.version}
    body["stations"] = stations
    if at is not None:
        body["at"] = at
    return _ENCODER.encode(body)


def sight(snapshot: Snapshot, now: datetime) -> Literal["ok", "degraded", "blind"]:
    """Whether judgement is present: blind when the core stands still, no tap is connected or no station is watched.

    Degraded: some taps are not connected or some stations not armed.
    """
    if (now - snapshot.at).total_seconds() > STALE_S:
        return "blind"
    connected = [bool(figures["connected"]) for figures in snapshot.taps.values() if "connected" in figures]
    watched = [station.state in {"armed", "learning"} for station in snapshot.stations]
    if (connected and not any(connected)) or not any(watched):
        return "blind"
    armed = all(station.state == "armed" for station in snapshot.stations)
    return "ok" if all(connected) and armed else "degraded"


def heartbeat(snapshot: Snapshot, counter: int, blind_s: float, boot_id: str, now: datetime) -> bytes:
    """Counter that changes each time, health, last record per tap, outbox, blind seconds since the start."""
    body = {
        "schema": SCHEMA,
        "counter": counter,
        "health": sight(snapshot, now),
        "at": now,
        "snapshot_at": snapshot.at,
        "last_record_at": {name: f["last_record_at"] for name, f in snapshot.taps.items() if "last_record_at" in f},
        "outbox": snapshot.outbox_depth,
        "blind_s": round(blind_s, 1),
        "boot_id": boot_id,
    }
    return _ENCODER.encode(body)


def cursor(payload: bytes) -> int | None:
    """The sequence number a host says it has stored: a bare integer or {"seq": n}; None when it is neither."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    value = body.get("seq") if isinstance(body, dict) else body
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
