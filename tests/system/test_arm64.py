"""The arm64 image, built offline and run under emulation: the same alarms as here, channel values within a tolerance."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.app import build
from agent.config.load import load
from agent.plugins import PlugIns
from agent.records import Inspected
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader
from tests.brokers import until
from tests.core.folding import REGISTER
from tests.system.roots import KEPT, ROOT, debian, needs

pytestmark = pytest.mark.system

DOCKERFILE = ROOT / "Dockerfile.arm64"
BASE = "python:3.11-slim-bookworm"
# Debian's own Python stands in for the base image of that name, which only a registry has.
PACKAGES = ("python3", "python3-pip", "libc-bin", "libstdc++6", "libgcc-s1", "base-files", "base-passwd", "dash", "coreutils")
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 26, 17)] + ["manylinux2014_aarch64", "any"]
BINFMT = Path("/proc/sys/fs/binfmt_misc")
PARTS, DARK_FROM = 330, 260
KIT = Path(os.environ.get("LINEWARDEN_KIT", ROOT.parent / "shared/kit"))
# INTER_LINEAR on bytes differs by one grey level between the two; the channels are means over many pixels.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


def emulation() -> None:
    """Programs of the other processor can be run."""
    if not (BINFMT / "status").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], capture_output=True, check=False)
    if not (BINFMT / "qemu-aarch64").exists():
        with contextlib.suppress(OSError):
            (BINFMT / "register").write_text(Path("/usr/lib/binfmt.d/qemu-aarch64.conf").read_text())
    if not (BINFMT / "qemu-aarch64").exists():
        pytest.skip("the kernel takes no emulator: binfmt_misc cannot be mounted or written")


def wheels() -> Path:
    """The locked wheels for arm64, fetched once."""
    locked = ROOT / "requirements/run.txt"
    folder = KEPT / f"wheels-{hashlib.sha256(locked.read_bytes()).hexdigest()[:8]}"
    if not folder.exists():
        making = folder.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        platforms = [f"--platform={platform}" for platform in PLATFORMS]
        abis = [f"--abi={abi}" for abi in ("cp311", "abi3", "none")]
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version=3.11", "--implementation=cp"]
        command = [sys.executable, "-m", "pip", "-q", "download", *options, *platforms, *abis, "-r", str(locked), "-d", str(making)]
        subprocess.run(command, check=True, timeout=300)
        making.rename(folder)
    return folder


class Image:
    """The built image, its root mounted nowhere else."""

    def __init__(self) -> None:
        needs("mmdebstrap", "buildah", "qemu-aarch64-static", "unshare")
        emulation()
        base = debian("arm64", PACKAGES, "--arch=arm64", "--variant=extract")
        for name in ("passwd", "group"):
            shutil.copy(base / f"usr/share/base-passwd/{name}.master", base / "etc" / name)
        arm = ("--arch", "arm64", "--variant", "v8")
        if BASE not in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
            container = self.buildah("from", *arm, "scratch")
            self.buildah("copy", "-q", container, str(base), "/")
            self.buildah("config", *arm, container)
            self.buildah("commit", "-q", "--rm", container, BASE)
        given = ("--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheels", "--volume", f"{wheels()}:/wheels:ro")
        self.buildah(
            "build", "-q", "--isolation", "chroot", "--format", "docker", "--pull=never", "--layers", *arm, *given,
            "-t", "linewarden", "-f", str(DOCKERFILE), str(ROOT),
        )  # fmt: skip
        self.settings = json.loads(self.buildah("inspect", "--type", "image", "linewarden"))["Docker"]["config"]
        self._container = self.buildah("from", "--pull=never", *arm, "linewarden")
        self.root = Path(self.buildah("mount", self._container))

    def buildah(self, *arguments: str) -> str:
        """What it prints; its images are kept with the roots, so that only changed steps are built again."""
        storage = ("--storage-driver", "overlay", "--root", str(KEPT / "images"), "--runroot", str(KEPT / "images-run"))
        done = subprocess.run(["buildah", *storage, *arguments], capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout.strip()

    def command(self, state: Path, arguments: list[str]) -> list[str]:
        """Run as its settings say: its user, its environment, its root read-only; writable are /tmp and the state folder."""
        user = self.settings["User"]
        subprocess.run(["chown", "-R", user, str(state)], check=True)
        at = shlex.quote(str(self.root))
        environment = [*self.settings["Env"], "LINEWARDEN_CONFIG=/var/lib/linewarden/line.toml"]
        script = (
            f"mount --bind {at} {at}; mount -o remount,bind,ro {at}; mount -t tmpfs tmpfs {at}/tmp; mount -t proc proc {at}/proc; "
            f"mount --rbind /dev {at}/dev; mount --bind {shlex.quote(str(state))} {at}/var/lib/linewarden; "
            f"exec chroot --userspec={user} {at} env -i {shlex.join(environment)} {shlex.join(arguments)}"
        )
        return ["unshare", "--mount", "--propagation=private", "sh", "-ec", script]

    def close(self) -> None:
        """The container goes, the image stays."""
        self.buildah("umount", self._container)
        self.buildah("rm", self._container)


@pytest.fixture(scope="module")
def image():
    built = Image()
    yield built
    built.close()


def pictures(folder: Path) -> list[str]:
    """A textured part under light that drops by a third at one part."""
    rng = np.random.default_rng(11)
    texture = cv2.GaussianBlur(rng.uniform(60, 200, (96, 128)), (0, 0), 2.0)
    names = []
    for number in range(PARTS):
        light = (0.65 if number >= DARK_FROM else 1.0) * rng.normal(1.0, 0.02)
        picture = np.clip(light * texture + rng.normal(0, 3, texture.shape), 0, 255).astype(np.uint8)
        names.append(f"{number:04d}.png")
        cv2.imwrite(str(folder / names[-1]), picture)
    return names


def kit_pictures(folder: Path) -> list[str]:
    """Photographs of solar cells."""
    found = sorted((KIT / "elpv/images").iterdir())[::60] if (KIT / "elpv/images").is_dir() else []
    if not found:
        pytest.skip("the development kit is not there: LINEWARDEN_KIT")
    for path in found:
        shutil.copy(path, folder)
    return [path.name for path in found]


def line(folder: Path, state: str, images: list[str]) -> None:
    """A finite source: its configuration and its records, at the place that the agent knows as `state`."""
    at = datetime(2026, 3, 2, 6, tzinfo=UTC)
    records = [
        {"part_id": f"P{k:04d}", "station": "ST4", "captured_at": (at + timedelta(seconds=3 * k)).isoformat(), "verdict": "ok",
         "image": name}
        for k, name in enumerate(images)
    ]  # fmt: skip
    (folder / "parts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    register = "\n".join(f"{key} = {json.dumps(value)}" for key, value in REGISTER.items())
    (folder / "line.toml").write_text(
        f'[agent]\nstate_dir = "{state}"\n[metrics]\nenabled = false\n[frames]\ntimeout_s = 60\n'
        f'[[stations]]\nid = "ST4"\n{register}\n'
        'parts_per_month = 100000\n[stations.baseline]\nparts = 200\nmin_stream_parts = 200\nsteadiness = "assumed"\n'
        f'[[taps]]\ntype = "jsonl"\nname = "line"\nmode = "replay"\npaths = ["{state}/parts.jsonl"]\nframes_dir = "{state}"\n'
    )


def concluded(state: Path) -> tuple[list[tuple[object, ...]], np.ndarray]:
    """Alarms without their evidence figures, and the channel values, a row per part."""
    with Reader(state / STORE_NAME) as store:
        alarms = [(a.alarm_id, a.occurrence_id, a.transition, a.part_id, a.code) for _, a in store.alarm_events()]
        frames = [entry.frame for _, entry in store.entries() if isinstance(entry, Inspected)]
    assert not [frame.missing for frame in frames if frame.missing]
    return alarms, np.array([[np.nan if value is None else value for value in frame.values] for frame in frames])


@pytest.mark.parametrize("source", [pictures, kit_pictures])
def test_on_arm64_the_alarms_are_the_same_and_the_channels_agree(image, tmp_path, source):
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    images = source(there)
    shutil.copytree(there, here)
    line(there, "/var/lib/linewarden", images)
    line(here, str(here), images)
    build(load(here / "line.toml", PlugIns()), SystemClock()).run(StopEvent())
    arguments = [*image.settings["Entrypoint"], *image.settings["Cmd"]]
    done = subprocess.run(image.command(there, arguments), capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    alarms, values = concluded(here)
    assert [alarm[0] for alarm in alarms] or source is kit_pictures, "the light must raise an alarm, else nothing is compared"
    alarms_there, values_there = concluded(there)
    assert alarms_there == alarms
    np.testing.assert_allclose(values_there, values, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)


def test_the_health_check_of_the_image_tells_a_working_agent_from_none(image, tmp_path):
    line(tmp_path, "/var/lib/linewarden", [])
    config = tmp_path / "line.toml"
    config.write_text(config.read_text().replace('mode = "replay"', 'mode = "follow"'))
    kind, *check = image.settings["Healthcheck"]["Test"]
    assert kind == "CMD"

    def healthy() -> bool:
        return subprocess.run(image.command(tmp_path, check), capture_output=True, timeout=120, check=False).returncode == 0

    assert not healthy()
    agent = subprocess.Popen(image.command(tmp_path, ["linewarden", "run"]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until((tmp_path / "control.sock").exists, 120, "the agent is up")
        until(healthy, 60, "the agent is healthy")
    finally:
        agent.terminate()
        agent.wait(60)
    assert not healthy()


def test_the_image_is_not_root_and_names_its_health_check(image):
    assert image.settings["User"].split(":")[0] not in ("", "0", "root")
    assert "HEALTHCHECK" in DOCKERFILE.read_text()
