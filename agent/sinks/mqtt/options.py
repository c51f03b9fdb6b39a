"""Options of the mqtt sink."""

from __future__ import annotations

from pydantic import Field

from agent.mqtt_link.options import BrokerOptions

NOBODY = "linewarden-doctor"  # no station, alarm or request is called so


class Options(BrokerOptions):
    """Alarms, andon requests and holds to a broker."""

    window: int = Field(default=100, ge=1, le=1000, description="Messages sent ahead of the broker's answer.")
    replay_per_s: float = Field(default=50.0, gt=0, le=10_000, description="Messages per second of a backlog, after a reconnect.")
    retry_s: float = Field(default=30.0, ge=0.1, le=3600, description="Seconds before a message the broker refused is sent again.")
    heartbeat_s: float = Field(default=5.0, ge=0.1, le=60, description="Seconds between two heartbeats.")
    andon_refresh_s: float = Field(default=20.0, ge=0.1, le=50, description="Seconds after which a standing request is repeated.")
    andon_valid_s: float = Field(
        default=60.0, ge=1, le=600, description="How long an andon request is valid; the plant's controller turns white after it."
    )

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What the plant host has stored."""
        return (f"{self.base}/host/cursor",)

    @property
    def trial_topics(self) -> tuple[str, ...]:
        """One topic of each kind that names a station, an alarm or a request; nobody listens to these names."""
        of_nobody = (f"alarm/{NOBODY}/{NOBODY}/event", f"andon/{NOBODY}/request", f"summary/{NOBODY}", f"cmd_result/{NOBODY}")
        return tuple(f"{self.base}/{topic}" for topic in of_nobody)
