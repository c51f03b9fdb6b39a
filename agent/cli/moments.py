"""Moments on the command line: as an option in ISO 8601, with or without a zone, and as they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click


class Moment(click.ParamType[datetime]):
    """Gives a datetime, naive where no zone was written."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Refuses what is no ISO 8601 moment."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"expected a time like 2026-03-02T06:00, got {value}", param, ctx)


def zone_of(config_file: Path | None, state_dir: Path | None) -> Callable[[datetime], datetime]:
    """Gives a moment written without a zone the one of the alarm texts: agent.timezone, UTC where no configuration is named."""
    from zoneinfo import ZoneInfo

    name = "UTC"
    if config_file is not None and state_dir is None:
        from agent.config.load import load
        from agent.plugins import PlugIns

        name = load(config_file, PlugIns()).agent.timezone
    return lambda at: at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(name))


def instant(at: datetime | str | None) -> str:
    """A moment, or one as the agent's JSON has it, to the second, in UTC as kept."""
    if isinstance(at, datetime):
        return f"{at:%Y-%m-%d %H:%M:%S}"
    return "" if at is None else at.replace("T", " ").split(".")[0].removesuffix("Z").split("+")[0]
