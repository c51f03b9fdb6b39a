"""Sink: status, heartbeat, alarms, andon requests, holds and results to an MQTT broker."""

from agent.ports import PlugInContext, Sink
from agent.sinks.mqtt.options import Options
from agent.sinks.mqtt.sink import MqttSink

__all__ = ["Options", "build"]


def build(name: str, options: Options, context: PlugInContext) -> Sink:
    """The sink."""
    return MqttSink(name, options, context)
