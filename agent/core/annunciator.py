"""From crossings to alarms: what is raised, said, held and asked of the lamp at one station."""

from __future__ import annotations

from datetime import datetime
from math import exp, isinf
from typing import TYPE_CHECKING, Any, Protocol, get_args
from zoneinfo import ZoneInfo

import msgspec

from agent.core.ageing import DECISIONS_PER_MONTH, FAMILY
from agent.core.alarms import Alarm, AlarmBook, occurrence_id
from agent.core.causes import RESPONSES, say_blind_shortly, say_causes
from agent.core.check_alarms import is_about, is_over
from agent.core.checks import STREAM as CHECKS
from agent.core.conditions import Finding
from agent.core.incidents import NOTHING_BEFORE, Named
from agent.core.mix import FAMILY as CLASS_NEWS
from agent.core.texts import CLASSES, FAMILIES, called, names_a_cause, say
from agent.core.watch import Test
from agent.documents import AlarmDoc, AndonDoc, Colour, EvidenceDoc, FrozenDoc, OnsetDoc
from agent.messages import alarm_messages, message
from detectors.attribution import CHANNEL_MARK, Symptom
from detectors.budget import MIN_RUN_PARTS
from detectors.contract import Onset

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.core.ageing import LimitPlan
    from agent.core.challenges import Challenges
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
    from detectors.channels import ChannelSpec
    from detectors.contract import Crossing
    from detectors.trend import TimeToLimit

