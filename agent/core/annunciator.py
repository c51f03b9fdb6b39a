"""From crossings to alarms: what is raised, said, held and asked of the lamp at one station."""

from __future__ import annotations

from datetime import datetime
from math import exp
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from agent.core.alarms import Alarm, AlarmBook, occurrence_id
from agent.core.causes import say_causes
from agent.core.conditions import Finding
from agent.core.incidents import NOTHING_BEFORE
from agent.core.texts import FAMILIES, say
from agent.documents import AlarmDoc, AndonDoc, Colour, EvidenceDoc, FrozenDoc, OnsetDoc
from agent.messages import alarm_messages, message
from detectors.attribution import Symptom
from detectors.budget import MIN_RUN_PARTS
from detectors.contract import Onset

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.core.effects import Effects
    from agent.core.incidents import Incidents
    from agent.core.ledger import Pending
    from agent.core.parts import PartsInFront
    from agent.core.rates import Rate
    from agent.core.streams import Stream
    from agent.core.truth import Truth
    from agent.core.watch import Found
    from agent.records import Inspection
    from detectors.channels import ChannelSpec
    from detectors.contract import Crossing

ALARM_IDS = {
    "lighting": "picture-light",
    "optics": "picture-focus",
    "camera": "camera-moved",
    "geometry": "part-geometry",
    "material": "part-material",
    "scores": "model-scores",
}
OUTCOME_ALARM = "bad-parts-passed"
RATE_ALARM = "reject-rate"
_ANDON_CODES: dict[Colour, int] = {"none": 0, "white": 1, "amber": 2, "blue": 3}


class Watched(Protocol):
    """What the annunciator sees of its station."""

    options: StationSection
    book: AlarmBook
    incidents: Incidents
    truth: Truth
    index: int
    streams: dict[str, Stream]

    @property
    def watched(self) -> frozenset[str]: ...

    def frozen(self, part_id: str, at: datetime) -> FrozenDoc: ...


