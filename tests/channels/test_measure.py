"""What moves which channel: each against a plain calculation or a change of known size."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, SCOPES, SCORE_CHANNELS, as_markdown, scores
from detectors.channels.measure import measure
from detectors.channels.optics import _GRADIENT_OF_GRAIN, _LAPLACIAN_OF_GRAIN
from detectors.channels.picture import MIN_SIDE_PX
from detectors.errors import ShapeError

NAMES = [channel.name for channel in IMAGE_CHANNELS]


def at_work(values):
    """The values after their transforms, by name."""
    apply = {"none": lambda x: x, "log": math.log, "logit": lambda p: math.log(p / (1 - p))}
    return {c.name: apply[c.transform](v) for c, v in zip(IMAGE_CHANNELS, values, strict=True) if not math.isnan(v)}


def moved(before, after):
    a, b = at_work(measure(before)), at_work(measure(after))
    return {name: b[name] - a[name] for name in a}


def part(seed=1, height=512, width=640, mean=60.0, std=12.0, blur=2.0, grain=1.0):
    """A textured grey picture, float."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), blur)
    return mean + std * texture / texture.std() + grain * rng.standard_normal((height, width))


def grey(picture):
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def test_a_gain_moves_luminance_by_its_logarithm_and_nothing_else():
    picture = np.clip(grey(part()), 17, 119)
    shift = moved(picture, picture * 2)
    assert shift.pop("luminance") == pytest.approx(math.log(2), abs=1e-9)
    assert max(abs(value) for name, value in shift.items() if name != "noise") < 0.01
    assert abs(shift["noise"]) < 0.05  # quantisation counts half as much after the gain


def test_a_veil_that_keeps_the_mean_lowers_contrast_by_its_logarithm():
    picture = part(mean=120.0, std=25.0)
    shift = moved(grey(picture), grey(0.7 * picture + 0.3 * picture.mean()))
    assert shift["contrast"] == pytest.approx(math.log(0.7), abs=0.01)
    assert abs(shift["luminance"]) < 0.002
    assert abs(shift["edge_spread"]) < 0.02


def test_a_light_from_the_right_is_a_tilt_of_its_size():
    ramp = 100.0 + 30.0 * ((np.arange(600) + 0.5) / 600 - 0.5)
    values = dict(
        zip(NAMES, measure(grey(np.tile(ramp, (500, 1)) + np.random.default_rng(3).uniform(-0.5, 0.5, (500, 600)))), strict=True)
    )
    assert values["tilt_x"] == pytest.approx(0.30, abs=0.002)
    assert values["tilt_y"] == pytest.approx(0.0, abs=0.002)
    assert values["tile_left"] == pytest.approx(0.90, abs=0.003)
    assert values["tile_right"] == pytest.approx(1.10, abs=0.003)


def test_a_light_from_below_is_a_tilt_in_y():
    picture = part()
    rows = 1.0 + 0.2 * ((np.arange(512) + 0.5) / 512 - 0.5)
    shift = moved(grey(picture), grey(picture * rows[:, None]))
    assert shift["tilt_y"] == pytest.approx(0.2, abs=0.01)
    assert abs(shift["tilt_x"]) < 0.005


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0, 5.0])
def test_the_edge_spread_of_a_blurred_step_is_its_blur_and_the_measurements_own(sigma):
    x = np.arange(576) - 287.3
    profile = 60 + 120 * 0.5 * (1 + np.vectorize(math.erf)(x / (sigma * math.sqrt(2))))
    values = dict(zip(NAMES, measure(grey(np.tile(profile, (576, 1)))), strict=True))
    assert values["edge_spread_middle"] == pytest.approx(math.hypot(sigma, 1.0), rel=0.12)


