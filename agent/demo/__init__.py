"""A simulated line that is honest about being one."""
