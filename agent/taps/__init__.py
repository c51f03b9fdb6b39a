"""Taps: where inspection results, outcomes, events and commands come in; one folder each."""
