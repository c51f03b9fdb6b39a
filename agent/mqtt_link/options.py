"""Options every MQTT plug-in has: which broker, how to log in, where the topics are."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from agent.config.model import Section


class BrokerOptions(Section):
    """A broker and the way to it."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="Broker's address.")
    port: int = Field(default=1883, ge=1, le=65535, description="Broker's port; 8883 is usual with TLS.")
    protocol: Literal["5", "3.1.1"] = Field(default="5", description="MQTT version; 3.1.1 for brokers that know no other.")
    prefix: str = Field(
        default="", max_length=200, description="Topics start with this, e.g. enterprise/site/area/line/cell; then linewarden/v1/…"
    )
    client_id: str = Field(default="", max_length=128, description="Client identifier; empty: made from host, state folder, name.")
    username: str = Field(default="", max_length=256, description="User name; empty for none.")
    password_file: Path | None = Field(
        default=None,
        description="File holding the password. A bare name is a systemd credential (LoadCredential=), here and below.",
    )
    tls_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities the broker's certificate is checked against; setting it turns TLS on.",
    )
    tls_cert: Path | None = Field(default=None, description="PEM file of the own certificate, where the broker asks for one.")
    tls_key: Path | None = Field(default=None, description="PEM file of its key, without passphrase; unset: in the same file.")
    keepalive_s: int = Field(default=10, ge=2, le=15, description="Seconds of silence after which either side looks for the other.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60, description="Longest time to wait for a connection, seconds.")
    reconnect_max_s: float = Field(default=30.0, ge=0.1, le=600, description="Longest pause between attempts to connect, seconds.")

    @field_validator("prefix")
    @classmethod
    def _no_wildcards(cls, value: str) -> str:
        if any(c in value for c in "+#\0") or value.startswith("$"):
            raise ValueError("must have no +, # and no leading $")
        return value.strip("/")

    @field_validator("host")
    @classmethod
    def _name_alone(cls, value: str) -> str:
        if any(c in value for c in "/@ "):
            raise ValueError(f"expected a name or an address alone, got {value!r}; the login is username and password_file")
        return value

    @field_validator("password_file", "tls_cert", "tls_key")
    @classmethod
    def _not_alone(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Fields are checked in order, so that the one needed is known."""
        needed = {"password_file": "username", "tls_cert": "tls_ca", "tls_key": "tls_cert"}[info.field_name or ""]
        if value is not None and needed in info.data and not info.data[needed]:
            why = ", without which the connection is not encrypted" if needed == "tls_ca" else ""
            raise ValueError(f"needs {needed}{why}")
        return value

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics the plug-in reads."""
        return ()

    @property
    def trial_topics(self) -> tuple[str, ...]:
        """Topics like those the plug-in writes, but of a station and a request that do not exist: where a test disturbs nobody."""
        return ()

    @property
    def base(self) -> str:
        """Topic that everything is under, without a slash at the end."""
        return f"{self.prefix}/linewarden/v1" if self.prefix else "linewarden/v1"

    def identifier(self, role: str, name: str, state_dir: Path) -> str:
        """Client identifier: the same after every restart, another one for every other agent and plug-in."""
        if self.client_id:
            return self.client_id
        origin = f"{platform.node()}\0{state_dir}\0{self.base}"
        return f"linewarden-{role}-{name}-{hashlib.sha256(origin.encode()).hexdigest()[:8]}"
