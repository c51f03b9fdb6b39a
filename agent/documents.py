"""Documents: what goes out, one versioned schema each. The core makes them; sinks add what belongs to one sending.

Volatile members (boot_id, msg_id, seq, sent_at, replay, clock) are empty in the outbox and filled by the sink: they are outside
the promise that the same records give the same alarms.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from agent.records import Model
from agent.shadow import Comparison

SCHEMA = 1
State = Literal["NORM", "UNACK", "ACKED", "RTNUN", "LATCHED", "SHLVD", "DSUPR", "OOSRV"]
Colour = Literal["none", "white", "amber", "blue"]


class OnsetDoc(Struct, frozen=True):
    """Estimated start of the change, with an interval; by part and by time of capture. It describes, it never bounds a hold."""

    part_id: str
    at: datetime | None
    earliest_part_id: str
    earliest_at: datetime | None
    latest_part_id: str
    latest_at: datetime | None


class EvidenceDoc(Struct, frozen=True):
    """What was counted against in control, frozen when the threshold was crossed."""

    detector: str
    channel: str
    value: float
    threshold: float
    by_chance: str  # "once in 24 months" in this station's own figures
    records: int  # updates since the evidence last restarted
    change: float | None = None  # in the channel's own unit, or percent; None where not applicable
    unit: str = ""
    onset: OnsetDoc | None = None


class AlarmDoc(Struct, frozen=True, omit_defaults=True):
    """One alarm as it stands; retained per alarm_id, and once per transition on its event topic."""

    alarm_id: str
    occurrence_id: str
    station: str
    stream: str
    state: State
    transition: str  # "NORM→UNACK" and the like, empty when only the evidence grew
    active: bool
    acked: bool
    priority: Literal["info", "warning", "critical"]
    andon: Colour
    code: str
    text: str  # at most 160 characters, in the configured language
    response: str  # what to do now
    part_id: str  # the part at which it was raised, or at which it changed
    raised_at: datetime | None
    changed_at: datetime
    evidence: EvidenceDoc | None = None
    incident: str = ""
    suppression: str = ""
    source: str = "linewarden"
    acked_by: str = ""
    schema: int = SCHEMA
    # filled by the sink
    clock: str = ""
    boot_id: str = ""
    msg_id: str = ""
    seq: int = 0
    sent_at: datetime | None = None
    replay: bool = False


class AndonDoc(Struct, frozen=True, omit_defaults=True):
    """The lamp asked for; the plant's controller owns the lamp. valid_until is filled by the sink at each sending."""

    station: str
    colour: Colour
    pattern: Literal["off", "steady", "flash"]
    sound: bool
    code: int  # the same as one integer for PLCs: 0 none, 1 white, 2 amber, 3 amber flash + blue
    because: str  # alarm_id it rests on
    text: str
    schema: int = SCHEMA
    valid_until: datetime | None = None
    boot_id: str = ""
    seq: int = 0


class SpanDoc(Struct, frozen=True):
    """Parts of a station from one to another, by id, capture and index."""

    from_part_id: str
    from_at: datetime
    from_index: int
    to_part_id: str
    to_at: datetime
    to_index: int


class HoldDoc(Struct, frozen=True, omit_defaults=True):
    """What must not ship: the passed parts since the last informative verification. Counts and bounds.

    parts = released + sorted + scrapped + undecided. boxes: those of the held parts in the order they were begun, of more than a
    hundred the first and the last fifty (boxes_total: how many there are). onset_index: earliest, estimate, latest of the change.
    found_bad: scrapped because they were found bad at sorting; they were sought out, so that no rate may rest on them.
    """

    incident: str
    station: str
    reason: str
    since: Literal["verification", "arming"]
    from_part_id: str
    from_at: datetime
    to_part_id: str
    to_at: datetime
    parts: int
    boxes: tuple[str, ...]
    open: bool
    from_index: int = 0
    to_index: int = 0
    spans: tuple[SpanDoc, ...] = ()
    boxes_total: int = 0
    grows: bool = False
    ended_by: str = ""
    ended_at: datetime | None = None
    onset_index: tuple[int, int, int] | None = None
    released: int = 0
    sorted: int = 0
    scrapped: int = 0
    undecided: int = 0
    found_bad: int = 0
    schema: int = SCHEMA


