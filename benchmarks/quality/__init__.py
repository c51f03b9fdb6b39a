"""Delay and false alarms of the agent's detectors beside those of others; `python -m benchmarks.quality --help`."""
