"""Tap: records from programs on this machine, over a unix socket or loopback TCP, acknowledged when they are committed."""

from agent.ports import PlugInContext, Tap
from agent.taps.socket.options import Options
from agent.taps.socket.tap import SocketTap

__all__ = ["Options", "build"]


def build(name: str, options: Options, context: PlugInContext) -> Tap:
    """The tap."""
    return SocketTap(name, options, context)
