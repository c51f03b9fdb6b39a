"""Records: what comes in, one versioned schema each, and the entries of the journal they become.

A record is what a source sends (JSON). An entry is what the core folds: a record with its frame
measured, a command, a tick or a gap.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from agent.errors import RecordRefused
from agent.shadow import Comparison

Name = Annotated[str, Meta(min_length=1, max_length=128)]
ShortText = Annotated[str, Meta(max_length=256)]
LongText = Annotated[str, Meta(max_length=2000)]
Instant = Annotated[datetime, Meta(tz=True)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Context = Annotated[dict[Name, ShortText | int | float | bool | None], Meta(max_length=32)]
Measurements = Annotated[dict[Name, float], Meta(max_length=256)]

PartIds = Annotated[tuple[Name, ...], Meta(max_length=20_000)]

# Inspections so marked enter no production statistic.
Mark = Literal["simulated", "partial", "golden", "challenge", "retry"]


class Model(Struct, frozen=True, omit_defaults=True):
    """Identity of the model that judged; a bare string in a record means its name."""

    name: Name
    version: ShortText = ""
    sha256: ShortText = ""
    runtime: ShortText = ""
    threshold: float | None = None
    provider: ShortText = ""  # what the runtime ran on
    settings: ShortText = ""  # fingerprint of pre-processing, job or recipe settings


class Frame(Struct, frozen=True, omit_defaults=True):
    """Image channels of one frame, measured by the agent; `missing` names the counted reason there are none.

    values: float per channel in the order of `detectors.channels.IMAGE_CHANNELS`, NaN where not measurable (null in JSON); with a
    reference those of its `reference_channels` follow. table: the version of these tables the values belong to. reference: names
    the golden frame and the drawing; empty where the frame was compared with nothing.
    """

    values: tuple[float | None, ...] = ()
    table: int = 0
    missing: str = ""
    reference: Annotated[str, Meta(max_length=64)] = ""


class Inspection(Struct, frozen=True, omit_defaults=True, tag="inspection", tag_field="type"):
    """One AI judgement of one part in one view. `p_defect` is the model's claimed probability that the part is defective."""

    part_id: Name
    station: Name
    captured_at: Instant
    verdict: Literal["ok", "ng"]
    p_defect: Probability | None = None
    view: Name = "main"
    position: ShortText = ""
    frame_id: ShortText = ""
    recipe: ShortText = ""
    class_name: ShortText = msgspec.field(default="", name="class")
    measurements: Measurements = msgspec.field(default_factory=dict)
    model: Model | None = None
    context: Context = msgspec.field(default_factory=dict)
    image: Annotated[str, Meta(max_length=1024)] = ""  # path, relative to the tap's frames folder
    image_inline: Annotated[bytes, Meta(max_length=262_144)] = b""  # base64 in JSON
    sequence: Annotated[int, Meta(ge=0)] | None = None
    latency_ms: float | None = None
    mark: Mark | None = None


class Outcome(Struct, frozen=True, omit_defaults=True, tag="outcome", tag_field="type"):
    """What a part turned out to be. `inclusion_probability` is set for audits, before the draw; `confirmed` after a second look.

    A part without a serial has no part_id, and is named as its source's `join` has it: by when it was captured, by its box, by its
    place in the box or in the sequence.
    """

    part_id: Annotated[str, Meta(max_length=128)]
    defective: bool
    observed_at: Instant
    station: ShortText = ""  # empty: every station that knows the part
    source: Name = "default"
    defect_class: ShortText = ""
    inclusion_probability: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    confirmed: bool = False
    reviewer: ShortText = ""  # pseudonym
    made_at: Instant | None = None
    box: ShortText = ""
    sequence: Annotated[int, Meta(ge=0)] | None = None


class Event(Struct, frozen=True, omit_defaults=True, tag="event", tag_field="type"):
    """Something done to or around the station. `clock` only says what time it is at the source."""

    station: Name
    kind: Literal[
        "lot",
        "tool",
        "lamp",
        "cleaning",
        "camera",
        "recipe",
        "maintenance",
        "model",
        "software",
        "line_state",
        "clock",
    ]
    at: Instant
    value: ShortText = ""
    by: ShortText = ""


