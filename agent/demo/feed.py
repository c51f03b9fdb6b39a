"""What the line tells: parts and audits as records, with nothing in them that a plant would not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import msgspec

from agent.demo.wiring import STATION
from agent.records import Event, Inspection, Model, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from agent.demo.line.production import Audit, Part

_JSON: Final = msgspec.json.Encoder()
# Small frames, little to gain from a hard search for a smaller file.
_PNG: Final = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def inspection(part: Part) -> bytes:
    """The station's record of one part, its frame inside."""
    ok, png = cv2.imencode(".png", part.frame, _PNG)
    assert ok
    model = part.model
    return _JSON.encode(
        Inspection(
            part_id=part.part_id,
            station=STATION,
            captured_at=part.captured_at,
            verdict="ok" if part.passed else "ng",
            p_defect=part.p_defect,
            recipe=part.recipe,
            model=Model(model.name, model.version, model.sha256, "onnxruntime", model.threshold),
            context={"lot": part.coil, "box": part.box},
            image_inline=png.tobytes(),
            sequence=part.number,
        )
    )


def outcome(audit: Audit) -> bytes:
    """The laboratory's record of one examined part; which defect it is stays in the demo."""
    return _JSON.encode(
        Outcome(
            part_id=audit.part.part_id,
            station=STATION,
            defective=audit.part.is_defective,
            observed_at=audit.observed_at,
            source="audit",
            inclusion_probability=audit.probability,
            confirmed=True,
        )
    )


def new_lot(coil: str, at: datetime) -> bytes:
    """A coil was changed."""
    return _JSON.encode(Event(station=STATION, kind="lot", at=at, value=coil))


def clock(at: datetime) -> bytes:
    """What time it is on the line."""
    return _JSON.encode(Event(station=STATION, kind="clock", at=at))