class AuditRequestDoc(Struct, frozen=True, omit_defaults=True):
    """Re-inspect this part, blind: the reviewer is shown part, position, box and deadline, not score, verdict or probability.

    reason: sample | second look | why it looks unlike others. One that was reported reads as a sample does: who looks at
    it is not to know. inclusion_probability: as known before the draw; None: not drawn.
    """

    station: str
    part_id: str
    position: str
    box: str
    captured_at: datetime
    deadline: datetime
    reason: str
    inclusion_probability: float | None = None
    schema: int = SCHEMA


class FeedbackDoc(Struct, frozen=True, omit_defaults=True):
    """What became of something that was reported; sent when it is taken, when it is overdue and when it is answered.

    text: to whoever reported. parts: those asked for. part_id: the one reported, or the one found to be as reported.
    """

    feedback: str
    station: str
    saw: str
    at: datetime
    state: Literal["open", "overdue", "answered"]
    answer: str  # a stable code
    text: str
    due_at: datetime
    parts: tuple[str, ...] = ()
    part_id: str = ""
    answered_at: datetime | None = None
    incident: str = ""
    schema: int = SCHEMA


class SignDoc(Struct, frozen=True):
    """One thing that left its baseline. size: in multiples of its tolerance, 0 where it has none. part_id, at: estimated onset."""

    family: str
    code: str
    channel: str
    size: float
    part_id: str
    at: datetime | None


class ReasonDoc(Struct, frozen=True):
    """Why a cause is named: a stable code and its words."""

    code: str
    text: str


class CauseDoc(Struct, frozen=True):
    """One ranked cause. share: its part of the weight of all causes, which ranks and is no probability. Never certain."""

    cause: str
    text: str
    likelihood: Literal["likely", "possible"]
    share: float
    reasons: tuple[ReasonDoc, ...]


class StoodDoc(Struct, frozen=True, omit_defaults=True):
    """An alarm beside a part. stood: it stood when the part was captured; else it was raised later, for what began by then."""

    alarm_id: str
    occurrence_id: str
    text: str
    stood: bool
    raised_at: datetime | None
    incident: str = ""


class ToldDoc(Struct, frozen=True, omit_defaults=True):
    """What one source said a part turned out to be."""

    defective: bool
    source: str
    observed_at: datetime
    confirmed: bool = False
    defect_class: str = ""


class HeldDoc(Struct, frozen=True, omit_defaults=True):
    """A hold that a part is or was under. disposition: open, released, sorted or scrapped; by the role that decided it."""

    incident: str
    disposition: str
    at: datetime | None = None
    role: str = ""
    reason: str = ""


class TraceDoc(Struct, frozen=True, omit_defaults=True):
    """One judged part and all that is known of it. claim: the model's, to three figures."""

    part_id: str
    station: str
    index: int
    captured_at: datetime
    verdict: str
    claim: float | None
    recipe: str
    position: str
    lot: str
    box: str
    model: str
    alarms: tuple[StoodDoc, ...]
    outcomes: tuple[ToldDoc, ...]
    holds: tuple[HeldDoc, ...]
    schema: int = SCHEMA


class StepDoc(Struct, frozen=True, omit_defaults=True):
    """One step of the response plan (number 0: done without one), who it is for, and by which role it was done."""

    number: int
    cause: str
    step: str
    role: str
    within_min: int = 0
    done_at: datetime | None = None
    done_by_role: str = ""
    note: str = ""


class ReadingDoc(Struct, frozen=True):
    """One watched channel when the incident was opened."""

    stream: str
    channel: str
    evidence: float
    threshold: float
    updates: int


class HappenedDoc(Struct, frozen=True):
    """Something done to or around the station, after this part."""

    kind: str
    part_id: str
    at: datetime | None


