"""The places the tap listens at: a socket file that is replaced when stale and never stolen, and a port of loopback."""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.errors import AgentError

FILE_NAME = "linetap.sock"
_BACKLOG = 64
_MAX_ADDRESS_BYTES = 107  # unix(7)


def default_path(state_dir: Path) -> Path:
    """In the first RuntimeDirectory systemd gave, else in the state folder."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return (Path(folder) if folder else state_dir) / FILE_NAME


class UnixListener:
    """A listening socket file. Raises AgentError when something lives there or it cannot be made."""

    def __init__(self, path: Path, mode: int, group: str) -> None:
        """mode: permission bits; group: name, empty for the process's own."""
        self.path = path
        _refuse_living(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            with _short(fresh) as address:
                self.sock.bind(address)
            if group:
                os.chown(fresh, -1, _group_id(group))
            fresh.chmod(mode)
            self.sock.listen(_BACKLOG)
            self._identity = _identity(fresh)
            fresh.replace(path)  # at once: nobody ever finds it with other permissions, or not listening
        except OSError as error:
            self._discard(fresh)
            hint = "check that its folder is there and the agent may write to it, and `group` of the tap"
            raise AgentError(f"cannot listen at {path}: {error.strerror}", hint=hint) from error
        except AgentError:
            self._discard(fresh)
            raise
        self.sock.settimeout(0)

    def is_in_place(self) -> bool:
        """Whether the path still leads here: somebody may have tidied it away."""
        return _identity(self.path) == self._identity

    def close(self) -> None:
        """Stop listening; the file goes if it is still this one."""
        if self.is_in_place():
            self.path.unlink(missing_ok=True)
        self.sock.close()

    def _discard(self, fresh: Path) -> None:
        self.sock.close()
        with contextlib.suppress(OSError):
            fresh.unlink()


class TcpListener:
    """A port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        """port: 0 takes a free one. Raises OSError when it is taken."""
        self.sock = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        self.sock.settimeout(0)
        self.port: int = self.sock.getsockname()[1]

    def close(self) -> None:
        """Stop listening."""
        self.sock.close()


def _refuse_living(path: Path) -> None:
    """Raises AgentError where the path is no socket, or one that answers."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise AgentError(f"{path} is there and is no socket", hint="remove it, or set another `path` in the tap")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _short(path) as address:
        probe.settimeout(0)
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError:  # it is too busy to answer, or answers to others only: it lives
            pass
    raise AgentError(f"another process listens at {path}", hint="stop it, or set another `path` in the tap")


def _group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise AgentError(f"there is no group {name}", hint="create it, or correct `group` of the tap") from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for `path` that fits the 107 bytes of unix(7), however deep its folder lies."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