ALARM_IDS = {
    "lighting": "picture-light",
    "optics": "picture-focus",
    "camera": "camera-moved",
    "geometry": "part-geometry",
    "material": "part-material",
    "measurements": "part-measurements",
    "scores": "model-scores",
}
# Streams whose alarms no check part could confirm or mend.
UNCHECKED = frozenset({"feed", "audits", "blind-spot", CHECKS, FAMILY, CLASS_NEWS})
OUTCOME_ALARM = "bad-parts-passed"
_ANDON_CODES: dict[Colour, int] = {"none": 0, "white": 1, "amber": 2, "blue": 3}


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
    """Raises and clears the alarms of one station, and keeps its lamp request in step with them."""

    def __init__(self, station: Watched, parts: PartsInFront, *, language: str, zone: ZoneInfo) -> None:
        self._station = station
        self._may_arm = station.options.registered
        self._parts = parts
        self._language = language
        self._zone = zone
        self.andon: AndonDoc | None = None

    # --- raising ------------------------------------------------------------------------------------------------------------

    def channels_crossed(self, stream: Stream, found: list[Found], record: Inspection, effects: Effects) -> None:
        """Channels of a stream have left their baseline; of one family and kind the strongest gives the alarm its words."""
        self._observe([_symptom(stream, one) for one in found], record.captured_at, effects)
        for one in sorted(found, key=lambda f: (-f.crossing.evidence / f.crossing.threshold, f.crossing.column)):
            crossing, spec = one.crossing, stream.plan.specs[one.crossing.column]
            onset = self.onset(crossing.onset)
            words = {"since": self._clock(onset.at, record.captured_at), "channel": called(spec)}
            if one.test == "spread_shift":
                kind, code = "spread", "varies_more" if crossing.direction > 0 else "varies_less"
                change, unit, size = crossing.size, "times the learned spread", f"{crossing.size:.2g}"
                words["what"] = called(spec) if spec.up == "measure_larger" else FAMILIES[self._language][spec.family]
            else:
                kind, code = "level", spec.up if crossing.direction > 0 else spec.down
                change, unit, size = _change(spec, stream.raw_change(one) * crossing.direction)
            alarm = Alarm(
                alarm_id=self._channel_alarm(record.view, spec.family, kind),
                station=self._station.options.id,
                stream=stream.plan.name,
                code=code,
                priority="warning",
                andon="amber",
                latching=False,
                changed_at=record.captured_at,
            )
            updates = self._station.options.parts_per_month / (MIN_RUN_PARTS if one.test == "run_means" else 1)
            evidence = EvidenceDoc(
                detector=one.test,
                channel=spec.name,
                value=crossing.evidence,
                threshold=crossing.threshold,
                by_chance=_by_chance(crossing.evidence, updates),
                records=crossing.updates,
                change=change,
                unit=unit,
                onset=onset,
            )
            self._raise(alarm, evidence, {"size": size, **words}, record.part_id, effects)

    def outcome_crossed(self, crossing: Crossing, part: Pending, at: datetime, effects: Effects) -> None:
        """More bad parts pass than the model claims: the alarm that holds parts. part: the matured audit that crossed."""
        station = self._station
        self._observe([Symptom("outcomes", "bad_parts_passed", crossing.onset)], at, effects)
        onset = self.onset(crossing.onset)
        judged, found, claimed = station.truth.since(crossing.onset.estimate)
        first, verified = station.truth.containment(crossing.onset.earliest, found=found, judged=judged)
        checked = station.challenges.containment(station.truth.modes_since(crossing.onset.estimate), crossing.onset.earliest - 1)
        if checked is not None and checked > first:
            first, verified = checked, True
        alarm = Alarm(
            alarm_id=OUTCOME_ALARM,
            station=station.options.id,
            stream="outcomes",
            code="bad_parts_passed",
            priority="critical",
            andon="blue",
            latching=True,
            changed_at=at,
        )
        evidence = EvidenceDoc(
            detector="outcome_gap",
            channel="escapes",
            value=crossing.evidence,
            threshold=crossing.threshold,
            by_chance=_by_chance(crossing.evidence, station.options.outcomes.audits_per_month),
            records=crossing.updates,
            change=None if judged == 0 else 100.0 * (found - claimed) / judged,
            unit="escapes per 100 passed, above the claim",
            onset=onset,
        )
        words = {
            "found": str(found),
            "audits": str(judged),
            "claimed": f"{claimed:.1f}",
            **self.hold_words(first, at),
        }
        self._raise(alarm, evidence, words, part.part_id, effects)
        self.hold(first, verified=verified, effects=effects)

    def audited(self, at: datetime, effects: Effects) -> None:
        """One more audit was judged. Enough clean ones of parts made since cover what is held, unless check parts showed it."""
        station = self._station
        hold = station.incidents.holds.get(station.incidents.current_id)
        is_checked = any(is_about(alarm) for alarm in station.book.active())
        if hold is not None and not is_checked and hold.grows and station.truth.verified_since(hold.began_at):
            station.incidents.covered(station.index, "clean audits", at)
            self._publish_incident(effects)

    def share_crossed(self, shift: Shift, record: Inspection, effects: Effects) -> None:
        """A share of the parts (rejected, of a class, novel) has left what was learned."""
        crossing = shift.crossing
        self._observe([Symptom(shift.family, shift.code, crossing.onset, shift.channel)], record.captured_at, effects)
        onset = self.onset(crossing.onset)
        alarm = Alarm(
            alarm_id=shift.alarm_id,
            station=self._station.options.id,
            stream=shift.stream,
            code=shift.code,
            priority="warning",
            andon="amber",
            latching=False,
            changed_at=record.captured_at,
        )
        evidence = EvidenceDoc(
            detector=shift.detector,
            channel=shift.channel,
            value=crossing.evidence,
            threshold=crossing.threshold,
            by_chance=_by_chance(crossing.evidence, shift.updates_per_month),
            records=crossing.updates,
            change=100.0 * crossing.size,
            unit="% of parts",
            onset=onset,
        )
        words = {
            "size": _percent(shift.was + crossing.size),
            "was": _percent(shift.was),
            "since": self._clock(onset.at, record.captured_at),
            **{name: CLASSES[self._language].get(word, word) for name, word in shift.words.items()},
        }
        self._raise(alarm, evidence, words, record.part_id, effects)

    def limit_near(self, plan: LimitPlan, found: TimeToLimit, crossing: Crossing, record: Inspection, effects: Effects) -> None:
        """Slow ageing will surely reach its limit within the horizon. What has aged for weeks is no news of now: no onset."""
        here = Onset(crossing.at, crossing.at, crossing.at)
        self._observe([Symptom(FAMILY, "limit_near", here, plan.name)], record.captured_at, effects)
        alarm = Alarm(
            alarm_id=plan.alarm_id,
            station=self._station.options.id,
            stream=FAMILY,
            code="limit_near" if found.estimate > 0.0 else "limit_reached",
            priority="warning",
            andon="amber",
            latching=False,
            changed_at=record.captured_at,
        )
        evidence = EvidenceDoc(
            detector=FAMILY,
            channel=plan.spec.name,
            value=crossing.evidence,
            threshold=crossing.threshold,
            by_chance=_by_chance(crossing.evidence, DECISIONS_PER_MONTH),
            records=crossing.updates,
            change=crossing.size,
            unit=plan.spec.unit,
        )
        words = {
            "what": plan.name,
            "limit": f"{plan.limit:.4g} {plan.spec.unit}",
            "days": _days(found.estimate),
            "span": f"{_days(found.earliest)}–{_days(found.latest)}",
        }
        self._raise(alarm, evidence, words, record.part_id, effects)

    def returned(self, alarm_id: str, part_id: str, at: datetime, effects: Effects) -> None:
        """What an alarm stood for is over, if it stands."""
        alarm = self._station.book.get(alarm_id)
        if alarm is not None and alarm.active:
            self.clear(alarm, part_id, at, effects)

    def announce(
        self, alarm: Alarm, evidence: EvidenceDoc, words: dict[str, str], part_id: str, symptoms: list[Symptom], effects: Effects
    ) -> bool:
        """Raise an alarm that a subject of its own has put together; True when its condition now stands."""
        self._observe(symptoms, alarm.changed_at, effects)
        self._raise(alarm, evidence, words, part_id, effects)
        standing = self._station.book.get(alarm.alarm_id)
        return standing is not None and standing.active

    def hold(self, first: int, *, verified: bool, effects: Effects) -> None:
        """Hold the passed parts from index `first` on."""
        self._station.incidents.hold(first, self._station.index, verified=verified)
        self._publish_incident(effects)

    def find(self, findings: list[Finding], stream: str, part_id: str, at: datetime, effects: Effects) -> None:
        """Deterministic conditions that began or ended at part `part_id` (else where each was first seen)."""
        for finding in findings if self._may_arm else ():
            self._found(finding, stream, part_id or finding.part_id, at, effects)

    def _found(self, finding: Finding, stream: str, part_id: str, at: datetime, effects: Effects) -> None:
        """A deterministic condition began or ended at part `part_id`, or, where nothing arrives, at time `at`."""
        station = self._station
        if not finding.stands:
            self.returned(finding.alarm_id, part_id, at, effects)
            return
        here = Onset(station.index, station.index, station.index)
        self._observe([Symptom(stream, finding.code, here)], at, effects)
        alarm = Alarm(
            alarm_id=finding.alarm_id,
            station=station.options.id,
            stream=stream,
            code=finding.code,
            priority=finding.priority,
            andon=finding.colour,
            latching=False,
            changed_at=at,
        )
        evidence = EvidenceDoc(
            detector=stream,
            channel=finding.code,
            value=finding.value,
            threshold=finding.limit,
            by_chance="",
            records=finding.records,
            unit=finding.unit,
            onset=OnsetDoc(finding.part_id, finding.since, finding.part_id, finding.since, finding.part_id, finding.since),
        )
        words = {"since": self._clock(finding.since, at), **finding.words}
        # What first showed it names the occurrence: a tick, which raises silence, comes at another time in every run.
        self._raise(alarm, evidence, words, part_id, effects, first=(finding.part_id, finding.since or at))

    def _observe(self, symptoms: list[Symptom], at: datetime, effects: Effects) -> None:
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
            text, response = self._say(alarm.code, alarm.words, named)
            if (text, response) != (alarm.text, alarm.response):
                self._publish(book.reword(alarm, text=text, response=response, causes=named.causes), effects)

    def _say(self, code: str, words: dict[str, str], named: Named) -> tuple[str, str]:
        """Text, and what to do: about the cause where one stands out, else about what was seen."""
        blind, seen = self._station.incidents.silence()
        facts = {
            "st": self._station.options.id,
            "cause": say_causes(self._language, named.causes, both=named.both),
            "blind": say_blind_shortly(self._language, blind, seen),
        }
        text, response = say(self._language, code, {**facts, **words})
        if len(named.causes) == 1 and names_a_cause(code):
            response = RESPONSES[self._language][named.causes[0]]
        return text, response

    def _raise(
        self,
        alarm: Alarm,
        evidence: EvidenceDoc,
        words: dict[str, str],
        part_id: str,
        effects: Effects,
        *,
        first: tuple[str, datetime] | None = None,
    ) -> None:
        book, incidents = self._station.book, self._station.incidents
        before = book.get(alarm.alarm_id)
        since = NOTHING_BEFORE
        named = incidents.likely(self._station.watched)
        if before is not None and before.active:
            since = before.index
            named = incidents.likely(self._station.watched, since)
            if not incidents.began_after(since, alarm.code) or len(named.causes) != 1 or named.causes[0] in before.causes:
                self._reword(effects)
                return  # the same occurrence
        text, response = self._say(alarm.code, words, named)
        occurrence = occurrence_id(alarm.station, alarm.alarm_id, *(first or (part_id, alarm.changed_at)))
        document = book.send(
            alarm if before is None else msgspec.structs.replace(alarm, state=before.state),
            "raise",
            occurrence_id=occurrence,
            raised_at=alarm.changed_at,
            part_id=part_id,
            text=text,
            response=response,
            evidence=evidence,
            incident=incidents.open_id(alarm.changed_at),
            words=words,
            causes=named.causes,
            index=self._station.index,
            since=since,
        )
        if document is None:
            return  # shelved, suppressed or out of service: evaluated, not annunciated
        incidents.join(occurrence, evidence.onset, by_chance=bool(evidence.by_chance))
        incidents.freeze(self._station.frozen(part_id, alarm.changed_at))
        if not is_about(alarm) and alarm.stream not in UNCHECKED:
            self._station.challenges.alarmed()
        self._publish(document, effects)
        self._publish_incident(effects)
        self._reword(effects)

    # --- clearing -----------------------------------------------------------------------------------------------------------

    def part_done(self, record: Inspection, effects: Effects) -> None:
        """One more part was judged: shifts shown to be over have returned, where check parts have confirmed it; a hold grows."""
        station = self._station
        for alarm in station.book.active():
            if is_about(alarm):
                over = is_over(station.challenges, alarm)
            else:
                of_channels = alarm.evidence is not None and alarm.evidence.detector in get_args(Test)
                stands = self._change_stands(alarm.alarm_id) if of_channels else station.stands(alarm.alarm_id)
                over = stands is False and (alarm.stream in UNCHECKED or station.challenges.confirm(alarm.index))
            if over:
                self.clear(alarm, record.part_id, record.captured_at, effects)
        if station.incidents.grow(station.index):
            self._publish_incident(effects)

    def _channel_alarm(self, view: str, family: str, kind: str) -> str:
        """One alarm per family, view and kind: the leading view's has the plain name."""
        base = ALARM_IDS[family] if kind == "level" else f"{ALARM_IDS[family]}-{kind}"
        return base if view == self._station.options.views[0] else f"{view}-{base}"

    def _change_stands(self, alarm_id: str) -> bool:
        """Whether any recipe has a change of this alarm's family, view and kind that was not shown to be over."""
        return any(
            self._channel_alarm(stream.plan.name.split("/")[1], family, kind) == alarm_id and stream.standing(family, kind)
            for stream in self._station.signals.streams.values()
            for family in ALARM_IDS
            for kind in ("level", "spread")
        )

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
        andon = self._lamp()
        if andon != self.andon:
            self.andon = andon
            effects.messages.append(message(andon))

    def incident_of(self, alarm_id: str) -> str:
        """The incident a standing alarm belongs to, "" where it does not stand."""
        alarm = self._station.book.get(alarm_id)
        return alarm.incident if alarm is not None and alarm.active else ""

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

    def _lamp(self) -> AndonDoc:
        station = self._station.options.id
        shown = [alarm for alarm in self._station.book.all() if alarm.state in ("UNACK", "ACKED", "LATCHED")]
        if not shown:
            return AndonDoc(station=station, colour="none", pattern="off", sound=False, code=0, because="", text="")
        top = max(shown, key=lambda alarm: (_ANDON_CODES[alarm.andon], alarm.state == "UNACK"))
        unseen = any(alarm.state == "UNACK" for alarm in shown)
        return AndonDoc(
            station=station,
            colour=top.andon,
            pattern="flash" if unseen else "steady",
            sound=unseen and top.priority == "critical",
            code=_ANDON_CODES[top.andon],
            because=top.alarm_id,
            text=top.text,
        )

    def onset(self, onset: Onset) -> OnsetDoc:
        """An onset by part and time."""
        rows = [self._parts.part(self._station.options.id, max(1, i)) for i in (onset.estimate, onset.earliest, onset.latest)]
        ids = ["" if row is None else row.part_id for row in rows]
        times = [None if row is None else row.captured_at for row in rows]
        return OnsetDoc(ids[0], times[0], ids[1], times[1], ids[2], times[2])

    def hold_words(self, first: int, at: datetime) -> dict[str, str]:
        """When and with which part a hold from index `first` on begins."""
        row = self._parts.part(self._station.options.id, first)
        return {
            "hold": self._clock(None if row is None else row.captured_at, at),
            "part": "the start" if row is None else row.part_id,
        }

    @staticmethod
    def by_chance(evidence: float, updates_per_month: float) -> str:
        """How seldom evidence reaches so far in control."""
        return _by_chance(evidence, updates_per_month)

    def _clock(self, at: datetime | None, now: datetime) -> str:
        if at is None:
            return "?"
        local, today = at.astimezone(self._zone), now.astimezone(self._zone)
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d.%m. %H:%M}"

    def save(self) -> Any:
        """For a checkpoint."""
        return msgspec.to_builtins(self.andon, builtin_types=(datetime,))

    def load(self, saved: Any) -> None:
        """From a checkpoint."""
        self.andon = None if saved is None else msgspec.convert(saved, AndonDoc)


