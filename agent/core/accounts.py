"""What each source has said of a part: what stands of it, what was corrected, what contradicts, and what a part is judged by."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from agent.core.conditions import Condition, Finding

if TYPE_CHECKING:
    from agent.config.model import OutcomesSection
    from agent.config.sources import SourceSection
    from agent.core.ledger import Pending
    from agent.records import Outcome

# Judged parts whose statements are kept, so that a correction or contradiction that comes later is told from the merely late.
JUDGED_KEPT = 10_000
# Contradictions are looked for among so many of the latest parts told of more than once; fewer than the least are no alarm.
AGREEMENT_WINDOW, LEAST_CONTRADICTIONS = 200, 5
# A find alarms at once where the declared limit is below this (METHODS 3); it is over after so many re-checks without another.
FIND_BELOW_PPM, QUIET_RECHECKS = 1_000.0, 50

Word = Literal[
    "matched",  # the first this source says of the part
    "repeated",  # said before
    "corrected",  # supersedes what the source had said, before the part is judged
    "stale",  # older than what the source has said since
    "contradicting",  # says the opposite of another source, or of the same one at the same time
    "evidence",  # of a source chosen by look: known, in no rate
    "early",  # waits for its part
    "unmatched",  # so does this one, and the longest waiting was given up for it
    "late",  # its part is judged
    "corrected_late",
    "contradicting_late",
    "undeclared_source",
]
_AFTER: dict[Word, Word] = {"matched": "late", "corrected": "corrected_late", "contradicting": "contradicting_late"}


Sight = tuple[str, ...]  # failure modes that could have been seen; empty: all


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a judged part is known. told: by what sources that count said, who see this; silent: by a census, which sees that.

    None: not so. is_sure: good, or a find that a second look confirmed. chance: an outcome's own, 0 where none names one.
    """

    told: Sight | None = None
    silent: Sight | None = None
    is_sure: bool = False
    chance: float = 0.0


UNKNOWN = Verdict()


@dataclass(frozen=True, slots=True)
class Statement:
    """What stands of one source about one part. disputed: it said the opposite at the same time too."""

    source: str
    defective: bool
    mode: str
    confirmed: bool
    chance: float  # with which it was drawn, as known before the draw; 0 where it names none
    observed_at: datetime
    disputed: bool = False

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        return astuple(self)

    @classmethod
    def load(cls, saved: list[Any]) -> Self:
        """From a checkpoint."""
        return cls(*saved)


