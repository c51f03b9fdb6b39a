"""Tap: records by HTTP POST, answered when they are committed."""

from agent.ports import PlugInContext, Tap
from agent.taps.http.options import Options
from agent.taps.http.tap import HttpTap

__all__ = ["Options", "build"]


def build(name: str, options: Options, context: PlugInContext) -> Tap:
    """The tap."""
    return HttpTap(name, options, context)
