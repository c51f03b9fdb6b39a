"""What the plant is shown, and that the story's claims are checked rather than told."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from agent.config.load import load
from agent.demo.line.model import Identity
from agent.demo.line.parts import Defect
from agent.demo.line.production import Audit, Part, captured_at
from agent.demo.narration import conclude
from agent.demo.plant import Plant
from agent.demo.scenario import BASELINE_PARTS, Scenario, draw_scenario
from agent.demo.story import Told, broken_promises, tell
from agent.demo.wiring import AUDITS_PER_MONTH, BASE, PARTS_PER_MONTH, STATION, Arrival, write_config
from agent.documents import AlarmDoc, AndonDoc, Colour, EvidenceDoc, HoldDoc, OnsetDoc, SummaryDoc
from agent.plugins import PlugIns


def console() -> Console:
    return Console(file=io.StringIO(), width=200, highlight=False)


def printed(plant_console: Console) -> str:
    file = plant_console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def arrival(topic: str, document: object) -> Arrival:
    return Arrival(topic, msgspec.json.encode(document))


def alarm(code: str, number: int, andon: Colour = "amber", onset: int = 1) -> AlarmDoc:
    at = captured_at(onset)
    part = f"P{onset:06d}"
    return AlarmDoc(
        alarm_id=code, occurrence_id=f"{code}-{number}", station=STATION, stream="s", state="UNACK", transition="NORM→UNACK",
        active=True, acked=False, priority="warning", andon=andon, code=code, text=f"{code} text", response="do this",
        part_id=f"P{number:06d}", raised_at=captured_at(number), changed_at=captured_at(number + 60),
        evidence=EvidenceDoc("d", "c", 2.0, 1.0, "", 3, onset=OnsetDoc(part, at, part, at, part, at)),
    )  # fmt: skip


def andon(colour: Colour, because: str = "a") -> AndonDoc:
    return AndonDoc(station=STATION, colour=colour, pattern="flash", sound=colour == "blue", code=3, because=because, text="t")


@pytest.fixture
def scenario() -> Scenario:
    drawn = draw_scenario(np.random.default_rng(0), fault=True)
    assert drawn.onset_at is not None
    return drawn


def parts_of(scenario: Scenario, count: int, escape_every: int = 20, p_after: float = 1e-5) -> list[Part]:
    """Parts whose every 20th after the onset is a crack that passed."""
    frame = np.zeros((2, 2), np.uint8)
    onset = scenario.onset_at or 0
    return [
        Part(
            n,
            captured_at(n),
            Defect.CRACK if n >= onset and (n - onset) % escape_every == 0 else Defect.NONE,
            frame,
            p_after if n >= onset else 1e-5,
            passed=True,
            coil="C",
            recipe="bracket-4",
            model=Identity("bracket", "1", "", 0.005),
        )
        for n in range(1, count + 1)
    ]


def told_story(
    scenario: Scenario, *, p_after: float = 1e-5, escape_every: int = 20, hold_from: int = BASELINE_PARTS + 1
) -> tuple[Plant, Told | None, list[Part]]:
    onset = scenario.onset_at or 0
    parts = parts_of(scenario, onset + 500, escape_every, p_after)
    audits = [Audit(p, p.captured_at + timedelta(hours=1), 0.25) for p in parts[BASELINE_PARTS::4]]
    plant = Plant(console())
    plant.hear(arrival("alarm/ST7/b/event", alarm("bad_parts_passed", onset + 300, "blue", onset + 10)))
    held = [p.part_id for p in parts[hold_from - 1 : onset + 450]]
    return plant, tell(scenario, parts, audits, plant, held), parts


def test_a_story_that_holds_breaks_no_promise_and_counts_what_happened(scenario: Scenario) -> None:
    plant, told, _ = told_story(scenario)
    assert told is not None
    assert broken_promises(scenario, BASELINE_PARTS, plant, told) == []
    onset = scenario.onset_at or 0
    assert told.estimated_onset == onset + 10
    assert told.judged_part == onset + 300
    assert told.alarm_at == onset + 360
    assert told.audits == pytest.approx(300 / 4, abs=1)
    assert told.bad_since_onset == told.held_bad_since_onset == 23
    assert told.held == onset + 450 - BASELINE_PARTS


def test_each_claim_that_a_run_did_not_show_is_named(scenario: Scenario) -> None:
    onset, coil = scenario.onset_at or 0, scenario.coil_at or 0
    plant, told, _ = told_story(scenario)
    assert "did not arm" in " ".join(broken_promises(scenario, None, plant, told))
    assert "did not come" in " ".join(broken_promises(scenario, 1, Plant(console()), None))
    plant, told, _ = told_story(scenario, p_after=0.002)
    assert "confidence fell" in " ".join(broken_promises(scenario, 1, plant, told))
    plant, told, _ = told_story(scenario, escape_every=400)
    assert "escape rate" in " ".join(broken_promises(scenario, 1, plant, told))
    plant, told, _ = told_story(scenario, hold_from=onset + 50)
    assert "misses" in " ".join(broken_promises(scenario, 1, plant, told))
    plant, told, _ = told_story(scenario)
    plant.hear(arrival("alarm/ST7/x/event", alarm("darker", coil - 5)))
    assert "before anything changed" in " ".join(broken_promises(scenario, 1, plant, told))
    plant.hear(arrival("alarm/ST7/x/event", alarm("bad_parts_passed", coil + 5, "blue")))
    assert "before the failure" in " ".join(broken_promises(scenario, 1, plant, told))


def test_without_a_fault_any_alarm_breaks_the_promise() -> None:
    quiet = draw_scenario(np.random.default_rng(0), fault=False)
    plant = Plant(console())
    assert broken_promises(quiet, BASELINE_PARTS, plant, None) == []
    plant.hear(arrival("alarm/ST7/x/event", alarm("darker", 3000)))
    assert "without a fault" in broken_promises(quiet, BASELINE_PARTS, plant, None)[0]


def test_the_conclusion_prints_onset_audits_and_hold_of_this_run(scenario: Scenario) -> None:
    plant, told, parts = told_story(scenario)
    out = console()
    conclude(out, scenario, parts, plant, told)
    text = printed(out)
    assert f"part {scenario.onset_at:,}" in text
    assert "(+10 parts" in text
    assert "23 of the 23 bad ones passed from the onset to there; 3 more passed after it" in text


def test_the_plant_prints_an_alarm_with_its_response_and_a_refreshed_lamp_once() -> None:
    out = console()
    plant = Plant(out)
    plant.hear(arrival("alarm/ST7/x/event", alarm("darker", 10)))
    for _ in range(3):
        plant.hear(arrival("andon/ST7/request", andon("amber")))
    plant.hear(arrival("andon/ST7/request", andon("blue")))
    text = printed(out)
    assert "darker text → do this" in text
    assert text.count("andon: amber") == 1
    assert text.count("andon: blue flash, horn") == 1
    assert [request.colour for request in plant.lamps] == ["amber", "blue"]


def test_the_plant_keeps_status_health_hold_and_progress() -> None:
    plant = Plant(console())
    plant.hear(Arrival("status", b'{"state":"online"}'))
    plant.hear(Arrival("heartbeat", b'{"health":"ok"}'))
    plant.hear(arrival("summary/ST7", SummaryDoc(STATION, captured_at(1), 3, 1, 0)))
    hold = HoldDoc("i", STATION, "r", "arming", "P000001", captured_at(1), "P000009", captured_at(9), 9, (), True)
    plant.hear(arrival("hold/i", hold))
    assert (plant.online, plant.health, plant.parts_judged, plant.hold) == (True, "ok", 3, hold)
    plant.hear(Arrival("status", b'{"state":"lost"}'))
    assert not plant.online


def test_the_demo_configuration_has_no_problems_and_declares_the_line_as_it_runs(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, 1883), PlugIns())
    (station,) = config.stations
    assert station.parts_per_month == pytest.approx(PARTS_PER_MONTH)
    assert station.outcomes.audits_per_month == pytest.approx(AUDITS_PER_MONTH)
    assert station.baseline.parts == BASELINE_PARTS
    assert station.outcomes.max_escape_ppm is None
    assert [plug.options["protocol"] for plug in (*config.taps, *config.sinks)] == ["3.1.1", "3.1.1"]
    assert f"{config.taps[0].options['prefix']}/linewarden/v1" == BASE
