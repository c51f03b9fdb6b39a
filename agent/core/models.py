"""The models of a station: what is approved at which place, which one is planned, and what its approval still lacks.

plan_model: target.station, and name, version, sha256, runtime, provider, settings, threshold as the records will tell them, or `now`
for what judges already; target.view (the leading one) and target.recipe (all) say where. The command's `comparison` has old and new
side by side. approve_model: target.station; in tiers 1 and 2 by another person than who planned it. A model takes over with
its first part after that: see Approved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from agent.core.approved import Approved, differing, is_same, named
from agent.core.trial import Trial
from agent.documents import ModelChangeDoc
from agent.errors import CommandRefused
from agent.ports import ModelView
from agent.records import Model

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.core.checks import Check
    from agent.core.conditions import Finding
    from agent.records import Command, Inspection

_TWO_PERSONS = (1, 2)
_MAY = ("quality", "engineer", "deputy", "owner")
_MEMBERS = ("version", "sha256", "runtime", "provider", "settings")


class Models:
    """Identities by place (view/position/recipe) and the plan, where there is one. Mutable, deterministic."""

    def __init__(self, options: StationSection, checks: dict[str, Check], prefix: Callable[[Inspection], str]) -> None:
        self._options = options
        self._checks = checks
        self._prefix = prefix
        self._places: dict[str, Approved] = {}
        self._plan: ModelChangeDoc | None = None
        self._planner = ""  # who planned it: never shown, compared with who approves
        self._trial = Trial(checks)

    # --- parts --------------------------------------------------------------------------------------------------------------

    def at(self, record: Inspection) -> Approved:
        """The identity of the part's place."""
        place = place_of(record)
        if place not in self._places:
            self._places[place] = Approved(self._prefix(record))
        return self._places[place]

    def judge(self, record: Inspection) -> list[Finding]:
        """What began or ended with this part. Ask `takes_over` first."""
        return self.at(record).judge(record)

    @property
    def standing(self) -> frozenset[str]:
        """Alarms whose condition stands anywhere."""
        return frozenset(alarm for identity in self._places.values() for alarm in identity.standing)

    def is_in_trial(self, record: Inspection) -> bool:
        """Whether a challenge part was judged by the planned model while another judges production at this place."""
        plan = self._plan
        if plan is None or plan.model is None or record.view != plan.view or not is_same(plan.model, record.model):
            return False
        seen = next((one.seen for place, one in self._places.items() if place == place_of(record)), None)
        seen = seen or next((one.seen for place, one in self._places.items() if place.startswith(f"{record.view}/")), None)
        return seen is None or bool(differing(plan.model, seen))

    def shown(self, name: str, record: Inspection, *, missed: bool) -> None:
        """A challenge part was judged: it counts for the plan where its model is the planned one."""
        plan = self._plan
        if plan is not None and plan.model is not None and record.view == plan.view and is_same(plan.model, record.model):
            self._trial.shown(name, record.part_id, missed=missed)

    # --- commands -----------------------------------------------------------------------------------------------------------

    def plan(self, command: Command, at: datetime, *, rearms: Iterable[str], kept: Iterable[str]) -> ModelChangeDoc:
        """A person announces a model. Raises CommandRefused."""
        self._allow(command)
        view, recipe = command.target.get("view", self._options.views[0]), command.target.get("recipe")
        here = self._of(view, recipe)
        if not here:
            raise CommandRefused("nothing was judged there yet", hint="the first model told is the approved one")
        before = here[0][1].model
        model = here[0][1].seen if command.target.get("now") else _told(command.target)
        if model is None:
            raise CommandRefused("records name no model there", hint="give --name, as the records will tell it")
        if all(one.model is not None and not differing(one.model, model) for _, one in here):
            raise CommandRefused(f"{named(model)} is approved there already")
        self._planner, self._trial = command.by, Trial(self._checks)
        self._plan = ModelChangeDoc(
            station=self._options.id,
            view=view,
            recipe=recipe,
            state="planned",
            model=model,
            before=before,
            planned_at=at,
            planned_by_role=command.role,
            planned_reason=command.reason,
            comparison=command.comparison,
            rearms=tuple(rearms),
            kept=tuple(kept),
        )
        return self.document(at)

    def approve(self, command: Command, at: datetime) -> tuple[ModelChangeDoc, list[str]]:
        """A person approves the planned one: its document, and the places where it judges already. Raises CommandRefused."""
        self._allow(command)
        plan = self._plan
        if plan is None:
            raise CommandRefused("no model is planned", hint="`linewarden model plan` announces one")
        lacking = self._lacking(plan, at)
        if self._options.tier in _TWO_PERSONS and command.by == self._planner:
            lacking = ("a second person must approve what one has planned", *lacking)
        if lacking:
            raise CommandRefused("; ".join(lacking), hint="`linewarden model show` has what was shown so far")
        assert plan.model is not None
        judging = []
        for place, identity in self._of(plan.view, plan.recipe):
            if identity.model is not None and not differing(identity.model, plan.model):
                continue
            identity.admit(plan.model)
            if identity.takes_over(identity.seen):
                judging.append(place)
        document = msgspec.structs.replace(
            self.document(at), state="approved", approved_at=at, approved_by_role=command.role, approved_reason=command.reason
        )
        self._plan = None
        return document, judging

    def take_over(self, place: str) -> Model | None:
        """The admitted model judges at this place from now on; the one before, which is not approved any more."""
        identity = self._places[place]
        before = identity.model
        identity.accept(identity.seen if identity.takes_over(identity.seen) else identity.admitted)
        return before

    def _allow(self, command: Command) -> None:
        if command.role not in _MAY:
            raise CommandRefused(f"role must be one of {', '.join(_MAY)}, got {command.role}")

    def _of(self, view: str, recipe: str | None) -> list[tuple[str, Approved]]:
        """The places of a view, and of one recipe where one is named."""
        return [
            (place, identity)
            for place, identity in self._places.items()
            if place.startswith(f"{view}/") and recipe in (None, place.split("/", 2)[2])
        ]

    def _lacking(self, plan: ModelChangeDoc, at: datetime) -> tuple[str, ...]:
        return tuple(self._trial.lacking(plan.recipe, at))

    # --- what is shown ------------------------------------------------------------------------------------------------------

    @property
    def planned(self) -> ModelChangeDoc | None:
        """The plan as announced."""
        return self._plan

    def document(self, at: datetime | None) -> ModelChangeDoc:
        """The plan as it stands. There must be one."""
        assert self._plan is not None
        lacking = () if at is None else self._lacking(self._plan, at)
        return msgspec.structs.replace(self._plan, challenges=self._trial.documents(), lacking=lacking)

    def views(self) -> tuple[ModelView, ...]:
        """What is approved and what judges, by place."""
        return tuple(
            ModelView(
                *place.split("/", 2),
                approved="" if one.model is None else named(one.model),
                judging="" if one.seen is None else named(one.seen),
                state="unapproved" if one.standing else "admitted" if one.admitted is not None else "approved",
                admitted="" if one.admitted is None else named(one.admitted),
            )
            for place, one in self._places.items()
        )

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "places": {place: identity.save() for place, identity in self._places.items()},
            "plan": None if self._plan is None else msgspec.to_builtins(self._plan, builtin_types=(datetime,)),
            "planner": self._planner,
            "trial": self._trial.save(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for place, identity in saved["places"].items():
            self._places[place] = Approved("")
            self._places[place].load(identity)
        self._plan = msgspec.convert(saved["plan"], ModelChangeDoc | None)
        self._planner = saved["planner"]
        self._trial.load(saved["trial"])


def place_of(record: Inspection) -> str:
    """Where a model is approved."""
    return f"{record.view}/{record.position}/{record.recipe}"


def _told(target: dict[str, str]) -> Model:
    """The model a command names. Raises CommandRefused."""
    if not target.get("name"):
        raise CommandRefused("name the model as the records will tell it", hint="--name, or --now for what judges already")
    try:
        threshold = float(target["threshold"]) if "threshold" in target else None
    except ValueError as error:
        raise CommandRefused(f"threshold must be a number, got {target['threshold']}") from error
    return Model(name=target["name"], threshold=threshold, **{name: target.get(name, "") for name in _MEMBERS})
