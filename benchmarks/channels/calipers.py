"""How exactly calipers measure: simulated bars of known width, and pictures of the kit moved by known amounts (G5, G6, G8)."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.channels.transforms import CONDITIONS, disturbed, moved, plate, random_move, seen_through_a_lens, taken
from detectors.channels import Caliper, Reference
from detectors.channels.calipers import Calipered
from detectors.channels.golden import Golden
from detectors.channels.similarity import Similarity

SEEDS = {"G5": 5, "G6": 6, "G8": 8}


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


def busbar(picture):
    """A caliper across the darkest bar of a solar cell."""
    rows = picture[60:240, 110:190].mean(axis=1)
    y = 60.0 + float(np.argmin(rows))
    return Caliper("bar", (150.0, y - 14.0), (150.0, y + 14.0), 41.0, "dark", 0.1)


def kit(identity, what, paths, caliper_of, fixtures, measured, images, moves):
    """The same picture moved: what the caliper says must not change.

    Per picture the standard deviation over its moves (repeatability) and the mean against the unmoved clean picture (bias); shown
    are both over all pictures and of the worst one. measured: (golden, reference, frame) to values by name.
    """
    rng = np.random.default_rng(SEEDS[identity])
    errors, used, refused = {name: [] for name in CONDITIONS}, 0, 0
    for path in paths:
        if used == images:
            break
        picture = seen_through_a_lens(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        caliper = caliper_of(picture)
        reference = Reference(fixtures=fixtures(picture.shape[0]), calipers=() if caliper is None else (caliper,))
        golden = Golden(taken(picture), reference)
        if caliper is None or golden.complaints:
            refused += 1
            continue
        used += 1
        truth = measured(golden, reference, taken(picture))["bar"]
        centre = complex(picture.shape[1] - 1, picture.shape[0] - 1) / 2
        each = {name: [] for name in CONDITIONS}
        for _ in range(moves):
            move = random_move(rng, centre, scale=False)
            for name, frame in disturbed(moved(picture, move), rng).items():
                each[name].append(measured(golden, reference, frame)["bar"] - truth)
        for name in CONDITIONS:
            errors[name].append(each[name])
    rows = []
    for name in CONDITIONS:
        table = np.array(errors[name])
        spreads, biases = np.nanstd(table, axis=1, ddof=1), np.nanmean(table, axis=1)
        rows.append(
            {
                "id": identity,
                "what": what,
                "condition": name,
                "frames": table.size,
                "lost": int(np.isnan(table).sum()),
                "refused_pictures": refused,
                "pictures": used,
                "bias_px": float(np.nanmean(biases)),
                "bias_px_worst": float(biases[np.nanargmax(np.abs(biases))]),
                "repeatability_px": float(np.sqrt(np.nanmean(spreads**2))),
                "repeatability_px_max": float(np.nanmax(spreads)),
            }
        )
    return rows
