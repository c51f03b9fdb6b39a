"""The ledger: parts and what they turned out to be, joined, and handed on in part order once their time to be told is over."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from agent.records import Outcome

# Outcomes that arrive before their part are kept for it, this many at most.
EARLY_OUTCOMES = 10_000
# Wall time matures parts only after the line has been silent for so long: a running line is judged by its own time stamps.
SILENCE_S = 600.0

Told = Literal["matched", "early", "late", "unmatched", "superseded", "contradicting"]


@dataclass(slots=True)
class Pending:
    """A passed or rejected part whose outcome may still arrive."""

    index: int
    part_id: str
    captured_at: datetime
    passed: bool
    p_defect: float  # NaN where the record named none
    scope: str  # whose claims it is judged by: view, recipe and model
    defective: bool | None = None
    audited: bool = False  # the outcome carried its inclusion probability, or the source is a census
    mode: str = ""  # failure mode of a defective one, where the outcome names it


class Ledger:
    """Parts of one station in the order they were folded; `delay_s` after its capture a part is mature."""

    def __init__(self, *, delay_s: float, census: bool) -> None:
        self._delay = timedelta(seconds=delay_s)
        self._census = census
        self._pending: deque[Pending] = deque()
        self._by_part: dict[str, Pending] = {}
        self._early: OrderedDict[str, Outcome] = OrderedDict()
        self._watermark: datetime | None = None
        self._silent_s = 0.0

    @property
    def waiting(self) -> int:
        """Parts that are not mature yet."""
        return len(self._pending)

    def add(self, part: Pending) -> None:
        """A new part."""
        self._pending.append(part)
        self._by_part[part.part_id] = part
        early = self._early.pop(part.part_id, None)
        if early is not None:
            self._join(part, early)

    def tell(self, outcome: Outcome, *, known: bool) -> Told:
        """Join an outcome to its part. known: the store has this part, so that it is late rather than unmatched."""
        part = self._by_part.get(outcome.part_id)
        if part is not None:
            return self._join(part, outcome)
        if known:
            return "late"
        if outcome.part_id not in self._early and len(self._early) >= EARLY_OUTCOMES:
            self._early.popitem(last=False)
            self._early[outcome.part_id] = outcome
            return "unmatched"
        self._early[outcome.part_id] = outcome
        return "early"

    def _join(self, part: Pending, outcome: Outcome) -> Told:
        before = part.defective
        part.defective, part.mode = outcome.defective, outcome.defect_class if outcome.defective else ""
        part.audited = part.audited or outcome.inclusion_probability is not None or self._census
        if before is None:
            return "matched"
        return "superseded" if before == outcome.defective else "contradicting"

    def advance(self, at: datetime) -> None:
        """The source's time has reached `at`."""
        self._silent_s = 0.0
        if self._watermark is None or at > self._watermark:
            self._watermark = at

    def wait(self, elapsed_s: float) -> None:
        """Let time pass without a record."""
        before = max(self._silent_s, SILENCE_S)
        self._silent_s += elapsed_s
        if self._watermark is not None and self._silent_s > before:
            self._watermark += timedelta(seconds=self._silent_s - before)

    def mature(self) -> Iterator[Pending]:
        """Parts whose time to be told is over, in order, each once. A census has told of every one of them by its silence."""
        while self._pending and self._watermark is not None and self._pending[0].captured_at + self._delay <= self._watermark:
            part = self._pending.popleft()
            if self._by_part.get(part.part_id) is part:
                del self._by_part[part.part_id]
            if part.defective is None and self._census:
                part.defective, part.audited = False, True
            yield part

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "pending": [
                (p.index, p.part_id, p.captured_at, p.passed, p.p_defect, p.scope, p.defective, p.audited, p.mode)
                for p in self._pending
            ],
            "early": [
                (o.part_id, o.defective, o.observed_at, o.inclusion_probability, o.defect_class) for o in self._early.values()
            ],
            "watermark": self._watermark,
            "silent_s": self._silent_s,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._pending = deque(Pending(*row) for row in saved["pending"])
        self._by_part = {part.part_id: part for part in self._pending}
        self._early = OrderedDict(
            (part_id, Outcome(part_id=part_id, defective=bad, observed_at=at, inclusion_probability=pi, defect_class=mode))
            for part_id, bad, at, pi, mode in saved["early"]
        )
        self._watermark, self._silent_s = saved["watermark"], saved["silent_s"]
