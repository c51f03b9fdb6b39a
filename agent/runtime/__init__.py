"""The only place that reads a clock, starts a thread or a child, or catches a signal."""