# What an operator noticed, in as many words as there are buttons.
Saw = Literal["bad_passed", "good_rejected", "looks_different", "other"]


class Feedback(Struct, frozen=True, omit_defaults=True, tag="feedback", tag_field="type"):
    """What somebody at the line noticed: about one part, or, without part_id, about those made just before `at`.

    `by` (a pseudonym) keeps whoever reported from being asked to judge the same part; it goes no further than that.
    """

    station: Name
    saw: Saw
    at: Instant
    part_id: ShortText = ""
    note: LongText = ""
    by: ShortText = ""
    request_id: ShortText = ""  # the sender's own name for it, under which the answer comes


class Command(Struct, frozen=True, omit_defaults=True, tag="command", tag_field="type"):
    """An instruction to the agent. `target` names what it acts on: see agent/core/commands.py for each verb."""

    request_id: Name
    verb: Literal[
        "ack", "accept_baseline", "record_challenge", "dispose", "close_incident", "respond", "plan_model", "approve_model"
    ]
    by: Name
    role: Literal["operator", "quality", "maintenance", "engineer", "deputy", "owner"]
    target: dict[Name, ShortText] = msgspec.field(default_factory=dict)
    reason: LongText = ""
    expires_at: Instant | None = None
    parts: PartIds = ()
    found_bad: PartIds = ()
    comparison: Comparison | None = None


Record = Inspection | Outcome | Event | Feedback | Command


# --- entries of the journal -------------------------------------------------------------------------------------------------


class Inspected(Struct, frozen=True, omit_defaults=True, tag="inspected", tag_field="entry"):
    """An inspection with its frame measured (frame None: the record named no image). Inline image bytes are gone by now."""

    record: Inspection
    frame: Frame | None = None
    received_at: Instant | None = None
    tap: str = ""


class Told(Struct, frozen=True, omit_defaults=True, tag="told", tag_field="entry"):
    """An outcome, an event or feedback."""

    record: Outcome | Event | Feedback
    received_at: Instant | None = None
    tap: str = ""


class Commanded(Struct, frozen=True, omit_defaults=True, tag="commanded", tag_field="entry"):
    """A command."""

    record: Command
    received_at: Instant | None = None
    tap: str = ""


class Tick(Struct, frozen=True, omit_defaults=True, tag="tick", tag_field="entry"):
    """A timer was due: wall time, and seconds on the monotonic clock since the tick before, or since the start."""

    wall: Instant
    elapsed_s: float


class Gap(Struct, frozen=True, omit_defaults=True, tag="gap", tag_field="entry"):
    """The agent was not running: from the last committed entry (None: first start) to this start."""

    stopped_at: Instant | None
    started_at: Instant
    boot_id: str = ""


Entry = Inspected | Told | Commanded | Tick | Gap


# --- reading ----------------------------------------------------------------------------------------------------------------

MAX_RECORD_BYTES = 1 << 20
_JSON = msgspec.json.Decoder()
_KIND_BY_KEY = (("verdict", "inspection"), ("defective", "outcome"), ("verb", "command"), ("kind", "event"), ("saw", "feedback"))


