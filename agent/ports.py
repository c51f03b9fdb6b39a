"""Ports: what the edges and the core expect of one another. Protocols only; `agent/app.py` alone names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from agent.documents import AlarmDoc, AndonDoc, AuditRequestDoc, FeedbackDoc, HoldDoc, IncidentDoc, ModelChangeDoc, OutMessage
from agent.records import Command, Entry, Event, Feedback, Frame, Inspection, Outcome

if TYPE_CHECKING:
    from agent.config.model import Config  # pydantic, which a question to the store need not wait for


class Clock(Protocol):
    """The only source of time outside agent/runtime."""

    def now(self) -> datetime:
        """Wall time, UTC, aware."""
        ...

    def elapsed(self) -> float:
        """Monotonic seconds."""
        ...

    def is_synced(self) -> bool | None:
        """Whether a time service keeps the wall time right; None where that cannot be known."""
        ...


class StopSignal(Protocol):
    """Says when to stop; wakes sleepers.

    Looking at it from the thread that `run` was called in, or waiting on it there, is the worker's sign of life, which the watchdog
    asks for: within a minute or two, whatever else takes long.
    """

    def is_set(self) -> bool: ...

    def wait(self, timeout_s: float) -> bool:
        """Sleep until stop or timeout; True when stopped."""
        ...


# --- taps → core ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """A record a tap could not use: counted under its reason, never journalled."""

    reason: str
    message: str
    station: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """Records a sender dropped before a tap had them, by its own count: counted by reason and told as a gap, never journalled.

    counts: (reason, how many). station: one of the configuration, or empty. since, until: when, by the sender's clock.
    """

    counts: tuple[tuple[str, int], ...]
    station: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A small picture of a view and position, kept as evidence: outside the promise that the same records give the same alarms.

    incident: empty for one that shows the place as its baseline was learned. source: golden, or the baseline's or the alarm's part.
    sha256: of `body`, a JPEG; of_sha256: of the frame it was made of, whose grey levels `histogram` counts (64 bins).
    """

    incident: str
    station: str
    view: str
    position: str
    recipe: str
    moment: Literal["before", "after"]
    source: Literal["golden", "baseline", "alarm"]
    part_id: str
    taken_at: datetime
    sha256: str
    of_sha256: str
    width: int
    height: int
    histogram: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture that was asked for. most: so many of its moment an incident has at most."""

    row: PictureRow
    most: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pictures to be taken: of an alarm of this incident at this part, or of how a place looks as its baseline was learned."""

    incident: str
    station: str
    part_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing a tap hands to the core.

    item: a record (its frame measured by the tap through the Measurer), its refusal, what its sender lost, or a picture.
    position: where to resume this tap after a restart, committed together with the record; None for taps that keep no position.
    receipt: what `Tap.acknowledge` gets back after the commit; None when nothing is to be acknowledged.
    became: told in a word what the record became, before its commit and once more after a failure; from the core thread, as
    `Tap.acknowledge` is. is_awaited: somebody waits for the answer, so that the commit does not.
    """

    tap: str
    item: Inspection | Outcome | Event | Feedback | Command | Refused | Lost | Pictured
    frame: Frame | None
    received_at: datetime
    position: str | None = None
    receipt: object = None
    became: Callable[[str], None] | None = None
    is_awaited: bool = False


class Inbox(Protocol):
    """The bounded queue before the core; `put` blocks while it is full: backpressure, not loss."""

    def put(self, delivery: Delivery, stop: StopSignal) -> bool:
        """True when taken, False when stopped first."""
        ...


class Tap(Protocol):
    """A source of records. `run` is called in a thread of its own, and again after it raised (the supervisor backs off)."""

    @property
    def name(self) -> str: ...

    @property
    def finite(self) -> bool:
        """Whether the source ends (a file to replay); `run` then returns."""
        ...

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:
        """Deliver until `stop` or the end. position: the last committed one, None at the first start."""
        ...

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """The deliveries with these receipts are committed. Called from the core thread: quick, thread-safe, never raises."""
        ...

    def health(self) -> dict[str, float | str]:
        """Figures for status and metrics (connected, queued, refused, …)."""
        ...


class Place(NamedTuple):
    """Where a frame was taken, and of which part. station, view, recipe: whose reference it is compared with."""

    station: str
    view: str
    recipe: str
    position: str = ""
    part_id: str = ""
    at: datetime | None = None


NOWHERE = Place("", "", "")


class Measurer(Protocol):
    """Decodes and measures a frame outside the agent process. Never raises for a bad image: Frame(missing=reason)."""

    def measure(self, image: bytes, path: str, frames_dir: str, place: Place = NOWHERE) -> Frame:
        """image: inline bytes, or empty and `path` relative to frames_dir. Thread-safe; bounded in time and memory."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PlugInContext:
    """What a tap or a sink is built with: `build(name, options, context)`."""

    config: Config
    clock: Clock
    measurer: Measurer
    state_dir: Path
    boot_id: str


