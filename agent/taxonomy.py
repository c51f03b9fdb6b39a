"""What an AI incident turns out to have been, by code: named when it is closed, whatever was ranked as likely before.

An own list, since these are no IT tickets: half of it is what no server can have, a lamp, a fixture, a coil, an inspector's error.
"""

from __future__ import annotations

FOUND: dict[str, str] = {
    "lamp": "imaging",
    "lamp_segment": "imaging",
    "window": "imaging",
    "stray_light": "imaging",
    "focus": "imaging",
    "camera": "mounting",
    "fixture": "mounting",
    "tool": "process",
    "material": "process",
    "new_defect": "process",
    "model": "deployment",
    "threshold": "deployment",
    "wrong_outcomes": "truth",  # what the parts were said to be was wrong, not the verdicts
    "data_feed": "data",
    "clock": "data",
    "other": "other",
    "not_found": "other",
}
VERDICTS = ("real", "harmless", "unknown")
# Of a plan's step: whatever the cause.
ANY = "any"