def decode(raw: bytes, defaults: dict[str, Any] | None = None) -> tuple[Record, Frame | None]:
    """One record from its JSON, and the measured frame it carries when it is a journal export.

    The type is the member `type`, else that of the defaults, else told from the members (verdict: inspection, defective: outcome,
    verb: command, kind: event, saw: feedback). defaults: members to use where the record has none (a tap's station or source, a
    topic's type).
    Unknown members are ignored: sources add them.
    Raises RecordRefused with reason too_large, not_json, unknown_type, measurement, schema or not_finite.
    """
    if len(raw) > MAX_RECORD_BYTES:
        raise RecordRefused("too_large", f"record must have at most {MAX_RECORD_BYTES} bytes, got {len(raw)}")
    try:
        body = _JSON.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordRefused("not_json", f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RecordRefused("not_json", f"expected a JSON object, got {type(body).__name__}")
    told = (defaults or {}).get("type") or next((k for key, k in _KIND_BY_KEY if key in body), None)
    kind = body.get("type") or told
    if kind is None:
        raise RecordRefused("unknown_type", "no member `type`, and none of verdict, defective, verb, kind or saw")
    merged = {**(defaults or {}), **body, "type": kind}
    frame_body = merged.pop("frame", None) if kind == "inspection" else None
    _complete(kind, merged)
    try:
        record = msgspec.convert(merged, Record, strict=True)
        frame = None if frame_body is None else msgspec.convert(frame_body, Frame)
    except msgspec.ValidationError as error:
        raise RecordRefused("schema", str(error)) from error
    if isinstance(record, Inspection):
        _refuse_infinite(record)
    elif isinstance(record, Outcome):
        _refuse_nameless(record)
    return _in_utc(record), frame


def _complete(kind: str, merged: dict[str, Any]) -> None:
    """What sources may write shortly, written out."""
    if isinstance(merged.get("model"), str):
        merged["model"] = {"name": merged["model"]}
    if kind == "outcome" and ("made_at" in merged or "box" in merged or "sequence" in merged):
        merged.setdefault("part_id", "")
    if kind == "inspection" and isinstance(merged.get("measurements"), dict):
        merged["measurements"] = _numbers(merged["measurements"])


def _refuse_nameless(outcome: Outcome) -> None:
    if not (outcome.part_id or outcome.made_at or outcome.box or outcome.sequence is not None):
        raise RecordRefused("schema", "names no part: expected part_id, or made_at, box or sequence")


def _in_utc(record: Record) -> Record:
    """The same instants in UTC: what is folded live is then the same, member by member, as what the journal gives back."""
    instants = {
        name: value.astimezone(UTC)
        for name in ("captured_at", "observed_at", "made_at", "at", "expires_at")
        if isinstance(value := getattr(record, name, None), datetime)
    }
    return msgspec.structs.replace(record, **instants)


def _numbers(measurements: dict[str, Any]) -> dict[str, Any]:
    """Without those that are null: not measured. Raises RecordRefused for what is no number."""
    for name, value in measurements.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise RecordRefused(
                "measurement", f"measurements.{name} must be a number, or null where not measured, got {value!r:.40}"
            )
    return {name: value for name, value in measurements.items() if value is not None}


def _refuse_infinite(record: Inspection) -> None:
    for name, value in record.measurements.items():
        if value in (float("inf"), float("-inf")):
            raise RecordRefused("not_finite", f"measurements.{name} is infinite")


def report_name(feedback: Feedback) -> str:
    """What a report is answered under: the sender's name for it, else one made from what it says, but not from who said it."""
    if feedback.request_id:
        return feedback.request_id
    said = (feedback.station, feedback.saw, feedback.at.astimezone(UTC).isoformat(), feedback.part_id)
    return hashlib.blake2b("\n".join(said).encode(), digest_size=5).hexdigest()


_ENTRY_ENCODER = msgspec.msgpack.Encoder()
_ENTRY_DECODER = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """The journal's bytes of an entry."""
    return _ENTRY_ENCODER.encode(entry)


def decode_entry(raw: bytes) -> Entry:
    """An entry from the journal's bytes."""
    entry: Entry = _ENTRY_DECODER.decode(raw)
    return entry


def identity(entry: Entry) -> bytes | None:
    """What makes an entry the same one delivered again; None for entries that cannot be duplicates (ticks, gaps).

    Inspections: (station, part_id, view, position, sequence; captured_at where the source counts no sequence). Outcomes:
    everything they say. Commands: request_id. Events: (station, kind, value, at). Feedback: request_id, else all but note and by.
    """
    match entry:
        case Inspected(record=r):
            order: object = r.captured_at if r.sequence is None else r.sequence
            key: tuple[object, ...] = ("i", r.station, r.part_id, r.view, r.position, order)
        case Told(record=Outcome() as o):
            key = ("o", o.station, o.part_id, o.source, o.observed_at, o.defective, o.confirmed, o.defect_class)
            if not o.part_id:
                key += (o.made_at, o.box, o.sequence)
        case Told(record=Event() as e):
            key = ("e", e.station, e.kind, e.value, e.at)
        case Told(record=Feedback() as f):
            key = ("f", f.station, f.request_id) if f.request_id else ("f", f.station, f.saw, f.at, f.part_id)
        case Commanded(record=c):
            key = ("c", c.request_id)
        case _:
            return None
    return msgspec.msgpack.encode(key)