@pytest.mark.parametrize("extra", [1.0, 2.0])
def test_defocus_raises_edge_spread_and_takes_detail(extra):
    picture = part(std=20.0, blur=1.2, grain=0.5)
    shift = moved(grey(picture), grey(cv2.GaussianBlur(picture, (0, 0), extra)))
    assert shift["edge_spread"] > 0.15 * extra
    assert shift["laplacian_energy"] < -0.3 * extra
    assert min(shift[name] for name in NAMES if name.startswith("edge_spread_")) > 0.1 * extra


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
def test_noise_is_the_grain_divided_by_the_mean(sigma):
    flat = 100.0 + sigma * np.random.default_rng(5).standard_normal((600, 600))
    values = dict(zip(NAMES, measure(grey(flat)), strict=True))
    assert values["noise"] == pytest.approx(math.hypot(sigma, math.sqrt(1 / 12)) / 100.0, rel=0.04)


def test_grain_raises_noise_and_does_not_look_like_focus():
    picture = part(std=25.0, blur=2.0, grain=0.5, mean=110.0)
    shift = moved(grey(picture), grey(picture + 3.0 * np.random.default_rng(6).standard_normal(picture.shape)))
    assert shift["noise"] > 0.5
    assert abs(shift["edge_spread"]) < 0.05


def test_what_grain_adds_to_gradient_and_laplacian_is_the_sum_of_the_squared_kernels():
    kernel = np.zeros((15, 15))
    line = cv2.getGaussianKernel(7, 1.0)
    kernel[4:11, 4:11] = line @ line.T
    gradients = [cv2.Sobel(kernel, cv2.CV_64F, *order, scale=0.125) for order in ((1, 0), (0, 1))]
    assert sum(float((g**2).sum()) for g in gradients) == pytest.approx(_GRADIENT_OF_GRAIN, abs=1e-5)
    assert float((cv2.Laplacian(kernel, cv2.CV_64F) ** 2).sum()) == pytest.approx(_LAPLACIAN_OF_GRAIN, abs=1e-5)


def test_overexposure_raises_the_clipped_share():
    picture = part(mean=180.0, std=25.0)
    shift = moved(grey(picture), grey(1.3 * picture))
    assert shift["clipped_high"] > 1.0
    assert shift["clipped_low"] == 0.0


def test_a_warmer_lamp_moves_the_colour_ratios_by_its_gains():
    base = part(mean=90.0)
    before = cv2.merge([grey(base)] * 3)
    after = cv2.merge([grey(base * 0.9), grey(base), grey(base * 1.1)])
    shift = moved(before, after)
    assert shift["red_green"] == pytest.approx(math.log(1.1), abs=0.003)
    assert shift["blue_green"] == pytest.approx(math.log(0.9), abs=0.003)


def test_a_grey_frame_has_every_channel_but_colour():
    values = dict(zip(NAMES, measure(grey(part())), strict=True))
    assert {name for name, value in values.items() if math.isnan(value)} == {"red_green", "blue_green"}


def test_a_colour_frame_of_equal_planes_measures_as_the_grey_one():
    picture = grey(part(height=1024, width=1280))
    colour, plain = at_work(measure(cv2.merge([picture] * 3))), at_work(measure(picture))
    assert (colour.pop("red_green"), colour.pop("blue_green")) == (0.0, 0.0)
    assert colour == pytest.approx(plain, abs=1e-6)


def test_a_black_frame_has_a_finite_luminance_and_no_focus():
    values = dict(zip(NAMES, measure(np.zeros((480, 640), np.uint8)), strict=True))
    assert values["luminance"] == 0.5
    assert math.isnan(values["edge_spread"])
    assert values["clipped_low"] > 0.99999


