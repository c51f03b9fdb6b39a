"""`linewarden doctor`."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import click

from agent.cli import console
from agent.cli.access import config_option


@click.command("doctor", short_help="Find out what an installation lacks.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print {ok, findings} as JSON.")
def doctor(file: Path, as_json: bool) -> int:
    """Look at configuration, permissions, disk, store, broker and clock: what was seen, why it matters, what to do next.

    \b
    linewarden doctor --config /etc/linewarden/linewarden.toml
    linewarden doctor --config linewarden.toml --json | jq '.findings[] | select(.severity != "ok")'

    Run it as the agent's user, before the first start or beside a running agent: it changes nothing. To a sink's broker it sends
    a few test messages for a station that does not exist. Exits 1 when a check fails; what cannot be seen from here is unknown.
    """
    from agent.doctor.examine import examine
    from agent.runtime.clock import SystemClock

    logging.getLogger("linewarden").addHandler(logging.NullHandler())  # what it would say is in the findings
    findings = list(examine(file, SystemClock()))
    counts = Counter(finding.severity for finding in findings)
    if as_json:
        console.out_json({"ok": not counts["fail"], "findings": findings})
        return int(bool(counts["fail"]))
    if console.is_terminal():
        for f in findings:
            console.verdict(f.severity, f"{f.check}  {f.subject}", f.seen, f.why, f.next_step)
    else:
        columns = ("severity", "check", "subject", "seen", "why", "next step")
        console.table("Findings", columns, [(f.severity, f.check, f.subject, f.seen, f.why, f.next_step) for f in findings])
    console.note(", ".join(f"{counts[severity]} {severity}" for severity in ("fail", "warn", "unknown", "ok") if counts[severity]))
    if not counts["fail"]:
        console.next_step(f"linewarden run --config {file}")
    return int(bool(counts["fail"]))
