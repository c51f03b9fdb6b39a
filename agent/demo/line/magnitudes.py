"""How big things are on the simulated line: what has a source, and what is assumed. Nothing else in the demo invents a size.

`SOURCED` figures are quoted in STANDARDS ("Magnitudes for the simulated line"). Everything in `ASSUMED` has no source; it is
chosen plausibly, kept here alone, and is what a sceptic should vary.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sourced:
    """Figures with a source (project STANDARDS, magnitudes)."""

    lamp_fade_per_1000_h: float = 0.0055  # LED 0.4-0.7 % per 1000 h: the lamp of the demo ages, harmlessly
    reject_share_range: tuple[float, float] = (0.001, 0.05)  # plants reject 0.1-5 %: the defect mix below stays inside
    reviewer_misses: float = 0.23  # human re-judgement misses ~23 % of the bad parts
    reviewer_false_rejects: float = 0.02  # and rejects ~2 % of the good ones it is shown as doubtful


@dataclass(frozen=True, slots=True)
class Assumed:
    """Figures without a source: assumptions."""

    # the cell and its clock
    cycle_s: float = 60.0  # one welded bracket a minute, around the clock
    audit_share: float = 0.25  # passed parts drawn for re-inspection, uniformly
    audit_delay_s: float = 3600.0  # from capture to the confirmed result
    # what goes wrong in control, share of parts; sums to 5 %, the upper end of the sourced reject range
    scratch_share: float = 0.026
    crack_share: float = 0.014
    missing_hole_share: float = 0.004
    burr_share: float = 0.006
    # the defects themselves, in pixels and in share of the surface's reflectance
    crack_depth: tuple[float, float] = (0.24, 0.38)  # a hairline crack darkens the pixels it crosses by this much
    crack_length_px: tuple[float, float] = (14.0, 26.0)
    scratch_depth: tuple[float, float] = (0.30, 0.60)  # a scratch is bright
    scratch_length_px: tuple[float, float] = (14.0, 34.0)
    burr_length_px: tuple[float, float] = (3.0, 5.0)
    # the scene
    plate_reflectance: float = 0.56
    belt_reflectance: float = 0.09
    jaw_reflectance: float = 0.30  # blackened steel, fixed to the station: does not change with the coil
    hole_reflectance: float = 0.06
    texture_contrast: float = 0.030  # brushed steel, rms
    part_gloss: float = 0.012  # part-to-part reflectance, rms
    pose_jitter_px: float = 0.5  # nest and trigger, rms (encoder jitter 1-3 px peak to peak)
    pose_jitter_deg: float = 0.5  # rms
    # the picture
    lamp_ripple: float = 0.006  # frame to frame, rms
    lamp_tilt: float = 0.10  # brightness left to right at commissioning, relative
    lens_blur_px: float = 0.55  # Gaussian sigma
    ambient: float = 0.01  # stray light, share of full scale
    full_well_e: float = 10_500.0  # electrons at 255
    read_noise_e: float = 12.0
    # a new coil: moves pixels, not errors (lot steps 2-8 % grey)
    coil_grey_step: tuple[float, float] = (0.035, 0.05)
    coil_texture_step: tuple[float, float] = (1.05, 1.15)
    # the silent failures
    overexposure: tuple[float, float] = (1.68, 1.72)  # exposure set by eye on the present coil: bright scratches burn out
    lamp_raised_relief: tuple[float, float] = (0.10, 0.20)  # a bar light refitted too steep: what is left of cracks' contrast
    lamp_raised_gain: tuple[float, float] = (1.03, 1.06)  # and the picture gets a little brighter
    die_share: float = 0.040  # a loose die insert: share of parts with a misplaced hole
    die_offset_px: tuple[float, float] = (3.0, 4.5)
    # a second recipe: the same bracket from coated strip
    coated_grey: float = 0.97
    coated_contrast: float = 0.85


@dataclass(frozen=True, slots=True)
class Audited:
    """What benchmarks/simulated/sixty assumes of a line whose passes are audited: assumptions."""

    false_finds: float = 0.0005  # a first look at a good passed part finds something: 0.05 % (the issue's; swept there)
    commissioning_misses: float = 0.053  # of two people who look at every part together: both miss, independently (0.23 squared)
    unanswered: float = 0.01  # requests nobody answers
    bad_median_h: float = 2.0  # a find is told soon, lognormal
    good_median_h: float = 10.0  # that nothing was found is written down later, lognormal
    delay_spread: float = 0.6  # sd of the log of both
    answer_limit_h: float = 36.0  # each look; two looks fit into the cohort
    cohort_h: float = 72.0
    near_share_of_parts: float = 0.03  # parts with scores ~ Beta(2, 38), the others ~ Beta(0.5, 2500) (project METHODS 3)
    threshold: float = 0.2  # decision threshold for such scores: 0.3 % of the passes lie above half of it
    masters: int = 5  # bad masters of the mode; every presentation is missed independently, as often as a part


@dataclass(frozen=True, slots=True)
class Sweep:
    """The sizes a cause is simulated at, small to large, and over how many parts it comes (0: at once); assumptions."""

    sizes: tuple[float, ...]
    unit: str
    ramp_parts: int = 0


# What a benchmark sweeps, by the cause's name in `causes.py`. Assumptions; a range of STANDARDS stands beside those that have one.
SWEEPS: dict[str, Sweep] = {
    "lamp_dimming": Sweep((0.06, 0.10, 0.16, 0.25), "share of the light lost", ramp_parts=400),  # years of LED ageing, cheap lamps
    "segment_dark": Sweep((0.10, 0.18, 0.30, 0.50), "share of the light on one side lost"),  # sourced: at once; how much is not
    "dirty_window": Sweep((0.06, 0.10, 0.16, 0.24), "share of the light scattered", ramp_parts=400),  # 0.2-2 % contrast a day
    "defocus": Sweep((1.25, 1.4, 1.7, 2.2), "times the lens blur"),
    "camera_bump": Sweep((2.0, 3.0, 5.0, 8.0), "px"),  # steps 2-30 px; beyond 8 px the part leaves this small frame
    "fixture_wear": Sweep((1.0, 1.5, 2.5, 4.0), "px", ramp_parts=400),
    "tool_wear": Sweep((0.4, 0.6, 0.9, 1.4), "px of hole radius lost", ramp_parts=600),
    "new_lot": Sweep((0.06, 0.08, 0.11, 0.15), "grey, relative; texture contrast changes three times as much"),
    "harmless_coil": Sweep((0.02, 0.035, 0.05), "grey, relative"),  # lot steps 2-8 % grey
    "new_defect": Sweep((0.02, 0.03, 0.04, 0.06), "share of the parts"),
    "model_swapped": Sweep((0.5, 0.8, 1.25, 2.0), "times the old model's log odds"),
    "threshold_edited": Sweep((0.02, 0.1, 0.5, 0.9), "new decision threshold"),
    "stray_light": Sweep((0.02, 0.03, 0.06, 0.09), "share of full scale added"),  # ambient 0-10 %
    "trigger_jitter": Sweep((1.0, 1.4, 2.2, 3.0), "px rms along the belt"),  # encoder jitter 1-3 px
    "recipe_changeover": Sweep((1.0,), "recipe B from the onset on"),
}

SOURCED = Sourced()
ASSUMED = Assumed()
AUDITED = Audited()
