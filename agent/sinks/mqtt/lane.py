"""One run of the outbox being sent: what is out, what was answered, and up to where everything was."""

from __future__ import annotations

from collections import deque

from agent.ports import Outbox, OutRow

PAGE_ROWS = 200


class Sending:
    """A row on its way."""

    __slots__ = ("confirmed", "row")

    def __init__(self, row: OutRow, *, confirmed: bool = False) -> None:
        self.row = row
        self.confirmed = confirmed


class Lane:
    """Rows with after < id <= last, sent in order. last None: as long as there are more."""

    def __init__(self, outbox: Outbox, after: int, last: int | None) -> None:
        self.confirmed_to = after  # every row up to here was confirmed
        self.handed_to = after  # the last row given out
        self._outbox = outbox
        self._last = last
        self._read_to = after
        self._page: deque[OutRow] = deque()
        self._order: deque[Sending] = deque()

    def next(self) -> Sending | None:
        """The next row to send; None when there is none now."""
        if not self._page and (self._last is None or self._read_to < self._last):
            self._page.extend(
                row for row in self._outbox.after(self._read_to, PAGE_ROWS) if self._last is None or row.id <= self._last
            )
            if self._page:
                self._read_to = self._page[-1].id
            elif self._last is not None:
                self._read_to = self._last  # retention took the rest
        if not self._page:
            return None
        sending = Sending(self._page.popleft())
        self._order.append(sending)
        self.handed_to = sending.row.id
        return sending

    def put_back(self, sending: Sending) -> None:
        """The row taken last could not be handed over."""
        if self._order and self._order[-1] is sending:
            self._order.pop()
            self._page.appendleft(sending.row)
            self.handed_to = sending.row.id - 1

    def settle(self) -> None:
        """Move on over what is confirmed from the front."""
        while self._order and self._order[0].confirmed:
            self.confirmed_to = self._order.popleft().row.id
        if self.is_done and self._last is not None:
            self.confirmed_to = self._last

    @property
    def is_done(self) -> bool:
        """Everything was read and confirmed; never for a lane without end."""
        return self._last is not None and self._read_to >= self._last and not self._page and not self._order
