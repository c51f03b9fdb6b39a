"""What the sandbox lets through, tried from inside it; printed as one JSON object. Run with the service's own settings."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import socket
from pathlib import Path


def refused(attempt) -> bool:
    """Whether the kernel said no."""
    try:
        attempt()
    except OSError:
        return True
    return False


def said(result: int) -> None:
    """A system call's -1 as an exception."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
ATTEMPTS = {
    "write_etc": lambda: Path("/etc/linewarden/x").write_text("x"),
    "write_usr": lambda: Path("/usr/x").write_text("x"),
    "write_opt": lambda: Path("/opt/linewarden/x").write_text("x"),
    "read_home": lambda: os.listdir("/root"),
    "read_kernel_log": lambda: os.open("/dev/kmsg", os.O_RDONLY),
    "tune_kernel": lambda: Path("/proc/sys/kernel/hostname").write_text("x"),
    "read_other_process": lambda: Path("/proc/1/status").read_text(),
    "packet_socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink_socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "write_and_execute": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "new_namespace": lambda: said(libc.unshare(CLONE_NEWUSER)),
    "set_clock": lambda: said(libc.settimeofday(ctypes.create_string_buffer(16), None)),
    "become_root": lambda: os.setuid(0),
    "mount": lambda: said(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "raise_priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
}
WORKS = {
    "write_state": lambda: Path("/var/lib/linewarden/probe").write_text("x"),
    "write_runtime": lambda: Path("/run/linewarden/probe").write_text("x"),
    "write_tmp": lambda: Path("/tmp/probe").write_text("x"),
    "tcp_socket": lambda: socket.socket().close(),
    "read_config": lambda: Path("/etc/linewarden/linewarden.toml").read_text(),
}
print(
    json.dumps(
        {
            "got_through": [name for name, attempt in ATTEMPTS.items() if not refused(attempt)],
            "does_not_work": [name for name, attempt in WORKS.items() if refused(attempt)],
            "is_root": os.getuid() == 0,
            "capabilities": [
                line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Cap")
            ],
        }
    ),
    flush=True,
)
for leftover in ("/var/lib/linewarden/probe", "/run/linewarden/probe"):
    Path(leftover).unlink(missing_ok=True)
