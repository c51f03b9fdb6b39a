"""The approved identity: what judged the parts when this station was taken into care, and whether it still does."""

from __future__ import annotations

from typing import Any

from agent.core.conditions import Condition, Finding
from agent.records import Inspection, Model

STREAM = "identity"
MODEL = "model-changed"
# Members of a model's identity, the alarm each belongs to, and the code of its words; the first that differs is said.
_MEMBERS: tuple[tuple[str, str, str], ...] = (
    ("sha256", MODEL, "model_changed"),
    ("name", MODEL, "model_changed"),
    ("version", MODEL, "model_changed"),
    ("runtime", MODEL, "runtime_changed"),
    ("provider", MODEL, "runtime_changed"),
    ("settings", MODEL, "settings_changed"),
    ("threshold", "threshold-changed", "threshold_changed"),
)
_ALARMS = (MODEL, "threshold-changed")
# One part is enough; the approved identity is back after so many.
ON_PARTS, OFF_PARTS = 1, 10


class Approved:
    """The identity of one view, position and recipe, as first told; a member that was never told before is taken as it comes.

    A model admitted by an approved plan may take over with any part from then on; until it does, the one before is approved.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._model: Model | None = None
        self._seen: Model | None = None
        self._admitted: Model | None = None
        self.is_judging = True  # whether what judged the latest part is approved, whatever threshold it used
        self._conditions = {alarm: Condition(ON_PARTS, OFF_PARTS) for alarm in _ALARMS}
        self._said: dict[str, tuple[str, str, str]] = {}  # alarm → code, old, new

    @property
    def threshold(self) -> float | None:
        """The approved decision threshold; None where none was told."""
        return None if self._model is None else self._model.threshold

    @property
    def model(self) -> Model | None:
        """What is approved; None before any was told."""
        return self._model

    @property
    def seen(self) -> Model | None:
        """What judged the latest part."""
        return self._seen

    @property
    def admitted(self) -> Model | None:
        """What may take over."""
        return self._admitted

    @property
    def standing(self) -> frozenset[str]:
        """Alarms whose condition stands here."""
        return frozenset(self._prefix + alarm for alarm, condition in self._conditions.items() if condition.stands)

    def takes_over(self, model: Model | None) -> bool:
        """Whether a part judged by this model is the first of the admitted one."""
        if self._admitted is None or self._model is None or not is_same(self._admitted, model):
            return False
        return bool(differing(self._model, model))

    def judge(self, record: Inspection) -> list[Finding]:
        """What began or ended with this part."""
        self._seen = record.model
        if self._model is None:
            self._model = record.model
            return []
        changed = differing(self._model, record.model)
        self.is_judging = MODEL not in changed
        if not changed:
            self._complete(record.model)
        found = []
        for alarm, condition in self._conditions.items():
            words = changed.get(alarm)
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

    def admit(self, model: Model | None) -> None:
        """This model was approved: it takes over with its first part."""
        self._admitted = model

    def accept(self, model: Model | None) -> None:
        """This one, which was admitted or judges already, is approved from now on, with what the plan told of it besides."""
        admitted, self._model, self._admitted, self.is_judging = self._admitted, model, None, True
        self._complete(admitted)
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
        models = tuple(_plain(model) for model in (self._model, self._seen, self._admitted))
        return (models, conditions, self._said, self._prefix, self.is_judging)

    def load(self, saved: tuple[Any, ...]) -> None:
        """From a checkpoint."""
        models, conditions, said, self._prefix, self.is_judging = saved
        self._model, self._seen, self._admitted = (None if plain is None else Model(**plain) for plain in models)
        for alarm, condition in conditions.items():
            self._conditions[alarm].load(condition)
        self._said = {alarm: (code, old, new) for alarm, (code, old, new) in said.items()}


def is_same(named: Model, model: Model | None) -> bool:
    """Whether nothing told of a model contradicts how it was named, its threshold included."""
    return model is not None and not differing(named, model)


def differing(approved: Model, model: Model | None) -> dict[str, tuple[str, str, str]]:
    """Per alarm, the first member told both times that differs: code, old and new value in words."""
    if model is None:
        return {MODEL: ("model_untold", named(approved), "")}
    found: dict[str, tuple[str, str, str]] = {}
    for member, alarm, code in _MEMBERS:
        old, new = getattr(approved, member), getattr(model, member)
        if old in ("", None) or new in ("", None) or old == new or alarm in found:
            continue
        if code == "model_changed":
            found[alarm] = (code, named(approved), named(model))
        else:
            found[alarm] = (code, _short(old), _short(new))
    return found


def named(model: Model) -> str:
    """A model in a few words."""
    said = " ".join(part for part in (model.name, model.version) if part)
    return _short(f"{said} ({model.sha256[:8]})" if model.sha256 else said)


def _short(value: object) -> str:
    said = f"{value:g}" if isinstance(value, float) else str(value)
    return said if len(said) <= 32 else said[:31] + "…"


def _plain(model: Model | None) -> dict[str, Any] | None:
    return None if model is None else {name: getattr(model, name) for name, _, _ in _MEMBERS}
