"""The golden frames a station declares: readable, usable, and with enough in them for what is to be measured."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.drawing import drawn
from agent.config.model import Config, StationSection
from agent.config.references import ReferenceSection
from agent.doctor.finding import Finding, ok
from agent.frames.measurer import FrameMeasurer
from agent.ports import Place
from detectors.channels import IMAGE_CHANNELS, reference_channels

_WHY = "the camera's and the part's geometry go unmeasured, and neither `no part` nor `out of field` is noticed"
_COLOURS = ("part_red_green", "part_blue_green")  # of a grey camera they cannot be measured


def examine(config: Config) -> Iterator[Finding]:
    """One finding per reference: its golden frame measured against itself, by the child that measures frames."""
    if not any(station.references for station in config.stations):
        return
    measurer = FrameMeasurer(config.frames, config.stations)
    try:
        for station in config.stations:
            for reference in station.references:
                yield _look(measurer, station, reference)
    finally:
        measurer.close()


def _look(measurer: FrameMeasurer, station: StationSection, reference: ReferenceSection) -> Finding:
    subject = " ".join(part for part in (station.id, reference.view, reference.recipe) if part)
    golden = reference.golden.resolve()
    frame = measurer.measure(b"", golden.name, str(golden.parent), Place(station.id, reference.view, reference.recipe))
    if frame.missing:
        seen = f"{golden} cannot be used: {frame.missing.replace('_', ' ')}"
        return Finding("reference.golden", subject, "fail", seen, _WHY, "name a PNG, JPEG or BMP that the agent's user may read")
    if not frame.reference:
        seen = f"what is drawn does not lie inside {golden}, or is too small in it"
        return Finding("reference.golden", subject, "fail", seen, _WHY, "draw it again, in pixels of that picture")
    names = [spec.name for spec in reference_channels(drawn(reference))]
    values = dict(zip(names, frame.values[len(IMAGE_CHANNELS) :], strict=True))
    lost = [name for name, value in values.items() if value is None and name not in _COLOURS]
    if lost:
        seen = f"not measurable even on {golden} itself: {', '.join(lost)}"
        hint = "draw fixtures around corners, the part with a rim of background, calipers across two opposite edges"
        return Finding("reference.golden", subject, "warn", seen, _WHY, hint)
    return ok("reference.golden", subject, f"{golden}: {len(names)} channels")
