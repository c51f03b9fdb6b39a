"""The models of a station: what is approved at which place, which one is planned, and what its approval still lacks.

plan_model: target.station, and name, version, sha256, runtime, provider, settings, threshold as records will tell them, or `now`
for what judges already; target.view (the leading one) and target.recipe (all) say where. The command's `comparison` has old and new
side by side. approve_model: target.station; in tiers 1 and 2 by another person than who planned it. A model takes over with
its first part after that: see Approved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from agent.core.approved import MODEL, Approved, differing, is_same, named
from agent.core.trial import Trial
from agent.documents import ModelChangeDoc
from agent.errors import CommandRefused
from agent.ports import ModelView
from agent.records import Model

if TYPE_CHECKING:
    from agent.config.model import StationSection
    from agent.core.checks import Check
    from agent.records import Command, Inspection

TWO_PERSONS = (1, 2)
_MAY = ("quality", "engineer", "deputy", "owner")
Place = tuple[str, str, str]  # view, position, recipe
_MEMBERS = ("version", "sha256", "runtime", "provider", "settings")


class Models:
    """Identities by place (view/position/recipe) and the plan, where there is one. Mutable, deterministic."""

    def __init__(self, options: StationSection, checks: dict[str, Check], prefix: Callable[[Inspection], str]) -> None:
        self._options = options
        self._checks = checks
        self._prefix = prefix  # of the alarms of a part's view and position
        self._places: dict[Place, Approved] = {}
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

    @property
    def standing(self) -> frozenset[str]:
        """Alarms whose condition stands anywhere."""
        return frozenset(alarm for identity in self._places.values() for alarm in identity.standing)

    def tried(self, name: str, record: Inspection) -> bool:
        """A challenge part of this set was judged; whether by the planned model while another judges production: for it alone."""
        plan = self._plan
        if plan is None or plan.model is None or record.view != plan.view or not is_same(plan.model, record.model):
            return False
        self._trial.shown(name, record)
        here = self._places.get(place_of(record))
        seen = [here] if here is not None else [one for place, one in self._places.items() if place[0] == record.view]
        return all(one.seen is None or differing(plan.model, one.seen) for one in seen)

    # --- commands -----------------------------------------------------------------------------------------------------------

    def plan(self, command: Command, at: datetime, streams: Sequence[str]) -> ModelChangeDoc:
        """A person announces a model. streams: those of the station, of which its own are learned anew. Raises CommandRefused."""
        self._allow(command)
        view, recipe = command.target.get("view", self._options.views[0]), command.target.get("recipe")
        here = self._of(view, recipe)
        if not here:
            raise CommandRefused("nothing was judged there yet", hint="the first model told is the approved one")
        before = here[0][1].model
        model = next((one.seen for _, one in here if one.standing), before) if command.target.get("now") else _told(command.target)
        if model is None:
            raise CommandRefused(
                "records name no model there", hint="let them name the one that judges: one unknown is not approved"
            )
        if all(one.model is not None and not differing(one.model, model) for _, one in here):
            raise CommandRefused(f"{named(model)} is approved there already")
        places = tuple(f"scores/{'/'.join(place)}/" for place, _ in here)
        anew = [*(name for name in streams if name.startswith(places)), *(f"claims/{place[0]}/{place[2]}" for place, _ in here)]
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
            rearms=tuple(anew),
            kept=tuple(name for name in streams if name not in anew),
        )
        return self._standing(self._plan, at)

    def approve(self, command: Command, at: datetime) -> tuple[ModelChangeDoc, list[tuple[Place, Model | None]]]:
        """A person approves the planned one: its document, and the places where it judges already, as told there.

        Raises CommandRefused.
        """
        self._allow(command)
        plan = self._plan
        if plan is None:
            raise CommandRefused("no model is planned", hint="`linewarden model plan` announces one")
        lacking = self._lacking(plan, at)
        if self._options.tier in TWO_PERSONS and command.by == self._planner:
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
                judging.append((place, identity.seen))
        document = msgspec.structs.replace(
            self._standing(plan, at),
            state="approved",
            approved_at=at,
            approved_by_role=command.role,
            approved_reason=command.reason,
        )
        self._plan = None
        return document, judging

    def take_over(self, place: Place, model: Model | None) -> bool:
        """The admitted model, as records tell it, is approved at a place from now on; False where only its threshold is new."""
        identity = self._places[place]
        assert identity.model is not None
        is_other = MODEL in differing(identity.model, model)
        identity.accept(model)
        return is_other

    def _allow(self, command: Command) -> None:
        if command.role not in _MAY:
            raise CommandRefused(f"role must be one of {', '.join(_MAY)}, got {command.role}")

    def _of(self, view: str, recipe: str | None) -> list[tuple[Place, Approved]]:
        """The places of a view, and of one recipe where one is named."""
        return [(place, identity) for place, identity in self._places.items() if place[0] == view and recipe in (None, place[2])]

    def _lacking(self, plan: ModelChangeDoc, at: datetime) -> tuple[str, ...]:
        return tuple(self._trial.lacking(plan.recipe, at)) if plan.view == self._options.views[0] else ()  # it shows the masters

    # --- what is shown ------------------------------------------------------------------------------------------------------

    def document(self, at: datetime | None) -> ModelChangeDoc | None:
        """The plan as it stands; None without one."""
        return self._plan if self._plan is None or at is None else self._standing(self._plan, at)

    def _standing(self, plan: ModelChangeDoc, at: datetime) -> ModelChangeDoc:
        return msgspec.structs.replace(plan, challenges=self._trial.documents(), lacking=self._lacking(plan, at))

    def views(self) -> tuple[ModelView, ...]:
        """What is approved and what judges, by place."""
        return tuple(
            ModelView(
                *place,
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
            "places": [(place, identity.save()) for place, identity in self._places.items()],
            "plan": None if self._plan is None else msgspec.to_builtins(self._plan, builtin_types=(datetime,)),
            "planner": self._planner,
            "trial": self._trial.save(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        for (view, position, recipe), identity in saved["places"]:
            self._places[view, position, recipe] = Approved("")
            self._places[view, position, recipe].load(identity)
        self._plan = msgspec.convert(saved["plan"], ModelChangeDoc | None)
        self._planner = saved["planner"]
        self._trial.load(saved["trial"])


def place_of(record: Inspection) -> Place:
    """Where a model is approved."""
    return record.view, record.position, record.recipe


def _told(target: dict[str, str]) -> Model:
    """The model a command names. Raises CommandRefused."""
    if not target.get("name"):
        raise CommandRefused("name the model as the records will tell it", hint="--name, or --now for what judges already")
    try:
        threshold = float(target["threshold"]) if "threshold" in target else None
    except ValueError as error:
        raise CommandRefused(f"threshold must be a number, got {target['threshold']}") from error
    return Model(name=target["name"], threshold=threshold, **{name: target.get(name, "") for name in _MEMBERS})
