"""Geometry, material and calipers: each moved by a known amount and found by that amount, others left alone."""

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.channels.transforms import moved, seen_through_a_lens, taken
from detectors.channels import CAMERA_CHANNELS, IMAGE_CHANNELS, Caliper, Reference, reference_channels
from detectors.channels.golden import Golden
from detectors.channels.measure import measure
from detectors.channels.similarity import Similarity
from detectors.errors import ShapeError
from tests.channels.scenes import CENTRE, HEIGHT, REFERENCE, WIDTH, scene

KIT = Path(os.environ.get("LINEWARDEN_KIT", Path(__file__).parents[3] / "shared" / "kit"))
NAMES = [spec.name for spec in reference_channels(REFERENCE)]
COLOURS = {"part_red_green", "part_blue_green"}


@pytest.fixture(scope="module")
def golden():
    return Golden(scene(), REFERENCE)


def values(golden, frame, names=NAMES):
    return dict(zip(names, measure(frame, golden)[len(IMAGE_CHANNELS) :], strict=True))


def turned(shift=0j, degrees=0.0, percent=0.0, about=CENTRE):
    return Similarity.about(about, shift=shift, rotation_rad=math.radians(degrees), growth=percent / 100)


# --- camera and part ----------------------------------------------------------------------------------------------------------


def test_the_golden_frame_is_at_rest_against_itself(golden):
    assert golden.complaints == []
    found = values(golden, scene())
    assert {name for name, value in found.items() if math.isnan(value)} == COLOURS
    for name in NAMES[:4] + NAMES[5:8]:
        assert found[name] == pytest.approx(0.0, abs=1e-3), name
    for name in ("fixture_match", "part_match", "part_area", "part_width", "part_height"):
        assert found[name] == pytest.approx(1.0, abs=1e-6), name


@settings(max_examples=15, deadline=None)
@given(
    x=st.floats(-20, 20),
    y=st.floats(-20, 20),
    degrees=st.floats(-0.8, 0.8),
    percent=st.floats(-0.8, 0.8),
    light=st.floats(0.5, 1.3),
)
def test_a_moved_camera_is_found_by_what_it_moved_and_the_part_is_not_said_to_have_moved(golden, x, y, degrees, percent, light):
    found = values(golden, scene(camera=turned(complex(x, y), degrees, percent), light=light, grain=1.0))
    assert found["camera_shift_x"] == pytest.approx(x, abs=0.1)
    assert found["camera_shift_y"] == pytest.approx(y, abs=0.1)
    assert found["camera_rotation"] == pytest.approx(degrees, abs=0.02)
    assert found["camera_scale"] == pytest.approx(percent, abs=0.05)
    assert math.hypot(found["part_shift_x"], found["part_shift_y"]) < 0.15
    assert abs(found["part_rotation"]) < 0.05
    assert found["fixture_match"] > 0.98


@settings(max_examples=15, deadline=None)
@given(x=st.floats(-25, 25), y=st.floats(-25, 25), degrees=st.floats(-2.0, 2.0), camera_x=st.floats(-10, 10))
def test_a_moved_part_is_found_by_what_it_moved_and_the_camera_is_not_said_to_have_moved(golden, x, y, degrees, camera_x):
    camera = turned(complex(camera_x, 0))
    found = values(golden, scene(camera=camera, part=complex(x, y), part_turn_deg=degrees, grain=1.0))
    assert found["part_shift_x"] == pytest.approx(x, abs=0.15)
    assert found["part_shift_y"] == pytest.approx(y, abs=0.15)
    assert found["part_rotation"] == pytest.approx(degrees, abs=0.05)
    assert found["camera_shift_x"] == pytest.approx(camera_x, abs=0.1)
    assert abs(found["camera_shift_y"]) < 0.1


@pytest.mark.parametrize("light", [0.8, 1.2])
@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_dimming_and_blur_move_neither_camera_nor_part(golden, light, blur):
    frame = scene(camera=turned(3.3 - 2.6j, 0.21), light=light)
    frame = cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame
    found = values(golden, frame)
    assert complex(found["camera_shift_x"], found["camera_shift_y"]) == pytest.approx(3.3 - 2.6j, abs=0.05)
    assert found["camera_rotation"] == pytest.approx(0.21, abs=0.01)
    assert math.hypot(found["part_shift_x"], found["part_shift_y"]) < 0.1
    assert found["slot"] == pytest.approx(80.0, abs=0.05)


def test_one_covered_fixture_is_said_and_does_not_pull_the_pose(golden):
    frame = scene(camera=turned(2.0 + 1.0j))
    frame[15:110, 15:110] = 60
    found = values(golden, frame)
    assert complex(found["camera_shift_x"], found["camera_shift_y"]) == pytest.approx(2.0 + 1.0j, abs=0.1)
    assert found["fixture_match"] < 0.85


def test_a_camera_that_moved_out_of_reach_is_not_measured_but_the_fixtures_are_said_to_be_gone(golden):
    found = values(golden, scene(camera=turned(130.0 + 90.0j)))
    assert math.isnan(found["camera_shift_x"])
    assert found["fixture_match"] < 0.5


