"""The approved identity: what judged the parts when this station was taken into care, and whether it still does."""

from __future__ import annotations

from typing import Any

from agent.core.conditions import Condition, Finding
from agent.records import Inspection, Model

STREAM = "identity"
# Members of a model's identity, the alarm each belongs to, and the code of its words; the first that differs is said.
_MEMBERS: tuple[tuple[str, str, str], ...] = (
    ("sha256", "model-changed", "model_changed"),
    ("name", "model-changed", "model_changed"),
    ("version", "model-changed", "model_changed"),
    ("runtime", "model-changed", "runtime_changed"),
    ("provider", "model-changed", "runtime_changed"),
    ("settings", "model-changed", "settings_changed"),
    ("threshold", "threshold-changed", "threshold_changed"),
)
_ALARMS = ("model-changed", "threshold-changed")
# One part is enough; the approved identity is back after so many.
ON_PARTS, OFF_PARTS = 1, 10


class Approved:
    """The identity of one view, position and recipe, as first told; a member that was never told before is taken as it comes."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._model: Model | None = None
        self._seen: Model | None = None
        self._conditions = {alarm: Condition(ON_PARTS, OFF_PARTS) for alarm in _ALARMS}
        self._said: dict[str, tuple[str, str, str]] = {}  # alarm → code, old, new

    @property
    def threshold(self) -> float | None:
        """The approved decision threshold; None where none was told."""
        return None if self._model is None else self._model.threshold

    def judge(self, record: Inspection) -> list[Finding]:
        """What began or ended with this part."""
        self._seen = record.model
        if self._model is None:
            self._model = record.model
            return []
        differing = _differing(self._model, record.model)
        if not differing:
            self._complete(record.model)
        found = []
        for alarm, condition in self._conditions.items():
            words = differing.get(alarm)
            if words is not None:
                self._said[alarm] = words
            if condition.observe(bad=words is not None, at=record.captured_at, part_id=record.part_id):
                code, old, new = self._said[alarm]
                at, part_id = condition.since or (None, "")
                found.append(
                    Finding(
                        alarm_id=self._prefix + alarm,
                        code=code,
                        stands=condition.stands,
                        records=ON_PARTS,
                        since=at,
                        part_id=part_id,
                        words={"old": old, "new": new},
                    )
                )
        return found

    def accept(self) -> None:
        """A person approved what judges now."""
        self._model = self._seen
        self._conditions = {alarm: Condition(ON_PARTS, OFF_PARTS) for alarm in _ALARMS}

    def _complete(self, model: Model | None) -> None:
        """Take over what was not told before: more is known, nothing has changed."""
        if model is None or self._model is None:
            return
        known = {name: getattr(self._model, name) or getattr(model, name) for name, _, _ in _MEMBERS if name != "threshold"}
        threshold = model.threshold if self._model.threshold is None else self._model.threshold
        self._model = Model(**known, threshold=threshold)

    def save(self) -> tuple[Any, ...]:
        """For a checkpoint."""
        conditions = {alarm: condition.save() for alarm, condition in self._conditions.items()}
        return (_plain(self._model), _plain(self._seen), conditions, self._said, self._prefix)

    def load(self, saved: tuple[Any, ...]) -> None:
        """From a checkpoint."""
        self._model, self._seen = (None if plain is None else Model(**plain) for plain in saved[:2])
        for alarm, condition in saved[2].items():
            self._conditions[alarm].load(condition)
        self._said = {alarm: (code, old, new) for alarm, (code, old, new) in saved[3].items()}
        self._prefix = saved[4]


def _differing(approved: Model, model: Model | None) -> dict[str, tuple[str, str, str]]:
    """Per alarm, the first member told both times that differs: code, old and new value in words."""
    if model is None:
        return {"model-changed": ("model_untold", _name(approved), "")}
    differing: dict[str, tuple[str, str, str]] = {}
    for member, alarm, code in _MEMBERS:
        old, new = getattr(approved, member), getattr(model, member)
        if old in ("", None) or new in ("", None) or old == new or alarm in differing:
            continue
        if code == "model_changed":
            differing[alarm] = (code, _name(approved), _name(model))
        else:
            differing[alarm] = (code, _short(old), _short(new))
    return differing


def _name(model: Model) -> str:
    said = " ".join(part for part in (model.name, model.version) if part)
    return _short(f"{said} ({model.sha256[:8]})" if model.sha256 else said)


def _short(value: object) -> str:
    said = f"{value:g}" if isinstance(value, float) else str(value)
    return said if len(said) <= 32 else said[:31] + "…"


def _plain(model: Model | None) -> dict[str, Any] | None:
    return None if model is None else {name: getattr(model, name) for name, _, _ in _MEMBERS}
