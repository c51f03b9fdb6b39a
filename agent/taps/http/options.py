"""Options of the http tap."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from agent.config.model import Section


class Options(Section):
    """Records by HTTP POST. Without a token it listens on loopback alone."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address to listen on; another than loopback needs token_file.",
    )
    port: int = Field(default=9465, ge=0, le=65535, description="Port; 0 takes a free one.")
    token_file: Path | None = Field(
        default=None,
        description="File holding the token that senders show (Authorization: Bearer …), at least 16 characters. A bare name is a "
        "systemd credential (LoadCredential=).",
    )
    max_body_mb: float = Field(default=8.0, gt=0, le=64, description="Largest body of one request.")
    request_timeout_s: float = Field(default=30.0, ge=1, le=600, description="A request is to have arrived whole within so long.")
    max_connections: int = Field(default=16, ge=2, le=256, description="Requests dealt with at a time; others wait in the network.")
    station: str = Field(default="", max_length=128, description="Station of records that name none.")
    source: str = Field(default="", max_length=128, description="Source of outcomes that name none.")
    frames_dir: Path | None = Field(default=None, description="Folder that image paths in records are relative to, or below.")

    @model_validator(mode="after")
    def _no_open_door(self) -> Options:
        if self.token_file is None and not is_loopback(self.host):
            raise ValueError(f"expected token_file, or a loopback address for host, got {self.host!r} without a token")
        return self


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
