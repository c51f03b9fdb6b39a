"""On real parts: each drift of the kit is seen, by the channel whose words describe it."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from detectors.channels import IMAGE_CHANNELS
from detectors.channels.measure import measure

KIT = Path(os.environ.get("LINEWARDEN_KIT", Path(__file__).parents[3] / "shared" / "kit"))
NAMES = [channel.name for channel in IMAGE_CHANNELS]

pytestmark = [
    pytest.mark.kit,
    pytest.mark.skipif(not (KIT / "line" / "degrade.py").exists(), reason=f"no development kit at {KIT}"),
]


@pytest.fixture(scope="module")
def degrade():
    spec = importlib.util.spec_from_file_location("kit_degrade", KIT / "line" / "degrade.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cells(degrade):
    """Every third held-out mono cell."""
    with (KIT / "line" / "splits.csv").open() as rows:
        images = [row["image"] for row in csv.DictReader(rows) if (row["split"], row["recipe"]) == ("heldout", "mono")]
    return [degrade.load(str(KIT), image) for image in images[::3]]


def table(images):
    apply = {"none": lambda x: x, "log": np.log, "logit": lambda p: np.log(p / (1 - p))}
    values = np.array([measure(image) for image in images])
    return np.column_stack([apply[c.transform](values[:, i]) for i, c in enumerate(IMAGE_CHANNELS)])


# The shift at full strength in standard deviations between clean mono cells: all 360 measured, with room for the third used here.
@pytest.mark.parametrize(
    ("drift", "channel", "low", "high"),
    [
        ("fade", "luminance", -3.3, -2.4),
        ("fade", "noise", 12.0, 22.0),
        ("fade", "edge_spread", -0.4, 0.4),
        ("defocus", "edge_spread", 2.4, 3.4),
        ("defocus", "laplacian_energy", -3.1, -2.0),
        ("defocus", "luminance", -0.05, 0.05),
        ("overexpose", "luminance", 1.7, 2.4),
        ("overexpose", "clipped_high", 5.0, 14.0),
        ("veil", "contrast", -2.7, -1.8),
        ("veil", "luminance", -0.3, 0.3),
        ("veil", "edge_spread", -0.1, 0.1),
        ("bump", "tilt_x", 0.6, 1.4),
        ("bump", "tilt_y", -1.2, -0.4),
    ],
)
def test_a_drift_at_full_strength_moves_the_channel_that_names_it(degrade, cells, drift, channel, low, high):
    spec = json.loads((KIT / "line" / "frames.json").read_text())[drift]
    last = spec["onset_index"] + spec.get("ramp_parts", 1) - 1
    column = NAMES.index(channel)
    clean = table(cells)[:, column]
    drifted = table([degrade.degrade(image, spec, last) for image in cells])[:, column]
    assert low < (drifted.mean() - clean.mean()) / clean.std() < high
    assert math.isfinite(drifted.mean())
