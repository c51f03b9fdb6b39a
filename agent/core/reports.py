"""What people at the line reported: looked at again by somebody who knows nothing of it, decided, and answered.

A report is a voice, not an outcome: its part was chosen by how it looks, so that neither it nor what comes of it enters a rate
(METHODS 3). Named parts: whoever looks agrees and it is decided, or differs and a further one decides. Parts found by time: one
that is as reported confirms it. Without a claim, a bad one needs a second look, as finds do.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from agent.core.conditions import Condition, Finding
from agent.core.feedback_texts import answer
from agent.documents import AuditRequestDoc, FeedbackDoc
from agent.ports import FeedbackView, History, PartRow, ReportView
from agent.records import Feedback, Outcome, Saw, report_name

if TYPE_CHECKING:
    from agent.config.feedback import FeedbackSection
    from agent.core.audits import Audits

# Reports kept open; the oldest is answered as given up when another comes, and counted.
MOST_OPEN = 1_000
# Ended ones that are shown.
SHOWN = 100
# Parts looked through for those that are meant where none is named.
LOOK_BACK = 200
ALARM = "report-confirmed"
_CLAIMS: dict[Saw, bool] = {"bad_passed": True, "good_rejected": False}


class Look(msgspec.Struct, frozen=True):
    """What somebody who looked again said. by keeps the next one another person."""

    defective: bool
    by: str


class Report(msgspec.Struct, kw_only=True):
    """One report until it is answered and all its parts are looked at, or its time is over."""

    name: str
    saw: Saw
    at: datetime
    part_id: str
    note: str
    by: str  # for nothing but not to ask the same person
    due_at: datetime
    parts: tuple[str, ...] = ()
    looks: dict[str, tuple[Look, ...]] = {}
    undecided: tuple[str, ...] = ()
    state: Literal["open", "overdue", "answered"] = "open"
    answer: str = "waiting"
    found: str = ""
    answered_at: datetime | None = None
    escaped: bool = False  # a part of it had passed and is bad
    incident: str = ""

    @property
    def claim(self) -> bool | None:
        """Whether a part was said to be bad; None where nothing was said of it."""
        return _CLAIMS.get(self.saw)


@dataclass(slots=True)
class Heard:
    """What a record meant to the reports: documents that go out, and what began or ended."""

    told: list[FeedbackDoc] = field(default_factory=list)
    asked: list[AuditRequestDoc] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything is to be told."""
        return bool(self.told or self.asked or self.findings)