def test_lighting_agrees_with_a_plain_loop():
    picture = grey(part(seed=9, height=62, width=47, mean=30.0, std=20.0))
    height, width = picture.shape
    pixels = [[int(v) for v in row] for row in picture]
    flat = [v for row in pixels for v in row]
    mean = sum(flat) / len(flat)
    std = math.sqrt(sum((v - mean) ** 2 for v in flat) / len(flat))
    low = (sum(max(0.0, (16 - v) / 16) for v in flat) + 0.5) / (len(flat) + 1)
    high = (sum(max(0.0, (v - 239) / 16) for v in flat) + 0.5) / (len(flat) + 1)
    x = [(j + 0.5) / width - 0.5 for j in range(width)]
    y = [(i + 0.5) / height - 0.5 for i in range(height)]
    rise_x = sum(x[j] * sum(row[j] for row in pixels) / height for j in range(width)) / sum(v * v for v in x)
    rise_y = sum(y[i] * sum(pixels[i]) / width for i in range(height)) / sum(v * v for v in y)
    tiles = []
    for i in range(3):
        for j in range(3):
            tile = [
                pixels[a][b]
                for a in range(height * i // 3, height * (i + 1) // 3)
                for b in range(width * j // 3, width * (j + 1) // 3)
            ]
            tiles.append(sum(tile) / len(tile) / mean)
    assert measure(picture)[:15] == pytest.approx([mean, std / mean, low, high, rise_x / mean, rise_y / mean, *tiles], rel=1e-9)


@pytest.mark.parametrize("quality", [95, 85])
def test_jpeg_moves_lighting_by_less_than_the_tolerance(quality):
    picture = grey(part(mean=110.0, std=25.0, height=1024, width=1280))
    stored = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    shift = moved(picture, stored)
    assert [c.name for c in IMAGE_CHANNELS if c.family == "lighting" and abs(shift.get(c.name, 0.0)) > c.tolerance] == []


def test_a_frame_is_measured_alike_whatever_was_measured_before():
    first, second = grey(part(seed=1)), grey(part(seed=2, height=700))
    alone = measure(first).tobytes()
    measure(second)
    assert measure(first).tobytes() == alone


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(MIN_SIDE_PX, 900),
    width=st.integers(MIN_SIDE_PX, 900),
    colour=st.booleans(),
    low=st.integers(0, 255),
    span=st.integers(0, 255),
    seed=st.integers(0, 1000),
)
def test_every_measured_value_survives_its_transform_and_the_frame_is_untouched(height, width, colour, low, span, seed):
    shape = (height, width, 3) if colour else (height, width)
    image = np.random.default_rng(seed).integers(low, min(low + span, 255) + 1, shape).astype(np.uint8)
    before = image.copy()
    image.flags.writeable = False
    values = measure(image)
    assert values.shape == (len(IMAGE_CHANNELS),)
    assert values.dtype == np.float64
    assert all(math.isfinite(value) for value in at_work(values).values())
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    "image",
    [np.zeros((64, 64), np.uint16), np.zeros((64, 64, 4), np.uint8), np.zeros((31, 64), np.uint8), np.zeros(64, np.uint8)],
)
def test_another_type_or_shape_is_refused(image):
    with pytest.raises(ShapeError, match="image must"):
        measure(image)


def test_score_channels_are_the_claim_its_margin_and_its_extremity():
    logit = math.log(0.9 / 0.1)
    assert scores(0.1, 0.25) == pytest.approx([0.1, logit - math.log(3), 0.9])
    assert scores(0.9, 0.5) == pytest.approx([0.9, logit, 0.9])
    assert scores(0.25, 0.25)[1] == 0.0


@pytest.mark.parametrize("claim", [0.0, 1.0])
def test_an_exact_zero_or_one_has_finite_log_odds(claim):
    p, margin, saturation = scores(claim, 0.25)
    assert 0.0 < p < 1.0
    assert 0.0 < saturation < 1.0
    assert math.isfinite(margin)


def test_a_missing_claim_or_threshold_is_not_measured():
    assert np.isnan(scores(math.nan, 0.25)).all()
    assert np.isnan(scores(0.3, math.nan)).tolist() == [False, True, False]


def test_names_are_unique_and_every_family_has_a_scope():
    every = (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS)
    assert len({c.name for c in every}) == len(every)
    assert {c.family for c in every} | {"measurements"} == set(SCOPES)  # those are declared, not in a table
    assert all(c.tolerance > 0 and c.up != c.down for c in every)
    assert len(SCORE_CHANNELS) == len(scores(0.5, 0.5))


def test_the_channels_page_is_fresh():
    page = Path(__file__).parents[2] / "docs" / "channels.md"
    assert page.read_text(encoding="utf-8") == as_markdown()
