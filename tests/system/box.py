"""A Debian with a real systemd in a container, and the service in it as README.md of systemd/ installs it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Any, Self

import pytest

from tests.brokers import until
from tests.system.roots import ROOT, debian, needs, unpacked, wheel

PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libnss-systemd", "python3", "iproute2", "procps", "ca-certificates", "mosquitto",
)  # fmt: skip
UNIT = "linewarden.service"
CONFIG = "etc/linewarden/linewarden.toml"
DROP_IN = f"run/systemd/system/{UNIT}.d/test.conf"
CREDENTIALS = "etc/credstore"
RESULTS = "srv/results"
STATE = "var/lib/private/linewarden"
COMMAND = "#!/opt/linewarden/bin/python\nfrom agent.cli.main import main\nmain()\n"
START_S = 60.0


class Box:
    """The running container; a context manager. Paths are relative to its root."""

    def __init__(self, folder: Path) -> None:
        needs("systemd-nspawn", "mmdebstrap", "nsenter")
        base = debian("systemd", PACKAGES, "--variant=minbase")
        venv = folder / "linewarden"  # a venv whose interpreter is the container's, its dependencies the ones the tests run with
        packages = venv / "lib/python3.11/site-packages"
        packages.mkdir(parents=True)
        (venv / "bin").mkdir()
        (venv / "bin/python").symlink_to("/usr/bin/python3.11")
        (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
        (venv / "bin/linewarden").write_text(COMMAND)
        (venv / "bin/linewarden").chmod(0o755)
        unpacked(wheel(folder / "wheel"), packages)
        (packages / "dependencies.pth").write_text("/opt/dependencies\n")
        binds = {
            venv: "/opt/linewarden",
            sysconfig.get_path("purelib"): "/opt/dependencies",
            ROOT / "tests/system/inside": "/opt/tests",
        }
        self._log = folder / "boot.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "systemd-nspawn", "-q", "-D", str(base), "-M", f"linewarden-{folder.name}", "--volatile=overlay",
                    "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--link-journal=no",
                    *(f"--bind-ro={outside}:{inside}" for outside, inside in binds.items()),
                    "-b", "--console=pipe",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self) -> None:
        """Up, with the unit and its group installed."""
        leader = 0

        def is_up() -> bool:
            nonlocal leader
            if self._process.poll() is not None:
                pytest.skip(f"no container can be started here: {self._log.read_text()[-500:]}")
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
                    if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                        leader = int(child)
            return bool(leader)

        until(is_up, 20, "the container starts")
        self._enter = ["nsenter", "-t", str(leader), "-a"]
        self.root = Path(f"/proc/{leader}/root")
        until(lambda: self.call("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 60, "systemd is up")
        self.run("ip", "link", "set", "lo", "up")
        shutil.copy(ROOT / "systemd/linewarden.sysusers.conf", self.root / "usr/lib/sysusers.d/linewarden.conf")
        shutil.copy(ROOT / "systemd/linewarden.service", self.root / "etc/systemd/system" / UNIT)
        self.run("systemd-sysusers")
        for folder in ("etc/linewarden", CREDENTIALS, RESULTS):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.run("systemctl", "daemon-reload")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Switched off, not shut down: everything in it is thrown away."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    # --- commands -----------------------------------------------------------------------------------------------------------

    def call(self, *command: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A command inside, however it ends."""
        return subprocess.run(
            [*self._enter, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False
        )

    def run(self, *command: str) -> str:
        """What a command inside prints; fails when it does."""
        done = self.call(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file inside."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    # --- the service --------------------------------------------------------------------------------------------------------

    def fresh(self) -> None:
        """As installed, and never started."""
        self.call("systemctl", "stop", UNIT)
        for path in (DROP_IN, CONFIG):
            (self.root / path).unlink(missing_ok=True)
        for folder in (STATE, RESULTS, CREDENTIALS):
            for file in (self.root / folder).glob("*"):
                file.unlink()
        self.run("systemctl", "daemon-reload")
        self.call("systemctl", "reset-failed", UNIT)
        self._cursor = self.run("journalctl", "-n", "0", "--show-cursor").split("cursor: ")[-1].strip()

    def override(self, text: str) -> None:
        """A drop-in, as `systemctl edit` makes one."""
        self.write(DROP_IN, text)
        self.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Ready when this returns."""
        self.run("systemctl", "start", UNIT)

    def show(self, name: str) -> str:
        """One property of the unit."""
        return self.run("systemctl", "show", "--value", "-p", name, UNIT).strip()

    @property
    def pid(self) -> int:
        """Main process, as the container numbers it; 0 when there is none."""
        return int(self.show("MainPID"))

    def journal(self) -> str:
        """What the service and systemd about it have said since `fresh`."""
        return self.call("journalctl", "-u", UNIT, "--no-pager", "-o", "cat", f"--after-cursor={self._cursor}").stdout

    def linewarden(self, *arguments: str) -> str:
        """The command line, as root."""
        return self.run("/opt/linewarden/bin/linewarden", *arguments)

    def status(self) -> dict[str, Any]:
        """What the running agent shows."""
        shown: dict[str, Any] = json.loads(self.linewarden("status", "--json"))
        return shown

    def parts(self) -> int:
        """Parts of the one station; 0 while nobody answers."""
        done = self.call("/opt/linewarden/bin/linewarden", "status", "--json")
        return int(json.loads(done.stdout)["stations"][0]["parts"]) if done.returncode == 0 else 0

    def kept(self, folder: Path) -> Path:
        """A copy of the stopped agent's state folder; the container's own paths resolve to the machine's."""
        shutil.copytree(self.root / STATE, folder, ignore=shutil.ignore_patterns("*.sock"))
        return folder

    def comes_back(self, restarts: int) -> None:
        """Started again by systemd at least so often, and ready."""
        until(
            lambda: int(self.show("NRestarts")) >= restarts and self.show("ActiveState") == "active", START_S, f"restart {restarts}"
        )


def wait_s(seconds: float) -> None:
    """Real time, for what must not happen in it."""
    time.sleep(seconds)