class Reports:
    """The reports of one station. Mutable, deterministic."""

    def __init__(
        self, station: str, options: FeedbackSection, parts: History, audits: Audits, *, language: str, zone: ZoneInfo
    ) -> None:
        self._station = station
        self._options = options
        self._parts = parts
        self._audits = audits
        self._language = language
        self._zone = zone
        self._open: OrderedDict[str, Report] = OrderedDict()
        self._ended: deque[Report] = deque(maxlen=SHOWN)
        self._by_part: dict[str, tuple[str, ...]] = {}  # reports that wait for a part, or for a look at it
        self._next_at: datetime | None = None  # nothing is due before it
        self._confirmed = Condition(1, 1)
        self._quiet_at: datetime | None = None  # the alarm is over then, unless another is confirmed
        self.counts: Counter[str] = Counter()

    # --- taking -------------------------------------------------------------------------------------------------------------

    def told(self, feedback: Feedback, latest: int, now: datetime | None) -> tuple[str, Heard]:
        """A report, after part `latest`, at source time `now`; what it became, in a word."""
        heard, name = Heard(), report_name(feedback)
        if name in self._open:
            return "known", heard
        self.counts[f"reported_{feedback.saw}"] += 1
        report = Report(
            name=name,
            saw=feedback.saw,
            at=feedback.at,
            part_id=feedback.part_id,
            note=feedback.note,
            by=feedback.by,
            due_at=(now or feedback.at) + timedelta(seconds=self._options.deadline_s),
        )
        rows = self._meant(report, latest)
        if not rows and not report.part_id:
            self._answer(report, "no_part", report.at, heard)
            self._ended.append(report)
            return "no_part", heard
        if len(self._open) >= MOST_OPEN:
            self._give_up(report.at, heard)
        self._open[name] = report
        self._next_at = report.due_at if self._next_at is None else min(self._next_at, report.due_at)
        if not rows:
            self._listen(report.part_id, name)
            self._tell(report, heard)
            return "waiting", heard
        self._ask(report, rows, heard)
        return "asked", heard

    def inspected(self, row: PartRow) -> Heard:
        """A part came: reports that waited for it ask for it."""
        heard = Heard()
        for name in self._by_part.get(row.part_id, ()):
            report = self._open[name]
            if not report.parts:
                self._ask(report, [row], heard)
        return heard

    def _meant(self, report: Report, latest: int) -> list[PartRow]:
        """The parts a report is about, latest first."""
        if report.part_id:
            index = self._parts.part_index(self._station, report.part_id, latest)
            row = None if index is None else self._parts.part(self._station, index)
            return [] if row is None else [row]
        verdicts = {"bad_passed": ("ok",), "good_rejected": ("ng",)}.get(report.saw, ("ok", "ng"))
        begin, found = report.at - timedelta(seconds=self._options.window_s), list[PartRow]()
        for row in self._made_by(report.at, latest):
            if row.captured_at < begin or len(found) == self._options.parts:
                break
            if row.verdict in verdicts:
                found.append(row)
        return found

    def _made_by(self, at: datetime, latest: int) -> Iterator[PartRow]:
        """Parts made by then, latest first, as far as one looks back. Capture times grow with the index, nearly."""
        low, high = 1, latest
        while low <= high:
            middle = (low + high) // 2
            row = self._parts.part(self._station, middle)
            if row is None or row.captured_at <= at:  # None: expired, so earlier
                low = middle + 1
            else:
                high = middle - 1
        for index in range(high, max(0, high - LOOK_BACK), -1):
            row = self._parts.part(self._station, index)
            if row is None:
                return
            yield row

    def _ask(self, report: Report, rows: list[PartRow], heard: Heard) -> None:
        report.parts = report.undecided = tuple(dict.fromkeys(row.part_id for row in rows))
        report.answer = "asked"
        for row in rows:
            self._listen(row.part_id, report.name)
            heard.asked += self._audits.reported(row, report.due_at)
        self._tell(report, heard)

    # --- deciding -----------------------------------------------------------------------------------------------------------

    def judged(self, outcome: Outcome, latest: int) -> Heard:
        """What a part turned out to be, said by whoever looked at it."""
        heard = Heard()
        for name in self._by_part.get(outcome.part_id, ()):
            self._looked(self._open[name], outcome, latest, heard)
        return heard

    def _looked(self, report: Report, outcome: Outcome, latest: int, heard: Heard) -> None:
        part_id, by = outcome.part_id, outcome.reviewer
        if part_id not in report.undecided:
            return
        before = report.looks.get(part_id, ())
        if (by and by == report.by) or (before and by == before[-1].by and not outcome.confirmed):
            self.counts["same_reviewer"] += 1
            return
        self._audits.looked_at(part_id)
        looks = (*before, Look(outcome.defective, by))
        report.looks[part_id] = looks
        verdict = _decided(report, looks)
        index = self._parts.part_index(self._station, part_id, latest)
        row = None if index is None else self._parts.part(self._station, index)
        if verdict is None:
            self.counts["second_looks"] += 1
            if row is not None:
                due = outcome.observed_at + timedelta(seconds=self._options.deadline_s)
                heard.asked += self._audits.reported(row, due, reason="second look")
            return
        report.undecided = tuple(other for other in report.undecided if other != part_id)
        if verdict and row is not None and row.verdict == "ok":
            report.escaped = True
            heard.findings += self._escaped(part_id, outcome.observed_at)
        self._conclude(report, part_id, verdict, outcome.observed_at, heard)

    def _conclude(self, report: Report, part_id: str, verdict: bool, at: datetime, heard: Heard) -> None:  # noqa: FBT001
        """One of its parts is decided; the report is answered by the first that is as reported, or by the last that is not."""
        claimed = report.claim is not None
        as_reported = verdict == (report.claim if claimed else True)
        if report.state != "answered" and (as_reported or not report.undecided):
            report.found = part_id if as_reported else ""
            good, bad = ("confirmed", "not_confirmed") if claimed else ("found_bad", "found_good")
            self._answer(report, good if as_reported else bad, at, heard)
        if not report.undecided:
            self._end(report)

    def _escaped(self, part_id: str, at: datetime) -> list[Finding]:
        """A passed part, reported or looked at because of a report, is bad, and two people say so."""
        self.counts["bad_parts_passed"] += 1
        self._quiet_at = at + timedelta(seconds=self._options.deadline_s)
        self._next_at = self._quiet_at if self._next_at is None else min(self._next_at, self._quiet_at)
        return [self._finding(part_id)] if self._confirmed.observe(bad=True, at=at, part_id=part_id) else []

    def _finding(self, part_id: str) -> Finding:
        at, first = self._confirmed.since or (None, part_id)
        return Finding(
            ALARM, "report_confirmed", self._confirmed.stands, 1.0, 1.0, "parts", 1, at, first, {"part": first}, priority="critical"
        )

    # --- time ---------------------------------------------------------------------------------------------------------------

    def reached(self, at: datetime) -> Heard:
        """The source's time has reached `at`: what is not answered by now is overdue."""
        heard = Heard()
        if self._next_at is None or self._next_at >= at:
            return heard
        for report in [report for report in self._open.values() if report.due_at < at]:
            self._overdue(report, at, heard)
        if self._quiet_at is not None and self._quiet_at < at:
            self._quiet_at = None
            if self._confirmed.observe(bad=False, at=at, part_id=""):
                heard.findings.append(self._finding(""))
        waiting = [report.due_at for report in self._open.values() if report.state == "open"]
        self._next_at = min([*waiting, *([] if self._quiet_at is None else [self._quiet_at])], default=None)
        return heard

    def _overdue(self, report: Report, at: datetime, heard: Heard) -> None:
        if report.state == "answered":  # its other parts are looked at no more
            self._end(report)
        elif not report.parts:
            self._answer(report, "unknown_part", at, heard)
            self._end(report)
        elif report.state == "open":
            report.state, report.answer = "overdue", "overdue"
            self.counts["overdue"] += 1
            self._tell(report, heard)

    def _give_up(self, at: datetime, heard: Heard) -> None:
        oldest = next(iter(self._open.values()))
        if oldest.state != "answered":
            self._answer(oldest, "given_up", at, heard)
        self._end(oldest)

    # --- answering ----------------------------------------------------------------------------------------------------------

    def _answer(self, report: Report, code: str, at: datetime, heard: Heard) -> None:
        report.state, report.answer, report.answered_at = "answered", code, at
        self.counts[f"answered_{code}"] += 1
        self._tell(report, heard)

    def _tell(self, report: Report, heard: Heard) -> None:
        heard.told.append(self._document(report))

    def joined(self, incident: str, told: list[FeedbackDoc]) -> list[FeedbackDoc]:
        """The same documents, now that it is known which incident the bad parts they confirm belong to."""
        names = {doc.feedback for doc in told}
        escaped = {
            report.name: report for report in (*self._ended, *self._open.values()) if report.escaped and report.name in names
        }
        for report in escaped.values():
            report.incident = incident
        return [msgspec.structs.replace(doc, incident=incident) if doc.feedback in escaped else doc for doc in told]

    def _listen(self, part_id: str, name: str) -> None:
        self._by_part[part_id] = tuple(dict.fromkeys((*self._by_part.get(part_id, ()), name)))

    def _end(self, report: Report) -> None:
        """Nothing more is waited for."""
        del self._open[report.name]
        for part_id in {report.part_id, *report.parts} & self._by_part.keys():
            others = tuple(name for name in self._by_part[part_id] if name != report.name)
            if others:
                self._by_part[part_id] = others
            else:
                del self._by_part[part_id]
        self._ended.append(report)

    def _document(self, report: Report) -> FeedbackDoc:
        return FeedbackDoc(
            feedback=report.name,
            station=self._station,
            saw=report.saw,
            at=report.at,
            state=report.state,
            answer=report.answer,
            text=answer(
                self._language,
                report.answer,
                parts=report.parts,
                part_id=report.found or report.part_id,
                due=self._clock(report.due_at),
                at=self._clock(report.at),
            ),
            due_at=report.due_at,
            parts=report.parts,
            part_id=report.found or report.part_id,
            answered_at=report.answered_at,
            incident=report.incident,
        )

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%d.%m. %H:%M}"

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def view(self) -> FeedbackView:
        """As shown in status and metrics."""
        states = Counter(report.state for report in self._open.values())
        latest = [*self._ended, *self._open.values()]
        return FeedbackView(
            waiting=states["open"] + states["overdue"],
            overdue=states["overdue"],
            counts={name: count for name, count in sorted(self.counts.items()) if count},
            reports=tuple(ReportView(self._document(report), report.note) for report in latest[-2 * SHOWN :]),
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "open": list(self._open.values()),
            "ended": list(self._ended),
            "next_at": self._next_at,
            "confirmed": (self._confirmed.save(), self._quiet_at),
            "counts": dict(self.counts),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._open = OrderedDict((row["name"], msgspec.convert(row, Report)) for row in saved["open"])
        self._ended.extend(msgspec.convert(row, Report) for row in saved["ended"])
        self._by_part = {}
        for report in self._open.values():
            for part_id in report.parts or (report.part_id,):
                self._listen(part_id, report.name)
        self._next_at = saved["next_at"]
        confirmed, self._quiet_at = saved["confirmed"]
        self._confirmed.load(confirmed)
        self.counts = Counter(saved["counts"])


def _decided(report: Report, looks: tuple[Look, ...]) -> bool | None:
    """Whether a part is bad; None where somebody else must look."""
    first, claim = looks[0].defective, report.claim
    if len(looks) > 1:
        return looks[-1].defective
    if claim is None:
        return None if first else False
    return first if first == claim or not report.part_id else None
