"""Where the name of a file that holds a secret leads: to a systemd credential, or to a path."""

from __future__ import annotations

import os
from pathlib import Path


def locate(path: Path) -> Path:
    """The file meant: a bare name is a systemd credential (LoadCredential=) where the agent was given any, else it is a path."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder) / path if folder and len(path.parts) == 1 and not path.is_absolute() else path
