"""`linewarden` whose workers can be made to hang for real: inside the container only. One hangs while /run/hang/<name> exists."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.cli.main import main
from agent.mqtt_link.link import Link
from agent.runtime.inbox import BoundedInbox
from agent.taps.jsonl.follow import _Following
from agent.views.prometheus.server import _Server

SEAMS = {"core": (BoundedInbox, "get"), "tap": (_Following, "poll"), "sink": (Link, "service"), "view": (_Server, "handle_request")}


def arm(name: str, owner: type, method: str) -> None:
    """Put the seam around one method that the worker's loop calls all the time."""
    original = getattr(owner, method)

    def hangs_when_told(self, *arguments):
        if Path("/run/hang", name).exists():
            threading.Event().wait()
        return original(self, *arguments)

    setattr(owner, method, hangs_when_told)


for name, (owner, method) in SEAMS.items():
    arm(name, owner, method)
main()
