"""Challenge parts of a station: which inspections are of one, how many of each failure mode were missed, and what that proves."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from agent.config.model import StationSection
from agent.core.checks import Check, Reason
from agent.core.conditions import Finding
from agent.core.plans import challenged
from agent.errors import CommandRefused
from agent.ports import ChallengeView
from agent.records import Inspection
from detectors.challenge import LEVEL, Challenge, clean_needed
from detectors.contract import Crossing

# Verifications kept per failure mode; where the harm may be older than all of them, containment starts at arming.
VERIFICATIONS = 1_000
# Beginnings of clean runs kept per failure mode: tries to show that it is found again.
TRIES = 1_000
# Counts of a run told by hand, and how long a time window may be.
MOST_AT_ONCE, LONGEST_S = 1_000, 86_400.0
DEFAULT_WINDOW_S = 300.0


@dataclass(frozen=True, slots=True)
class Missed:
    """A failure mode (or good masters) is missed more often than declared."""

    mode: str
    known: str
    sets: tuple[str, ...]
    crossing: Crossing
    shown: int
    missed: int
    limit: float


@dataclass(frozen=True, slots=True)
class Window:
    """Inspections captured from `since` to `until`, `left` at most, are of this set."""

    set: str
    since: datetime
    until: datetime
    left: int


class Shown(Protocol):
    """Hears of each presentation that counts."""

    def __call__(self, mode: str, known: str, at: datetime, *, missed: bool) -> None: ...


class Challenges:
    """The sets of a station, one test per failure mode and known state, and the verifications they gave. Mutable, deterministic."""

    def __init__(self, options: StationSection, threshold: float, language: str, shown: Shown | None = None) -> None:
        self._plan = options.challenge
        self._shown = shown
        self.checks = {s.name: Check(s, options.challenge, language) for s in options.challenge_sets}
        self._set_of = {part: s.name for s in options.challenge_sets for part in s.parts}
        self.modes = challenged(options)
        self._limits = {mode: self._limit(mode) for mode in self.modes}
        self._detector = (
            Challenge(np.array([self._limits[mode] for mode in self.modes]), np.full(len(self.modes), threshold))
            if self.modes
            else None
        )
        self._needed = clean_needed(options.challenge.informative_miss_rate)
        self._clean: dict[str, deque[int]] = {mode: deque() for mode, known in self.modes if known == "defective"}
        self._tries: dict[str, deque[int]] = {mode: deque(maxlen=TRIES) for mode in self._clean}  # where clean runs began
        self._verified: dict[str, deque[tuple[int, int]]] = {mode: deque(maxlen=VERIFICATIONS) for mode in self._clean}
        self._window: Window | None = None
        self._setup: tuple[str, str] | None = None  # recipe and tool of the latest part

    def _limit(self, mode: tuple[str, str]) -> float:
        """The strictest limit declared for a failure mode."""
        return min(c.options.max_miss_rate for c in self.checks.values() if (c.options.failure_mode, c.options.known) == mode)

    # --- which inspections they are -----------------------------------------------------------------------------------------

    def set_of(self, record: Inspection) -> str | None:
        """The set this inspection is of; "" where it is marked as one and says not which; None for production."""
        named = self._set_of.get(record.part_id)
        if named is not None:
            return named
        window = self._window
        if window is not None and window.since <= record.captured_at <= window.until:
            return window.set
        if record.mark != "challenge":
            return None
        said = str(record.context.get("challenge_set", ""))
        if said in self.checks:
            return said
        unnamed = [name for name, check in self.checks.items() if not check.options.parts]
        return unnamed[0] if len(unnamed) == 1 else next(iter(self.checks)) if len(self.checks) == 1 else ""

    # --- what happens -------------------------------------------------------------------------------------------------------

    def shown(self, name: str, record: Inspection, index: int) -> tuple[list[Finding], list[Missed]]:
        """A challenge part was inspected, after part `index` of the station."""
        window = self._window
        if window is not None and window.set == name and window.since <= record.captured_at <= window.until:
            self._window = None if window.left <= 1 else Window(name, window.since, window.until, window.left - 1)
        missed = self.checks[name].is_missed(record)
        return self._present(name, record.part_id, index, record.captured_at, missed=missed)

    def _present(
        self, name: str, key: str, index: int, at: datetime, *, missed: bool, in_order: bool = True
    ) -> tuple[list[Finding], list[Missed]]:
        check = self.checks[name]
        findings = check.shown(key, missed=missed, index=index, at=at)
        if check.is_expired_at(at):
            return findings, []
        if self._shown is not None:
            self._shown(check.options.failure_mode, check.options.known, at, missed=missed)
        column = self.modes.index((check.options.failure_mode, check.options.known))
        row = np.full((1, len(self.modes)), np.nan)
        row[0, column] = float(missed)
        assert self._detector is not None
        crossings = self._detector.update(row, np.array([index], dtype=np.int64))
        if check.options.known == "defective" and (in_order or missed):
            self._verify(check.options.failure_mode, index, missed=missed)
        return findings, [self._told(crossing) for crossing in crossings]

    def _told(self, crossing: Crossing) -> Missed:
        mode, known = self.modes[crossing.column]
        sets = tuple(n for n, c in self.checks.items() if (c.options.failure_mode, c.options.known) == (mode, known))
        assert self._detector is not None
        presented, missed = self._detector.presented[crossing.column], self._detector.missed[crossing.column]
        return Missed(mode, known, sets, crossing, int(presented), int(missed), self._limits[mode, known])

    def _verify(self, mode: str, index: int, *, missed: bool) -> None:
        """A run of clean presentations long enough speaks for its span; the next one is a presentation further on."""
        clean = self._clean[mode]
        if missed:
            clean.clear()
            return
        if self._run(mode) == 1:
            self._tries[mode].append(index)
        clean.append(index)
        if len(clean) >= self._needed:
            self._verified[mode].append((clean[0], index))
            clean.popleft()

    def inspected(self, record: Inspection, index: int) -> list[Finding]:
        """A production part of the leading view was judged."""
        setup = (record.recipe, str(record.context.get("tool", "")))
        changed = self._setup is not None and setup != self._setup
        self._setup = setup
        if changed:
            self.changed_over()
        checks = [check for check in self.checks.values() if check.covers(record.recipe)]
        return [finding for check in checks for finding in check.inspected(index, record.captured_at, record.part_id)]

    def changed_over(self) -> None:
        """Recipe or tool changed."""
        if self._plan.after_changeover:
            self._require("changeover")

    def replaced(self) -> None:
        """Another model judges: what the one before found proves nothing about it; a check is due where changeovers need one."""
        for clean in self._clean.values():
            clean.clear()
        self.changed_over()

    def alarmed(self) -> None:
        """An alarm was raised that only a good check may end."""
        if self._plan.after_alarm:
            self._require("alarm")

    def _require(self, reason: Reason) -> None:
        for check in self._running():
            check.require(reason)

    def _running(self) -> list[Check]:
        """The checks for the recipe that is running."""
        return [check for check in self.checks.values() if self._setup is None or check.covers(self._setup[0])]

    # --- what it proves -----------------------------------------------------------------------------------------------------

    def confirm(self, index: int) -> bool:
        """Whether an alarm raised at part `index` may clear: the running recipe's sets have passed since; True without sets."""
        if not self._plan.after_alarm:
            return True
        return all(check.passed_since(index) for check in self._running())

    def mode_confirmed(self, mode: str, known: str, index: int) -> bool:
        """Whether a missed mode was shown to be found since part `index`: an informative clean run, or good masters passed.

        Every run begun since then is a try, and has to be longer than those before: the tries together, however many, are wrong in
        at most 5 %. With 14 in a row whenever they come, a mode missed 20 % of the time is found good within days.
        """
        if known == "defective":
            tries = sum(began >= index for began in self._tries[mode])
            level = 1.0 - (1.0 - LEVEL) / max(1, tries * (tries + 1))  # the sum of 1 / (k (k + 1)) is 1
            return tries > 0 and self._run(mode) >= clean_needed(self._plan.informative_miss_rate, level)
        checks = [c for c in self.checks.values() if (c.options.failure_mode, c.options.known) == (mode, known)]
        return all(check.passed_since(index) for check in checks)

    def _run(self, mode: str) -> int:
        """Presentations of a bad mode found in a row since it was last missed."""
        assert self._detector is not None
        return int(self._detector.clean[self.modes.index((mode, "defective"))])

    def containment(self, modes: Collection[str], onset: int) -> int | None:
        """Where containment starts for harm in these failure modes that may have begun at part `onset`; None where nothing tells.

        The first presentation of the last informative run that was over by then, of the mode verified longest ago.
        """
        starts = []
        for mode in modes:
            first = next((first for first, last in reversed(self._verified.get(mode, ())) if last <= onset), None)
            if first is None:
                return None
            starts.append(first + 1)  # labels are of the part before
        return min(starts, default=None)

    @property
    def correctness(self) -> str:
        """One of unverified, verified, overdue, failed: what the checks say of the station as it stands."""
        checks = self.checks.values()
        if not checks or any(check.good is None for check in checks):
            return "failed" if any(check.last_failed for check in checks) else "unverified"
        if any(check.last_failed for check in checks):
            return "failed"
        return "overdue" if any(check.is_overdue or check.is_expired for check in checks) else "verified"

    @property
    def evidence(self) -> list[tuple[float, float]]:
        """(evidence, threshold) of each test."""
        return [] if self._detector is None else list(zip(self._detector.evidence, self._detector.thresholds, strict=True))

    def presented(self) -> Counter[str]:
        """Presentations of bad masters so far, by failure mode."""
        shown: Counter[str] = Counter()
        for check in self.checks.values():
            if check.options.known == "defective":
                shown[check.options.failure_mode] += check.presented
        return shown

    # --- commands -----------------------------------------------------------------------------------------------------------

    def recorded(self, target: dict[str, str], at: datetime, index: int) -> tuple[str, list[Finding], list[Missed]]:
        """A person opens a time window, or tells of a run by hand; what was done, in words. Raises CommandRefused.

        target: set, and window_s (with parts, and at: since when, by the source's clock) or found and missed.
        """
        name = target.get("set", "") or (next(iter(self.checks)) if len(self.checks) == 1 else "")
        if name not in self.checks:
            known = ", ".join(self.checks) or "none; add [[stations.challenge_sets]]"
            raise CommandRefused(f"no challenge set {name or '(none named)'}", hint=f"one of: {known}")
        if "window_s" in target:
            return self._open(name, target, at), [], []
        found, missed = _count(target, "found"), _count(target, "missed")
        if not 0 < found + missed <= MOST_AT_ONCE:
            raise CommandRefused(f"found and missed must add up to 1 to {MOST_AT_ONCE}, got {found} and {missed}")
        findings: list[Finding] = []
        crossings: list[Missed] = []
        for k in range(found + missed):
            # Told together, nobody knows their order: with a miss among them they make no check and no clean run.
            key = "by hand" if missed else f"by hand {k}"
            one, more = self._present(name, key, index, at, missed=k >= found, in_order=not missed)
            findings += one
            crossings += more
        return f"{name}: {found} found, {missed} missed; {self.checks[name].state}", findings, crossings

    def _open(self, name: str, target: dict[str, str], at: datetime) -> str:
        try:
            window_s = float(target["window_s"])
            since = datetime.fromisoformat(target["at"]) if "at" in target else at
        except ValueError as error:
            raise CommandRefused(
                f"not a time window: {error}", hint="window_s is a number of seconds, at a time like …Z"
            ) from error
        if not 0.0 < window_s <= LONGEST_S or since.tzinfo is None:
            raise CommandRefused(f"window_s must lie in (0, {LONGEST_S:.0f}] and `at` name its zone, got {window_s} and {since}")
        left = _count(target, "parts") or self.checks[name].options.presentations
        self._window = Window(name, since, since + timedelta(seconds=window_s), left)
        return f"the next {left} inspection(s) until {self._window.until:%H:%M:%S} are of {name}: nothing else may pass the camera"

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def views(self, now: datetime | None) -> tuple[ChallengeView, ...]:
        """As shown in status and metrics."""
        evidence = () if self._detector is None else self._detector.evidence.tolist()
        thresholds = () if self._detector is None else self._detector.thresholds.tolist()
        views = []
        for name, check in self.checks.items():
            column = self.modes.index((check.options.failure_mode, check.options.known))
            views.append(
                ChallengeView(
                    set=name,
                    failure_mode=check.options.failure_mode,
                    known=check.options.known,
                    revision=check.options.revision,
                    state=check.state,
                    reason=check.reason,
                    parts_at_risk=check.at_risk,
                    limit_parts=self._plan.every_parts,
                    limit_s=self._plan.every_s,
                    age_s=None if check.good is None or now is None else (now - check.good.at).total_seconds(),
                    passed_at=check.passed_at,
                    size=check.options.presentations,
                    done=check.done,
                    failed=check.failed,
                    overdue=check.overdue,
                    presented=check.presented,
                    missed=check.missed,
                    evidence=evidence[column],
                    threshold=thresholds[column],
                )
            )
        return tuple(views)

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        window = self._window
        return {
            "checks": {name: check.save() for name, check in self.checks.items()},
            "modes": self.modes,
            "detector": None if self._detector is None else dict(self._detector.save()),
            "tries": {mode: list(tries) for mode, tries in self._tries.items()},
            "clean": {mode: list(clean) for mode, clean in self._clean.items()},
            "verified": {mode: list(verified) for mode, verified in self._verified.items()},
            "window": None if window is None else (window.set, window.since, window.until, window.left),
            "setup": self._setup,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint; sets and modes that are no longer configured are left behind."""
        for name, check in saved["checks"].items():
            if name in self.checks:
                self.checks[name].load(check)
        if self._detector is not None and tuple(map(tuple, saved["modes"])) == self.modes:
            self._detector.load(saved["detector"])
        for mode in self._clean.keys() & saved["clean"].keys():
            self._tries[mode].extend(saved["tries"][mode])
            self._clean[mode].extend(saved["clean"][mode])
            self._verified[mode].extend((first, last) for first, last in saved["verified"][mode])
        window = saved["window"]
        self._window = Window(*window) if window is not None and window[0] in self.checks else None
        self._setup = None if saved["setup"] is None else (saved["setup"][0], saved["setup"][1])


def _count(target: dict[str, str], key: str) -> int:
    text = target.get(key, "0")
    if not text.isdecimal():
        raise CommandRefused(f"{key} must be a number of presentations, got {text!r}")
    return int(text)