# --- store ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartRow:
    """What the store knows of one inspected part, by its index at the station (1, 2, 3, … in journal order)."""

    station: str
    index: int
    part_id: str
    captured_at: datetime
    verdict: str
    recipe: str
    box: str
    p_defect: float | None = None  # the model's claim; to three figures once it is stored
    position: str = ""
    lot: str = ""
    model: str = ""  # name, version and the beginning of its hash


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a station's numbering goes on when the journal, whose oldest entries have expired, is folded from its start."""

    parts: int = 0
    incidents: int = 0


@dataclass(frozen=True, slots=True)
class DispositionRow:
    """What was decided of the held parts with first <= index <= last: released, sorted or scrapped."""

    station: str
    incident: str
    first: int
    last: int
    parts: int
    kind: str
    at: datetime
    role: str
    reason: str


class History(Protocol):
    """The questions the fold may ask the store about parts it journalled earlier."""

    def part(self, station: str, index: int) -> PartRow | None:
        """None when unknown or no longer kept."""
        ...

    def part_index(self, station: str, part_id: str, up_to: int) -> int | None:
        """Index of the latest inspection of this part with index <= up_to; None when unknown or no longer kept."""
        ...

    def passed_between(self, station: str, first: int, last: int) -> int:
        """How many parts with verdict ok have first <= index <= last."""
        ...

    def passed_parts(
        self,
        station: str,
        first: int,
        last: int,
        *,
        part_id: str = "",
        box: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[int, ...]:
        """Indices of the passed parts with first <= index <= last that fit: of this id, this box, captured within these times."""
        ...

    def boxes_between(self, station: str, first: int, last: int) -> tuple[str, ...]:
        """The boxes that parts with first <= index <= last went into, each once, in the order they were begun."""
        ...


class Journal(History, Protocol):
    """The one writer's side of the store. Nothing is durable before `commit`; one transaction at a time."""

    @property
    def quarantined(self) -> Path | None:
        """Where a damaged store was set aside at this start; None when it was sound."""
        ...

    def append(self, entry: Entry) -> int | None:
        """Journal an entry; its sequence number, or None when its identity is already there (a duplicate, ignored)."""
        ...

    def record_part(self, part: PartRow) -> None:
        """Keep a part in the index that holds and traces are answered from."""
        ...

    def enqueue(self, messages: Iterable[OutMessage]) -> None: ...

    def record_alarm(self, document: AlarmDoc) -> None:
        """Keep every transition (evidence for owners and auditors) and the current state per alarm_id."""
        ...

    def record_incident(self, document: IncidentDoc) -> None: ...

    def record_model_change(self, document: ModelChangeDoc) -> None:
        """Keep a model as it was planned, and as it was approved, with what both rested on."""
        ...

    def record_picture(self, row: PictureRow, most: int) -> None:
        """Keep a picture, unless its incident has as many or this one; what the place looked like before is put beside it."""
        ...

    def record_baseline(self, station: str, stream: str, at: datetime, body: bytes) -> None:
        """Keep a fitted baseline; older ones of the same stream stay as history."""
        ...

    def set_position(self, tap: str, position: str) -> None: ...

    def positions(self) -> dict[str, str]: ...

    def count(self, counter: str, labels: str, by: int = 1) -> None:
        """Add to a durable counter (refusals, duplicates, losses)."""
        ...

    def save_checkpoint(self, seq: int, state: bytes) -> None: ...

    def latest_checkpoint(self) -> tuple[int, bytes] | None: ...

    def discard_checkpoint(self, seq: int) -> None:
        """A checkpoint this build cannot continue."""
        ...

    def forget_parts(self) -> dict[str, Origin]:
        """Before the journal is folded from its start: its parts are recorded again; where each station's numbering goes on."""
        ...

    def record_disposition(self, row: DispositionRow) -> None:
        """Keep what was decided of held parts for as long as they are traced."""
        ...

    def record_outcome(self, outcome: Outcome) -> None:
        """Keep what a part turned out to be for as long as the part is traced."""
        ...

    def entries_after(self, seq: int) -> Iterator[tuple[int, Entry]]: ...

    def last_entry_at(self) -> datetime | None:
        """Wall time of the last commit; None in a new store."""
        ...

    def commit(self, now: datetime) -> None: ...

    def rollback(self) -> None: ...

    def delete_expired(self, now: datetime) -> None:
        """Retention by age and size, a bounded slice of work per call, in the documented order, alarms last."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OutRow:
    """One committed message waiting in the outbox."""

    id: int
    message: OutMessage
    committed_at: datetime


class Outbox(Protocol):
    """A sink's side of the store: its own read-only connection, and marks handed back to the core thread."""

    def after(self, row_id: int, limit: int) -> list[OutRow]: ...

    def last_id(self) -> int: ...

    def mark(self, sink: str) -> int:
        """Highest row this sink has had acknowledged, as committed."""
        ...

    def advance(self, sink: str, row_id: int) -> None:
        """Tell the core thread (thread-safe, does not write here)."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Sleep until something new may have been committed."""
        ...


# --- core → views and sinks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel of one armed stream, for metrics and status."""

    stream: str
    channel: str
    family: str
    evidence: float
    threshold: float
    updates: int
    tolerance: float
    smallest_shift: float  # smallest detectable shift in the channel's unit, NaN when unknown
    unit: str
    refused: str  # why this channel is not watched, empty when it is
    note: str = ""  # what of a watched channel is not, or otherwise: by runs, without its spread


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream: its state and how far learning is."""

    stream: str
    state: str  # learning | armed | suspended | refused
    parts: int
    parts_needed: int
    detail: str


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit of slow ageing, as it stood when the last production day was over. Days are production days from then.

    slope: a day, in the channel's unit; NaN while there is no line. days, earliest, latest: until the limit, and the 95 % interval;
    infinite where it never is. more_days: how many more until that is informative; 0 where it is.
    """

    limit: str  # its name
    view: str
    recipe: str | None  # None: every one
    channel: str
    unit: str
    value: float
    beyond: str  # above | below
    horizon_days: float
    production_days: int  # so far
    slope: float
    days: float
    earliest: float
    latest: float
    more_days: float
    is_informative: bool
    is_due: bool  # advised: the limit may be reached within the horizon
    evidence: float
    threshold: float


@dataclass(frozen=True, slots=True)
class MeasurementView:
    """A measurement of the vision tool's that is not watched, and why; of one not declared its first values."""

    view: str
    name: str
    why: str  # not declared | declared, not received
    values: int = 0
    mean: float = 0.0
    sd: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """One set of challenge parts: whether its check is good, due or overdue, and what was presented and missed."""

    set: str
    failure_mode: str
    known: str  # defective | good
    revision: str
    state: str  # good | due | overdue | failed | expired | never
    reason: str  # why one is due: never | parts | time | changeover | alarm | missed; empty when none is
    parts_at_risk: int  # made since the last good check began
    limit_parts: int
    limit_s: float
    age_s: float | None  # since the last good check began, by the source's clock; None: never
    passed_at: datetime | None
    size: int  # clean presentations that make a good check
    done: int  # good checks
    failed: int
    overdue: int  # times it became overdue: checks missed
    presented: int
    missed: int
    evidence: float  # of its failure mode: missed more often than declared
    threshold: float


@dataclass(frozen=True, slots=True)
class AuditsView:
    """The audit planner: what it draws, what is open, how it was answered."""

    mode: str  # off | fraction | per_shift
    probability: float  # mean chance of a pass to be drawn, now
    tightened: bool
    expected: float  # sum of the chances of all passes so far
    unanswered_share: float  # of the latest requests
    late_share: float  # of the latest outcomes
    waiting: int  # open requests
    counts: dict[str, int]  # sampled, candidates, missed_sample, finds_confirmed, …
    requests: tuple[AuditRequestDoc, ...]  # the open ones, oldest first; at most 1,000


@dataclass(frozen=True, slots=True)
class ReportView:
    """One report as it stands, with the words it came with: for quality, not for whoever looks at its parts again."""

    document: FeedbackDoc
    note: str


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What was reported at the line, and how it was answered. Nothing is counted by who reported or who looked."""

    waiting: int  # not answered yet, overdue ones among them
    overdue: int
    counts: dict[str, int]  # reported_bad_passed, answered_confirmed, overdue, same_reviewer, …
    reports: tuple[ReportView, ...]  # the latest that ended, then those open


@dataclass(frozen=True, slots=True)
class BlindSpotView:
    """How long a rise of misses of one failure mode could go unnoticed."""

    failure_mode: str  # `escapes`: all together, by audits alone
    rise: float  # share of the mode's parts that pass; of `escapes`, of all passed parts that are bad
    days: float  # production days until it would be found, at most; inf: never; NaN: not known yet
    limit_days: float
    measured_days: int  # it rests on so many


@dataclass(frozen=True, slots=True)
class ModelView:
    """What judges at one place. state: approved; unapproved: something else than what is; admitted: another may take over."""

    view: str
    position: str
    recipe: str
    approved: str  # name, version and the beginning of its hash
    judging: str
    state: str
    admitted: str = ""


@dataclass(frozen=True, slots=True)
class ReviewView:
    """False alarms beside their budget: alarms raised by chance tests, and what closing their incidents found them to be.

    months: since the station was armed, by the source's clock. Alarms of one closed incident share its verdict.
    """

    budget_per_month: float
    months: float
    raised: int
    real: int
    harmless: int
    unknown: int

    @property
    def waiting(self) -> int:
        """Not judged yet."""
        return self.raised - self.real - self.harmless - self.unknown


@dataclass(frozen=True, slots=True)
class FigureView:
    """One rate of one station, recipe, failure mode and month, with bounds that hold at every moment.

    naive: what the parts looked at would suggest if they had been chosen evenly; shown beside the estimate, never alone. Both are
    NaN where nothing was looked at. at_most: proved by a run without a find, one-sided; NaN after the first. more: parts to be
    looked at, all good, until it can be judged; 0 where it is, None where no number of them would do.
    """

    figure: str  # escape_rate | miss_rate | overkill_rate | rejects_good | false_alarm_rate | effectiveness | kappa
    source: str  # audits | census | rechecks | check_parts
    estimate: float
    low: float
    high: float
    naive: float
    at_most: float
    looked: int
    found: int  # of these, what the figure counts
    limit: float
    judgement: str  # within | beyond | not_informative; empty where nothing is declared to judge by
    more: int | None


@dataclass(frozen=True, slots=True)
class EstimateView:
    """What the verdicts of one station were worth: of one recipe and failure mode in one month, or of all together.

    Counts are of parts whose truth is known by now or never, up to the latest one looked at, or a fiftieth of the looks before it.
    """

    month: str  # 2026-11; earlier: those no longer kept apart; all
    recipe: str  # empty: all
    failure_mode: str  # empty: all
    passed: int
    rejected: int
    looked: int  # passed parts that count
    rechecked: int  # rejected ones
    unanswered: int  # passed parts drawn, and not answered or not confirmed
    unknown_chance: int  # passed parts told of, drawn by nobody: in no rate
    unconfirmed: int  # finds that no second look confirmed: in no rate
    claimed: float  # share of the passed parts that is bad by the model's own claims; NaN where it makes none
    figures: tuple[FigureView, ...]


@dataclass(frozen=True, slots=True)
class BandView:
    """Parts of claims within two edges in one month: what was claimed, and what they turned out to be."""

    month: str
    verdict: str  # passed | rejected
    least: float
    most: float
    claimed: float
    observed: float
    low: float
    high: float
    looked: int
    found: int


@dataclass(frozen=True, slots=True)
class StationView:
    """One station as it stands."""

    station: str
    state: str  # learning | armed | suspended | not_armed
    correctness: str  # what challenge parts say: unverified | verified | overdue | failed
    parts: int
    passed: int
    rejected: int
    outcomes: int
    audits_judged: int
    outcome_state: str
    outcome_evidence: float
    outcome_threshold: float
    claimed_escapes: float
    observed_escapes: float
    last_captured_at: datetime | None
    streams: tuple[StreamView, ...]
    channels: tuple[ChannelView, ...]
    counters: dict[str, int]  # duplicates, late, unmatched outcomes, frames missing, … by reason
    andon: AndonDoc | None
    limits: tuple[LimitView, ...] = ()
    novel_parts: int = 0  # told to the audit planner so far
    measurements: tuple[MeasurementView, ...] = ()  # of the vision tool's, those that are not watched
    challenges: tuple[ChallengeView, ...] = ()
    audits: AuditsView | None = None
    blind_spots: tuple[BlindSpotView, ...] = ()
    review: ReviewView | None = None
    estimates: tuple[EstimateView, ...] = ()  # latest month first, `all` last
    curves: tuple[BandView, ...] = ()
    feedback: FeedbackView | None = None
    models: tuple[ModelView, ...] = ()
    model_change: ModelChangeDoc | None = None  # the plan, as it stands


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state that may be seen from outside, swapped as one immutable value by the core thread."""

    at: datetime
    started_at: datetime
    boot_id: str
    version: str
    seq: int
    stations: tuple[StationView, ...] = ()
    alarms: tuple[AlarmDoc, ...] = ()
    incidents: tuple[IncidentDoc, ...] = ()
    holds: tuple[HoldDoc, ...] = ()
    counters: dict[tuple[str, str], int] = field(default_factory=dict)  # (counter, labels) → total, durable
    taps: dict[str, dict[str, float | str]] = field(default_factory=dict)
    sinks: dict[str, dict[str, float | str]] = field(default_factory=dict)
    outbox_depth: int = 0
    uncommitted: int = 0
    store_bytes: int = 0


class Snapshots(Protocol):
    """Where views and sinks get the current snapshot."""

    def current(self) -> Snapshot: ...


class Sink(Protocol):
    """Sends committed messages. `run` is called in a thread of its own, and again after it raised."""

    @property
    def name(self) -> str: ...

    def run(self, outbox: Outbox, snapshots: Snapshots, stop: StopSignal) -> None: ...

    def health(self) -> dict[str, float | str]: ...


class View(Protocol):
    """Shows the snapshot to somebody. `run` is called in a thread of its own."""

    @property
    def name(self) -> str: ...

    def run(self, snapshots: Snapshots, stop: StopSignal) -> None: ...
