"""What must be remembered over a restart: the last loss report of each sender, so that one sent again is counted once."""

from __future__ import annotations

import msgspec

MAX_SENDERS = 256
_DECODER = msgspec.json.Decoder(dict[str, int])


class Reports:
    """Number of the last report by sender, the latest senders of all; committed with the report as the tap's position."""

    def __init__(self, text: str | None) -> None:
        self._last: dict[str, int] = {}
        if text:
            try:
                self._last = _DECODER.decode(text)
            except msgspec.DecodeError:  # another tap's position under this name
                self._last = {}

    def is_known(self, client: str, number: int) -> bool:
        """Whether this report was taken before; a sender without a name is never known."""
        return bool(client) and number <= self._last.get(client, 0)

    def take(self, client: str, number: int) -> str | None:
        """Remember it; the position to commit with it."""
        if not client:
            return None
        self._last.pop(client, None)
        self._last[client] = number
        while len(self._last) > MAX_SENDERS:
            del self._last[next(iter(self._last))]
        return msgspec.json.encode(self._last).decode()
