"""A reference on its way through the child: golden frame and drawing in, the camera's and the part's channels out."""

import cv2
import msgspec
import numpy as np
import pytest

from agent.config.model import FramesSection, StationSection
from agent.frames.measurer import FrameMeasurer
from agent.frames.reference import Chosen, choose, decode
from agent.intake import Intake
from agent.records import Inspected
from detectors.channels import IMAGE_CHANNELS, Reference, reference_channels
from tests.channels.scenes import REFERENCE, scene
from tests.core.folding import Folding, config, part
from tests.frames.pictures import encoded

PLACE = ("ST4", "main", "A")
SECTION = {
    "fixtures": [list(rect) for rect in REFERENCE.fixtures],
    "part": list(REFERENCE.part),
    "outline": "bright",
    "calipers": [{"name": "slot", "from": [256, 240], "to": [384, 240], "width": 16, "polarity": "dark", "tolerance": 0.1}],
}
NAMES = [spec.name for spec in reference_channels(REFERENCE)]
FRAME = encoded(".png", scene())


@pytest.fixture
def measuring(tmp_path):
    """A measurer whose station ST4 has the given references; closed at the end."""
    started = []

    def start(*references, frames=None):
        station = StationSection.model_validate({"id": "ST4", "references": list(references)})
        started.append(FrameMeasurer(FramesSection(timeout_s=20.0, **(frames or {})), [station]))
        return started[-1]

    yield start
    for measurer in started:
        measurer.close()


def golden(tmp_path, picture=None, name="golden.png"):
    path = tmp_path / name
    path.write_bytes(encoded(".png", scene() if picture is None else picture))
    return str(path)


def compared(frame):
    return dict(zip(NAMES, frame.values[len(IMAGE_CHANNELS) :], strict=True))


def test_a_frame_is_compared_with_the_golden_one_of_its_view(measuring, tmp_path):
    measurer = measuring({**SECTION, "golden": golden(tmp_path)})
    frame = measurer.measure(FRAME, "", "", PLACE)
    found = compared(frame)
    assert len(frame.reference) == 12
    assert found["camera_shift_x"] == pytest.approx(0.0, abs=1e-3)
    assert found["slot"] == pytest.approx(80.0, abs=0.05)
    assert found["part_red_green"] is None
    for elsewhere in (("ST5", "main", "A"), ("ST4", "side", "A")):
        plain = measurer.measure(FRAME, "", "", elsewhere)
        assert (plain.reference, len(plain.values)) == ("", len(IMAGE_CHANNELS))
        assert plain.values == frame.values[: len(IMAGE_CHANNELS)]


def test_a_recipe_has_its_own_reference_or_the_views(measuring, tmp_path):
    whole, own = golden(tmp_path), golden(tmp_path, name="b.png")
    measurer = measuring({**SECTION, "golden": whole}, {"recipe": "B", "golden": own, "fixtures": SECTION["fixtures"]})
    a, b, c = (measurer.measure(FRAME, "", "", ("ST4", "main", recipe)) for recipe in "ABC")
    assert a.reference == c.reference != b.reference
    assert len(b.values) == len(IMAGE_CHANNELS) + 5


def test_the_reference_is_named_after_the_golden_frames_bytes_and_the_drawing(tmp_path):
    path = tmp_path / "golden.png"
    path.write_bytes(FRAME)
    one = choose(path, REFERENCE, 10_000_000)
    assert isinstance(one, Chosen)
    assert decode(one.encoded) == one
    other_drawing = choose(path, Reference(fixtures=REFERENCE.fixtures), 10_000_000)
    path.write_bytes(FRAME + b" ")
    other_picture = choose(path, REFERENCE, 10_000_000)
    assert len({one.digest, other_drawing.digest, other_picture.digest}) == 3


@pytest.mark.parametrize("what", ["missing", "no picture", "too small", "folder", "too large"])
def test_a_golden_frame_that_cannot_be_used_leaves_the_frame_measured_without_it(measuring, tmp_path, what):
    path, limits = tmp_path / "golden.png", {}
    if what == "no picture":
        path.write_bytes(b"not a picture")
    elif what == "too small":
        path.write_bytes(encoded(".png", np.zeros((40, 40), np.uint8)))
    elif what == "folder":
        path.mkdir()
    elif what == "too large":
        golden(tmp_path, np.zeros((2000, 3000), np.uint8))
        limits = {"max_megapixels": 5.0}
    measurer = measuring({**SECTION, "golden": str(path)}, frames=limits)
    for _ in range(2):
        frame = measurer.measure(FRAME, "", "", PLACE)
        assert (frame.missing, frame.reference, len(frame.values)) == ("", "", len(IMAGE_CHANNELS))
    assert measurer.starts == 1


def test_a_golden_frame_replaced_while_running_stays_the_one_in_force_or_is_seen_to_be_gone(measuring, tmp_path):
    path = golden(tmp_path)
    measurer = measuring({**SECTION, "golden": path})
    before = measurer.measure(FRAME, "", "", PLACE)
    golden(tmp_path, scene(slot=60.0))
    assert measurer.measure(FRAME, "", "", PLACE) == before
    measurer._child.kill()
    assert measurer.measure(FRAME, "", "", PLACE).reference == ""


def test_a_frame_of_another_size_or_colour_than_the_golden_one_is_no_failure(measuring, tmp_path):
    measurer = measuring({**SECTION, "golden": golden(tmp_path)})
    other = measurer.measure(encoded(".png", scene()[:, :-8]), "", "", PLACE)
    assert other.missing == ""
    assert set(compared(other).values()) == {None}
    colour = compared(measurer.measure(encoded(".png", cv2.merge([scene()] * 3)), "", "", PLACE))
    assert colour["part_red_green"] == pytest.approx(1.0)
    assert colour["camera_shift_x"] == pytest.approx(0.0, abs=1e-3)
    assert measurer.starts == 1


def test_pictures_without_a_part_go_from_the_tap_to_the_alarm(measuring, tmp_path):
    measurer = measuring({**SECTION, "golden": golden(tmp_path)})
    intake = Intake(measurer)
    folding = Folding(config(references=[{**SECTION, "golden": str(tmp_path / "golden.png")}]))
    for k in range(8):
        picture = encoded(".png", scene(has_part=k < 5, grain=2.0, seed=k))
        entry = part(k, None)
        record, frame = intake.measure(msgspec.structs.replace(entry.record, image_inline=picture), None)
        folding.fold(Inspected(record, frame))
    (alarm,) = folding.alarms
    assert (alarm.alarm_id, alarm.code, alarm.part_id) == ("picture-blind", "part_missing", "P00007")
    assert any(stream.stream.startswith("part/main//A/") for stream in folding.station.streams)
