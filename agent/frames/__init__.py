"""Frames: decoded and measured into channels in a killable child under rlimits."""
