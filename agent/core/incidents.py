"""Incidents: the alarms of one episode joined, what likely caused it, and what must be held when the truth is what alarmed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from agent.core.causes import CAUSES, REASONS, say_blind
from agent.core.closing import closing
from agent.core.holds import Containment, Holds
from agent.core.response import Done, respond, steps
from agent.documents import (
    CauseDoc,
    ClosingDoc,
    FrozenDoc,
    HappenedDoc,
    HoldDoc,
    IncidentDoc,
    OnsetDoc,
    ReasonDoc,
    SignDoc,
)
from agent.errors import CommandRefused
from agent.ports import History
from detectors.attribution import CHANNEL_MARK, Attribution, Happening, Symptom, attribute, joined

if TYPE_CHECKING:
    from agent.config.model import ResponseSection, StationSection
    from agent.records import Command

# Events written down with an incident, and how long before its change the journal is kept for it.
FROZEN_EVENTS = 20
LOG_BEFORE = timedelta(hours=8)
# Families that show harm: where one did, its onset is the one a hold's parts are set beside.
HARM = frozenset({"outcomes", "challenge", "identity"})
# Events remembered to be set beside onsets; more than a shift has.
RECENT_EVENTS = 100
# Attributions remembered while what they rest on does not change.
REMEMBERED_ANSWERS = 8
# Before every part.
NOTHING_BEFORE = -1
# Causes an incident names.
TOP_CAUSES = 3
# A cause with at least this share of the weight, and twice that of the next one, is said to be likely; else possible.
LIKELY_SHARE, LIKELY_LEAD = 0.5, 2.0


class Named(msgspec.Struct, frozen=True):
    """What an alarm names: the cause that stands out, or the two that come closest, or two at once (both)."""

    causes: tuple[str, ...] = ()
    both: bool = False


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one station. over_at: all its alarms have returned. closed_at: nothing is left to be done about it."""

    incident: str
    opened_at: datetime
    alarms: tuple[str, ...] = ()
    onset: OnsetDoc | None = None
    over_at: datetime | None = None
    closed_at: datetime | None = None
    symptoms: tuple[Symptom, ...] = ()
    attribution: Attribution | None = None
    by_chance: int = 0  # alarms of it that the budget of false alarms counts
    frozen: FrozenDoc | None = None
    done: tuple[Done, ...] = ()
    closing: ClosingDoc | None = None

    @property
    def asks_for_a_verdict(self) -> bool:
        """Whether a person must say what it was: it may have been chance, it held parts or showed harm. A silent feed is a fact."""
        return self.by_chance > 0 or (self.attribution is not None and self.attribution.harm)


