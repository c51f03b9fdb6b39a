"""The alarms of one station: raised, said anew and cleared, with the incident, what it holds and the lamp kept in step."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from agent.core import channel_alarms, check_alarms, condition_alarms, limit_alarms, outcome_alarms, share_alarms
from agent.core.ageing import FAMILY
from agent.core.alarms import Alarm, AlarmBook, occurrence_id
from agent.core.checks import STREAM as CHECKS
from agent.core.conditions import Finding
from agent.core.incidents import NOTHING_BEFORE
from agent.core.lamp import lamp
from agent.core.mix import FAMILY as CLASS_NEWS
from agent.core.phrasing import Phrasing
from agent.documents import AlarmDoc, AndonDoc, FrozenDoc
from agent.messages import alarm_messages, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.config.model import StationSection
    from agent.core.ageing import LimitPlan
    from agent.core.announcement import Announcement
    from agent.core.challenges import Challenges, Missed
    from agent.core.effects import Effects
    from agent.core.incidents import Incidents
    from agent.core.ledger import Pending
    from agent.core.parts import PartsInFront
    from agent.core.shares import Shift
    from agent.core.signals import Signals
    from agent.core.streams import Stream
    from agent.core.truth import Truth
    from agent.core.watch import Found
    from agent.records import Inspection
    from detectors.attribution import Symptom
    from detectors.contract import Crossing
    from detectors.trend import TimeToLimit

# Streams whose alarms no check part could confirm or mend.
UNCHECKED = frozenset({"feed", "audits", "blind-spot", CHECKS, FAMILY, CLASS_NEWS})


class Watched(Protocol):
    """What the annunciator sees of its station."""

    options: StationSection
    book: AlarmBook
    incidents: Incidents
    challenges: Challenges
    index: int
    signals: Signals

    @property
    def truth(self) -> Truth: ...

    @property
    def watched(self) -> frozenset[str]: ...

    def stands(self, alarm_id: str) -> bool | None: ...

    def frozen(self, part_id: str, at: datetime) -> FrozenDoc: ...


class Annunciator:
    """Raises and clears the alarms of one station. What each says and shows is put together in the file of its kind."""

    def __init__(self, station: Watched, parts: PartsInFront, *, language: str, zone: ZoneInfo) -> None:
        self._station = station
        self._may_arm = station.options.registered
        self._phrasing = Phrasing(station.options, parts, language=language, zone=zone)
        self.andon: AndonDoc | None = None

    # --- what was found -----------------------------------------------------------------------------------------------------

    def channels_crossed(self, stream: Stream, found: list[Found], record: Inspection, effects: Effects) -> None:
        """Channels of a stream have left their baseline."""
        self._observe(channel_alarms.symptoms(stream, found), record.captured_at, effects)
        for one in channel_alarms.announcements(self._phrasing, stream, found, record):
            self._raise(one, effects)

    def share_crossed(self, shift: Shift, record: Inspection, effects: Effects) -> None:
        """A share of the parts (rejected, of a class, novel) has left what was learned."""
        self._announce(share_alarms.announcement(self._phrasing, shift, record), effects)

    def limit_near(self, plan: LimitPlan, found: TimeToLimit, crossing: Crossing, record: Inspection, effects: Effects) -> None:
        """Slow ageing will surely reach its limit within the horizon."""
        self._announce(limit_alarms.announcement(self._phrasing, plan, found, crossing, record), effects)

    def outcome_crossed(self, crossing: Crossing, part: Pending, at: datetime, effects: Effects) -> None:
        """More bad parts pass than the model claims. part: the matured audit that crossed."""
        self._announce(outcome_alarms.announcement(self._phrasing, self._station, crossing, part, at), effects)

    def check_parts_missed(self, missed: list[Missed], part_id: str, at: datetime, effects: Effects) -> None:
        """Challenge parts of a failure mode are missed more often than declared."""
        for one in missed if self._may_arm else ():
            self._announce(check_alarms.announcement(self._phrasing, self._station, one, part_id, at), effects)

    def returned(self, alarm_id: str, part_id: str, at: datetime, effects: Effects) -> None:
        """What an alarm stood for is over, if it stands."""
        alarm = self._station.book.get(alarm_id)
        if alarm is not None and alarm.active:
            self.clear(alarm, part_id, at, effects)

    def find(self, findings: list[Finding], stream: str, part_id: str, at: datetime, effects: Effects) -> None:
        """Deterministic conditions that began or ended at part `part_id` (else where each was first seen)."""
        for finding in findings if self._may_arm else ():
            part, index = part_id or finding.part_id, self._station.index
            if finding.stands:
                self._announce(condition_alarms.announcement(self._phrasing, finding, stream, part, at, index), effects)
            else:
                self.returned(finding.alarm_id, part, at, effects)

    def audited(self, at: datetime, effects: Effects) -> None:
        """One more audit was judged. Enough clean ones of parts made since cover what is held, unless check parts showed it."""
        station = self._station
        hold = station.incidents.holds.get(station.incidents.current_id)
        is_checked = any(check_alarms.is_about(alarm) for alarm in station.book.active())
        if hold is not None and not is_checked and hold.grows and station.truth.verified_since(hold.began_at, hold.audits):
            station.incidents.covered(station.index, "clean audits", at)
            self._publish_incident(effects)

    # --- raising ------------------------------------------------------------------------------------------------------------

    def _announce(self, one: Announcement, effects: Effects) -> None:
        """Raise what was found, and hold the parts it asks for."""
        self._observe(one.symptoms, one.alarm.changed_at, effects)
        self._raise(one, effects)
        if one.hold is not None:
            self._station.incidents.hold(one.hold, self._station.index)
            self._publish_incident(effects)

    def _observe(self, symptoms: Sequence[Symptom], at: datetime, effects: Effects) -> None:
        """Tell the incident; it is published again when what likely caused it has changed."""
        if self._station.incidents.observe(symptoms, self._station.watched, at):
            self._publish_incident(effects)

    def _reword(self, effects: Effects) -> None:
        """Standing alarms name what is likely by now."""
        incidents, book = self._station.incidents, self._station.book
        for alarm in book.active():
            if alarm.incident != incidents.current_id:
                continue
            named = incidents.likely(self._station.watched, alarm.since)
            text, response = self._phrasing.say(alarm.code, alarm.words, named, incidents.silence())
            if (text, response) != (alarm.text, alarm.response):
                self._publish(book.reword(alarm, text=text, response=response, causes=named.causes), effects)

    def _raise(self, one: Announcement, effects: Effects) -> None:
        book, incidents, alarm = self._station.book, self._station.incidents, one.alarm
        before = book.get(alarm.alarm_id)
        since = NOTHING_BEFORE
        named = incidents.likely(self._station.watched)
        if before is not None and before.active:
            since = before.index
            named = incidents.likely(self._station.watched, since)
            if not incidents.began_after(since, alarm.code) or len(named.causes) != 1 or named.causes[0] in before.causes:
                self._reword(effects)
                return  # the same occurrence
        text, response = self._phrasing.say(alarm.code, one.words, named, incidents.silence())
        occurrence = occurrence_id(alarm.station, alarm.alarm_id, *(one.first or (one.part_id, alarm.changed_at)))
        document = book.send(
            alarm if before is None else msgspec.structs.replace(alarm, state=before.state),
            "raise",
            occurrence_id=occurrence,
            raised_at=alarm.changed_at,
            part_id=one.part_id,
            text=text,
            response=response,
            evidence=one.evidence,
            incident=incidents.open_id(alarm.changed_at),
            words=one.words,
            causes=named.causes,
            index=self._station.index,
            since=since,
        )
        if document is None:
            return  # shelved, suppressed or out of service: evaluated, not annunciated
        incidents.join(occurrence, one.evidence.onset, by_chance=bool(one.evidence.by_chance))
        incidents.freeze(self._station.frozen(one.part_id, alarm.changed_at))
        if not check_alarms.is_about(alarm) and alarm.stream not in UNCHECKED:
            self._station.challenges.alarmed()
        self._publish(document, effects)
        self._publish_incident(effects)
        self._reword(effects)

    # --- clearing -----------------------------------------------------------------------------------------------------------

    def part_done(self, record: Inspection, effects: Effects) -> None:
        """One more part was judged: shifts shown to be over have returned, where check parts have confirmed it; a hold grows."""
        station = self._station
        for alarm in station.book.active():
            if self._is_over(alarm):
                self.clear(alarm, record.part_id, record.captured_at, effects)
        if station.incidents.grow(station.index):
            self._publish_incident(effects)

    def _is_over(self, alarm: Alarm) -> bool:
        """Whether what an alarm stands for has been shown to be over."""
        station = self._station
        if check_alarms.is_about(alarm):
            return check_alarms.is_over(station.challenges, alarm)
        if channel_alarms.is_about(alarm):
            stands: bool | None = channel_alarms.stands(alarm, station.options.views[0], station.signals.streams.values())
        else:
            stands = station.stands(alarm.alarm_id)
        return stands is False and (alarm.stream in UNCHECKED or station.challenges.confirm(alarm.index))

    def clear(self, alarm: Alarm, part_id: str, at: datetime, effects: Effects) -> None:
        """The condition no longer stands."""
        document = self._station.book.send(alarm, "clear", part_id=part_id, changed_at=at)
        if document is not None:
            self._end_hold(alarm.alarm_id, at, effects)
            self._publish(document, effects)
            self._close_episode(at, effects)

    def reset(self, alarm: Alarm, at: datetime, effects: Effects) -> None:
        """A person ended a latched alarm, with everything it stood for."""
        for signal in ("clear", "ack", "reset"):
            current = self._station.book.get(alarm.alarm_id)
            assert current is not None
            document = self._station.book.send(current, signal, changed_at=at)
            if document is not None:
                self._publish(document, effects)
        self._end_hold(f"accepted: {alarm.stream}", at, effects)
        self._close_episode(at, effects)

    def acknowledge(self, alarm: Alarm, by: str, at: datetime, effects: Effects) -> bool:
        """A person has seen it; False where there is nothing to acknowledge."""
        document = self._station.book.send(alarm, "ack", acked_by=by, changed_at=at)
        if document is None:
            return False
        self._publish(document, effects)
        self._close_episode(at, effects)
        return True

    def _end_hold(self, by: str, at: datetime, effects: Effects) -> None:
        """No alarm that holds parts is left, so that what showed this covers what they were held for."""
        station = self._station
        if any(alarm.andon == "blue" and alarm.active for alarm in station.book.active()):
            return
        if station.incidents.covered(station.index, by, at):
            self.publish_incident(station.incidents.current_id, effects)

    def _close_episode(self, at: datetime, effects: Effects) -> None:
        if all(alarm.state == "NORM" for alarm in self._station.book.all()):
            for incident in self._station.incidents.end_episode(at):
                self.publish_incident(incident, effects)

    # --- publishing ---------------------------------------------------------------------------------------------------------

    def _publish(self, document: AlarmDoc, effects: Effects) -> None:
        effects.alarms.append(document)
        effects.messages.extend(alarm_messages(document))
        effects.urgent = True
        andon = lamp(self._station.options.id, self._station.book.all())
        if andon != self.andon:
            self.andon = andon
            effects.messages.append(message(andon))

    def _publish_incident(self, effects: Effects) -> None:
        self.publish_incident(self._station.incidents.current_id, effects)

    def publish_incident(self, name: str, effects: Effects) -> None:
        """An incident as it stands, and what it holds; harmless where there is none of this name."""
        incident = self._station.incidents.get(name)
        if incident is not None:
            document = self._station.incidents.document(incident)
            effects.incidents.append(document)
            effects.messages.append(message(document))
            if document.hold is not None:
                effects.messages.append(message(document.hold))

    def incident_of(self, alarm_id: str) -> str:
        """The incident a standing alarm belongs to, "" where it does not stand."""
        alarm = self._station.book.get(alarm_id)
        return alarm.incident if alarm is not None and alarm.active else ""

    def save(self) -> Any:
        """For a checkpoint."""
        return msgspec.to_builtins(self.andon, builtin_types=(datetime,))

    def load(self, saved: Any) -> None:
        """From a checkpoint."""
        self.andon = None if saved is None else msgspec.convert(saved, AndonDoc)
