"""Challenge: parts of known state run through the station, and how many of each failure mode it missed."""

from detectors.challenge.blind_spot import days_until_found, presentations_until_found
from detectors.challenge.detector import Challenge
from detectors.challenge.verification import LEVEL, Verification, clean_needed, miss_rate_bound, verification

__all__ = [
    "LEVEL",
    "Challenge",
    "Verification",
    "clean_needed",
    "days_until_found",
    "miss_rate_bound",
    "presentations_until_found",
    "verification",
]
