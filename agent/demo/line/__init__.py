"""The simulated line as an instrument: parts, causes and records, the truth of each beside it; for demo, tests and benchmarks."""
