"""`linewarden model show`, `list`, `compare`, `plan` and `approve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, command, person_options, state_folder, stations, store
from agent.cli.comparing import compared
from agent.cli.comparing import show as show_comparison

if TYPE_CHECKING:
    from collections.abc import Callable


_MEMBERS = ("name", "version", "sha256", "runtime", "provider", "settings", "threshold")
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("model", short_help="What judges, what is planned, and approving it.")
def model() -> None:
    """The model of a station: which one is approved, which one is planned, old and new side by side, and the approval.

    \b
    linewarden model compare ST4 --new new.jsonl                      the same frames, judged by both
    linewarden model plan ST4 --new new.jsonl --by anna --role engineer
    (run the check parts under the new model)
    linewarden model show ST4                                         what the approval still lacks
    linewarden model approve ST4 --by bert --role quality

    A model that judges without that is a silent change: an alarm at once, and its scores are neither judged nor learned.
    """


@model.command("show", short_help="What is approved, what judges, what is planned.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print identities and the plan as JSON.")
def show(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """The model approved and the one that judges at each place of STATION (of all, when none is named), and the plan.

    \b
    linewarden model show ST4
    linewarden model show --json | jq '.[].models[] | select(.state == "unapproved")'
    """
    shown = stations(state_folder(config_file, state_dir), station)
    if as_json:
        console.out_json([{name: s[name] for name in ("station", "models", "model_change")} for s in shown])
        return 0
    titles = ("station", "view", "position", "recipe", "approved", "judges now", "state")
    rows = [
        (s["station"], m["view"], m["position"], m["recipe"], m["approved"], m["judging"], _state(m))
        for s in shown
        for m in s["models"]
    ]
    console.table("Models", titles, rows)
    options = again(config_file, state_dir)
    for s in shown:
        if s["model_change"] is not None:
            _show_plan(s["model_change"])
            if not s["model_change"].get("lacking"):
                console.next_step(f"linewarden model approve {s['station']} --by NAME --role quality{options}")
        elif any(m["state"] == "unapproved" for m in s["models"]):
            console.next_step(f"linewarden model plan {s['station']} --now --by NAME --role quality{options}")
    return 0


@model.command("list", short_help="Models planned and approved so far.")
@click.argument("station", required=False)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print every document with its evidence as JSON.")
def list_all(station: str | None, config_file: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """Every model planned or approved at STATION (at all, when none is named), oldest first. Reads the store; no agent need run.

    \b
    linewarden model list ST4
    linewarden model list --json | jq '.[-1].comparison.all'
    """
    from agent.core.approved import named

    with store(state_folder(config_file, state_dir)) as kept:
        changes = kept.model_changes(station or "")
    if as_json:
        console.out_json(changes)
        return 0
    rows = [
        (
            f"{change.approved_at or change.planned_at:%Y-%m-%d %H:%M}",
            change.station,
            change.state,
            "" if change.model is None else named(change.model),
            "" if change.before is None else named(change.before),
            change.approved_by_role or change.planned_by_role,
            change.approved_reason or change.planned_reason,
        )
        for change in changes
    ]
    if not rows:
        console.note("no model was planned yet: the first one told is the approved one")
        return 0
    console.table("Model changes", ("at", "station", "state", "model", "before", "role", "reason"), rows)
    return 0


def _results_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The result files of both models."""
    for option in reversed(
        (
            click.option("--old", type=_EXISTING, help="Results of the approved model; the store's own parts where not given."),
            click.option("--outcomes", type=_EXISTING, multiple=True, help="Outcomes as JSON lines, besides those in the store."),
            click.option("--flips", type=click.Path(path_type=Path, dir_okay=False), help="Write every flip here, as CSV."),
        )
    ):
        command = option(command)
    return command


