"""sd_notify: READY, WATCHDOG and STOPPING to systemd, nothing where there is none (sd_notify(3))."""

from __future__ import annotations

import os
import socket


class SystemdNotifier:
    """Sends datagrams to $NOTIFY_SOCKET; quiet when it is unset."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address

    def send(self, message: str) -> bool:
        """True when systemd was there to be told."""
        if not self._address:
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0)  # a listener that does not read must not stop the agent
                sock.sendto(message.encode(), address)
        except OSError:
            return False
        return True
