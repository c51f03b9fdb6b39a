"""The agent: the only package that touches the world (threads, clocks, disks, brokers)."""
