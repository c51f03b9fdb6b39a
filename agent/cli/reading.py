"""`linewarden status` and `linewarden alarms`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import again, agent_options, snapshot, state_folder, store
from agent.cli.estimates import amount, judged
from agent.cli.moments import instant
from agent.config.proposal import declarations
from agent.errors import AgentError, NotRunning

_UNACKNOWLEDGED = ("UNACK", "RTNUN", "LATCHED")


@click.command("status")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print everything that may be seen from outside, as JSON.")
@click.option("--undeclared", is_flag=True, help="Print declarations of measurements that arrive undeclared, as TOML to paste.")
@click.option(
    "--max-age-s", type=click.FloatRange(min=0), help="Exit 1 when what is shown is older, as in a container's health check."
)
def status(config_file: Path | None, state_dir: Path | None, as_json: bool, undeclared: bool, max_age_s: float | None) -> int:
    """What is watched, how far learning is, and what is wrong.

    \b
    linewarden status --config linewarden.toml
    linewarden status --state-dir /var/lib/linewarden --json | jq .stations

    Asks the running agent. Without one it says so and exits 1; `linewarden alarms` then still reads the store.
    """
    shown = snapshot(state_folder(config_file, state_dir))
    if max_age_s is not None:
        _check_age(shown["at"], max_age_s)
    if as_json:
        console.out_json(shown)
        return 0
    if undeclared:
        console.out("\n\n".join(declaration for station in shown["stations"] for declaration in declarations(station)))
        return 0
    console.out(f"linewarden {shown['version']}, running since {instant(shown['started_at'])}")
    counts = ("parts", "rejected", "outcomes")
    rows = [
        (
            s["station"],
            s["state"],
            s["correctness"],
            *(str(s[name]) for name in counts),
            _outcome_test(s),
            instant(s["last_captured_at"]),
        )
        for s in shown["stations"]
    ]
    console.table("Stations", ("station", "state", "correctness", *counts, "outcome test", "last part"), rows)
    reviews = [(s["station"], *_review(s["review"])) for s in shown["stations"] if s["review"] is not None]
    console.table(
        "False alarms", ("station", "harmless a month", "budget", "harmless", "real", "unknown", "not judged", "months"), reviews
    )
    blind = [
        (s["station"], b["failure_mode"], f"{100 * b['rise']:.2g} %", _days(b), f"{b['limit_days']:g}")
        for s in shown["stations"]
        for b in s["blind_spots"]
    ]
    console.table("Blind spot", ("station", "failure mode", "if so many pass", "found within days", "limit"), blind)
    rates = [row for s in shown["stations"] for row in _rates(s)]
    if rates:
        console.table("Rates of the latest month", ("station", "figure", "estimate", "bounds at any time", "judged"), rates)
    streams = [
        (s["station"], t["stream"], t["state"], f"{t['parts']} of {t['parts_needed']}", t["detail"])
        for s in shown["stations"]
        for t in s["streams"]
    ]
    told = [
        (s["station"], name.removeprefix("outcomes_"), str(count))
        for s in shown["stations"]
        for name, count in s["counters"].items()
        if name.startswith(("outcomes_", "parts_told", "parts_contra"))
    ]
    if told:
        console.table("Outcomes", ("station", "became", "count"), told)
    console.table("Streams", ("station", "stream", "state", "parts", "detail"), streams)
    limits = [_limit(s["station"], limit) for s in shown["stations"] for limit in s["limits"]]
    if limits:
        console.table("Limits", ("station", "limit", "channel", "production days left", "state"), limits)
    refused = [
        (s["station"], c["stream"], c["channel"], c["refused"]) for s in shown["stations"] for c in s["channels"] if c["refused"]
    ]
    if refused:
        console.table("Channels not watched", ("station", "stream", "channel", "why"), refused)
    unwatched = [(s["station"], m["view"], m["name"], m["why"], *_range(m)) for s in shown["stations"] for m in s["measurements"]]
    if unwatched:
        console.table("Measurements not watched", ("station", "view", "name", "why", "values", "from", "to"), unwatched)
    edges = [
        (kind[:-1], name, ", ".join(f"{key} {_figure(value)}" for key, value in figures.items()))
        for kind in ("taps", "sinks")
        for name, figures in shown[kind].items()
    ]
    console.table("Edges", ("kind", "name", "figures"), edges)
    standing = [alarm for alarm in shown["alarms"] if alarm.get("active") or alarm["state"] in _UNACKNOWLEDGED]
    console.out(f"{len(standing)} alarm(s) standing, {shown['outbox_depth']} message(s) waiting to be sent")
    if standing:
        console.next_step(f"linewarden alarms{again(config_file, state_dir)}")
    return 0


def _limit(station: str, limit: dict[str, Any]) -> tuple[str, ...]:
    """One limit of slow ageing; what never is, is null in JSON."""
    which = f"{limit['channel']} {limit['beyond']} {limit['value']:g} {limit['unit']}"
    if limit["is_informative"]:
        left = f"{_number(limit['days'])} ({_number(limit['earliest'])} to {_number(limit['latest'])})"
        return (station, limit["limit"], which, left, "due" if limit["is_due"] else "")
    more = limit["more_days"]
    wait = "no ageing seen" if more is None else f"not informative yet, {more:.0f} more days"
    return (station, limit["limit"], which, f"at least {_number(limit['earliest'])}", wait)


def _rates(station: dict[str, Any]) -> list[tuple[str, ...]]:
    """Of all recipes and modes: what gets through and what is scrapped, in short; `linewarden estimates` has the rest."""
    if not station["estimates"]:
        return []
    latest = station["estimates"][0]
    return [
        (
            station["station"],
            f"{f['figure'].replace('_', ' ')} ({f['source'].replace('_', ' ')})",
            amount(f["figure"], f["estimate"]),
            f"{amount(f['figure'], f['low'])} to {amount(f['figure'], f['high'])}",
            judged(f),
        )
        for f in latest["figures"]
        if f["figure"] in ("escape_rate", "miss_rate", "overkill_rate")
    ]


def _number(days: float | None) -> str:
    return "never" if days is None else f"{days:.0f}"


@click.command("alarms", short_help="The alarms that stand, and what to do.")
@agent_options
@click.option("--all", "every", is_flag=True, help="Also alarms that are back to normal and acknowledged.")
@click.option("--history", is_flag=True, help="Every transition kept, oldest first, instead of the present state.")
@click.option("--json", "as_json", is_flag=True, help="Print the alarm documents as JSON.")
def alarms(config_file: Path | None, state_dir: Path | None, every: bool, history: bool, as_json: bool) -> int:
    """The alarms that stand: what changed, since when, and what to do.

    \b
    linewarden alarms --config linewarden.toml
    linewarden alarms --history --json > transitions.json

    Asks the running agent; without one it reads the store and says so.
    """
    folder = state_folder(config_file, state_dir)
    documents = _history(folder) if history else _present(folder)
    if not every and not history:
        documents = [alarm for alarm in documents if alarm["state"] != "NORM"]
    if as_json:
        console.out_json(documents)
        return 0
    if not documents:
        console.note("no alarms")
        return 0
    if history:
        rows = [
            (instant(a["changed_at"]), a["station"], a["alarm_id"], a["transition"], a["part_id"], a["text"]) for a in documents
        ]
        console.table("Transitions", ("changed", "station", "alarm", "transition", "part", "text"), rows)
        return 0
    _show(documents)
    waiting = [alarm for alarm in documents if alarm["state"] in _UNACKNOWLEDGED]
    if waiting:
        console.next_step(f"linewarden ack {waiting[0]['occurrence_id']} --by NAME{again(config_file, state_dir)}")
    return 0


def _check_age(shown_at: str, max_age_s: float) -> None:
    """Raises AgentError when the core has shown nothing new for so long; an idle one shows its state every second."""
    from agent.runtime.clock import SystemClock

    age_s = (SystemClock().now() - datetime.fromisoformat(shown_at)).total_seconds()
    if age_s > max_age_s:
        raise AgentError(f"the agent answers, but its core has shown nothing new for {age_s:.0f} s", hint="see its log")


def _show(documents: list[dict[str, Any]]) -> None:
    """Each alarm as the lamp, the words and what to do; one line each in a pipe."""
    if not console.is_terminal():
        members = ("occurrence_id", "state", "andon", "station", "text", "response")
        rows = [(instant(a.get("raised_at")), *(a[name] for name in members)) for a in documents]
        console.table("Alarms", ("raised", "occurrence", *members[1:]), rows)
        return
    for alarm in documents:
        console.headline(alarm["andon"], f"{alarm['state']} since {instant(alarm.get('raised_at'))}", alarm["occurrence_id"])
        console.out(f"  {console.plain(alarm['text'])}")
        console.out(f"  → {console.plain(alarm['response'])}")


def _present(folder: Path) -> list[dict[str, Any]]:
    try:
        present: list[dict[str, Any]] = snapshot(folder)["alarms"]
    except NotRunning:
        import msgspec

        with store(folder) as kept:
            present = [msgspec.to_builtins(alarm) for alarm in kept.alarms()]
        console.warning("agent", "not running; these are the alarms as it left them", "start it with `linewarden run`")
    return present


def _history(folder: Path) -> list[dict[str, Any]]:
    import msgspec

    with store(folder) as kept:
        return [msgspec.to_builtins(event) for _, event in kept.alarm_events()]


def _range(measurement: dict[str, Any]) -> tuple[str, str, str]:
    if not measurement["values"]:
        return "", "", ""
    return str(measurement["values"]), _figure(measurement["lowest"]), _figure(measurement["highest"])


def _review(review: dict[str, Any]) -> tuple[str, ...]:
    """Realised false alarms beside their budget; a rate of less than a month says little, and is not given."""
    months, harmless = review["months"], review["harmless"]
    waiting = review["raised"] - review["real"] - harmless - review["unknown"]
    rate = f"{harmless / months:.2g}" if months >= 1.0 else "too early"
    counts = (harmless, review["real"], review["unknown"], waiting)
    return (rate, f"{review['budget_per_month']:g}", *(str(count) for count in counts), f"{months:.1f}")


def _outcome_test(station: dict[str, Any]) -> str:
    state = str(station["outcome_state"])
    return f"{state}, {station['audits_judged']} judged" if station["audits_judged"] else state


def _days(blind: dict[str, Any]) -> str:
    """Days in words. JSON has neither infinity nor NaN: null is "never" once days were measured."""
    if blind["days"] is not None:
        return f"{blind['days']:.1f}"
    return "never" if blind["measured_days"] else "not known yet"


def _figure(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
