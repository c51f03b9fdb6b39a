"""Sinks: where committed messages go out; one folder each."""
