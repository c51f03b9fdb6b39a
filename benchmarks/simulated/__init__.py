"""Delay and false alarms on simulated input, peers measured in the same run."""
