"""The AI under watch: a small CNN, trained by agent/demo/train/train.py, run with onnxruntime on one thread."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.special import expit, logit

from agent.demo.line.conditions import Judge
from agent.demo.line.scene import field

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Identity:
    """What the model's records say about it."""

    name: str
    version: str
    sha256: str
    threshold: float


class Classifier:
    """Frames in, claimed P(defective) out."""

    def __init__(self) -> None:
        body: dict[str, Any] = json.loads((FOLDER / "bracket.json").read_text())
        self.identity = Identity(body["name"], body["version"], body["sha256"], body["threshold"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(FOLDER / "bracket.onnx"), options, providers=["CPUExecutionProvider"])

    def claim(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """P(defective) of frames (T, *FRAME) uint8, as the model claims it from the part's own field, (T,)."""
        image = field(frames)[:, None].astype(np.float32) / np.float32(255)
        (p,) = self._session.run(["p_defect"], {"image": image})
        return np.asarray(p, dtype=np.float64)

    def judge(self, frames: NDArray[np.uint8], judge: Judge) -> tuple[NDArray[np.float64], Identity]:
        """Claims on frames by this model as `judge` has changed it, and the identity its records then carry."""
        p = self.claim(frames)
        identity = self.identity if judge.threshold is None else replace(self.identity, threshold=judge.threshold)
        if judge.version is None:
            return p, identity
        sha256 = hashlib.sha256(f"{identity.sha256} {judge}".encode()).hexdigest()
        claims: NDArray[np.float64] = expit(judge.gain * logit(p))
        return claims, replace(identity, version=judge.version, sha256=sha256)