class Accounts:
    """Hears the sources of one station. Mutable, deterministic: a function of the outcomes and parts in journal order."""

    def __init__(self, options: OutcomesSection) -> None:
        self._options = options
        self._sources = {source.name: source for source in options.told_by}
        self._census = {
            passed: _sight(source for source in self._sources.values() if source.is_silent_about(passed=passed))
            for passed in (True, False)
        }
        self._judged: OrderedDict[str, tuple[Statement, ...]] = OrderedDict()
        self._twice_told: deque[bool] = deque(maxlen=AGREEMENT_WINDOW)  # parts told of more than once: contradicting?
        self._disagree = Condition(1, 1)
        self._finds = Condition(1, QUIET_RECHECKS)
        self.contradictions = 0
        self.twice_told = 0

    @property
    def delay_s(self) -> float:
        """After so long every source that counts has told of a part, or never will."""
        return self._options.cohort_delay_s

    def source(self, name: str) -> SourceSection | None:
        """The declared source of this name, or the one that stands for all; None where it is not declared."""
        return self._sources.get(name) or self._sources.get("*")

    @property
    def sums(self) -> Counter[str]:
        """Parts told of more than once, and of these, those judged both good and bad."""
        return Counter(parts_told_twice=self.twice_told, parts_contradicted=self.contradictions)

    @property
    def joins(self) -> bool:
        """Whether any source finds its parts otherwise than by part_id."""
        return any(source.join != "part_id" for source in self._sources.values())

    @property
    def sources(self) -> Mapping[str, SourceSection]:
        """The declared ones, by name."""
        return self._sources

    # --- hearing ------------------------------------------------------------------------------------------------------------

    def hear(self, told: tuple[Statement, ...], outcome: Outcome) -> tuple[tuple[Statement, ...], Word]:
        """What stands of a part once this outcome is heard too, and what it is. The later `observed_at` of a source supersedes."""
        source = self.source(outcome.source)
        if source is None:
            return told, "undeclared_source"
        new = Statement(
            source=outcome.source,
            defective=outcome.defective,
            mode=outcome.defect_class if outcome.defective else "",
            confirmed=outcome.confirmed or source.confirmed,
            chance=outcome.inclusion_probability or 0.0,
            observed_at=outcome.observed_at,
        )
        others = tuple(said for said in told if said.source != new.source)
        before = next((said for said in told if said.source == new.source), None)
        if before is not None:
            stands, word = _superseded(before, new)
            return (*others, stands), word
        if any(self._contradict(new, said) for said in others):
            return (*others, new), "contradicting"
        return (*others, new), "matched" if source.counts else "evidence"

    def hear_late(self, outcome: Outcome) -> Word:
        """An outcome of a part that is judged: it is counted, and changes no judgement."""
        told, word = self.hear(self._judged.get(outcome.part_id, ()), outcome)
        if word == "undeclared_source":
            return word
        self._keep(outcome.part_id, told)
        return _AFTER.get(word, word)

    def _contradict(self, one: Statement, other: Statement) -> bool:
        if one.defective == other.defective:
            return False
        bad, good = (one, other) if one.defective else (other, one)
        source = self.source(good.source)
        return source is not None and source.sees(bad.mode)

    # --- judging ------------------------------------------------------------------------------------------------------------

    def settle(self, part: Pending) -> None:
        """What a mature part is judged by: sources chosen by look have no say, a confirmed good outweighs an unconfirmed find."""
        counted = [said for said in part.told if (source := self.source(said.source)) is not None and source.counts]
        sure = [said for said in counted if not said.defective and said.confirmed]
        bad = [
            said
            for said in counted
            if said.defective and (said.confirmed or not any(self._contradict(said, other) for other in sure))
        ]
        census = self._census[part.passed]
        silent = census is not None
        if bad:
            part.defective, part.mode = True, next((said.mode for said in bad if said.mode), "")
        elif counted or silent:
            part.defective = False
        part.audited = silent or any(said.chance > 0.0 for said in counted)
        if part.told:
            self._keep(part.part_id, part.told)
        if part.defective is None:
            return
        part.said = Verdict(
            told=_sight(source for said in counted if (source := self.source(said.source)) is not None),
            silent=census,
            is_sure=part.defective is False or any(said.confirmed for said in bad),
            chance=next((said.chance for said in counted if said.chance > 0.0), 0.0),
        )

    def _keep(self, part_id: str, told: tuple[Statement, ...]) -> None:
        self._judged[part_id] = told
        self._judged.move_to_end(part_id)
        if len(self._judged) > JUDGED_KEPT:
            self._judged.popitem(last=False)

    # --- alarms -------------------------------------------------------------------------------------------------------------

    def matured(self, part: Pending, at: datetime) -> list[Finding]:
        """A part is judged: what its sources disagree on stands now, and a re-check without a find counts towards quiet."""
        found: list[Finding] = []
        is_contradicted = any(said.disputed for said in part.told) or any(
            self._contradict(one, other) for k, one in enumerate(part.told) for other in part.told[:k]
        )
        if is_contradicted or len(part.told) > 1:
            found += self._observe(part.part_id, at, contradicts=is_contradicted)
        if part.passed and part.defective is False and self._finds.observe(bad=False, at=at, part_id=part.part_id):
            found.append(self._find_finding(part.part_id, ""))
        return found

    def told_late(self, word: Word, part_id: str, at: datetime) -> list[Finding]:
        """A contradiction of a part that is judged already."""
        return self._observe(part_id, at, contradicts=True) if word == "contradicting_late" else []

    def escaped(self, outcome: Outcome) -> list[Finding]:
        """A passed part turned out defective: said at once where hardly any may, if a second look confirmed it (METHODS 3)."""
        limit, source = self._options.max_escape_ppm, self.source(outcome.source)
        if limit is None or limit >= FIND_BELOW_PPM or source is None or not (outcome.confirmed or source.confirmed):
            return []
        if not self._finds.observe(bad=True, at=outcome.observed_at, part_id=outcome.part_id):
            return []
        return [self._find_finding(outcome.part_id, outcome.source)]

    def _find_finding(self, part_id: str, source: str) -> Finding:
        at, first = self._finds.since or (None, part_id)
        words = {"part": first, "source": source}
        return Finding("escape-found", "escape_found", self._finds.stands, 1.0, 1.0, "parts", 1, at, first, words)

    def _observe(self, part_id: str, at: datetime, *, contradicts: bool) -> list[Finding]:
        self._twice_told.append(contradicts)
        self.twice_told += 1
        self.contradictions += contradicts
        count, share = sum(self._twice_told), self._options.contradictions_share
        limit = share * len(self._twice_told)
        bad = count > limit / 2 if self._disagree.stands else count >= LEAST_CONTRADICTIONS and count > limit
        if not self._disagree.observe(bad=bad, at=at, part_id=part_id):
            return []
        since, first = self._disagree.since or (at, part_id)
        words = {"count": str(count), "window": str(len(self._twice_told))}
        stands, seen = self._disagree.stands, float(count)
        return [Finding("outcomes-disagree", "outcomes_disagree", stands, seen, limit, "parts", count, since, first, words)]

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "judged": [(part_id, [said.save() for said in told]) for part_id, told in self._judged.items()],
            "twice_told": list(self._twice_told),
            "conditions": (self._disagree.save(), self._finds.save()),
            "sums": (self.contradictions, self.twice_told),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._judged = OrderedDict((part_id, tuple(Statement.load(said) for said in told)) for part_id, told in saved["judged"])
        self._twice_told.extend(saved["twice_told"])
        for condition, state in zip((self._disagree, self._finds), saved["conditions"], strict=True):
            condition.load(state)
        self.contradictions, self.twice_told = saved["sums"]


def _sight(sources: Iterable[SourceSection]) -> Sight | None:
    """What any of them could have seen; None where there is none."""
    seen = [source.failure_modes for source in sources]
    if not seen:
        return None
    return () if not all(seen) else tuple(sorted({mode for modes in seen for mode in modes}))


def _superseded(before: Statement, new: Statement) -> tuple[Statement, Word]:
    """What stands of one source that speaks again, and what its word is."""
    if new.observed_at < before.observed_at:
        return before, "stale"
    new = replace(new, chance=new.chance or before.chance)
    if new.observed_at == before.observed_at and new.defective != before.defective:
        stands = new if new.defective else before  # nothing says which is right: the cautious one
        return replace(stands, disputed=True), "contradicting"
    if (new.defective, new.mode) == (before.defective, before.mode):
        return replace(new, disputed=before.disputed), "repeated"
    return new, "corrected"