class Annunciator:
    """Raises and clears the alarms of one station, and keeps its lamp request in step with them."""

    def __init__(self, station: Watched, parts: PartsInFront, *, language: str, zone: ZoneInfo) -> None:
        self._station = station
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
            onset = self._onset(crossing.onset)
            words = {"since": self._clock(onset.at, record.captured_at), "channel": spec.name}
            if one.test == "spread_shift":
                kind, code = "spread", "varies_more" if crossing.direction > 0 else "varies_less"
                change, unit, size = crossing.size, "times the learned spread", f"{crossing.size:.2g}"
                words["what"] = FAMILIES[self._language][spec.family]
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
        onset = self._onset(crossing.onset)
        judged, found, claimed = station.truth.since(crossing.onset.estimate)
        first, verified = station.truth.containment(crossing.onset.earliest)
        hold_from = self._parts.part(station.options.id, first)
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
            "hold": self._clock(None if hold_from is None else hold_from.captured_at, at),
            "part": "the start" if hold_from is None else hold_from.part_id,
        }
        self._raise(alarm, evidence, words, part.part_id, effects)
        station.incidents.hold(first, station.index, verified=verified)
        self._publish_incident(effects)

    def audited(self, at: datetime, effects: Effects) -> None:
        """One more audit was judged: clean audits enough of parts made since cover what is held."""
        station = self._station
        hold = station.incidents.holds.get(station.incidents.current_id)
        if hold is not None and hold.grows and station.truth.verified_since(hold.began_at):
            station.incidents.covered(station.index, "clean audits", at)
            self._publish_incident(effects)

    def rate_crossed(self, rate: Rate, crossing: Crossing, record: Inspection, effects: Effects) -> None:
        """More or fewer parts are rejected than the baseline of this recipe allows."""
        assert rate.baseline is not None
        code = "reject_rate_higher" if crossing.direction > 0 else "reject_rate_lower"
        self._observe([Symptom("rates", code, crossing.onset)], record.captured_at, effects)
        onset = self._onset(crossing.onset)
        alarm = Alarm(
            alarm_id=RATE_ALARM,
            station=self._station.options.id,
            stream=rate.name,
            code=code,
            priority="warning",
            andon="amber",
            latching=False,
            changed_at=record.captured_at,
        )
        evidence = EvidenceDoc(
            detector="rate_shift",
            channel="reject_rate",
            value=crossing.evidence,
            threshold=crossing.threshold,
            by_chance=_by_chance(crossing.evidence, rate.plan.updates_per_month),
            records=crossing.updates,
            change=100.0 * crossing.size,
            unit="% of parts",
            onset=onset,
        )
        was = rate.baseline.rate
        words = {"size": _percent(was + crossing.size), "was": _percent(was), "since": self._clock(onset.at, record.captured_at)}
        self._raise(alarm, evidence, words, record.part_id, effects)

    def rate_returned(self, record: Inspection, effects: Effects) -> None:
        """The reject rate has not crossed again for long enough."""
        alarm = self._station.book.get(RATE_ALARM)
        if alarm is not None and alarm.active:
            self.clear(alarm, record.part_id, record.captured_at, effects)

    def found(self, finding: Finding, stream: str, part_id: str, at: datetime, effects: Effects) -> None:
        """A deterministic condition began or ended at part `part_id`, or, where nothing arrives, at time `at`."""
        station = self._station
        if not finding.stands:
            standing = station.book.get(finding.alarm_id)
            if standing is not None and standing.active:
                self.clear(standing, part_id, at, effects)
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
            causes = incidents.likely(self._station.watched, alarm.since)
            text = self._say(alarm.code, alarm.words, causes)[0]
            if text != alarm.text:
                self._publish(book.reword(alarm, text=text, causes=causes), effects)

    def _say(self, code: str, words: dict[str, str], causes: tuple[str, ...]) -> tuple[str, str]:
        station = self._station.options.id
        return say(self._language, code, {"st": station, "cause": say_causes(self._language, causes), **words})

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
        causes = incidents.likely(self._station.watched)
        if before is not None and before.active:
            since = before.index
            causes = incidents.likely(self._station.watched, since)
            if not incidents.began_after(since, alarm.code) or len(causes) != 1 or causes[0] in before.causes:
                self._reword(effects)
                return  # the same occurrence
        text, response = self._say(alarm.code, words, causes)
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
            causes=causes,
            index=self._station.index,
            since=since,
        )
        if document is None:
            return  # shelved, suppressed or out of service: evaluated, not annunciated
        incidents.join(occurrence, evidence.onset, by_chance=bool(evidence.by_chance))
        incidents.freeze(self._station.frozen(part_id, alarm.changed_at))
        self._publish(document, effects)
        self._publish_incident(effects)
        self._reword(effects)

    # --- clearing -----------------------------------------------------------------------------------------------------------

    def part_done(self, record: Inspection, effects: Effects) -> None:
        """One more part was judged: shifts shown to be over have returned; a hold grows."""
        for alarm in self._station.book.active():
            if alarm.stream in self._station.streams and not self._change_stands(alarm.alarm_id):
                self.clear(alarm, record.part_id, record.captured_at, effects)
        if self._station.incidents.grow(self._station.index):
            self._publish_incident(effects)

    def _channel_alarm(self, view: str, family: str, kind: str) -> str:
        """One alarm per family, view and kind: the leading view's has the plain name."""
        base = ALARM_IDS[family] if kind == "level" else f"{ALARM_IDS[family]}-{kind}"
        return base if view == self._station.options.views[0] else f"{view}-{base}"

    def _change_stands(self, alarm_id: str) -> bool:
        """Whether any recipe has a change of this alarm's family, view and kind that was not shown to be over."""
        return any(
            self._channel_alarm(stream.plan.name.split("/")[1], family, kind) == alarm_id and stream.standing(family, kind)
            for stream in self._station.streams.values()
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

    def _onset(self, onset: Onset) -> OnsetDoc:
        rows = [self._parts.part(self._station.options.id, max(1, i)) for i in (onset.estimate, onset.earliest, onset.latest)]
        ids = ["" if row is None else row.part_id for row in rows]
        times = [None if row is None else row.captured_at for row in rows]
        return OnsetDoc(ids[0], times[0], ids[1], times[1], ids[2], times[2])

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
    channel = f"{stream.plan.name} {spec.name}"
    if found.test == "spread_shift":
        return Symptom(
            spec.family, "varies_more" if crossing.direction > 0 else "varies_less", crossing.onset, f"spread of {channel}"
        )
    tolerance = float(stream.plan.tolerances[crossing.column])
    size = stream.raw_change(found) / tolerance if tolerance > 0 else 0.0
    return Symptom(spec.family, spec.up if crossing.direction > 0 else spec.down, crossing.onset, channel, size)


def _change(spec: ChannelSpec, change: float) -> tuple[float, str, str]:
    """A change after the transform as (figure, unit, words): percent for ratios, else the tolerance's unit."""
    if spec.transform == "log":
        percent = 100.0 * (exp(change) - 1.0)
        return percent, "%", f"{abs(percent):.0f} %" if abs(percent) >= 1.5 else f"{abs(percent):.1f} %"
    return change, spec.tolerance_unit, f"{abs(change):.2g} {spec.tolerance_unit}"


def _percent(share: float) -> str:
    percent = 100.0 * share
    return f"{percent:.1f} %" if percent >= 0.95 or percent == 0.0 else f"{percent:.2g} %"


def _by_chance(evidence: float, updates_per_month: float) -> str:
    """How seldom this channel's evidence reaches so far in control (METHODS 1: at most T/c false alarms in T updates)."""
    months = evidence / updates_per_month
    return f"once in {months:,.0f} months of this channel" if months >= 2 else f"once in {months:.1f} months of this channel"
