"""A view's reference on its way into the child: which golden frame, what is drawn in it, and one name for both."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agent.frames.folder import read_below
from agent.frames.reasons import MissingReason
from detectors.channels.reference import Caliper, Reference


@dataclass(frozen=True)
class Chosen:
    """A reference as the child is told it: path of the golden frame, SHA-256 its bytes must have, and the drawing."""

    golden: str
    sha256: str
    drawn: Reference

    @cached_property
    def digest(self) -> str:
        """12 hex digits that change with the golden frame's bytes and with the drawing: part of a stream's name."""
        return hashlib.sha256(self.sha256.encode() + _drawing(self.drawn)).hexdigest()[:12]

    @cached_property
    def encoded(self) -> bytes:
        """For a request; equal references are equal bytes."""
        return json.dumps([self.golden, self.sha256]).encode() + b"\n" + _drawing(self.drawn)


def choose(golden: Path, drawn: Reference, max_bytes: int) -> Chosen | MissingReason:
    """The reference with its golden frame as it is on disk now, or why that cannot be read."""
    path = golden.resolve()
    data = read_below(str(path.parent), path.name, max_bytes)
    return data if isinstance(data, str) else Chosen(str(path), hashlib.sha256(data).hexdigest(), drawn)


def read_golden(chosen: Chosen, max_bytes: int) -> bytes | None:
    """The golden frame's bytes, in the child; None when it cannot be read or is no longer what was chosen."""
    path = Path(chosen.golden)
    data = read_below(str(path.parent), path.name, max_bytes)
    return data if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == chosen.sha256 else None


def decode(encoded: bytes) -> Chosen:
    """What `encoded` was made of."""
    head, drawing = encoded.split(b"\n", 1)
    golden, sha256 = json.loads(head)
    body = json.loads(drawing)
    return Chosen(
        golden,
        sha256,
        Reference(
            fixtures=tuple(tuple(rect) for rect in body["fixtures"]),
            part=tuple(body["part"]) if body["part"] else None,
            outline=body["outline"],
            field=tuple(body["field"]) if body["field"] else None,
            px_per_mm=body["px_per_mm"],
            calipers=tuple(Caliper(**{**c, "start": tuple(c["start"]), "end": tuple(c["end"])}) for c in body["calipers"]),
        ),
    )


def _drawing(drawn: Reference) -> bytes:
    return json.dumps(dataclasses.asdict(drawn), sort_keys=True).encode()
