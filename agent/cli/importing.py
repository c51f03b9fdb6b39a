"""The rows of an outcome file to the running agent, in batches, and the tally of what became of each."""

from __future__ import annotations

import csv
from collections import Counter, OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from agent.cli import console
from agent.cli.access import connect
from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.outcome_file.rows import OutcomeFile, Row

# Rows a request: one commit, and one answer, each.
BATCH = 2_000
# Refused lines that are printed; the report has all.
SHOWN = 20
# A dry run looks so many rows back for the same part; an import asks the agent, which knows them all.
LOOK_BACK = 50_000
# What the agent says of a record that is not taken, with its words.
_NOT_TAKEN = {
    "unknown_station": "no such station in the agent's configuration",
    "not_configured": "its station takes no outcomes: [stations.outcomes] mode is none",
    "undeclared_source": "no [[stations.outcomes.sources]] of this name",
    "fold_failed": "the agent failed on it: see its log",
}
# What needs no line in the report: the part was found, or is waited for.
_PLAIN = frozenset({"matched", "early", "evidence"})


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not taken."""

    line: int
    reason: str
    message: str


class Tally:
    """Counts lines by what became of them; keeps the first refused ones, and writes all that are not plain to `report`."""

    def __init__(self, report: Path | None) -> None:
        self._report = report
        self._open = ExitStack()
        self._writer: Any = None
        self.taken = 0
        self.known = 0
        self.refused = 0
        self.last_line = 0
        self.became: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.shown: list[RefusedLine] = []
        self.was_interrupted = False
        self.failure: AgentError | None = None

    def __enter__(self) -> Self:
        if self._report is not None:
            try:
                file: IO[str] = self._open.enter_context(self._report.open("w", encoding="utf-8", newline=""))
            except OSError as error:
                raise AgentError(f"cannot write {self._report}: {error.strerror}") from error
            self._writer = csv.writer(file)
            self._writer.writerow(("line", "reason", "message"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    @property
    def lines(self) -> int:
        """Lines counted so far."""
        return self.taken + self.known + self.refused

    def refuse(self, line: int, reason: str, message: str) -> None:
        """A line that is not taken."""
        self.refused += 1
        self.reasons[reason] += 1
        self._reached(line)
        if len(self.shown) < SHOWN:
            self.shown.append(RefusedLine(line, reason, message))
        self._note(line, reason, message)

    def take(self, line: int, word: str = "", message: str = "") -> None:
        """A line that is taken; word: what it became."""
        self._reached(line)
        if word in _NOT_TAKEN:
            self.refuse(line, word, _NOT_TAKEN[word])
            return
        if word == "duplicate":
            self.known += 1
        else:
            self.taken += 1
            self.became[word] += bool(word)
        if word and word not in _PLAIN:
            self._note(line, word, message)

    def _reached(self, line: int) -> None:
        self.last_line = max(self.last_line, line)

    def _note(self, line: int, reason: str, message: str) -> None:
        if self._writer is not None:
            self._writer.writerow((line, reason, message))


def look(outcomes: OutcomeFile, tally: Tally) -> None:
    """Read every row and send none."""
    seen: OrderedDict[tuple[str, str, str], tuple[int, Any]] = OrderedDict()
    with console.progress("reading", outcomes.size_bytes, as_bytes=True) as advance:
        reached = 0
        for row in outcomes.rows():
            if row.outcome is None:
                tally.refuse(row.line, row.reason, row.message)
            else:
                told = row.outcome
                key = (told.station, told.source, told.part_id)
                line, before = seen.get(key, (0, None))
                if not told.part_id or before is None:
                    tally.take(row.line)
                elif before == told:
                    tally.take(row.line, "duplicate", f"says the same as line {line}")
                else:
                    tally.take(row.line, "corrected" if before.observed_at != told.observed_at else "contradicting", f"line {line}")
                seen[key] = (row.line, told)
                if len(seen) > LOOK_BACK:
                    seen.popitem(last=False)
            if outcomes.read_bytes > reached:
                advance(outcomes.read_bytes - reached)
                reached = outcomes.read_bytes


def send(outcomes: OutcomeFile, folder: Path, tally: Tally) -> None:
    """Send every row. Raises NotRunning, and AgentError where the agent does not answer; what it answered is tallied."""
    import msgspec

    client = connect(folder)
    encode = msgspec.json.Encoder().encode
    reached = 0
    rows = outcomes.rows()
    try:
        with console.progress("importing", outcomes.size_bytes, as_bytes=True) as advance:
            while batch := list(islice(rows, BATCH)):
                good: list[Row] = []
                for row in batch:
                    if row.outcome is None:
                        tally.refuse(row.line, row.reason, row.message)
                    else:
                        good.append(row)
                if good:
                    answer = client.ask({"ask": "submit", "records": [encode(row.outcome).decode() for row in good]})
                    _count(good, answer, tally)
                advance(outcomes.read_bytes - reached)
                reached = outcomes.read_bytes
    finally:
        client.close()


def _count(good: list[Row], answer: dict[str, Any], tally: Tally) -> None:
    """One answer, line by line."""
    words = [""] * len(good)
    for word, indices in answer["became"].items():
        for index in indices:
            words[index] = word
    refused = {index: (reason, message) for index, reason, message in answer["refused"]}
    for index, (row, word) in enumerate(zip(good, words, strict=True)):
        if index in refused:
            tally.refuse(row.line, *refused[index])
        else:
            tally.take(row.line, word, _SAYS.get(word, ""))


_SAYS = {
    "duplicate": "the agent knows this outcome already",
    "late": "its part was judged before this came",
    "unmatched": "no such part, and too many wait for theirs",
    "repeated": "the source said so before",
    "corrected": "supersedes what the source had said of this part",
    "stale": "older than what the source has said of this part since",
    "contradicting": "another statement about this part says the opposite",
    "corrected_late": "a correction, but the part was judged before",
    "contradicting_late": "says the opposite of what the part was judged by",
    "ambiguous": "more than one part may be meant",
    "unjoinable": "names no part_id, nor what its source joins by",
    "not_counted": "was asked for: waits for its second look, or was picked by how it looks and enters no rate",
    "evidence": "kept for incidents: the source is chosen by look and enters no rate",
}
