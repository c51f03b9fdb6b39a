"""A moment as an option of the command line: ISO 8601, with or without a zone."""

from __future__ import annotations

from datetime import datetime

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
