"""The causes of the simulated line: each begins at its onset, grows as told, and moves what it is about and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.demo.line.causes import Cause, Storyline, draw_change
from agent.demo.line.imaging import expose
from agent.demo.line.magnitudes import SWEEPS
from agent.demo.line.parts import Defect, draw_coil, render_parts
from agent.demo.line.scene import FRAME, field

ONSET = 1000
COIL = draw_coil("C", np.random.default_rng(0))
JAWS = np.zeros(FRAME, bool)
JAWS[10:118, :22] = JAWS[10:118, -22:] = True
NO_PIXEL = {Cause.NEW_DEFECT, Cause.MODEL_SWAPPED, Cause.THRESHOLD_EDITED}
PART_ONLY = {Cause.FIXTURE_WEAR, Cause.TRIGGER_JITTER, Cause.TOOL_WEAR, Cause.NEW_LOT, Cause.HARMLESS_COIL, Cause.RECIPE_CHANGEOVER}
SWEPT = [Cause(name) for name in SWEEPS]


def story(cause: Cause) -> Storyline:
    size = SWEEPS[cause].sizes[-1]
    return Storyline(COIL, 5000, [draw_change(cause, size, ONSET, np.random.default_rng(1))])


def mean_frame(world: Storyline, part: int) -> NDArray[np.float64]:
    """Of good parts drawn alike at any time: what differs is the world."""
    rng, w = np.random.default_rng(2), world.conditions(part)
    maps = render_parts(
        [Defect.NONE] * 16, w.coil, rng, relief=w.relief, camera=w.camera, seat=w.seat, wear_px=w.wear_px, jitter_px=w.jitter_px
    )
    return np.asarray(expose(maps, w.imaging, rng).mean(axis=0))


@pytest.mark.parametrize("cause", SWEPT)
def test_a_cause_changes_nothing_before_its_onset_and_is_whole_after_its_ramp(cause: Cause) -> None:
    world, quiet = story(cause), Storyline(COIL, 5000)
    (change,) = world.changes
    assert world.conditions(ONSET - 1) == quiet.conditions(ONSET - 1)
    assert world.conditions(ONSET) != quiet.conditions(ONSET)
    shares = [change.strength(part) for part in range(ONSET - 5, ONSET + SWEEPS[cause].ramp_parts + 40)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert world.next_change(ONSET - 10) == ONSET


@pytest.mark.parametrize("cause", SWEPT)
def test_a_cause_moves_the_pixels_it_is_about_and_no_others(cause: Cause) -> None:
    world = story(cause)
    difference = np.abs(mean_frame(world, 4000) - mean_frame(world, ONSET - 1))
    jaws, part = float(difference[JAWS].mean()), float(field(difference[None].astype(np.uint8)).mean())
    if cause in NO_PIXEL:
        assert max(jaws, part) < 0.5
        return
    assert part > 0.3
    assert (jaws < 0.5) == (cause in PART_ONLY)


def test_every_cause_that_is_swept_exists_and_sizes_are_sorted_by_how_much_they_change() -> None:
    assert set(SWEPT) <= set(Cause)
    for cause, sweep in SWEEPS.items():
        assert list(sweep.sizes) == sorted(sweep.sizes), cause


def test_two_causes_at_once_are_both_at_work() -> None:
    rng = np.random.default_rng(3)
    changes = [draw_change(cause, SWEEPS[cause].sizes[2], ONSET, rng) for cause in (Cause.CAMERA_BUMP, Cause.DEFOCUS)]
    world = Storyline(COIL, 5000, changes).conditions(ONSET)
    assert world.camera != Storyline(COIL, 5000).conditions(ONSET).camera
    assert world.imaging.blur_px > 1.5 * Storyline(COIL, 5000).conditions(ONSET).imaging.blur_px
