"""Who may read and change what the agent trusts: state folder, configuration, passwords, keys, certificates."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.credentials import locate
from agent.doctor.finding import Finding, ok
from agent.mqtt_link.options import BrokerOptions

_OTHERS_WRITE = "whoever changes it decides what the agent believes and whom it tells"
_OTHERS_READ = "whoever reads it may speak in the agent's name"


def examine(
    config: Path, folder: Path, brokers: dict[str, BrokerOptions], tokens: dict[str, Path] | None = None
) -> Iterator[Finding]:
    """brokers: the options of every plug-in that has one, by its place in the file; tokens: files holding one, likewise."""
    yield _mode("permissions.config", config, may_read=True)
    if folder.exists():
        yield _folder(folder)
        yield from _user(folder)
    for place, token in (tokens or {}).items():
        yield _credential(f"{place}.token_file", token, holds_secret=True)
    seen: set[Path] = set()
    for place, options in brokers.items():
        for name in ("password_file", "tls_key", "tls_cert", "tls_ca"):
            path: Path | None = getattr(options, name)
            if path is not None and locate(path) not in seen:
                seen.add(locate(path))
                holds_secret = name in {"password_file", "tls_key"} or (name == "tls_cert" and options.tls_key is None)
                yield _credential(f"{place}.{name}", path, holds_secret=holds_secret)


def _mode(check: str, path: Path, *, may_read: bool) -> Finding:
    """One file that the agent trusts. may_read: others may read it."""
    try:
        status = path.stat()
    except OSError as error:
        seen = f"cannot be looked at: {(error.strerror or str(error)).lower()}"
        return Finding(check, str(path), "fail", seen, "the agent needs it", f"`ls -l {path}`")
    mode, names = stat.S_IMODE(status.st_mode), f"owner {_name(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}"
    if mode & (stat.S_IWOTH | stat.S_IWGRP):
        return Finding(check, str(path), "fail" if mode & stat.S_IWOTH else "warn", names, _OTHERS_WRITE, f"`chmod go-w {path}`")
    if mode & stat.S_IROTH and not may_read:
        return Finding(check, str(path), "fail", names, _OTHERS_READ, f"`chmod o-rwx {path}`")
    if not os.access(path, os.R_OK):
        hint = "run doctor as the agent's user; if it is: make the file readable for it"
        return Finding(check, str(path), "fail", f"{names}: user {_name(os.geteuid())} may not read it", "the agent needs it", hint)
    return ok(check, str(path), names)


def _folder(folder: Path) -> Finding:
    status = folder.stat()
    mode, names = stat.S_IMODE(status.st_mode), f"owner {_name(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}"
    tight = f"`chmod 750 {folder}`"
    if mode & stat.S_IWOTH:
        return Finding(
            "permissions.state", str(folder), "fail", names, "everybody may replace the store and the control socket", tight
        )
    if mode & stat.S_IWGRP:
        return Finding("permissions.state", str(folder), "warn", names, "the group may replace the store", tight)
    if mode & stat.S_IROTH:
        return Finding(
            "permissions.state", str(folder), "warn", names, "everybody on this machine may read parts and alarms", tight
        )
    return ok("permissions.state", str(folder), names)


def _user(folder: Path) -> Iterator[Finding]:
    owner, own = folder.stat().st_uid, os.geteuid()
    if owner == own:
        yield ok("permissions.user", _name(own), "owns the state folder, as the agent does")
    else:
        seen = f"this look was made as {_name(own)}, the state folder belongs to {_name(owner)}"
        hint = f"`sudo -u {_name(owner)} linewarden doctor --config …`"
        yield Finding("permissions.user", _name(own), "unknown", seen, "what the agent may read and write can differ", hint)


def _credential(option: str, path: Path, *, holds_secret: bool) -> Finding:
    is_bare = len(path.parts) == 1 and not path.is_absolute()
    if is_bare and not os.environ.get("CREDENTIALS_DIRECTORY") and not path.exists():
        hint = "as root, while the service runs: `CREDENTIALS_DIRECTORY=/run/credentials/linewarden.service linewarden doctor …`"
        why = f"{option} names a systemd credential, which the service alone is given"
        return Finding("permissions.credential", str(path), "unknown", "not to be seen from here", why, hint)
    return _mode("permissions.credential", locate(path), may_read=not holds_secret)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
