"""Train the demo's classifier and export it: `python agent/demo/train/train.py` from the repository's root.

Needs torch (2.13.0 was used) and onnx beside the demo's own dependencies; neither is needed to run the demo. Writes
agent/demo/line/bracket.onnx (opset 17, image in, P(defect) out) and bracket.json beside it: seed, data, metrics, sha256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from agent.demo.line.imaging import Imaging, expose
from agent.demo.line.magnitudes import ASSUMED
from agent.demo.line.parts import KNOWN_DEFECTS, Defect, draw_coil, draw_defects, render_parts
from agent.demo.line.scene import field

OUT = Path(__file__).resolve().parents[1] / "line"
DEFECTIVE_IN_TRAINING = 0.5
CLASSES = (Defect.NONE, *KNOWN_DEFECTS)
BATCH = 64
PRIOR = ASSUMED.scratch_share + ASSUMED.crack_share + ASSUMED.missing_hole_share + ASSUMED.burr_share


class Net(nn.Module):
    """Each frame standardised (the usual cure for lamps that age), then four convolutions and one score per class.

    The scores see the strongest response of each feature anywhere and its mean over a coarse grid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        )  # fmt: skip
        self.read_out = nn.Linear(32 + 32 * 9, len(CLASSES))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mean = image.mean(dim=(2, 3), keepdim=True)
        spread = (image - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
        features = self.body((image - mean) / (spread + 1e-3))
        coarse = nn.functional.avg_pool2d(features, 4).flatten(1)
        return self.read_out(torch.cat([features.amax(dim=(2, 3)), coarse], dim=1))


def log_odds(scores: torch.Tensor) -> torch.Tensor:
    """Log odds of "any defect" from the class scores; class 0 is a good part."""
    return torch.logsumexp(scores[:, 1:], dim=1) - scores[:, 0]


class Deployed(nn.Module):
    """The trained net with its score turned into P(defect) at the line's own share of defects."""

    def __init__(self, net: Net, scale: float, offset: float) -> None:
        super().__init__()
        self.net, self.scale, self.offset = net, scale, offset

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.scale * log_odds(self.net(image)) + self.offset)


def training_batch(size: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames as a commissioning engineer collects and augments them: many coils, brightness by a third, a little haze and blur.

    Nothing here saturates: at 1.35 times the light the plate is still below full scale.
    """
    coil = draw_coil("t", rng, grey=rng.uniform(0.94, 1.06), contrast=rng.uniform(0.8, 1.25))
    defective = rng.random(size) < DEFECTIVE_IN_TRAINING
    kinds = rng.choice([0, 1, 1, 2, 3], size)
    defects = [KNOWN_DEFECTS[k] if d else Defect.NONE for k, d in zip(kinds, defective, strict=True)]
    imaging = Imaging(
        exposure=np.exp(rng.uniform(np.log(0.75), np.log(1.35))),
        tilt=rng.uniform(0.0, 0.2),
        haze=rng.uniform(0.0, 0.2) * (rng.random() < 0.5),
        blur_px=ASSUMED.lens_blur_px * rng.uniform(0.9, 1.3),
    )
    frames = expose(render_parts(defects, coil, rng), imaging, rng)
    return torch.from_numpy(field(frames)[:, None].astype(np.float32) / 255), torch.tensor([CLASSES.index(d) for d in defects])


def train(seed: int, steps: int) -> Net:
    """The net after so many batches, each of parts never seen before."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=steps)
    running = 1.5
    for step in range(steps):
        image, label = training_batch(BATCH, rng)
        loss = nn.functional.cross_entropy(net(image), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        running += 0.02 * (loss.item() - running)
        if step % 100 == 99:
            print(f"step {step + 1}: loss {running:.4f}", flush=True)
    return net.eval()


def calibrated(net: Net, rng: np.random.Generator) -> Deployed:
    """Platt scaling on fresh balanced frames, then the shift from the training share of defects to the line's."""
    with torch.no_grad():
        batches = [training_batch(96, rng) for _ in range(60)]
        logits = torch.cat([log_odds(net(image)) for image, _ in batches])
    labels = (torch.cat([label for _, label in batches]) > 0).float()
    scale, offset = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, offset], max_iter=100)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(scale * logits + offset, labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    shift = np.log(PRIOR / (1 - PRIOR)) - np.log(DEFECTIVE_IN_TRAINING / (1 - DEFECTIVE_IN_TRAINING))
    return Deployed(net, scale.item(), offset.item() + float(shift)).eval()


def auc(score: NDArray[np.float32], bad: NDArray[np.bool_]) -> float:
    """Chance that a bad part scores above a good one."""
    order = np.argsort(np.argsort(score))
    return float((order[bad].mean() - (bad.sum() - 1) / 2) / (~bad).sum())


def measure(path: Path, threshold: float, seed: int) -> dict[str, object]:
    """Figures of the exported file on fresh parts of the line as commissioned."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    coil = draw_coil("v", rng)
    p, truth = [], []
    for _ in range(320):
        defects = draw_defects(96, rng)
        frames = expose(render_parts(defects, coil, rng), Imaging(), rng)
        p.append(session.run(None, {"image": field(frames)[:, None].astype(np.float32) / 255})[0])
        truth += defects
    score, kinds = np.concatenate(p), np.array(truth)
    bad = kinds != Defect.NONE
    passed = score < threshold
    return {
        "parts": len(score),
        "seed": seed,
        "auc": round(auc(score, bad), 5),
        "miss_rate": {str(k): round(float(passed[kinds == k].mean()), 4) for k in KNOWN_DEFECTS},
        "escape_rate": round(float(bad[passed].mean()), 6),
        "overkill_rate": round(float((~passed[~bad]).mean()), 5),
        "mean_p_defect": round(float(score.mean()), 5),
        "defect_share": round(float(bad.mean()), 5),
    }


def main() -> None:
    """Train, calibrate, export, measure what was exported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--threshold", type=float, default=0.005)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    began = time.time()
    net = train(options.seed, options.steps)
    deployed = calibrated(net, np.random.default_rng(options.seed + 1))
    path = OUT / "bracket.onnx"
    torch.onnx.export(
        deployed, (torch.zeros(1, 1, 96, 96),), str(path), opset_version=17, dynamo=False,
        input_names=["image"], output_names=["p_defect"], dynamic_axes={"image": {0: "n"}, "p_defect": {0: "n"}},
    )  # fmt: skip
    provenance = {
        "name": "bracket",
        "version": "1",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "threshold": options.threshold,
        "opset": 17,
        "trained_by": "agent/demo/train/train.py",
        "torch": torch.__version__,
        "seed": options.seed,
        "steps": options.steps,
        "training_data": f"{options.steps * BATCH} rendered parts, {DEFECTIVE_IN_TRAINING:.0%} defective, of the four known "
        "defects; never a misplaced hole, never an exposure off by more than 35 %, never haze above 20 %",
        "validation": measure(path, options.threshold, options.seed + 2),
        "seconds": round(time.time() - began),
    }
    (OUT / "bracket.json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(json.dumps(provenance, indent=2))


if __name__ == "__main__":
    main()