@model.command("compare", short_help="Old and new verdicts on the same frames.")
@click.argument("station")
@click.option("--new", type=_EXISTING, required=True, help="Results of the new model, JSON lines as a tap takes them.")
@_results_options
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print the counts, their bounds and the first flips as JSON.")
def compare(
    station: str,
    new: Path,
    old: Path | None,
    outcomes: tuple[Path, ...],
    flips: Path | None,
    config_file: Path | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Two models of STATION on the same frames: run the new one over stored frames, and name its results.

    \b
    linewarden model compare ST4 --new new.jsonl                 against what the store has of these parts
    linewarden model compare ST4 --old old.jsonl --new new.jsonl --outcomes truth.jsonl --flips flips.csv

    Records are joined by part_id, view and position. p: by chance as uneven as this, the frames being fixed beforehand (exact
    McNemar). Parts of known truth were seldom chosen evenly: their counts compare the two models, and are no rates of either.
    """
    found = compared(station, new, old, outcomes, flips, state_folder(config_file, state_dir))[0]
    if as_json:
        console.out_json(found)
        return 0
    show_comparison(found)
    console.next_step(f"linewarden model plan {station} --new {new} --by NAME --role engineer{again(config_file, state_dir)}")
    return 0


@model.command("plan", short_help="Announce a model, with old and new side by side.")
@click.argument("station")
@click.option("--now", is_flag=True, help="The model that judges already.")
@click.option("--name", help="Its name as the records will tell it; of the results, where --new names one model.")
@click.option("--version", help="Its version.")
@click.option("--sha256", help="SHA-256 of its file.")
@click.option("--runtime", help="What runs it.")
@click.option("--provider", help="What that runs on.")
@click.option("--settings", help="Fingerprint of pre-processing, job or recipe settings.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Its decision threshold.")
@click.option("--view", help="The view it is for; the leading one.")
@click.option("--recipe", help="The recipe it is for; all.")
@click.option("--new", type=_EXISTING, help="Its results on stored frames: compared, and kept with the plan.")
@_results_options
@agent_options
@person_options
def plan(
    station: str,
    now: bool,
    view: str | None,
    recipe: str | None,
    new: Path | None,
    old: Path | None,
    outcomes: tuple[Path, ...],
    flips: Path | None,
    config_file: Path | None,
    state_dir: Path | None,
    by: str,
    role: str,
    reason: str,
    **told: Any,
) -> int:
    """Announce the model that is to judge at STATION. It is not approved by that: see `linewarden model approve`.

    \b
    linewarden model plan ST4 --new new.jsonl --by anna --role engineer --reason "retrained with coil 7714"
    linewarden model plan ST4 --name gap --version 2 --sha256 9f… --threshold 0.4 --by anna --role engineer
    linewarden model plan ST4 --now --by anna --role quality           what somebody changed already

    Then run the check parts under it: they count for the plan while another model judges production, and are no check of that one.
    A new plan replaces the one before.
    """
    folder = state_folder(config_file, state_dir)
    found, results = (None, None) if new is None else compared(station, new, old, outcomes, flips, folder)
    target = {"station": station, **({"view": view} if view else {}), **({} if recipe is None else {"recipe": recipe})}
    if now:
        target["now"] = "yes"
    else:
        named = None if results is None else results.model
        for member in _MEMBERS:
            value = told[member] if told[member] is not None else getattr(named, member, None)
            if value not in (None, ""):
                target[member] = f"{value:.12g}" if isinstance(value, float) else value
        if "name" not in target:
            raise click.UsageError("name the model: --name, --now, or --new with results that name one model")
    if found is not None:
        show_comparison(found)
    console.out(command(folder, "plan_model", by=by, role=role, reason=reason, target=target, comparison=found))
    console.next_step(f"linewarden model show {station}{again(config_file, state_dir)}")
    return 0


@model.command("approve", short_help="Let the planned model judge.")
@click.argument("station")
@agent_options
@person_options
def approve(station: str, config_file: Path | None, state_dir: Path | None, by: str, role: str, reason: str) -> int:
    """Approve the model planned for STATION. In tiers 1 and 2 by another person than who planned it.

    \b
    linewarden model show ST4
    linewarden model approve ST4 --by bert --role quality --reason "flips looked at, set B found"

    Refused while a set of check parts was not found whole under it. It takes over with its first part, until then the one before is
    approved too. Its scores and claims are learned anew; light, optics, geometry, material, novelty and reject rate are kept.
    """
    folder = state_folder(config_file, state_dir)
    console.out(command(folder, "approve_model", by=by, role=role, reason=reason, target={"station": station}))
    console.next_step(f"linewarden model show {station}{again(config_file, state_dir)}")
    return 0


def _state(shown: dict[str, Any]) -> str:
    return f"{shown['admitted']} may take over" if shown["state"] == "admitted" else shown["state"]


def _show_plan(change: dict[str, Any]) -> None:
    """The plan as it stands."""
    told = ", ".join(f"{name} {value}" for name, value in change["model"].items() if value not in (None, ""))
    where = change["view"] + ("" if change["recipe"] is None else f", recipe {change['recipe']}")
    console.out(f"planned at {change['station']} ({where}): {told}; by {change['planned_by_role']}, {change['planned_at']}")
    rows = [
        (c["set"], c["failure_mode"], f"{c['before_missed']} of {c['before_presented']}", f"{c['missed']} of {c['presented']}",
         f"{c['found']} of {c['needed']}")
        for c in change.get("challenges", [])
    ]  # fmt: skip
    if rows:
        titles = ("set", "failure mode", "missed before", "missed by the planned one", "found in a row")
        console.table("Check parts", titles, rows)
    comparison = change.get("comparison")
    if comparison is None:
        console.out("old and new were not compared on the same frames")
    else:
        import msgspec

        from agent.shadow import Comparison

        show_comparison(msgspec.convert(comparison, Comparison))
    console.out(f"learned anew: {', '.join(change.get('rearms', [])) or 'nothing'}")
    console.out(f"kept: {', '.join(change.get('kept', [])) or 'nothing'}")
    for one in change.get("lacking", []):
        console.out(f"lacking: {one}")
