"""A line into what the core is handed: a record, a refusal, a sender's loss report, or nothing; and whose quota it counts on."""

from __future__ import annotations

from agent.errors import RecordRefused
from agent.intake import Intake
from agent.ports import Clock, Lost, PlugInContext, Refused
from agent.records import MAX_RECORD_BYTES, Command, Frame, Record
from agent.taps.socket import wire
from agent.taps.socket.connection import Connection, Read
from agent.taps.socket.options import Options
from agent.taps.socket.position import Reports
from agent.taps.socket.quota import Quota

Said = Record | Refused | Lost | None  # None: nothing the core need know
_UNUSABLE: dict[wire.Unusable, str] = {
    "too_large": f"a line must have at most {MAX_RECORD_BYTES} bytes",
    "cut_off": "the connection ended within a line",
}
_OTHER = ""  # the quota shared by what names no configured station


class Reading:
    """Reads lines with one tap's settings, and keeps the stations' quotas."""

    def __init__(self, name: str, options: Options, context: PlugInContext) -> None:
        self.name = name
        self._options = options
        self._clock: Clock = context.clock
        self._intake = Intake.of(options, context.measurer)
        now = context.clock.elapsed()
        self._stations = frozenset(station.id for station in context.config.stations)
        self._quotas = {
            station: Quota(options.records_per_s, options.mb_per_s * 1e6, options.burst_s, now)
            for station in (*sorted(self._stations), _OTHER)
        }
        self.reports: Reports | None = None  # set when the tap's position is known

    def read(self, connection: Connection, line: bytes | wire.Unusable) -> Read:
        """The next line of this connection; an answer to it is left there."""
        connection.read_lines += 1
        number, size = connection.read_lines, MAX_RECORD_BYTES if line == "too_large" else len(line)
        read = Read(number, size, *self._read(connection, line))
        if isinstance(read.item, Refused):
            connection.say(wire.refused(number, read.item.reason, read.item.message))
        return read

    def _read(self, connection: Connection, line: bytes | wire.Unusable) -> tuple[Said, Frame | None, int]:
        """What it says, the frame it carries, and its number where it is a loss report."""
        if isinstance(line, str):
            return Refused(line, _UNUSABLE[line]), None, 0
        if not line.strip():
            return None, None, 0
        try:
            said = wire.control(line)
        except RecordRefused as refusal:
            return Refused(refusal.reason, str(refusal)), None, 0
        match said:
            case wire.Hello():
                return self._greet(connection, said), None, 0
            case wire.LossReport():
                return self._lost(connection, said), None, said.number
        item, frame = self._intake.read(line)
        if isinstance(item, Command) and not self._options.commands:
            item = Refused("command_not_allowed", "commands are taken only where the tap is told so (`commands = true`)")
        return item, frame, 0

    def position(self, connection: Connection, read: Read) -> str | None:
        """What to commit with it, so that a loss report that is sent again is not counted again."""
        assert self.reports is not None  # set before anybody is served
        return self.reports.take(connection.client, read.report) if read.report else None

    def measure(self, read: Read) -> tuple[Said, Frame | None]:
        """What to hand over, its frame measured; None for nothing."""
        if isinstance(read.item, Lost) or read.item is None:
            return read.item, None
        return self._intake.measure(read.item, read.frame)

    def wait_s(self, read: Read) -> tuple[float, str]:
        """How long its station's quota makes it wait, and which of the two."""
        return self._quota(read).wait_s(self._clock.elapsed())

    def take(self, read: Read) -> None:
        """Count it on its station's quota. A loss report becomes a message to the plant and costs a second's worth."""
        records = self._options.records_per_s if isinstance(read.item, Lost) else 1.0
        self._quota(read).take(records, read.size_bytes)

    def _quota(self, read: Read) -> Quota:
        station = _OTHER if isinstance(read.item, Refused) else getattr(read.item, "station", _OTHER)
        return self._quotas[station if station in self._stations else _OTHER]

    def _greet(self, connection: Connection, hello: wire.Hello) -> Refused | None:
        connection.client = hello.client
        if hello.linetap == wire.PROTOCOL:
            connection.say(wire.welcome())
            return None
        connection.say(wire.error(f"linetap must be {wire.PROTOCOL}, got {hello.linetap}"))
        connection.hang_up()
        return Refused("wrong_protocol", f"sender speaks protocol {hello.linetap}, this agent {wire.PROTOCOL}")

    def _lost(self, connection: Connection, report: wire.LossReport) -> Lost | None:
        assert self.reports is not None  # set before anybody is served
        totals = report.totals()
        if not totals or self.reports.is_known(connection.client, report.number):
            return None
        station = report.station or self._options.station
        return Lost(totals, station if station in self._stations else "", report.since, report.until)
