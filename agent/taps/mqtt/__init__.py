"""Tap: records and commands from an MQTT broker, acknowledged when they are committed."""

from agent.ports import PlugInContext, Tap
from agent.taps.mqtt.options import Options
from agent.taps.mqtt.tap import MqttTap

__all__ = ["Options", "build"]


def build(name: str, options: Options, context: PlugInContext) -> Tap:
    """The tap."""
    return MqttTap(name, options, context)
