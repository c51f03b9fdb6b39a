"""The audit planner: which passed parts are asked for again, with what chance, and what became of each request."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from agent.config.model import StationSection
from agent.core.candidates import Candidate
from agent.core.shifts import Shifts
from agent.documents import AuditRequestDoc
from agent.ports import AuditsView, PartRow
from agent.records import Inspection, Outcome

Kind = Literal["sample", "candidate", "second_look", "feedback"]
# Open requests kept; a line on which more are open answers none, and non-response has said so long before.
MOST_OPEN = 10_000
# Passes the share near the threshold is estimated from: older ones count half as much each time so many have come.
REMEMBERED = 20_000
# A novel part is asked for where at most one learned part in a thousand is as unlike the others; a candidate is one in a hundred.
NOVEL_P = 0.001
# Shown in status; the list on the topic is complete.
SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """One part asked for. probability: that it would be, as known before the draw; None where it was not drawn."""

    part_id: str
    position: str
    box: str
    captured_at: datetime
    kind: Kind
    deadline: datetime
    probability: float | None
    reason: str
    reviewer: str = ""  # of the first look, where this is the second


@dataclass(slots=True)
class Answered:
    """What an outcome meant to the planner. counts: whether it may enter rates; settled: requests that ended with it."""

    counts: bool = True
    settled: list[Request] = field(default_factory=list)
    asked: list[AuditRequestDoc] = field(default_factory=list)


class Audits:
    """Draws, requests and their ends at one station. Mutable; a function of what is folded: the draw is a hash, not chance."""

    def __init__(self, options: StationSection, zone: ZoneInfo) -> None:
        self._station = options.id
        self._options = options.audits
        self._confirmed = options.outcomes.finds_confirmed
        self._threshold = options.threshold
        self._most = min(1.0, options.outcomes.audits_per_month / options.parts_per_month)
        self.is_on = options.audits.mode != "off" and options.outcomes.samples
        self._shifts = Shifts(options.audits.shifts, zone, options.parts_per_month)
        self._open: OrderedDict[str, Request] = OrderedDict()
        self._drawn: OrderedDict[str, Request] = OrderedDict()  # answered or not, as long as their outcome may count
        self._suspected: OrderedDict[str, Request] = OrderedDict()  # asked for by their looks alone
        self._reported: OrderedDict[str, Request] = OrderedDict()  # asked for because somebody reported them, or their time
        self._earliest: datetime | None = None  # no open request has a deadline before it
        self._passes = self._near = 0  # remembered
        self.tight = False  # whether anything was at advise at the part before
        self.probability = 0.0  # the mean chance planned for the latest pass
        self.chance = self.least = 0.0  # of the latest part: its own where it was drawn, and the least any pass had then
        self.expected = 0.0  # sum of the chances of all passes: what `sampled` should be near
        self._novel_shift = ""
        self._novel = 0  # asked for in it
        self.counts: Counter[str] = Counter()

    # --- drawing ------------------------------------------------------------------------------------------------------------

    def inspected(self, record: Inspection, row: PartRow, threshold: float | None) -> list[AuditRequestDoc]:
        """A production part of the leading view; its request, where it is drawn. threshold: the approved decision threshold."""
        if not self.is_on:
            return []
        self.chance = 0.0
        fraction = self._fraction(row)
        if record.verdict != "ok":
            return []
        chance = self._chance(record.p_defect, fraction, self.near_above(threshold))
        self.expected += chance
        if self._uniform(record) >= chance:
            return []
        self.counts["sampled"] += 1
        self.chance = chance
        self._suspected.pop(row.part_id, None)
        self._shifts.drawn()
        return self._ask(self._drawn, self._request(row, record.position, "sample", "sample", chance))

    def suspect(self, row: PartRow, position: str, reason: str) -> list[AuditRequestDoc]:
        """A passed part chosen by how it looks: asked for, never part of a rate unless it was drawn too."""
        if not self.is_on or row.verdict != "ok" or row.part_id in self._drawn or row.part_id in self._open:
            return []
        self.counts["candidates"] += 1
        return self._ask(self._suspected, self._request(row, position, "candidate", reason, None))

    def novel(self, row: PartRow, candidate: Candidate) -> list[AuditRequestDoc]:
        """A part unlike those learned; asked for where it is most unlike them, a few in a shift."""
        shift = self._shifts.start_of(row.captured_at).isoformat()
        if shift != self._novel_shift:
            self._novel_shift, self._novel = shift, 0
        if candidate.p > NOVEL_P or self._novel >= self._options.novel_per_shift:
            return []
        position = candidate.stream.split("/")[2]
        asked = self.suspect(row, position, f"unlike learned parts: {', '.join(candidate.channels)}")
        self._novel += len(asked)
        return asked

    def reported(self, row: PartRow, deadline: datetime, reason: str = "sample") -> list[AuditRequestDoc]:
        """A part that somebody at the line reported, passed or not, whether or not parts are drawn here: never part of a rate.

        The request reads as a drawn one does. Nothing is asked where the part is asked for already.
        """
        if row.part_id in self._open:
            return []
        self.counts["feedback"] += 1
        request = Request(row.part_id, row.position, row.box, row.captured_at, "feedback", deadline, None, reason)
        return self._ask(self._reported, request)

    def looked_at(self, part_id: str) -> None:
        """A reported part was looked at; what it was drawn for otherwise stays open."""
        request = self._open.get(part_id)
        if request is not None and request.kind == "feedback":
            del self._open[part_id]

    def near_above(self, threshold: float | None) -> float | None:
        """The score from which a pass is near the threshold: drawn with another chance than those below. None where unknown."""
        known = self._threshold if threshold is None else threshold
        return None if known is None or not self.is_on else self._options.near_from * known

    def _fraction(self, row: PartRow) -> float:
        """The share of the passes to be drawn now: from the plan and the past alone."""
        options = self._options
        share = options.fraction if options.mode == "fraction" else self._shifts.share(row, options.per_shift)
        share *= options.tightened if self.tight else 1.0
        self.probability = min(share, self._most)
        return self.probability

    def _chance(self, p_defect: float | None, fraction: float, near_above: float | None) -> float:
        """The inclusion probability: `near_share` of the audits near the threshold; what they leave goes to confident passes."""
        options = self._options
        is_near = p_defect is not None and near_above is not None and p_defect >= near_above
        near = (self._near + 1.0) / (self._passes + 20.0)  # share of the passes before this one
        self._passes += 1
        self._near += is_near
        if self._passes >= REMEMBERED:
            self._passes, self._near = self._passes // 2, self._near // 2
        of_near = min(1.0, fraction * options.near_share / near)
        of_confident = (fraction - near * of_near) / (1.0 - near)
        self.least = min(1.0, max(options.least_probability, min(of_near, of_confident)))
        return min(1.0, max(options.least_probability, of_near if is_near else of_confident))

    def _uniform(self, record: Inspection) -> float:
        """A number in [0, 1) from the seed and the part's identity: the same live, replayed and restarted."""
        said = (self._options.seed, self._station, record.part_id, record.captured_at.isoformat())
        raw = hashlib.blake2b("\n".join(said).encode(), digest_size=8).digest()
        return (int.from_bytes(raw, "big") >> 11) / 2.0**53

    def _request(self, row: PartRow, position: str, kind: Kind, reason: str, chance: float | None) -> Request:
        deadline = row.captured_at + timedelta(seconds=self._options.deadline_s)
        return Request(row.part_id, position, row.box, row.captured_at, kind, deadline, chance, reason)

    def _ask(self, kept: OrderedDict[str, Request], request: Request) -> list[AuditRequestDoc]:
        """Ask for a part, and remember why; one asked for by its looks before is taken over by the draw."""
        kept[request.part_id] = request
        if len(kept) > MOST_OPEN:
            kept.popitem(last=False)
        self._open.pop(request.part_id, None)
        if len(self._open) >= MOST_OPEN:
            self.counts["not_asked"] += 1
            return []
        self._open[request.part_id] = request
        self._earliest = request.deadline if self._earliest is None else min(self._earliest, request.deadline)
        return [self._document(request)]

    # --- answers ------------------------------------------------------------------------------------------------------------

    def probability_of(self, part_id: str) -> float | None:
        """With what chance this part was drawn; None where it was not."""
        request = self._drawn.get(part_id)
        return None if request is None else request.probability

    def told(self, outcome: Outcome, *, of_all: bool = False) -> Answered:
        """An outcome: what it settles, what it asks for (a find wants a second look), and whether it counts.

        of_all: of a declared source that tells of every part, reported or not.
        """
        part_id = outcome.part_id
        if self._is_reported(part_id):
            return Answered(counts=of_all)
        kept = self._drawn if part_id in self._drawn else self._suspected
        asked, request = kept.get(part_id), self._open.get(part_id)
        if asked is None:  # not a part this planner asked for
            return Answered()
        answered = Answered(counts=kept is self._drawn)
        if request is not None and request.kind == "second_look":
            if not outcome.confirmed and outcome.reviewer == request.reviewer:
                self.counts["same_reviewer"] += 1
                return Answered(counts=False)
            self.counts["finds_confirmed" if outcome.defective else "finds_not_confirmed"] += 1
        elif outcome.defective and self._confirmed and not outcome.confirmed and asked.kind != "second_look":
            if request is not None:
                answered.settled.append(request)
            self.counts["second_looks"] += 1
            deadline = outcome.observed_at + timedelta(seconds=self._options.deadline_s)
            second = replace(asked, kind="second_look", deadline=deadline, reason="second look", reviewer=outcome.reviewer)
            answered.asked, answered.counts = self._ask(kept, second), False
            return answered
        if request is not None:
            del self._open[part_id]
            answered.settled.append(request)
        if kept is self._suspected:
            self.counts["candidates_bad" if outcome.defective else "candidates_good"] += 1
        return answered

    def _is_reported(self, part_id: str) -> bool:
        """Whether what is said of a part now was asked for because it was reported."""
        request = self._open.get(part_id)
        if request is not None:
            return request.kind == "feedback"
        return part_id in self._reported and part_id not in self._drawn

    def missed(self, at: datetime) -> list[Request]:
        """Requests whose deadline the source's time has passed: they can be met no longer."""
        if self._earliest is None or self._earliest >= at:
            return []
        late = [request for request in self._open.values() if request.deadline < at]
        for request in late:
            del self._open[request.part_id]
            self.counts[f"missed_{request.kind}"] += 1
        self._earliest = min((request.deadline for request in self._open.values()), default=None)
        return late

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def view(self, unanswered: float, late: float) -> AuditsView:
        """As shown in status and metrics."""
        return AuditsView(
            mode=self._options.mode if self.is_on else "off",
            probability=self.probability,
            tightened=self.tight,
            expected=self.expected,
            unanswered_share=unanswered,
            late_share=late,
            waiting=len(self._open),
            counts={name: count for name, count in sorted(self.counts.items()) if count},
            requests=tuple(self._document(request) for request in list(self._open.values())[:SHOWN]),
        )

    def _document(self, request: Request) -> AuditRequestDoc:
        return AuditRequestDoc(
            self._station,
            request.part_id,
            request.position,
            request.box,
            request.captured_at,
            request.deadline,
            request.reason,
            request.probability,
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "open": [_plain(request) for request in self._open.values()],
            "drawn": [_plain(request) for request in self._drawn.values()],
            "suspected": [_plain(request) for request in self._suspected.values()],
            "reported": [_plain(request) for request in self._reported.values()],
            "plain": (self._passes, self._near, self.tight, self.probability, self.expected),
            "novel": (self._novel_shift, self._novel),
            "counts": dict(self.counts),
            "shifts": self._shifts.save(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._open, self._drawn, self._suspected, self._reported = (
            OrderedDict((row[0], Request(*row)) for row in saved[name]) for name in ("open", "drawn", "suspected", "reported")
        )
        self._earliest = min((request.deadline for request in self._open.values()), default=None)
        self._passes, self._near, self.tight, self.probability, self.expected = saved["plain"]
        self._novel_shift, self._novel = saved["novel"]
        self.counts = Counter(saved["counts"])
        self._shifts.load(saved["shifts"])


def _plain(r: Request) -> tuple[Any, ...]:
    return (r.part_id, r.position, r.box, r.captured_at, r.kind, r.deadline, r.probability, r.reason, r.reviewer)