class FrozenDoc(Struct, frozen=True, omit_defaults=True):
    """What was so when the incident was opened, and stays written whatever changes: for those who look into it later.

    log_from: journal entries from then on are kept while the incident is open, whatever their age.
    """

    at: datetime
    part_id: str
    model: str
    config_sha256: str
    log_from: datetime
    owner: str
    deputy: str
    decision: str
    consequence: str
    tier: int
    readings: tuple[ReadingDoc, ...] = ()
    events: tuple[HappenedDoc, ...] = ()


class ClosingDoc(Struct, frozen=True):
    """How an incident was closed, signed with the name the register has."""

    at: datetime
    verdict: str
    cause: str
    group: str
    effectiveness: str
    signed: str
    role: str


class IncidentDoc(Struct, frozen=True, omit_defaults=True):
    """The alarms of one causal episode. signs: all that changed, by onset. causes: ranked.

    harm: `shown` by truth or identity; drift alone never shows it. blind: families that were watching and saw nothing of it, in
    words in blind_text. both: the first two causes are at work at once.
    """

    incident: str
    station: str
    opened_at: datetime
    alarms: tuple[str, ...]  # occurrence ids in order
    onset: OnsetDoc | None
    hold: HoldDoc | None
    open: bool
    closed_at: datetime | None = None
    over_at: datetime | None = None  # all its alarms have returned
    signs: tuple[SignDoc, ...] = ()
    causes: tuple[CauseDoc, ...] = ()
    harm: Literal["shown", "not_shown", "unknown"] = "unknown"
    blind: tuple[str, ...] = ()
    blind_text: str = ""
    both: bool = False
    frozen: FrozenDoc | None = None
    steps: tuple[StepDoc, ...] = ()
    closing: ClosingDoc | None = None
    schema: int = SCHEMA


class ShownDoc(Struct, frozen=True, omit_defaults=True):
    """One set of check parts before a planned model (presentations and misses until it was planned) and under it.

    found: masters found since its last miss; needed: as many make the check good.
    """

    set: str
    failure_mode: str
    known: str
    before_presented: int
    before_missed: int
    presented: int
    missed: int
    found: int
    needed: int


class ModelChangeDoc(Struct, frozen=True, omit_defaults=True):
    """A model announced for a view (and one recipe, or all), and its approval. before: what is approved there.

    lacking: what keeps it from being approved. rearms: streams that are learned anew; kept: those that go on as they are.
    """

    station: str
    view: str
    recipe: str | None
    state: Literal["planned", "approved"]
    model: Model | None
    before: Model | None
    planned_at: datetime
    planned_by_role: str
    planned_reason: str = ""
    approved_at: datetime | None = None
    approved_by_role: str = ""
    approved_reason: str = ""
    lacking: tuple[str, ...] = ()
    challenges: tuple[ShownDoc, ...] = ()
    comparison: Comparison | None = None
    rearms: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    schema: int = SCHEMA


class CommandResultDoc(Struct, frozen=True, omit_defaults=True):
    """Answer to a command."""

    request_id: str
    verb: str
    accepted: bool
    detail: str
    hint: str = ""
    schema: int = SCHEMA


class SummaryDoc(Struct, frozen=True, omit_defaults=True):
    """Per-minute aggregates of one station, by source time."""

    station: str
    minute: datetime
    parts: int
    rejected: int
    outcomes: int
    schema: int = SCHEMA


class GapDoc(Struct, frozen=True, omit_defaults=True):
    """What could not be seen: from, to, kind, how many (None: unknown)."""

    station: str
    kind: Literal["agent_stopped", "late", "lost", "refused", "frame_missing"]
    from_at: datetime | None
    to_at: datetime | None
    count: int | None
    schema: int = SCHEMA


Document = AlarmDoc | AndonDoc | AuditRequestDoc | FeedbackDoc | HoldDoc | IncidentDoc | CommandResultDoc | SummaryDoc | GapDoc


class OutMessage(Struct, frozen=True):
    """A committed message. topic: the suffix under …/linewarden/v1/."""

    topic: str
    payload: bytes  # JSON of a Document with its volatile members empty
    qos: int
    retain: bool
    kind: Literal["alarm_state", "alarm_event", "andon", "audit", "feedback", "hold", "incident", "cmd_result", "summary", "gap"]
