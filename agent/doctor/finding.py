"""One finding, and how grave it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """check: what was looked at. severity `unknown`: it cannot be seen from here, and next_step says how to see it."""

    check: str
    subject: str
    severity: Severity
    seen: str
    why: str = ""
    next_step: str = ""


def ok(check: str, subject: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(check, subject, "ok", seen)
