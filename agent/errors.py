"""Errors of the agent package.

AgentError
├── ConfigError       the configuration has problems; carries all of them        exit 78
├── RecordRefused     a record that cannot be used; carries the counted reason
├── StoreError        the store cannot do what it must
│   ├── StoreLocked   another agent has this store open
│   └── StoreCorrupt  the file is damaged; the next start sets it aside
├── NotRunning        no agent answers on the control socket
├── CommandRefused    a command that is not allowed or names nothing
├── CredentialUnusable  a password, certificate or key file that cannot be read or used
├── ChildTimedOut     a child process did not answer in time; it was killed
└── ChildDied         a child process ended, misbehaved or cannot be started
"""

from __future__ import annotations


class AgentError(Exception):
    """Base of every error this package raises; `hint` is one sentence a person can act on."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(AgentError):
    """The configuration has problems; `problems` lists all of them as (path, message, hint)."""

    exit_code = 78  # EX_CONFIG of sysexits.h: systemd is told not to restart on it

    def __init__(self, problems: list[tuple[str, str, str]]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the configuration")
        self.problems = problems


class RecordRefused(AgentError):
    """A record that cannot be used; `reason` is the word it is counted under."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StoreError(AgentError):
    """The store cannot do what it must."""


class StoreLocked(StoreError):
    """Another agent has this store open."""


class StoreCorrupt(StoreError):
    """The file is damaged; the next start sets it aside."""


class NotRunning(AgentError):
    """No agent answers on the control socket."""


class CommandRefused(AgentError):
    """A command that is not allowed or names nothing."""


class CredentialUnusable(AgentError):
    """A password, certificate or key file that cannot be read or used."""


class ChildTimedOut(AgentError):
    """A child process did not answer in time; it was killed."""


class ChildDied(AgentError):
    """A child process ended, misbehaved or cannot be started."""
