"""Benchmarks on the development kit beside the checkout (never committed): longer drifts, and the table of alarms."""
