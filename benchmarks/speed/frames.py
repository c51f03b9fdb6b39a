"""What measuring a frame costs: against OpenCV's own down-scale of it in the same run, and what the child keeps resident.

    python -m benchmarks.speed.frames [--json OUT]

F1 and F2: channels of a 2448×2048 frame (5 megapixels), grey and colour, one thread, as a multiple of cv2.resize(INTER_AREA) to a
quarter; F5 and F6 the same of 640×480 (0.3 megapixels), F7 and F8 of 4096×3000 (12 megapixels); decoding such a JPEG beside each.
F9: a grey frame of 5 megapixels with all that a reference adds: four fixtures of 160 px, a part of 1,500 by 1,300 px with its
outline and material, two calipers; F10 in colour. The process has one BLAS thread, as the child has.
F3: a frame through the child (JPEG in, channels out), as a multiple of cv2.imdecode in this process. F4: PSS of the child.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy loads

import cv2
import numpy as np

from agent.config.model import FramesSection
from agent.frames.measurer import FrameMeasurer
from detectors.channels import Caliper, Reference
from detectors.channels.golden import Golden
from detectors.channels.measure import measure

ROUNDS = 40
SIZES = {"0.3 MP": (480, 640), "5 MP": (2048, 2448), "12 MP": (3000, 4096)}
IDS = {("5 MP", 1): "F1", ("5 MP", 3): "F2", ("0.3 MP", 1): "F5", ("0.3 MP", 3): "F6", ("12 MP", 1): "F7", ("12 MP", 3): "F8"}


def interleaved_ms(*calls, clock=time.process_time):
    """Median milliseconds of each call, the calls taking turns so that a busy machine slows all of them alike.

    clock: processor time of this process, which other programs do not lengthen; elapsed time where another process does the work.
    """
    spent = np.empty((ROUNDS, len(calls)))
    for call in calls:
        call()
    for i in range(ROUNDS):
        for j, call in enumerate(calls):
            start = clock()
            call()
            spent[i, j] = clock() - start
    return (np.median(spent, axis=0) * 1e3).tolist()


def pss_mb(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def grey_frame(height, width):
    return cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (height, width), dtype=np.uint8), (9, 9), 2)


def coloured(grey):
    return cv2.merge([grey, np.roll(grey, 7, 0), np.roll(grey, 7, 1)])


def station_frame(height, width):
    """A bright part on a dark ground between four fixtures, with grain."""
    picture = 0.15 * grey_frame(height, width) + 10.0
    picture[500:1600, 600:1900] += 120.0
    for y, x in ((60, 60), (60, 2200), (1800, 60), (1800, 2200)):
        picture[y + 30 : y + 130, x + 30 : x + 100] += 100.0
        cv2.circle(picture, (x + 110, y + 110), 30, 60.0, -1)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.2), 0, 255).astype(np.uint8)


REFERENCE = Reference(
    fixtures=((60, 60, 160, 160), (2200, 60, 160, 160), (60, 1800, 160, 160), (2200, 1800, 160, 160)),
    part=(500, 400, 1500, 1300),
    outline="bright",
    calipers=tuple(Caliper(f"width_{y}", (560.0, y), (1960.0, y), 16.0, "bright", 0.1) for y in (800.0, 1300.0)),
)


def compared_row(identity, golden, frame):
    """The same with a reference, the frame moved by a few pixels: camera and part are sought."""
    prepared = Golden(golden, REFERENCE)
    assert prepared.complaints == []
    ours, plain, peer = interleaved_ms(
        lambda: measure(frame, prepared),
        lambda: measure(frame),
        lambda: cv2.resize(frame, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
    )
    colour = "grey" if frame.ndim == 2 else "colour"
    name = f"{identity} channels with geometry and material, 5 MP {colour} ({plain:.2f} ms without)"
    return {"id": name, "ms": ours, "peer": "INTER_AREA to a quarter", "peer_ms": peer, "ratio": ours / peer}


def row(size, image):
    """One size and colour: channels, their peer and the decoding of the JPEG, in milliseconds."""
    planes = 1 if image.ndim == 2 else 3
    data = cv2.imencode(".jpg", image)[1]
    ours, peer, decode = interleaved_ms(
        lambda: measure(image),
        lambda: cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
        lambda: cv2.imdecode(data, cv2.IMREAD_ANYCOLOR),
    )
    name = f"{IDS[size, planes]} channels, {size} {'grey' if planes == 1 else 'colour'}"
    return {"id": name, "ms": ours, "peer": "INTER_AREA to a quarter", "peer_ms": peer, "ratio": ours / peer, "decode_ms": decode}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    for size, (height, width) in SIZES.items():
        grey = grey_frame(height, width)
        rows += [row(size, grey), row(size, coloured(grey))]
    golden = station_frame(*SIZES["5 MP"])
    frame = np.roll(golden, (-3, 7), (0, 1))
    rows += [compared_row("F9", golden, frame), compared_row("F10", cv2.merge([golden] * 3), cv2.merge([frame] * 3))]
    measurer = FrameMeasurer(FramesSection())
    grey = grey_frame(*SIZES["5 MP"])
    measurer.measure(cv2.imencode(".png", cv2.resize(grey, (320, 240)))[1].tobytes(), "", "")
    resident = {"after a small frame": pss_mb(measurer.pid)}
    for name, image in (("grey", grey), ("colour", coloured(grey))):
        data = cv2.imencode(".jpg", image)[1]
        raw = data.tobytes()
        ours, peer = interleaved_ms(
            lambda raw=raw: measurer.measure(raw, "", ""),
            lambda data=data: cv2.imdecode(data, cv2.IMREAD_ANYCOLOR),
            clock=time.perf_counter,
        )
        rows.append(
            {"id": f"F3 JPEG through the child, {name}", "ms": ours, "peer": "imdecode", "peer_ms": peer, "ratio": ours / peer}
        )
        resident[f"after 5-megapixel {name} frames"] = pss_mb(measurer.pid)
    measurer.close()
    for each in rows:
        decode = f"; decoding it {each['decode_ms']:.2f} ms" if "decode_ms" in each else ""
        print(f"{each['id']}: {each['ms']:.2f} ms, {each['ratio']:.2f} x {each['peer']} at {each['peer_ms']:.2f} ms{decode}")
    for when, megabytes in resident.items():
        print(f"F4 PSS of the child {when}: {megabytes:.1f} MB")
    if arguments.json:
        arguments.json.write_text(json.dumps({"opencv": cv2.__version__, "rows": rows, "child_pss_mb": resident}, indent=1))


if __name__ == "__main__":
    main()