class Incidents:
    """The incidents of one station: alarms raised while one goes on join it; those over stay here until they are closed."""

    def __init__(self, station: str, history: History, language: str = "en", plan: Sequence[ResponseSection] = ()) -> None:
        self._station = station
        self._history = history
        self._language = language
        self._plan = plan
        self._events: deque[Happening] = deque(maxlen=RECENT_EVENTS)
        self._number = 0
        self._current: Incident | None = None
        self._asked: dict[tuple[Any, ...], Attribution] = {}  # the last answers: a standing shift asks the same part after part
        self._unsigned: dict[str, Incident] = {}  # over, not closed
        self._signed: Incident | None = None  # the one closed last
        self.holds = Holds(station, history)
        self.raised = 0  # alarms the budget counts
        self.judged: Counter[str] = Counter()  # and of them those of closed incidents, by verdict

    def begin_after(self, number: int) -> None:
        """Number on from here."""
        self._number = number

    @property
    def station(self) -> str:
        """Whose incidents these are."""
        return self._station

    @property
    def history(self) -> History:
        """Where parts are asked for."""
        return self._history

    @property
    def current(self) -> Incident | None:
        """The open one, else the last one, else None."""
        return self._current

    def open_id(self, at: datetime) -> str:
        """Id of the open incident; a new one is opened where there is none."""
        if self._current is None or self._current.over_at is not None:
            self._number += 1
            self._current = Incident(incident=f"{self._station}-{self._number:04d}", opened_at=at)
        return self._current.incident

    def happened(self, kind: str, index: int) -> None:
        """An event at the station, after part `index`."""
        self._events.append(Happening(kind, index))

    def observe(self, symptoms: Sequence[Symptom], watched: Collection[str], at: datetime) -> bool:
        """Take what has left its baseline into the open incident, opening one where there is none; True when causes changed.

        watched: the families that would have seen something. A symptom seen before keeps its onset; the other way round it is news.
        """
        self.open_id(at)
        current = self._current
        assert current is not None
        known = joined(current.symptoms, symptoms)
        attribution = self._attribute(known, watched)
        self._current = msgspec.structs.replace(current, symptoms=known, attribution=attribution)
        return _top(attribution) != _top(current.attribution)

    @property
    def current_id(self) -> str:
        """Id of the current incident, "" where there never was one."""
        return "" if self._current is None else self._current.incident

    def likely(self, watched: Collection[str], since: int = NOTHING_BEFORE) -> Named:
        """What an alarm names of what began after part `since`."""
        if self._current is None:
            return Named()
        fresh = tuple(symptom for symptom in self._current.symptoms if symptom.onset.earliest > since)
        attribution = self._attribute(fresh, watched)
        count = 1 if _is_likely(attribution) and not attribution.both else 2
        return Named(tuple(cause.cause for cause in attribution.causes[:count]), attribution.both)

    def silence(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """Families that were watching and saw nothing of a harm, and those that saw something."""
        if self._current is None or self._current.attribution is None:
            return (), frozenset()
        return self._current.attribution.blind, frozenset(symptom.family for symptom in self._current.symptoms)

    def _attribute(self, symptoms: tuple[Symptom, ...], watched: Collection[str]) -> Attribution:
        asked = (symptoms, tuple(self._events), frozenset(watched))
        if asked not in self._asked:
            if len(self._asked) >= REMEMBERED_ANSWERS:
                self._asked.clear()
            self._asked[asked] = attribute(*asked)
        return self._asked[asked]

    def began_after(self, index: int, code: str) -> bool:
        """Whether a sign of this code is of something that began after part `index`."""
        return self._current is not None and any(s.code == code and s.onset.earliest > index for s in self._current.symptoms)

    def join(self, occurrence: str, onset: OnsetDoc | None, *, by_chance: bool = False) -> None:
        """Add an occurrence; the incident's onset is the earliest of its alarms' estimates. by_chance: the budget counts it."""
        current = self._current
        assert current is not None
        earliest = current.onset
        if onset is not None and onset.at is not None and (earliest is None or earliest.at is None or onset.at < earliest.at):
            earliest = onset
        self.raised += by_chance
        alarms, counted = (*current.alarms, occurrence), current.by_chance + by_chance
        self._current = msgspec.structs.replace(current, alarms=alarms, onset=earliest, by_chance=counted)

    def freeze(self, frozen: FrozenDoc) -> None:
        """Write down what was so when the current one was opened; only the first time."""
        current = self._current
        if current is not None and current.frozen is None:
            events = tuple(self._happened(event) for event in self._events)[-FROZEN_EVENTS:]
            began = frozen.at if current.onset is None else current.onset.earliest_at or frozen.at
            log_from = min(began, frozen.log_from) - LOG_BEFORE
            self._current = msgspec.structs.replace(
                current, frozen=msgspec.structs.replace(frozen, events=events, log_from=log_from)
            )

    def _happened(self, event: Happening) -> HappenedDoc:
        row = self._history.part(self._station, max(1, event.at))
        return HappenedDoc(event.kind, "" if row is None else row.part_id, None if row is None else row.captured_at)

    def hold(self, meant: Containment, last: int) -> None:
        """Hold the passed parts up to index `last` and on; it grows and never shrinks."""
        self.holds.hold(self.current_id, meant, last)

    def grow(self, last: int) -> bool:
        """The station has inspected part `last`; True when the hold is to be published again."""
        return self.holds.grow(self.current_id, last)

    def covered(self, last: int, by: str, at: datetime) -> bool:
        """A check that covers what is held was good at part `last`: the hold ends there. True where one grew until now."""
        return self.holds.end(self.current_id, last, by, at)

    def end_episode(self, at: datetime) -> tuple[str, ...]:
        """Every alarm of the episode has returned: what is raised from now on is another one. Those to be published for it."""
        current = self._current
        if current is None or current.over_at is not None:
            return ()
        over = msgspec.structs.replace(current, over_at=at)
        if self.holds.get(current.incident) is None and not current.asks_for_a_verdict:
            over = msgspec.structs.replace(over, closed_at=at)
        else:
            self._unsigned[over.incident] = over
        self._current = over
        return (over.incident,)

    def respond(self, plan: Sequence[ResponseSection], command: Command, at: datetime) -> str:
        """Something was done about one; what, in words. Raises CommandRefused."""
        incident = self._open(command)
        done = respond(plan, incident.done, command, at)
        self._keep(msgspec.structs.replace(incident, done=(*incident.done, done)))
        return f"noted at {incident.incident}: " + (f"step {done.step}" if done.step else done.note)

    def sign(self, options: StationSection, command: Command, at: datetime) -> str:
        """One is closed; as what, in words. Raises CommandRefused."""
        incident = self._open(command)
        signed = closing(options, command, self.hold_document(incident), at, is_over=incident.over_at is not None)
        closed = msgspec.structs.replace(incident, closed_at=at, closing=signed)
        self.judged[signed.verdict] += incident.by_chance
        self._unsigned.pop(incident.incident, None)
        self._signed = closed
        if self.current_id == incident.incident:
            self._current = closed
        return f"{incident.incident} is closed as {signed.verdict}, cause {signed.cause}"

    def _open(self, command: Command) -> Incident:
        incident = self.get(command.target.get("incident", ""))
        if incident is None or incident.closed_at is not None:
            raise CommandRefused(f"{command.target.get('incident', '') or '(none named)'} is closed")
        return incident

    def _keep(self, incident: Incident) -> None:
        if incident.incident in self._unsigned:
            self._unsigned[incident.incident] = incident
        if self.current_id == incident.incident:
            self._current = incident

    def get(self, incident: str) -> Incident | None:
        """The current one, one that is over and not closed, or the one closed last."""
        last = (self._current, self._signed)
        return next((one for one in last if one is not None and one.incident == incident), self._unsigned.get(incident))

    def documents(self) -> tuple[IncidentDoc, ...]:
        """Those not closed, oldest first, and the current one."""
        shown = [one for one in self._unsigned.values() if one.incident != self.current_id]
        return tuple(self.document(one) for one in (*shown, *(() if self._current is None else (self._current,))))

    def hold_document(self, incident: Incident) -> HoldDoc | None:
        """What an incident holds; None where it holds nothing."""
        harmed = [s.onset for s in incident.symptoms if s.family in HARM] or [s.onset for s in incident.symptoms]
        onset = min(harmed, key=lambda one: (one.earliest, one.estimate), default=None)
        closed = incident.closed_at is not None
        return self.holds.document(incident.incident, opened_at=incident.opened_at, onset=onset, closed=closed)

    def document(self, current: Incident) -> IncidentDoc:
        """An incident as it is published."""
        return IncidentDoc(
            incident=current.incident,
            station=self._station,
            opened_at=current.opened_at,
            alarms=current.alarms,
            onset=current.onset,
            hold=self.hold_document(current),
            open=current.closed_at is None,
            closed_at=current.closed_at,
            over_at=current.over_at,
            signs=tuple(self._sign(symptom) for symptom in sorted(current.symptoms, key=lambda s: (s.onset.estimate, s.code))),
            causes=() if current.attribution is None else self._causes(current.attribution),
            harm="unknown" if current.attribution is None else "shown" if current.attribution.harm else "not_shown",
            blind=() if current.attribution is None else current.attribution.blind,
            blind_text="" if current.attribution is None else say_blind(self._language, current.attribution.blind),
            both=current.attribution is not None and current.attribution.both,
            frozen=current.frozen,
            steps=steps(self._plan, self._named(current), current.done),
            closing=current.closing,
        )

    def _named(self, incident: Incident) -> list[str]:
        """The causes a response plan is followed for: the likely one, else the two that come closest."""
        attribution = incident.attribution
        if attribution is None:
            return []
        return [cause.cause for cause in attribution.causes[: 1 if _is_likely(attribution) else 2]]

    def _sign(self, symptom: Symptom) -> SignDoc:
        row = self._history.part(self._station, max(1, symptom.onset.estimate))
        channel = symptom.channel.rpartition(CHANNEL_MARK)[2]
        part_id, at = ("", None) if row is None else (row.part_id, row.captured_at)
        return SignDoc(symptom.family, symptom.code, channel, round(symptom.size, 2), part_id, at)

    def _causes(self, attribution: Attribution) -> tuple[CauseDoc, ...]:
        return tuple(
            CauseDoc(
                cause=cause.cause,
                text=CAUSES[self._language][cause.cause],
                likelihood="likely" if _is_named(attribution, rank) else "possible",
                share=round(cause.share, 3),
                reasons=tuple(ReasonDoc(reason, REASONS[self._language][reason]) for reason in cause.reasons),
            )
            for rank, cause in enumerate(attribution.causes[:TOP_CAUSES])
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "number": self._number,
            "current": msgspec.to_builtins(self._current, builtin_types=(datetime,)),
            "events": [(event.kind, event.at) for event in self._events],
            "unsigned": msgspec.to_builtins(self._unsigned, builtin_types=(datetime,)),
            "holds": self.holds.save(),
            "signed": msgspec.to_builtins(self._signed, builtin_types=(datetime,)),
            "review": (self.raised, dict(self.judged)),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._number = saved["number"]
        self._events.extend(Happening(kind, at) for kind, at in saved["events"])
        self._current = msgspec.convert(saved["current"], Incident | None)
        self._unsigned = msgspec.convert(saved["unsigned"], dict[str, Incident])
        self.holds.load(saved["holds"])
        self._signed = msgspec.convert(saved["signed"], Incident | None)
        self.raised, judged = saved["review"]
        self.judged = Counter(judged)


def _top(attribution: Attribution | None) -> list[str]:
    return [] if attribution is None else [cause.cause for cause in attribution.causes[:TOP_CAUSES]]


def _is_named(attribution: Attribution, rank: int) -> bool:
    """Whether the cause of this rank is said to be likely: it stands out, or is one of two at once."""
    return rank < 2 if attribution.both else rank == 0 and _is_likely(attribution)


def _is_likely(attribution: Attribution) -> bool:
    """Whether the first cause stands out."""
    shares = [cause.share for cause in attribution.causes[:2]]
    return bool(shares) and shares[0] >= LIKELY_SHARE and (len(shares) == 1 or shares[0] >= LIKELY_LEAD * shares[1])
