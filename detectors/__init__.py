"""Arrays in, numbers out: no I/O, clock, thread, part or camera."""
