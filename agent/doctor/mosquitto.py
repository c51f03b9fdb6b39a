"""What a mosquitto on this machine is told to keep: read from its own configuration, since MQTT does not show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT_QUEUE = 1000  # mosquitto.conf(5): max_queued_messages
DEFAULT_PORT = 1883


@dataclass(frozen=True, slots=True)
class Settings:
    """persistence: sessions and retained messages outlive the broker. queue: messages kept per absent client, 0: without limit."""

    file: Path
    persistence: bool
    queue: int


def settings_of(port: int, proc: Path = Path("/proc")) -> Settings | None:
    """Of the mosquitto that listens on `port` here; None when there is none or its file may not be read."""
    for file in _configurations(proc):
        try:
            lines = list(_lines(file))
        except OSError:
            continue
        ports = [int(v.split()[0]) for key, v in lines if key in {"listener", "port"} and v.split()[0].isdigit()]
        if port in (ports or [DEFAULT_PORT]):
            found = dict(lines)  # of repeated lines the last one counts
            queue = found.get("max_queued_messages", "")
            return Settings(file, found.get("persistence") == "true", int(queue) if queue.isdigit() else DEFAULT_QUEUE)
    return None


def _configurations(proc: Path) -> Iterator[Path]:
    """Of every process called mosquitto."""
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if Path(words[0]).name == "mosquitto" and "-c" in words[:-1]:
            yield Path(words[words.index("-c") + 1])


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """Keys and values, of included folders too."""
    for line in file.read_text("utf-8", "replace").splitlines():
        key, _, value = line.strip().partition(" ")
        if not key or key.startswith("#") or not value.strip():
            continue
        if key == "include_dir":
            for more in sorted(Path(value.strip()).glob("*.conf")):
                yield from _lines(more)
        else:
            yield key, value.strip()
