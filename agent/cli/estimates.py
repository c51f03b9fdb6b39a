"""`linewarden estimates`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import console
from agent.cli.access import agent_options, state_folder, stations

_NAMES = {
    "escape_rate": "escape rate",
    "miss_rate": "miss rate",
    "overkill_rate": "overkill rate",
    "rejects_good": "good ones among rejects",
    "false_alarm_rate": "false alarm rate",
    "effectiveness": "effectiveness",
    "kappa": "kappa",
}
_SOURCES = {"audits": "audits", "census": "census", "rechecks": "re-checked rejects", "check_parts": "check parts"}


@click.command("estimates", short_help="How many bad parts get through, how many good ones are scrapped, how sure that is.")
@click.option("--station", help="Of this station alone.")
@click.option("--recipe", help='Of this recipe; "" for all recipes together alone.')
@click.option("--mode", "mode", help='Of this failure mode; "" for all modes together alone.')
@click.option("--period", help="A production month as 2026-11, or `all`. Without it: the latest month.")
@click.option(
    "--curve", is_flag=True, help="The reliability curve instead: parts by the model's claim, and what they turned out to be."
)
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON, every month where no --period is given.")
def estimates(
    station: str | None,
    recipe: str | None,
    mode: str | None,
    period: str | None,
    curve: bool,
    config_file: Path | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Escape, miss and overkill rates and agreement, with bounds that hold however often you look.

    \b
    linewarden estimates                                    the latest month, every station
    linewarden estimates --station ST4 --period all
    linewarden estimates --station ST4 --mode scratch --json
    linewarden estimates --curve                            does the model's confidence tell the truth?

    \b
    escape rate     bad parts passed, of the parts passed: ppm shipped. From audits, each standing for 1/chance parts.
    miss rate       bad parts passed, of the bad parts: 100 % minus sensitivity. From audits and re-checked rejects together,
                    and apart from these by check parts.
    overkill rate   good parts rejected, of the good parts.
    effectiveness, kappa   agreement of verdict and truth, as in AIAG's attribute study.

    A figure is judged against its limit (docs/estimates.md): within, beyond, or not informative with how many more parts must be
    looked at, if all are good. "naive" counts what was looked at as if it had been chosen evenly: wrong where rejects are
    re-checked more often than passes, and here only to show by how much.
    Unconfirmed finds, and passed parts nobody drew, are in no rate.
    """
    shown = stations(state_folder(config_file, state_dir), station)
    chosen = [(s["station"], _chosen(s, recipe, mode, period, latest=not as_json)) for s in shown]
    bands = [(s["station"], _bands(s, period, latest=not as_json)) for s in shown]
    if as_json:
        console.out_json([{"station": name, "estimates": views, "curve": dict(bands)[name]} for name, views in chosen])
        return 0
    if curve:
        _show_curve(bands)
        return 0
    rows = [row for name, views in chosen for view in views for row in _rows(name, view)]
    if not rows:
        console.note("nothing is known yet: no part was audited, re-checked or judged by a census, and no check part was shown")
        return 0
    titles = ("station", "month", "recipe", "mode", "figure", "from", "estimate", "bounds at any time", "found", "judged", "naive")
    console.table("Estimates", titles, rows)
    for name, views in chosen:
        _remarks(name, views)
    return 0


def _chosen(
    station: dict[str, Any], recipe: str | None, mode: str | None, period: str | None, *, latest: bool
) -> list[dict[str, Any]]:
    """The rows asked for; without a period the latest month, or with `latest` false all."""
    views = station["estimates"]
    if period is None and latest and views:
        period = views[0]["month"]
    return [
        v for v in views if period in (None, v["month"]) and recipe in (None, v["recipe"]) and mode in (None, v["failure_mode"])
    ]


def _bands(station: dict[str, Any], period: str | None, *, latest: bool) -> list[dict[str, Any]]:
    bands = station["curves"]
    if period is None and latest and bands:
        period = bands[0]["month"]
    return [b for b in bands if period in (None, b["month"])]


def _rows(name: str, view: dict[str, Any]) -> list[tuple[str, ...]]:
    where = (name, view["month"], view["recipe"] or "all", view["failure_mode"] or "all")
    return [
        (
            *where,
            _NAMES[f["figure"]],
            _SOURCES[f["source"]],
            amount(f["figure"], f["estimate"]),
            f"{amount(f['figure'], f['low'])} to {amount(f['figure'], f['high'])}",
            _found(f),
            judged(f),
            "" if f["naive"] is None else amount(f["figure"], f["naive"]),
        )
        for f in view["figures"]
    ]


def _found(f: dict[str, Any]) -> str:
    counted = f"{f['found']:,} of {f['looked']:,}"
    return counted if f["at_most"] is None or not f["looked"] else f"{counted}: at most {amount(f['figure'], f['at_most'])}"


def judged(f: dict[str, Any]) -> str:
    """A figure beside its limit, in words."""
    if not f["judgement"]:
        return ""
    limit = amount(f["figure"], f["limit"])
    if f["judgement"] != "not_informative":
        return f"{f['judgement']} {limit}"
    if f["more"]:
        return f"not informative for {limit}, {f['more']:,} more needed"
    return f"not informative for {limit}" + ("" if f["looked"] else ", nothing was looked at")


def amount(figure: str, value: float | None) -> str:
    """A rate as this figure is read: ppm for escapes, a plain number for kappa, else per cent. None is not known."""
    if value is None:
        return "not known"
    if figure == "escape_rate":
        return f"{value * 1e6:,.0f} ppm"
    return f"{value:.2f}" if figure == "kappa" else f"{100 * value:.3g} %"


def _remarks(name: str, views: list[dict[str, Any]]) -> None:
    """What is in no rate, once a station, and what the model itself claims."""
    for view in views:
        if view["recipe"] or view["failure_mode"]:
            continue
        if view["claimed"] is not None:
            escape = next((f for f in view["figures"] if f["figure"] == "escape_rate"), None)
            seen = "not known" if escape is None else amount("escape_rate", escape["estimate"])
            console.note(
                f"{name} {view['month']}: of what passed is bad, claimed by the model {amount('escape_rate', view['claimed'])}, "
                f"observed {seen}"
            )
        for count, words in (
            ("unanswered", "passed part(s) drawn and not answered"),
            ("unknown_chance", "passed part(s) told of that were not drawn with a known chance (inclusion_probability)"),
            ("unconfirmed", "find(s) that no second look confirmed"),
        ):
            if view[count]:
                console.note(f"{name} {view['month']}: {view[count]:,} {words}: in no rate")


def _show_curve(bands: list[tuple[str, list[dict[str, Any]]]]) -> None:
    rows = [
        (
            name,
            b["month"],
            b["verdict"],
            f"{b['least']:g} to {b['most']:g}",
            f"{100 * b['claimed']:.3g} %",
            "not known" if b["observed"] is None else f"{100 * b['observed']:.3g} %",
            f"{100 * b['low']:.3g} to {100 * b['high']:.3g} %",
            f"{b['found']:,} of {b['looked']:,}",
            _beside(b),
        )
        for name, found in bands
        for b in found
    ]
    if not rows:
        console.note("nothing is known yet: no part with a claim was looked at")
        return
    titles = ("station", "month", "verdict", "claims", "claimed bad", "observed", "band", "found", "claim is")
    console.table("Reliability curve", titles, rows)


def _beside(band: dict[str, Any]) -> str:
    if band["claimed"] < band["low"]:
        return "too low"
    return "too high" if band["claimed"] > band["high"] else "in the band"
