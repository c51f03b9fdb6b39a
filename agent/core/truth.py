"""The outcome side of a station: claims learned from labelled baseline passes, then matured audits tested against them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import lambertw

from agent.config.model import OutcomesSection
from agent.core.ledger import Pending
from detectors.contract import Crossing
from detectors.errors import BaselineRefused
from detectors.onset import SUPPORT
from detectors.outcome_gap import FLOOR_CONFIRMED, FLOOR_UNCONFIRMED, ClaimMap, OutcomeGap, fit_claim_map

# Audits kept to say how many were found since the onset; more than any hold text needs.
RECENT_AUDITS = 5_000
# Verifications kept; where the harm may be older than all of them, containment starts at arming.
VERIFICATIONS = 1_000


class _Verification(NamedTuple):
    """Clean audits in a row. first, last: part indices of the first and the last of them. until: how many clean ones in a row,
    without a find, end at the last. run: which such row, by number.
    """

    first: int
    last: int
    until: int
    run: int


class Truth:
    """Learns claims per scope from the first `parts` matured parts under it, then feeds one evidence for the whole station.

    Scopes (view, recipe, model) have claims of their own: a new model learns its claims anew while the others go on. While a scope
    learns, its parts are judged against the declared limit, where there is one, and always where claims are declared. A matured
    audit of a passed part enters the test with its scope's claim; audits of rejects never do (they cannot show an escape).
    """

    def __init__(self, options: OutcomesSection, *, threshold: float, parts: int, min_own: int) -> None:
        self._options = options
        self._threshold = threshold
        self._parts = parts
        self._min_own = min_own
        self._detector = OutcomeGap(threshold) if options.judges else None
        limit = options.max_escape_ppm
        self._declared = None if limit is None else ClaimMap.constant(limit / 1e6)
        self._claims: dict[str, ClaimMap | None] = {}  # None: refused, and no declared limit to fall back on
        self._learning: dict[str, list[tuple[int, float, bool | None]]] = {}  # scope → (index, p, defective) of matured passes
        self._first: dict[str, int] = {}
        self._anew: dict[str, int] = {}  # scope → the last part before its model, as it is now, was approved
        self._apart: dict[str, float] = {}  # scope → score from which its passes are drawn with another chance
        self.detail = ""
        self.armed_at: int | None = None  # index of the first part judged
        self.judged = 0
        self.found = 0
        self.claimed = 0.0
        self._recent: deque[tuple[int, float, bool, str]] = deque(maxlen=RECENT_AUDITS)  # (index, claim, defective, mode)
        self._clean: deque[int] = deque(maxlen=self._verification_size or 1)
        self._run, self._until = 0, 0  # of clean audits without a find: which, and how many so far
        self._verified: deque[_Verification] = deque(maxlen=VERIFICATIONS)

    @property
    def _verification_size(self) -> int:
        """Clean audits in a row that support the declared limit at 95 % (rule of three); 0 where no limit is declared."""
        limit = self._options.max_escape_ppm
        return 0 if limit is None else math.ceil(3e6 / limit)

    @property
    def _is_declared(self) -> bool:
        """Whether the declared limit judges; claims learned before are kept for when it does not."""
        return self._options.claims == "declared"

    @property
    def state(self) -> str:
        """One of off, learning, armed, refused."""
        if not self._options.judges:
            return "off"
        if self._is_declared or any(self._claims.values()):
            return "armed"
        return "refused" if self._claims and not self._learning else "learning"

    @property
    def evidence(self) -> float:
        """Current evidence that more bad parts pass than claimed."""
        return 0.0 if self._detector is None else float(self._detector.evidence[0])

    @property
    def threshold(self) -> float:
        """Where it alarms."""
        return self._threshold

    def clean_needed(self, found: int, judged: int) -> int:
        """Clean audits in a row that would have shown the failure of which `found` of `judged` audits were; 0 finds: the limit.

        A run that supports the declared limit verified nothing of a failure that stays within it. So it must besides be long enough
        to have shown even the least rate the finds support (rule of three).
        """
        return max(self._verification_size, math.ceil(3.0 / _least_supported(found, judged))) if found else self._verification_size

    def containment(self, onset: int, needed: int) -> tuple[int, bool]:
        """Index of the part containment starts at, and whether a verification set it, for harm that may have begun at part `onset`.

        It is the first part of the last verification that was over by then, else the first part judged: a clean run of audits
        among parts that the evidence now includes has been contradicted by it, as on a ramp, which starts harmless. needed: clean
        audits in a row that make one.
        """
        began = self._began([one for one in self._verified if one.last < onset], needed)
        if began is not None:
            return began, True
        return (self.armed_at if self.armed_at is not None else 1), False

    def verified_since(self, index: int, needed: int) -> bool:
        """Whether as many clean audits in a row as needed were of parts after `index`."""
        began = self._began(self._verified, needed)
        return began is not None and began > index

    def _began(self, verified: Sequence[_Verification], needed: int) -> int | None:
        """The first part of the latest run so long, of those which end with one of these."""
        size = self._verification_size
        for last in reversed(verified):
            if last.until < needed:
                continue
            for one in reversed(verified):
                if one.run == last.run and last.until - one.until + size >= needed:
                    return one.first
        return None

    def since(self, index: int) -> tuple[int, int, float]:
        """Audits judged from part `index` on (of the latest ones kept): how many, how many defective, how many claimed to be."""
        rows = [(claim, defective) for i, claim, defective, _ in self._recent if i >= index]
        return len(rows), sum(defective for _, defective in rows), sum(claim for claim, _ in rows)

    def modes_since(self, index: int) -> frozenset[str]:
        """Failure modes of the bad parts found from part `index` on; "" among them where an outcome named none."""
        return frozenset(mode for i, _, defective, mode in self._recent if defective and i >= index)

    @property
    def claims(self) -> list[float]:
        """Claims of the latest audits: the score mix they rest on."""
        return [claim for _, claim, _, _ in self._recent]

    def drawn_apart(self, scope: str, above: float | None) -> None:
        """Passes of this scope with at least this score are drawn for audits with another chance than the others."""
        if above is not None:
            self._apart[scope] = above

    def judge(self, part: Pending) -> Crossing | None:
        """Take one mature part, in part order."""
        if self._detector is None or math.isnan(part.p_defect):
            return None
        scope = part.scope
        if self._is_declared:
            return None if self._declared is None else self._test(part, self._declared)
        if scope not in self._claims:
            if not part.learns or part.index <= self._anew.get(scope, 0):
                return self._test(part, self._declared) if self._declared is not None else None
            first = self._first.setdefault(scope, part.index)
            rows = self._learning.setdefault(scope, [])
            if part.index - first < self._parts or len(rows) < self._min_own:
                if part.passed:
                    rows.append((part.index, part.p_defect, part.defective))
                return self._test(part, self._declared) if self._declared is not None else None
            self._learn(scope)
        claims = self._claims[scope]
        return None if claims is None else self._test(part, claims)

    def forget(self, scope: str, latest: int) -> None:
        """The model of this scope was approved as it is after part `latest`: its claims are learned from the parts since."""
        for known in (self._claims, self._learning, self._first):
            known.pop(scope, None)
        self._anew[scope] = latest

    def _test(self, part: Pending, claims: ClaimMap) -> Crossing | None:
        """Bet on one mature part against its claim; only verified passed parts can show an escape."""
        assert self._detector is not None
        if not part.passed:
            return None
        if self.armed_at is None:
            self.armed_at = part.index
        if part.defective is None:
            return None
        claim = float(claims.claim(np.array([part.p_defect]))[0])
        if claim >= 1.0:  # nothing was claimed: it can neither be worse than that, nor speak for the others
            return None
        self.judged += 1
        self.found += part.defective
        self.claimed += claim
        self._recent.append((part.index, claim, part.defective, part.mode))
        self._verify(part)
        crossings = self._detector.update(np.array([[claim, float(part.defective)]]), np.array([part.index], dtype=np.int64))
        return crossings[0] if crossings else None

    def _learn(self, scope: str) -> None:
        rows = self._learning.pop(scope)
        labelled = [(p, defective) for _, p, defective in rows if defective is not None]
        declared = self._options.max_escape_ppm
        try:
            self._claims[scope] = fit_claim_map(
                np.array([p for p, _ in labelled], dtype=np.float64),
                np.array([float(defective) for _, defective in labelled]),
                floor=FLOOR_CONFIRMED if self._options.finds_confirmed else FLOOR_UNCONFIRMED,
                labelled_share=len(labelled) / max(1, len(rows)),
                apart=self._apart.get(scope),
            )
        except BaselineRefused as refusal:
            self._claims[scope] = self._declared
            self.detail = f"{scope}: {refusal}" + ("" if declared is None else f"; judged against the declared {declared:g} ppm")

    def _verify(self, part: Pending) -> None:
        size = self._verification_size
        if not size or not part.audited:
            return
        if part.defective:
            self._clean.clear()
            self._run, self._until = self._run + 1, 0
            return
        self._until += 1
        self._clean.append(part.index)
        if len(self._clean) == size:
            # The clean run speaks for its own span on average, so that containment starts where it began, not where it ended.
            self._verified.append(_Verification(self._clean[0], part.index, self._until, self._run))
            for _ in range(math.ceil(size / 8)):  # the next one is an eighth further on
                self._clean.popleft()

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "detector": None if self._detector is None else dict(self._detector.save()),
            "claims": {scope: None if claims is None else dict(claims.to_arrays()) for scope, claims in self._claims.items()},
            "learning": self._learning,
            "first": self._first,
            "anew": self._anew,
            "apart": self._apart,
            "plain": (self.detail, self.armed_at, self.judged, self.found, self.claimed),
            "clean": list(self._clean),
            "verified": [tuple(one) for one in self._verified],
            "run": (self._run, self._until),
            "recent": list(self._recent),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        if self._detector is not None:
            self._detector.load(saved["detector"])
        self._claims = {
            scope: None if arrays is None else ClaimMap.from_arrays(arrays) for scope, arrays in saved["claims"].items()
        }
        self._learning = {scope: [(i, p, d) for i, p, d in rows] for scope, rows in saved["learning"].items()}
        self._first, self._anew, self._apart = saved["first"], saved["anew"], saved["apart"]
        self.detail, self.armed_at, self.judged, self.found, self.claimed = saved["plain"]
        self._clean.extend(saved["clean"])
        self._verified.extend(_Verification(*one) for one in saved["verified"])
        self._run, self._until = saved["run"]
        self._recent.extend((i, claim, defective, mode) for i, claim, defective, mode in saved["recent"])


def _least_supported(found: int, judged: int) -> float:
    """The least rate at which `found` of `judged` are as well supported as the beginnings an onset's interval holds.

    Poisson: found log(found / mean) - (found - mean) = SUPPORT, solved for the mean. A confidence bound of the rate is no such
    thing here: an alarm comes when bad ones happen to lie close together, and its onset is where these begin.
    """
    return -found * float(lambertw(-math.exp(-1.0 - SUPPORT / found)).real) / judged
