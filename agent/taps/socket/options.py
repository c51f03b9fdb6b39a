"""Options of the socket tap."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from agent.config.model import Section


class Options(Section):
    """Records from programs on this machine (agent/client), over a unix socket or loopback TCP."""

    path: Path | None = Field(
        default=None,
        description="Socket file; unset: linetap.sock in systemd's RuntimeDirectory where there is one, else in the state folder.",
    )
    mode: str = Field(
        default="660", pattern=r"^0?[0-7]{3}$", description="Permissions of the socket file: who may write to it may send."
    )
    group: str = Field(default="", max_length=64, description="Group the socket file is given to; empty: the agent's own.")
    port: int = Field(
        default=0, ge=0, le=65535, description="Port of 127.0.0.1 to listen on besides; every local user can send there. 0: none."
    )
    max_connections: int = Field(
        default=32, ge=2, le=1000, description="Connections held at a time; one process may hold half of them."
    )
    records_per_s: float = Field(
        default=200.0,
        gt=0,
        le=100_000,
        description="Records a second taken from one station; a sender beyond that is made to wait.",
    )
    mb_per_s: float = Field(default=10.0, gt=0, le=1000, description="Megabytes a second taken from one station, likewise.")
    burst_s: float = Field(
        default=5.0, ge=1, le=600, description="A station that was quiet may send so many seconds' worth at once."
    )
    station: str = Field(default="", max_length=128, description="Station of records that name none.")
    source: str = Field(default="", max_length=128, description="Source of outcomes that name none.")
    frames_dir: Path | None = Field(default=None, description="Folder that image paths in records are relative to, or below.")
    commands: bool = Field(default=False, description="Take commands from whoever may send records.")
