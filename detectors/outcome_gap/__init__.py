"""Confidence against outcome: do passed parts fail more often than their scores claim."""

from detectors.outcome_gap.blind_spot import audits_until_found
from detectors.outcome_gap.claim import FLOOR_CONFIRMED, FLOOR_UNCONFIRMED, ClaimMap, fit_claim_map
from detectors.outcome_gap.detector import OutcomeGap

__all__ = ["FLOOR_CONFIRMED", "FLOOR_UNCONFIRMED", "ClaimMap", "OutcomeGap", "audits_until_found", "fit_claim_map"]
