"""The development kit as arrays: its logs, its held-out cells, and what the agent would measure on their frames.

Frames come from `line/degrade.py` alone, checked against the crc32 in `line/frames.json`; claims beyond the shipped logs from
`line/model.onnx` run on the degraded pixels. Both are kept per (drift, version of the measuring code) in a cache folder.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import os
import tempfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.channels import TABLE_VERSION
from detectors.channels import measure as measuring
from detectors.contract import FloatArray

DRIFTS = ("fade", "defocus", "bump", "overexpose", "veil", "longtail")
PASS_BELOW = 0.25  # line/model.json: ng if p_defect >= threshold
FADE_DRAWS = 4  # frames of each cell under fade, whose noise differs from part to part
FULL_STRENGTH = 100_000  # a part index far beyond every ramp


class KitMismatch(Exception):
    """The kit's pixels do not come out as its authors say: every figure would be about something else."""


@dataclass(frozen=True, slots=True)
class Log:
    """One shipped log, in the order of its parts."""

    part_ids: list[str]
    captured_at: list[datetime]
    recipes: list[str]
    images: list[str]
    p: FloatArray
    defective: NDArray[np.bool_]
    observed_at: list[datetime]


@dataclass(frozen=True, slots=True)
class Cells:
    """Held-out cells under one degradation: p (D, N) claims and frames (D, N, C) channels, D independent draws of its noise."""

    p: FloatArray
    frames: FloatArray


class Kit:
    """The kit in `root`; what is computed from its pixels is kept in `cache`."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self._cache = root, cache
        self._line = root / "line"
        if not (self._line / "frames.json").is_file():
            raise KitMismatch(f"no development kit at {root}: set LINEWARDEN_KIT to its folder")
        self.specs: dict[str, Any] = json.loads((self._line / "frames.json").read_text())
        self.degrade = _module(self._line / "degrade.py")
        cache.mkdir(parents=True, exist_ok=True)

    @cached_property
    def heldout(self) -> list[dict[str, str]]:
        """Rows of splits.csv of the held-out cells, the only ones a log draws from."""
        with (self._line / "splits.csv").open() as file:
            return [row for row in csv.DictReader(file) if row["split"] == "heldout"]

    def log(self, name: str) -> Log:
        """A shipped log with its outcomes."""
        spec = self.specs[name]
        rows = [json.loads(line) for line in (self._line / spec["log"]).read_text().splitlines()]
        told = {row["part_id"]: row for row in map(json.loads, (self._line / spec["outcomes"]).read_text().splitlines())}
        outcomes = [told[row["part_id"]] for row in rows]
        return Log(
            part_ids=[row["part_id"] for row in rows],
            captured_at=[instant(row["captured_at"]) for row in rows],
            recipes=[row["recipe"] for row in rows],
            images=[row["image"] for row in rows],
            p=np.array([row["p_defect"] for row in rows]),
            defective=np.array([row["defective"] for row in outcomes]),
            observed_at=[instant(row["observed_at"]) for row in outcomes],
        )

    def shipped_frames(self, name: str) -> FloatArray:
        """Channels of every frame of a shipped log, (parts, C), from its exact pixels. Raises KitMismatch where a crc32 differs."""

        def compute() -> dict[str, FloatArray]:
            log, spec = self.log(name), self.specs[name]
            clean: dict[str, FloatArray] = {}
            rows = []
            for k, image in enumerate(log.images):
                touched = self.degrade.params(spec, k) is not None
                if not touched and image in clean:
                    rows.append(clean[image])
                    continue
                frame = self.degrade.frame(str(self.root), spec, k, image)
                self._check(name, spec, k, image, frame)
                rows.append(measuring.measure(frame))
                if not touched:
                    clean[image] = rows[-1]
            return {"frames": np.array(rows)}

        return self._kept(f"shipped-{name}", compute)["frames"]

    def cells(self, name: str) -> Cells:
        """Held-out cells at full strength of a drift: the model's claims on the degraded pixels, and their channels."""

        def compute() -> dict[str, FloatArray]:
            import onnxruntime  # an extra; only this needs it

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(self._line / "model.onnx"), options, providers=["CPUExecutionProvider"])
            spec = self.specs[name]
            images = [self.degrade.load(str(self.root), row["image"]) for row in self.heldout]
            p, frames = [], []
            for draw in range(FADE_DRAWS if name == "fade" else 1):
                first = FULL_STRENGTH * (draw + 1)
                shown = [self.degrade.degrade(image, spec, first + i) for i, image in enumerate(images)]
                inputs = np.concatenate([self.degrade.preprocess(frame) for frame in shown])
                batches = [session.run(None, {"image": inputs[i : i + 32]})[0].ravel() for i in range(0, len(shown), 32)]
                p.append(np.concatenate(batches).astype(np.float64))
                frames.append([measuring.measure(frame) for frame in shown])
            return {"p": np.array(p), "frames": np.array(frames)}

        kept = self._kept(f"cells-{name}", compute)
        return Cells(p=kept["p"], frames=kept["frames"])

    def _check(self, name: str, spec: dict[str, Any], k: int, image: str, frame: NDArray[np.uint8]) -> None:
        check = spec["check"].get(str(k))
        if check is None:
            return
        got = zlib.crc32(np.ascontiguousarray(frame).tobytes())
        if check["image"] != image or check["crc32"] != got:
            expected = f"{check['image']} with crc32 {check['crc32']} and mean {check['mean']}"
            versions = f"made with OpenCV {self.specs['versions']['opencv']}, this is {cv2.__version__}"
            raise KitMismatch(f"{name}, part {k}: expected {expected}, got {image} with {got} and {frame.mean():.3f}; {versions}")

    def _kept(self, key: str, compute: Any) -> dict[str, FloatArray]:
        parts = sorted(Path(measuring.__file__).parent.glob("*.py"))
        code = b"".join(part.read_bytes() for part in parts) + (self._line / "SHA256SUMS").read_bytes() + cv2.__version__.encode()
        path = self._cache / f"{key}-{TABLE_VERSION}-{hashlib.sha256(code).hexdigest()[:12]}.npz"
        if not path.is_file():
            partial = path.with_name(f"{path.stem}.{os.getpid()}.npz")
            np.savez(partial, **compute())
            partial.replace(path)
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}


def find() -> Kit:
    """The kit where LINEWARDEN_KIT says, else beside the checkout, with a cache in the temporary folder."""
    root = os.environ.get("LINEWARDEN_KIT") or str(Path(__file__).resolve().parents[3] / "shared" / "kit")
    return Kit(Path(root), Path(tempfile.gettempdir()) / "linewarden-kit-cache")


def instant(text: str) -> datetime:
    """A time of the kit's files, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("kit_degrade", path)
    if spec is None or spec.loader is None:
        raise KitMismatch(f"cannot read {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
