"""What measuring a frame costs: against OpenCV's own down-scale of it in the same run, and what the child keeps resident.

    python benchmarks/speed/frames.py [--out results.json]

F1 and F2: channels of a 2448×2048 frame, grey and colour, one thread, as a multiple of cv2.resize(INTER_AREA) to a quarter.
F3: a frame through the child (JPEG in, channels out), as a multiple of cv2.imdecode in this process. F4: PSS of the child.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from agent.config.model import FramesSection
from agent.frames.measurer import FrameMeasurer
from detectors.channels.measure import measure

ROUNDS = 40


def interleaved_ms(*calls):
    """Median milliseconds of each call, the calls taking turns so that a busy machine slows all of them alike."""
    spent = np.empty((ROUNDS, len(calls)))
    for call in calls:
        call()
    for i in range(ROUNDS):
        for j, call in enumerate(calls):
            start = time.perf_counter()
            call()
            spent[i, j] = time.perf_counter() - start
    return (np.median(spent, axis=0) * 1e3).tolist()


def pss_mb(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the results here as JSON")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    grey = cv2.GaussianBlur(rng.integers(0, 256, (2048, 2448), dtype=np.uint8), (9, 9), 2)
    colour = cv2.merge([grey, np.roll(grey, 7, 0), np.roll(grey, 7, 1)])
    rows = []
    for scenario, image in (("F1 channels, grey", grey), ("F2 channels, colour", colour)):
        ours, peer = interleaved_ms(
            lambda image=image: measure(image),
            lambda image=image: cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
        )
        rows.append({"id": scenario, "ms": ours, "peer": "INTER_AREA to a quarter", "peer_ms": peer, "ratio": ours / peer})
    measurer = FrameMeasurer(FramesSection())
    small = cv2.resize(grey, (320, 240))
    measurer.measure(cv2.imencode(".png", small)[1].tobytes(), "", "")
    resident = {"after a small frame": pss_mb(measurer.pid)}
    data = cv2.imencode(".jpg", grey)[1]
    raw = data.tobytes()
    ours, peer = interleaved_ms(lambda: measurer.measure(raw, "", ""), lambda: cv2.imdecode(data, cv2.IMREAD_ANYCOLOR))
    rows.append({"id": "F3 JPEG through the child", "ms": ours, "peer": "imdecode", "peer_ms": peer, "ratio": ours / peer})
    resident["after 2448×2048 frames"] = pss_mb(measurer.pid)
    measurer.close()
    print(f"{'scenario':28} {'ms':>8} {'peer ms':>8} {'ratio':>6}  peer")
    for row in rows:
        print(f"{row['id']:28} {row['ms']:8.2f} {row['peer_ms']:8.2f} {row['ratio']:6.2f}  {row['peer']}")
    for when, megabytes in resident.items():
        print(f"F4 PSS of the child {when}: {megabytes:.1f} MB")
    if arguments.out:
        arguments.out.write_text(json.dumps({"opencv": cv2.__version__, "rows": rows, "child_pss_mb": resident}, indent=2) + "\n")


if __name__ == "__main__":
    main()
