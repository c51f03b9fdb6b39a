"""Root filesystems made by mmdebstrap, kept between runs: where LINEWARDEN_ROOTS says, else below the temporary folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(os.environ.get("LINEWARDEN_ROOTS", Path(tempfile.gettempdir()) / "linewarden-roots"))
SUITE = "bookworm"


def needs(*programs: str) -> None:
    """Skip with what is missing (the gate turns that into a failure)."""
    if os.geteuid() != 0:
        pytest.skip("needs root: containers, mounts and another processor's programs")
    missing = [program for program in programs if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}; .ci/system-tools installs them")


def debian(name: str, packages: tuple[str, ...], *options: str) -> Path:
    """A Debian with these packages, made once; whoever uses it leaves it as it is."""
    key = hashlib.sha256("\0".join((SUITE, *packages, *options)).encode()).hexdigest()[:8]
    KEPT.mkdir(parents=True, exist_ok=True)
    root = KEPT / f"{name}-{key}"
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            making = root.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            command = ["mmdebstrap", "--quiet", *options, f"--include={','.join(packages)}", SUITE, str(making)]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False)
            if done.returncode:
                shutil.rmtree(making, ignore_errors=True)
                pytest.skip(f"mmdebstrap failed: {done.stderr[-500:]}")
            making.rename(root)
    return root


def wheel(folder: Path) -> Path:
    """The checkout as it would be installed: built from a copy, so that nothing is left in the checkout."""
    source = folder / "source"
    for name in ("agent", "detectors"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(command, check=True, timeout=300)
    (made,) = folder.glob("*.whl")
    return made


def unpacked(made: Path, folder: Path) -> None:
    """The wheel's packages in a folder that Python looks in."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder)