def _symptom(stream: Stream, found: Found) -> Symptom:
    """A crossing as attribution knows it."""
    crossing, spec = found.crossing, stream.plan.specs[found.crossing.column]
    channel = f"{stream.plan.name}{CHANNEL_MARK}{spec.name}"
    if found.test == "spread_shift":
        code = "varies_more" if crossing.direction > 0 else "varies_less"
        return Symptom(spec.family, code, crossing.onset, f"spread of {channel}", test=found.test)
    tolerance = float(stream.plan.tolerances[crossing.column])
    size = stream.raw_change(found) / tolerance if tolerance > 0 else 0.0
    return Symptom(spec.family, spec.up if crossing.direction > 0 else spec.down, crossing.onset, channel, size, found.test)


def _change(spec: ChannelSpec, change: float) -> tuple[float, str, str]:
    """A change after the transform as (figure, unit, words): percent for ratios, else the tolerance's unit."""
    if spec.transform == "log":
        percent = 100.0 * (exp(change) - 1.0)
        return percent, "%", f"{abs(percent):.0f} %" if abs(percent) >= 1.5 else f"{abs(percent):.1f} %"
    size = f"{abs(change):.2g}" if abs(change) < 99.5 else f"{abs(change):.0f}"
    return change, spec.tolerance_unit, f"{size} {spec.tolerance_unit}".rstrip()


def _percent(share: float) -> str:
    percent = 100.0 * share
    return f"{percent:.1f} %" if percent >= 0.95 or percent == 0.0 else f"{percent:.2g} %"


def _days(days: float) -> str:
    return "?" if isinf(days) else f"{days:.0f}"


def _by_chance(evidence: float, updates_per_month: float) -> str:
    """How seldom this channel's evidence reaches so far in control (METHODS 1: at most T/c false alarms in T updates)."""
    months = evidence / updates_per_month
    return f"once in {months:,.0f} months of this channel" if months >= 2 else f"once in {months:.1f} months of this channel"
