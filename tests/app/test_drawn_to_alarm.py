"""From what an engineer draws to what the operator reads: caliper in mm, focus of one ninth, no part; pictures, whole agent."""

import json
from datetime import timedelta

import cv2
import numpy as np
import pytest

from agent.app import build
from agent.config.load import load
from agent.plugins import PlugIns
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from detectors.channels.similarity import Similarity
from tests.channels.scenes import REFERENCE, scene
from tests.core.folding import START

CALIPER = REFERENCE.calipers[0]
CONFIG = f"""
[[stations]]
id = "ST4"
owner = "a"
deputy = "b"
decision = "c"
consequence = "d"
tier = 3
parts_per_month = 100000
[stations.baseline]
parts = 300
min_stream_parts = 300
steadiness = "assumed"
[[stations.references]]
golden = "GOLDEN"
fixtures = {[list(rect) for rect in REFERENCE.fixtures]}
part = {list(REFERENCE.part)}
outline = "bright"
px_per_mm = 8.0
[[stations.references.calipers]]
name = "slot"
from = {list(CALIPER.start)}
to = {list(CALIPER.end)}
width = {CALIPER.width_px}
polarity = "dark"
tolerance = 0.02
[[taps]]
type = "jsonl"
name = "line"
mode = "replay"
paths = ["PARTS"]
frames_dir = "FRAMES"
"""
PICTURES = 60


def taken(rng, **more):
    """A part as the line shows it: a little elsewhere, a little wider, in a little other light."""
    shifts = rng.standard_normal(3)
    return scene(
        **{
            "camera": Similarity(1.0, complex(0.05 * rng.standard_normal(), 0.05 * rng.standard_normal())),
            "part": complex(0.5 * shifts[0], 0.5 * shifts[1]),
            "slot": 80.0 + 0.2 * shifts[2] + more.pop("wider", 0.0),
            "light": 1.0 + 0.01 * rng.standard_normal(),
            "grain": 2.0,
            "seed": int(rng.integers(1 << 30)),
            **more,
        }
    )


def defocused(picture):
    """With its upper left ninth out of focus."""
    picture = picture.copy()
    height, width = picture.shape[0] // 3, picture.shape[1] // 3
    picture[:height, :width] = cv2.GaussianBlur(picture, (0, 0), 2.0)[:height, :width]
    return picture


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the agent says of 340 good parts, 60 with a slot 0.2 mm wider, 60 out of focus in one place, then none in view."""
    folder, rng = tmp_path_factory.mktemp("drawn"), np.random.default_rng(4)
    pools = {
        "good": [taken(rng) for _ in range(PICTURES)],
        "wide": [taken(rng, wider=1.6) for _ in range(PICTURES // 2)],
        "dull": [defocused(taken(rng)) for _ in range(PICTURES // 2)],
        "none": [taken(rng, has_part=False) for _ in range(5)],
    }
    for name, pool in pools.items():
        for k, picture in enumerate(pool):
            cv2.imwrite(str(folder / f"{name}{k}.png"), picture)
    cv2.imwrite(str(folder / "golden.png"), scene())
    shown = [f"good{rng.integers(PICTURES)}" for _ in range(340)]
    shown += [f"{name}{k % (PICTURES // 2)}" for name in ("wide", "dull") for k in range(60)] + [f"none{k}" for k in range(5)]
    lines = [
        {"part_id": f"P{k}", "station": "ST4", "captured_at": (START + timedelta(seconds=3 * k)).isoformat(), "verdict": "ok",
         "image": f"{name}.png"}
        for k, name in enumerate(shown)
    ]  # fmt: skip
    (folder / "parts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = CONFIG.replace("GOLDEN", str(folder / "golden.png")).replace("PARTS", str(folder / "parts.jsonl"))
    (folder / "line.toml").write_text(text.replace("FRAMES", str(folder)))
    (folder / "state").mkdir()
    app = build(load(folder / "line.toml", PlugIns()), SystemClock(), live=False, state_dir=folder / "state")
    app.run(StopEvent())
    snapshot = app.snapshots.current()
    return {alarm.alarm_id: alarm for alarm in snapshot.alarms}, snapshot.incidents[0], snapshot.stations[0]


def test_every_drawn_and_plain_channel_of_a_grey_camera_is_watched_but_for_its_colours(told):
    refused = {channel.channel for channel in told[2].channels if channel.refused}
    assert {"red_green", "blue_green", "part_red_green", "part_blue_green"} <= refused
    assert not refused & {"slot", "edge_spread", "edge_spread_top_left", "luminance", "camera_shift_x", "part_shift_x"}


def test_a_wider_slot_is_an_alarm_in_millimetres_from_about_where_it_began(told):
    alarm = told[0]["part-geometry"]
    assert (alarm.code, alarm.evidence.channel, alarm.evidence.unit) == ("measure_larger", "slot", "mm")
    assert alarm.evidence.change == pytest.approx(0.2, abs=0.06)
    assert 335 <= int(alarm.evidence.onset.part_id[1:]) <= 345
    assert " mm larger since about 06:" in alarm.text


def test_one_ninth_out_of_focus_is_an_alarm_and_the_place_is_known(told):
    assert told[0]["picture-focus"].active
    signs = {sign.code: sign for sign in told[1].signs}
    assert 395 <= int(signs["top_left_blurred"].part_id[1:]) <= 405
    assert not {"bottom_blurred", "right_blurred", "bottom_right_blurred", "view_right", "view_left"} & signs.keys()


def test_no_part_in_view_is_a_hard_limit_and_said_at_once(told):
    alarm = told[0]["picture-blind"]
    assert (alarm.code, alarm.part_id) == ("part_missing", "P462")
