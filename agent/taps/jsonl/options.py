"""Options of the jsonl tap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agent.config.model import Section

Pattern = Annotated[str, Field(min_length=1, max_length=1024)]


class Options(Section):
    """JSON lines from files."""

    paths: list[Pattern] = Field(min_length=1, description="Files, or patterns like /data/results/*.jsonl; read in this order.")
    mode: Literal["follow", "replay"] = Field(
        default="follow",
        description="follow: wait for more lines, for ever. replay: read to the end, files merged by event time, then stop.",
    )
    start: Literal["beginning", "end"] = Field(
        default="beginning", description="Where files there at the very first start are begun; later ones always at the beginning."
    )
    station: str = Field(default="", max_length=128, description="Station of records that name none.")
    source: str = Field(default="", max_length=128, description="Source of outcomes that name none.")
    frames_dir: Path | None = Field(default=None, description="Folder that image paths in records are relative to.")
    trusted: bool = Field(
        default=False, description="Accept frames measured before (exports of the agent's journal); else such records are refused."
    )
    poll_s: float = Field(default=0.5, gt=0, le=60, description="How often files are looked at for new lines, seconds.")
    rotation_grace_s: float = Field(
        default=5.0, ge=0, le=3600, description="How long a file that was moved away is watched for last lines, seconds."
    )
