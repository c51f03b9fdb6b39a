"""The store and the agent that has it: the library, the file, and what a running agent says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.doctor.finding import Finding, ok
from agent.errors import AgentError, NotRunning
from agent.runtime.control import ControlClient
from agent.state_folder import CONTROL_NAME, STORE_NAME
from agent.store.library import FIRST_WITHOUT_WAL_RESET_BUG, Version
from agent.store.reader import Reader

ANSWER_S = 5.0
Snapshot = Mapping[str, Any]


def examine_library(found: Version) -> Finding:
    """found: the version of SQLite."""
    shown = ".".join(map(str, found))
    if found >= FIRST_WITHOUT_WAL_RESET_BUG:
        return ok("store.sqlite", f"SQLite {shown}", "without the WAL-reset bug")
    seen = "has the WAL-reset bug (all up to 3.51.2; a distribution may have mended its own)"
    why = "two connections that write or checkpoint in the same instant may damage the store; rare, and the agent has one writer"
    hint = "use a Python linked with SQLite 3.51.3 or newer; do not open the store with other programs while the agent runs"
    return Finding("store.sqlite", f"SQLite {shown}", "warn", seen, why, hint)


def examine_file(folder: Path) -> tuple[Finding, datetime | None]:
    """Whether the store can be read, beside a running agent too; and the time of its last entry."""
    path = folder / STORE_NAME
    if not path.exists():
        return ok("store.file", str(path), "none yet: the agent makes it at its start"), None
    try:
        with Reader(path) as reader:
            problem = reader.problem()
            last = None if problem else reader.last_entry_at()
    except AgentError as error:
        return Finding("store.file", str(path), "fail", str(error), "alarms, holds and parts are in it", error.hint), None
    if problem:
        hint = "the agent sets a damaged store aside at its next start and says so; keep the quarantined file"
        return Finding(
            "store.file", str(path), "fail", f"cannot be read: {problem}", "alarms, holds and parts are in it", hint
        ), None
    return ok("store.file", str(path), f"readable, last entry {last:%Y-%m-%d %H:%M:%S} UTC" if last else "readable, empty"), last


def examine_agent(folder: Path) -> tuple[list[Finding], Snapshot]:
    """What the running agent says; an empty snapshot without one."""
    path = folder / CONTROL_NAME
    if not path.exists():
        return [ok("agent.answers", str(path), "no agent runs here")], {}
    try:
        client = ControlClient(path, timeout_s=ANSWER_S)
        try:
            snapshot: Snapshot = client.ask({"ask": "snapshot"})["snapshot"]
        finally:
            client.close()
    except NotRunning as error:
        hint = "start it (`systemctl start linewarden`, or `linewarden run`), or see its log why it ended"
        return [Finding("agent.answers", str(path), "warn", str(error), "it was killed, or may not be spoken to", hint)], {}
    except (AgentError, OSError) as error:
        hint = "see its log; `systemctl restart linewarden`"
        seen = f"did not answer within {ANSWER_S:g} s: {error}"
        return [Finding("agent.answers", str(path), "fail", seen, "the agent hangs: nothing is judged", hint)], {}
    running = ok("agent.answers", f"linewarden {snapshot['version']}", f"running since {snapshot['started_at']}")
    return [running, *_edges(snapshot)], snapshot


def _edges(snapshot: Snapshot) -> Iterator[Finding]:
    """Taps and sinks of the running agent, by their own figures."""
    for kind in ("tap", "sink"):
        for name, figures in snapshot[f"{kind}s"].items():
            if "connected" not in figures:
                continue
            error = str(figures.get("last_error", ""))
            refused = {k: int(v) for k, v in figures.items() if k.startswith(("publish_refused:", "subscribe_refused:"))}
            if not figures["connected"]:
                why = "no records come in" if kind == "tap" else "alarms reach nobody; they are kept and sent later"
                yield Finding(
                    f"agent.{kind}", name, "fail", f"not connected: {error or 'not yet'}", why, "see the broker's findings"
                )
            elif refused:
                seen = ", ".join(f"{name} {count}" for name, count in sorted(refused.items()))
                why = "the broker refused some of what the agent asked of it since its start"
                yield Finding(f"agent.{kind}", name, "warn", seen, why, error or "see its log")
            else:
                yield ok(f"agent.{kind}", name, f"connected, {int(figures.get('records', figures.get('confirmed', 0)))} so far")
