"""A frame small enough to be kept: what the child makes of it, and which frame is found again for an alarm."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from agent.config.model import FramesSection
from agent.frames.measurer import FrameMeasurer
from agent.frames.recent import FILES, INLINE, INLINE_BYTES, Recent, Shot
from agent.frames.wire import MAX_PICTURE_BYTES, Picture, picture_answer, read_answer, read_picture
from agent.ports import Place
from tests.frames.pictures import PNG, encoded

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def measurer():
    measurer = FrameMeasurer(FramesSection(timeout_s=20.0))
    yield measurer
    measurer.close()


def shot(k=0, *, image=b"", path="", station="ST4", view="main"):
    return Shot(Place(station, view, "A", "", f"P{k}", START + timedelta(seconds=k)), image, path, "/frames" if path else "")


def test_a_large_noisy_colour_frame_is_shown_small_and_within_the_bound(measurer):
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2448, 3), dtype=np.uint8)
    data = encoded(".png", noise)
    shown = measurer.picture(shot(image=data))
    assert max(shown.width, shown.height) <= 480
    assert len(shown.body) <= MAX_PICTURE_BYTES
    assert shown.of_sha256 == hashlib.sha256(data).hexdigest()
    assert sum(shown.histogram) == 2048 * 2448
    image = cv2.imdecode(np.frombuffer(shown.body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == (shown.height, shown.width, 3)


@pytest.mark.parametrize("data", [b"", b"no picture", PNG[:200]])
def test_what_cannot_be_decoded_is_not_shown_and_the_child_goes_on(measurer, data):
    assert measurer.picture(shot(image=data)) is None
    assert measurer.picture(shot(image=PNG)) is not None
    assert measurer.measure(PNG, "", "").missing == ""


def test_a_file_is_shown_from_its_folder_and_nowhere_else(measurer, tmp_path):
    (tmp_path / "frames").mkdir()
    for path in ("frames/a.png", "secret.png"):
        (tmp_path / path).write_bytes(PNG)
    place = shot().place
    assert measurer.picture(Shot(place, b"", "a.png", str(tmp_path / "frames"))) is not None
    assert measurer.picture(Shot(place, b"", "../secret.png", str(tmp_path / "frames"))) is None
    assert measurer.picture(Shot(place, b"", "gone.png", str(tmp_path / "frames"))) is None


def test_an_answer_that_is_no_picture_or_too_large_is_none():
    good = picture_answer(Picture(2, 2, "ab" * 32, tuple(range(64)), b"jpeg"))
    assert read_picture(good).body == b"jpeg"
    assert read_answer(good, 20) is None
    for bad in (b"", b"\x02", good[:50], b"\x01" + good[1:], good + bytes(MAX_PICTURE_BYTES)):
        assert read_picture(bad) is None


def test_an_alarm_s_part_is_found_else_the_latest_by_then():
    recent = Recent()
    for k in range(10):
        recent.note(shot(k, path=f"{k}.png"))
    recent.note(shot(3, path="side.png", view="side"))
    recent.note(shot(5, path="other.png", station="ST5"))

    def found(part, at, *, by_then=False):
        return [s.path for s in recent.find("ST4", part, START + timedelta(seconds=at), by_then=by_then)]

    assert found("P4", 4) == ["4.png", "side.png"]
    assert found("P3", 9) == ["3.png", "side.png"]
    assert found("", 6.5) == ["6.png", "side.png"]
    assert found("", -5) == ["0.png", "side.png"]
    assert found("", -5, by_then=True) == []


def test_what_is_remembered_is_bounded_in_frames_and_bytes():
    recent = Recent()
    for k in range(FILES + 50):
        recent.note(shot(k, path=f"{k}.png"))
    assert recent.find("ST4", "P0", START, by_then=False)[0].path == "50.png"
    for view in range(40):
        for k in range(INLINE + 2):
            recent.note(shot(k, image=bytes(250_000), view=f"v{view}"))
    kept = [s for shots in recent._shots.values() for s in shots]
    assert sum(len(s.image) for s in kept) <= INLINE_BYTES
    assert max(len(shots) for shots in recent._shots.values()) <= INLINE
