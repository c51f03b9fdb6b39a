"""How exactly camera pose, part pose and calipers are measured, on pictures moved by known amounts.

    python -m benchmarks.channels.geometry [--images N] [--moves M] [--json OUT]

G1, G2: camera pose from four fixtures on the kit's circuit boards and solar cells, each moved by up to 8 px, 0.8° and 0.5 %, then
dimmed, blurred or made noisy. G3, G4: the part's pose against an unmoved camera. G5: a caliper on simulated bars of known width at
every phase and angle: bias, and repeatability over noise. G6: a caliper on the kit's boards, moved: spread of what must not change.
G7: the kit's board pictures in pairs (a template and another board of the same layout, aligned by its authors): the pose found.
Without the kit G5 alone is measured. Pictures whose corners have too little structure are refused when the reference is drawn; how
many is said.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import cv2
import numpy as np

from benchmarks.channels.transforms import disturbed, moved, plate, seen_through_a_lens, taken
from detectors.channels import IMAGE_CHANNELS, Caliper, Reference, reference_channels
from detectors.channels.calipers import Calipered
from detectors.channels.golden import Golden
from detectors.channels.measure import measure
from detectors.channels.similarity import Similarity

CONDITIONS = ("clean", "20 % dimmer", "blur 1.5 px", "noise 3 grey levels")
SEEDS = {"G1": 1, "G2": 2, "G3": 3, "G4": 4, "G5": 5, "G6": 6}


def kit():
    root = Path(os.environ.get("LINEWARDEN_KIT") or Path(__file__).resolve().parents[3] / "shared" / "kit")
    boards = sorted((root / "deeppcb_mini" / "images").glob("*_template.png"))
    cells = sorted((root / "elpv" / "images").glob("*.jpg"))
    return boards, cells[:: max(1, len(cells) // 60)]


def corners(side, size, margin):
    far = size - margin - side
    return tuple((x, y, side, side) for y in (margin, far) for x in (margin, far))


def found(golden, reference, frame):
    names = [spec.name for spec in reference_channels(reference)]
    return dict(zip(names, measure(frame, golden)[len(IMAGE_CHANNELS) :], strict=True))


def random_move(rng, centre, *, scale):
    return Similarity.about(
        centre,
        shift=complex(*rng.uniform(-8, 8, 2)),
        rotation_rad=np.deg2rad(rng.uniform(-0.8, 0.8)),
        growth=rng.uniform(-0.005, 0.005) if scale else 0.0,
    )


def poses(identity, paths, reference_of, prefix, images, moves, point_of):
    """Errors of pose: {condition: rows of (shift px, rotation °)}; how many pictures were refused; lost ones are counted as NaN."""
    rng = np.random.default_rng(SEEDS[identity])
    errors, refused, used = {name: [] for name in CONDITIONS}, 0, 0
    for path in paths:
        if used == images:
            break
        picture = seen_through_a_lens(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        reference = reference_of(picture.shape)
        golden = Golden(taken(picture), reference)
        if golden.complaints:
            refused += 1
            continue
        used += 1
        point = point_of(reference, picture.shape)
        for _ in range(moves):
            move = random_move(rng, point, scale=prefix == "camera")
            for name, frame in disturbed(moved(picture, move), rng).items():
                values = found(golden, reference, frame)
                shift = complex(values[f"{prefix}_shift_x"], values[f"{prefix}_shift_y"])
                turn = values[f"{prefix}_rotation"]
                errors[name].append((abs(shift - move.shift_at(point)), abs(turn - move.rotation_deg)))
    return errors, refused, used


def pose_rows(identity, what, errors, refused, used):
    rows = []
    for condition, each in errors.items():
        table = np.array(each)
        lost = int(np.isnan(table[:, 0]).sum())
        rows.append(
            {
                "id": identity,
                "what": what,
                "condition": condition,
                "frames": len(table),
                "lost": lost,
                "refused_pictures": refused,
                "pictures": used,
                **{
                    f"{name}_{kind}": float(f(table[:, k]))
                    for k, name in enumerate(("shift_px", "rotation_deg"))
                    for kind, f in (("median", np.nanmedian), ("p99", lambda v: np.nanquantile(v, 0.99)), ("max", np.nanmax))
                },
            }
        )
    return rows


def bars():
    """G5: distance of two opposite edges against the truth."""
    rng = np.random.default_rng(SEEDS["G5"])
    rows = []
    cases = [(w, a) for w in (12.3, 40.7, 150.25) for a in (0.0, 7.0, 33.0)]
    results = {name: ([], []) for name in (*CONDITIONS, "noise 3, 20 % dimmer, blur 1.5")}
    for width, angle in cases:
        along = np.exp(1j * np.deg2rad(angle))
        middle = complex(160, 160)
        ends = middle - along * (width / 2 + 14), middle + along * (width / 2 + 14)
        caliper = Caliper("bar", *((z.real, z.imag) for z in ends), 12.0, "bright", 0.1)
        drawn = Calipered(taken(plate(width=width, angle_deg=angle, at=middle)), caliper)
        for _ in range(12):
            at = middle + complex(*rng.uniform(-1, 1, 2))
            picture = plate(width=width, angle_deg=angle, at=at)
            frames = disturbed(picture, rng)
            dim = cv2.GaussianBlur(0.8 * picture, (0, 0), 1.5)
            frames["noise 3, 20 % dimmer, blur 1.5"] = taken(dim + 3.0 * rng.standard_normal(dim.shape))
            pose = Similarity(1.0, at - middle)
            for name, frame in frames.items():
                results[name][0].append(drawn.distance_px(frame, pose) - width)
        repeats = [disturbed(plate(width=width, angle_deg=angle, at=middle), rng) for _ in range(20)]
        for name in CONDITIONS:
            results[name][1].append(np.std([drawn.distance_px(frames[name], Similarity()) for frames in repeats], ddof=1))
    for name, (each, spreads) in results.items():
        errors = np.array(each)
        rows.append(
            {
                "id": "G5",
                "what": "caliper on simulated bars",
                "condition": name,
                "frames": len(errors),
                "lost": int(np.isnan(errors).sum()),
                "bias_px": float(np.nanmean(errors)),
                "sd_over_places_px": float(np.nanstd(errors)),
                "error_px_max": float(np.nanmax(np.abs(errors))),
                "repeatability_px_max": float(np.nanmax(spreads)) if spreads else None,
            }
        )
    return rows


def widest_bar(picture):
    """A caliper across the boldest vertical stripe of a board, or None."""
    slope = cv2.Sobel(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.CV_64F, 1, 0)
    best = None
    for y in range(60, 260, 10):
        line = slope[y - 4 : y + 5, 60:260].mean(axis=0) * (np.abs(slope[y - 4 : y + 5, 60:260]).min(axis=0) > 20)
        for a in np.flatnonzero(line > 100):
            after = np.flatnonzero(line[a + 8 : a + 40] < -100)
            clear = np.abs(line[max(a - 8, 0) : max(a - 4, 0)]).max(initial=0) < 20
            if len(after) and clear and a > 10:
                b = a + 8 + after[0]
                strength = min(line[a], -line[b])
                if best is None or strength > best[0]:
                    best = strength, Caliper("bar", (60.0 + a - 8, float(y)), (60.0 + b + 8, float(y)), 7.0, "bright", 0.1)
    return None if best is None else best[1]


def boards_measured(paths, images, moves):
    """G6: the same board moved: what the caliper says must not change."""
    rng = np.random.default_rng(SEEDS["G6"])
    errors, used = {name: [] for name in CONDITIONS}, 0
    for path in paths:
        if used == images:
            break
        picture = seen_through_a_lens(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        caliper = widest_bar(picture)
        if caliper is None:
            continue
        reference = Reference(fixtures=corners(72, picture.shape[0], 24), calipers=(caliper,))
        golden = Golden(taken(picture), reference)
        if golden.complaints:
            continue
        used += 1
        truth = found(golden, reference, taken(picture))["bar"]
        centre = complex(picture.shape[1] - 1, picture.shape[0] - 1) / 2
        for _ in range(moves):
            move = random_move(rng, centre, scale=False)
            for name, frame in disturbed(moved(picture, move), rng).items():
                errors[name].append(found(golden, reference, frame)["bar"] - truth)
    return [
        {
            "id": "G6",
            "what": f"caliper on {used} boards of the kit, moved",
            "condition": name,
            "frames": len(each),
            "lost": int(np.isnan(each).sum()),
            "bias_px": float(np.nanmean(each)),
            "sd_over_places_px": float(np.nanstd(each)),
            "error_px_max": float(np.nanmax(np.abs(each))),
        }
        for name, each in errors.items()
        if each
    ]


def pairs(paths):
    """G7: another board of the same layout against its template."""
    shifts = []
    for path in paths:
        picture = seen_through_a_lens(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        other = cv2.imread(str(path).replace("_template", "_test"), cv2.IMREAD_GRAYSCALE)
        reference = Reference(fixtures=corners(72, picture.shape[0], 24))
        golden = Golden(taken(picture), reference)
        if golden.complaints:
            continue
        values = found(golden, reference, taken(seen_through_a_lens(other)))
        shifts.append((abs(complex(values["camera_shift_x"], values["camera_shift_y"])), abs(values["camera_rotation"])))
    table = np.array(shifts)
    return [
        {
            "id": "G7",
            "what": "another board against its template",
            "condition": "as shipped",
            "frames": len(table),
            "lost": int(np.isnan(table[:, 0]).sum()),
            "shift_px_median": float(np.nanmedian(table[:, 0])),
            "shift_px_max": float(np.nanmax(table[:, 0])),
            "rotation_deg_median": float(np.nanmedian(table[:, 1])),
            "rotation_deg_max": float(np.nanmax(table[:, 1])),
        }
    ]


def middle(_reference, shape):
    return complex(shape[1] - 1, shape[0] - 1) / 2


def part_middle(reference, _shape):
    x, y, w, h = reference.part
    return complex(x + (w - 1) / 2, y + (h - 1) / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24, help="pictures of each kind")
    parser.add_argument("--moves", type=int, default=6, help="moves of each picture")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    boards, cells = kit()
    rows = bars()
    for identity, name, paths, side, margin in (("G1", "boards", boards, 72, 24), ("G2", "cells", cells, 72, 20)):
        if paths:
            given = poses(
                identity,
                paths,
                lambda shape, side=side, margin=margin: Reference(fixtures=corners(side, shape[0], margin)),
                "camera",
                arguments.images,
                arguments.moves,
                middle,
            )
            rows += pose_rows(identity, f"camera, {name} of the kit", *given)
    for identity, name, paths in (("G3", "boards", boards), ("G4", "cells", cells)):
        if paths:
            given = poses(
                identity,
                paths,
                lambda shape: Reference(part=(60, 60, shape[1] - 120, shape[0] - 120)),
                "part",
                arguments.images,
                arguments.moves,
                part_middle,
            )
            rows += pose_rows(identity, f"part, {name} of the kit", *given)
    if boards:
        rows += boards_measured(boards, arguments.images, arguments.moves) + pairs(boards)
    for row in rows:
        figures = ", ".join(f"{k} {v:.4f}" for k, v in row.items() if isinstance(v, float))
        aside = f", {row['refused_pictures']} of {row['refused_pictures'] + row['pictures']} refused" if "pictures" in row else ""
        print(f"{row['id']} {row['what']}, {row['condition']}: {figures}; {row['frames']} frames, {row['lost']} lost{aside}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"opencv": cv2.__version__, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
