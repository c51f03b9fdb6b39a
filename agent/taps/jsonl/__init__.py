"""Tap: records from files of JSON lines, followed as they grow or replayed to the end."""

from agent.ports import PlugInContext, Tap
from agent.taps.jsonl.follow import FollowTap
from agent.taps.jsonl.options import Options
from agent.taps.jsonl.replay import ReplayTap

__all__ = ["Options", "build"]


def build(name: str, options: Options, context: PlugInContext) -> Tap:
    """The tap in the mode configured."""
    if options.mode == "replay":
        return ReplayTap(name, options, context)
    return FollowTap(name, options, context)
