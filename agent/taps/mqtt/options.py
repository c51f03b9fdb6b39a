"""Options of the mqtt tap."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from agent.mqtt_link.options import BrokerOptions
from agent.records import Event, Feedback, Inspection, Outcome

KINDS: dict[str, type[Inspection | Outcome | Event | Feedback]] = {
    "inspection": Inspection,
    "outcome": Outcome,
    "event": Event,
    "feedback": Feedback,
}


class Options(BrokerOptions):
    """Records and commands from a broker."""

    window: int = Field(
        default=100, ge=1, le=10_000, description="Messages the broker sends ahead of their commit (MQTT 5 receive maximum)."
    )
    session_expiry_s: int = Field(
        default=604_800, ge=60, le=4_294_967_294, description="How long the broker keeps messages while the agent is away (MQTT 5)."
    )
    commands: bool = Field(default=True, description="Take commands from cmd/{verb}.")
    station: str = Field(default="", max_length=128, description="Station of records that name none.")
    source: str = Field(default="", max_length=128, description="Source of outcomes that name none.")
    frames_dir: Path | None = Field(default=None, description="Folder that image paths in records are relative to.")

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Records, and commands where they are taken."""
        return (*(f"{self.base}/in/{kind}" for kind in KINDS), *((f"{self.base}/cmd/+",) if self.commands else ()))