def test_a_straight_edge_is_refused_as_a_fixture():
    picture = np.full((HEIGHT, WIDTH), 50, np.uint8)
    picture[:, 320:] = 150
    drawn = Golden(picture, Reference(fixtures=((280, 100, 80, 80), (280, 300, 80, 80))))
    assert [said.split(":")[0] for said in drawn.complaints] == ["fixtures"]
    names = [spec.name for spec in CAMERA_CHANNELS]
    assert math.isnan(values(drawn, picture, names)["camera_shift_x"])


# --- outline ------------------------------------------------------------------------------------------------------------------


def test_an_outline_follows_the_part_and_not_the_light(golden):
    before = values(golden, scene(grain=1.0))
    dimmed = values(golden, scene(light=0.7, part=6 + 3j, grain=1.0, seed=1))
    for name in ("part_area", "part_width", "part_height"):
        assert dimmed[name] == pytest.approx(before[name], rel=0.01), name
    wider = values(golden, scene(slot=60.0, grain=1.0))
    assert wider["part_area"] / before["part_area"] == pytest.approx((220 * 160 - 60 * 60) / (220 * 160 - 80 * 60), rel=0.005)


def test_burrs_roughen_the_outline():
    golden = Golden(scene(), REFERENCE)
    frame = scene()
    for x in range(220, 420, 12):
        frame[155:160, x : x + 3] = 130
    assert values(golden, frame)["outline_roughness"] > 2 * values(golden, scene())["outline_roughness"]


def test_no_part_has_no_area_and_everything_of_it_is_unmeasured(golden):
    found = values(golden, scene(has_part=False, grain=2.0))
    assert found["part_area"] == pytest.approx(1e-3)
    assert found["part_match"] < 0.5
    assert all(math.isnan(found[name]) for name in ("part_shift_x", "part_width", "part_margin", "texture_fine", "slot"))
    assert abs(found["camera_shift_x"]) < 0.1


def test_the_margin_falls_with_the_part_and_is_nothing_once_it_is_cut_off():
    reference = Reference(part=REFERENCE.part, outline="bright")
    golden = Golden(scene(), reference)
    names = [spec.name for spec in reference_channels(reference)]
    margins = [values(golden, scene(part=complex(0, -shift)), names)["part_margin"] for shift in (0, 40, 80, 165)]
    assert margins[0] - margins[1] == pytest.approx(40, abs=2)
    assert margins[1] - margins[2] == pytest.approx(40, abs=2)
    assert margins[3] == 0.0


def test_the_field_is_where_the_part_has_to_stay():
    reference = Reference(part=REFERENCE.part, outline="bright", field=(180, 130, 280, 220))
    golden = Golden(scene(), reference)
    names = [spec.name for spec in reference_channels(reference)]
    assert values(golden, scene(), names)["part_margin"] > 20
    assert values(golden, scene(part=60 + 0j), names)["part_margin"] < -20


# --- calipers -----------------------------------------------------------------------------------------------------------------


def test_a_caliper_repeats_to_a_twentieth_of_a_pixel_wherever_part_and_camera_are(golden):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(20):
        frame = scene(camera=turned(complex(*rng.uniform(-4, 4, 2)), rng.uniform(-0.3, 0.3)), part=complex(*rng.uniform(-4, 4, 2)))
        found.append(values(golden, frame)["slot"])
    assert np.std(found) < 0.05
    assert np.abs(np.array(found) - 80.0).max() < 0.05


def test_a_wider_slot_is_measured_wider_in_millimetres():
    reference = Reference(part=REFERENCE.part, px_per_mm=8.0, calipers=REFERENCE.calipers)
    golden = Golden(scene(), reference)
    specs = reference_channels(reference)
    names = [spec.name for spec in specs]
    assert specs[-1].unit == specs[-1].tolerance_unit == "mm"
    assert values(golden, scene(slot=83.5), names)["slot"] == pytest.approx(83.5 / 8.0, abs=0.01)


def test_a_caliper_without_its_edges_is_unmeasured(golden):
    assert math.isnan(values(golden, scene(slot=0.01))["slot"])
    drawn = Golden(scene(), Reference(calipers=(Caliper("nothing", (300.0, 20.0), (360.0, 20.0), 8.0, "dark", 0.1),)))
    assert [said.split(":")[0] for said in drawn.complaints] == ["calipers.nothing"]


# --- material -----------------------------------------------------------------------------------------------------------------


def test_the_light_moves_no_material_and_a_darker_part_does(golden):
    before, dimmed = values(golden, scene()), values(golden, scene(light=0.8))
    for name in ("texture_fine", "texture_medium", "texture_coarse", "coherence", "reflectance"):
        assert dimmed[name] == pytest.approx(before[name], rel=0.05), name
    darker = values(golden, scene(part_grey=72.0))
    assert darker["reflectance"] / before["reflectance"] == pytest.approx((40 + 72) / (40 + 90), rel=0.03)
    assert darker["part_area"] == pytest.approx(before["part_area"], rel=0.01)


