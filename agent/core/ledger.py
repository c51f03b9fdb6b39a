"""The ledger: parts and what they turned out to be, joined, and handed on in part order once their time to be told is over."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agent.core.accounts import UNKNOWN, Accounts, Statement, Verdict, Word
from agent.records import Outcome

# Outcomes that arrive before their part are kept for it, this many at most.
EARLY_OUTCOMES = 10_000
# Wall time matures parts only after the line has been silent for so long: a running line is judged by its own time stamps.
SILENCE_S = 600.0


@dataclass(slots=True)
class Pending:
    """A passed or rejected part whose outcome may still arrive."""

    index: int
    part_id: str
    captured_at: datetime
    passed: bool
    p_defect: float  # NaN where the record named none
    scope: str  # whose claims it is judged by: view, recipe and model
    recipe: str = ""
    chance: float = 0.0  # with which the planner drew it; 0: it did not
    least: float = 0.0  # chance any passed part had then; 0: the planner draws nothing
    defective: bool | None = None
    audited: bool = False  # the outcome carried its inclusion probability, or the source is a census
    mode: str = ""  # failure mode of a defective one, where the outcome names it
    learns: bool = True  # whether claims may be learned from it: an approved model judged it
    told: tuple[Statement, ...] = ()  # what stands of each source, until it is judged
    said: Verdict = UNKNOWN  # how it is known, once it is judged


class Ledger:
    """Parts of one station in the order they were folded; when every source's delay is over a part is mature."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._delay = timedelta(seconds=accounts.delay_s)
        self._pending: deque[Pending] = deque()
        self._by_part: dict[str, Pending] = {}
        self._early: OrderedDict[str, tuple[Outcome, ...]] = OrderedDict()
        self._watermark: datetime | None = None
        self._silent_s = 0.0

    @property
    def waiting(self) -> int:
        """Parts that are not mature yet."""
        return len(self._pending)

    @property
    def watermark(self) -> datetime | None:
        """How far the source's time has come."""
        return self._watermark

    def add(self, part: Pending) -> None:
        """A new part."""
        self._pending.append(part)
        self._by_part[part.part_id] = part
        for early in self._early.pop(part.part_id, ()):
            self._join(part, early)

    def tell(self, outcome: Outcome, *, known: bool) -> Word:
        """Join an outcome to its part. known: the store has this part, so that it is late rather than unmatched."""
        part = self._by_part.get(outcome.part_id)
        if part is not None:
            return self._join(part, outcome)
        if known:
            return self._accounts.hear_late(outcome)
        waiting = self._early.get(outcome.part_id, ())
        is_full = not waiting and len(self._early) >= EARLY_OUTCOMES
        if is_full:
            self._early.popitem(last=False)
        # Of each source the last two: what it says, and what it corrects.
        same = [early for early in waiting if early.source == outcome.source]
        self._early[outcome.part_id] = (*(early for early in waiting if len(same) < 2 or early is not same[0]), outcome)
        return "unmatched" if is_full else "early"

    def _join(self, part: Pending, outcome: Outcome) -> Word:
        part.told, word = self._accounts.hear(part.told, outcome)
        return word

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
        """Parts whose time to be told is over, in order, each once, with what stands of them."""
        while self._pending and self._watermark is not None and self._pending[0].captured_at + self._delay <= self._watermark:
            part = self._pending.popleft()
            if self._by_part.get(part.part_id) is part:
                del self._by_part[part.part_id]
            self._accounts.settle(part)
            yield part

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "pending": [
                (
                    (p.index, p.part_id, p.captured_at, p.passed, p.p_defect, p.scope, p.recipe, p.chance, p.least, p.learns),
                    [said.save() for said in p.told],
                )
                for p in self._pending
            ],
            "early": [msgspec.msgpack.encode(outcome) for waiting in self._early.values() for outcome in waiting],
            "watermark": self._watermark,
            "silent_s": self._silent_s,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._pending = deque(_pending(*row) for row in saved["pending"])
        self._by_part = {part.part_id: part for part in self._pending}
        self._early = OrderedDict()
        for packed in saved["early"]:
            outcome = msgspec.msgpack.decode(packed, type=Outcome)
            self._early[outcome.part_id] = (*self._early.get(outcome.part_id, ()), outcome)
        self._watermark, self._silent_s = saved["watermark"], saved["silent_s"]


def _pending(part: list[Any], told: list[Any]) -> Pending:
    *plain, learns = part
    pending = Pending(*plain)
    pending.learns, pending.told = learns, tuple(Statement.load(said) for said in told)
    return pending