def test_a_rougher_surface_is_finer_texture_without_direction(golden):
    rng = np.random.default_rng(3)
    noise = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH)), (0, 0), 1.2)
    rough = np.clip(scene() + 8.0 * noise / noise.std(), 0, 255).astype(np.uint8)
    before, after = values(golden, scene()), values(golden, rough)
    assert after["texture_fine"] > 2 * before["texture_fine"]
    assert after["coherence"] < before["coherence"] - 0.1


def test_a_redder_part_is_redder_by_its_ratio():
    part = scene(part_grey=60.0)
    colour = cv2.merge([part, part, part])
    golden = Golden(colour, REFERENCE)
    redder = cv2.merge([part, part, np.clip(part * 1.1, 0, 255).astype(np.uint8)])
    before, after = values(golden, colour), values(golden, redder)
    assert after["part_red_green"] / before["part_red_green"] == pytest.approx(1.1, rel=0.01)
    assert after["part_blue_green"] == pytest.approx(before["part_blue_green"], rel=1e-3)


# --- degenerate pictures ------------------------------------------------------------------------------------------------------


def _pictures():
    rng = np.random.default_rng(11)
    flat = np.zeros((HEIGHT, WIDTH), np.uint8)
    yield from (flat, flat + 255, flat + 128)
    yield rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    yield rng.integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8) * 255
    yield np.indices((HEIGHT, WIDTH)).sum(axis=0).astype(np.uint8) % 2 * 255
    yield cv2.merge([scene(), flat, flat])
    for shape in ((32, 32), (HEIGHT, WIDTH - 1), (33, 900), (1080, 1920, 3)):
        yield rng.integers(0, 256, shape, dtype=np.uint8)
    half = scene()
    half[:, WIDTH // 2 :] = 0
    yield half


@pytest.mark.parametrize("frame", list(_pictures()), ids=lambda frame: f"{frame.shape}-{int(frame.mean())}")
def test_no_picture_is_more_than_unmeasured(golden, frame):
    found = measure(frame, golden)
    assert len(found) == len(IMAGE_CHANNELS) + len(NAMES)
    assert not np.isinf(found).any()
    if frame.shape[:2] != (HEIGHT, WIDTH):
        assert np.isnan(found[len(IMAGE_CHANNELS) :]).all()


@pytest.mark.parametrize("frame", list(_pictures()), ids=lambda frame: f"{frame.shape}-{int(frame.mean())}")
def test_no_golden_frame_does_worse_than_complain(frame):
    fits = frame.shape[0] >= HEIGHT and frame.shape[1] >= 620  # where the fixtures end
    if not fits:
        with pytest.raises(ShapeError, match="must"):
            Golden(frame, REFERENCE)
        return
    drawn = Golden(frame, REFERENCE)
    for seen in (frame, np.zeros_like(frame), scene()):
        assert not np.isinf(measure(seen, drawn)).any()


def test_nothing_drawn_means_no_channel():
    assert reference_channels(Reference()) == ()
    only_fixtures = reference_channels(Reference(fixtures=REFERENCE.fixtures))
    assert {spec.family for spec in only_fixtures} == {"camera"}
    no_outline = {spec.name for spec in reference_channels(Reference(part=REFERENCE.part))}
    assert "part_shift_x" in no_outline
    assert "part_area" not in no_outline


def test_a_frame_measures_the_same_whatever_came_before(golden):
    alone = measure(scene(), golden).tobytes()
    measure(scene(camera=turned(9 + 4j, 0.5)), golden)
    assert measure(scene(), golden).tobytes() == alone


# --- the kit ------------------------------------------------------------------------------------------------------------------


@pytest.mark.kit
@pytest.mark.skipif(not (KIT / "elpv" / "images").is_dir(), reason=f"no development kit at {KIT}")
@pytest.mark.parametrize(
    "name",
    [
        "deeppcb_mini/images/12000017_template.png",
        "deeppcb_mini/images/12300060_template.png",
        "deeppcb_mini/images/92000003_template.png",
        "elpv/images/cell0001.jpg",
        "elpv/images/cell0025.jpg",
        "elpv/images/cell0022.jpg",
    ],
)
def test_real_pictures_moved_by_known_amounts_are_found_to_a_tenth_of_a_pixel(name):
    picture = seen_through_a_lens(cv2.imread(str(KIT / name), cv2.IMREAD_GRAYSCALE))
    size = picture.shape[0]
    corners = tuple((x, y, 72, 72) for x in (20, size - 92) for y in (20, size - 92))
    reference = Reference(fixtures=corners)
    golden = Golden(taken(picture), reference)
    assert golden.complaints == []
    rng = np.random.default_rng(5)
    centre = complex(size - 1, size - 1) / 2
    names = [spec.name for spec in CAMERA_CHANNELS]
    for light in (1.0, 0.8):
        truth = turned(complex(*rng.uniform(-8, 8, 2)), rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.5), centre)
        found = values(golden, taken(light * moved(picture, truth)), names)
        shift = complex(found["camera_shift_x"], found["camera_shift_y"])
        assert abs(shift - truth.shift_at(centre)) < 0.1
        assert abs(found["camera_rotation"] - truth.rotation_deg) < 0.02
