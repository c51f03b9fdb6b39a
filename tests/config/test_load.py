"""A configuration is either valid or told all its problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.drawing import drawn
from agent.config.load import load, parse, warnings
from agent.config.model import Section
from agent.config.reference import generated, sample
from agent.core.plans import Plans
from agent.errors import ConfigError
from agent.plugins import PlugIns
from detectors.channels import Caliper, Reference

ROOT = Path(__file__).resolve().parents[2]
STATION = '[[stations]]\nid = "ST4"\n'


class Options(Section):
    """Options of a plug-in made up here."""

    topic: str
    window: int = 10


class OnePlugIn:
    """A single type under each kind."""

    def types(self, kind: str) -> tuple[str, ...]:
        return ("radio",)

    def options(self, kind: str, type_: str) -> type[Section]:
        return Options


def problems(text: str | bytes) -> dict[str, tuple[str, str]]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse(raw, OnePlugIn())
    assert caught.value.exit_code == 78
    return {path: (message, hint) for path, message, hint in caught.value.problems}


def problems_or_none(raw: bytes) -> list[tuple[str, str, str]] | None:
    try:
        parse(raw, OnePlugIn())
    except ConfigError as error:
        return error.problems
    return None


def test_every_problem_is_reported_at_once_with_its_path() -> None:
    found = problems(
        """
        [agent]
        langage = "fr"
        commit_interval_s = inf
        [metrics]
        port = "x"
        enabled = 1
        [[stations]]
        id = "a b"
        tier = 5
        [stations.baseline]
        parts = 10.5
        tolerances = { focus = -1.0 }
        [[taps]]
        type = "radio"
        name = "r"
        windw = 3
        [[sinks]]
        type = "rado"
        name = "r"
        """
    )
    assert found["agent.langage"] == ("unknown key", "did you mean `language`?")
    assert found["agent.commit_interval_s"][0] == "expected a finite number, got inf"
    assert found["metrics.port"][0] == "expected a whole number, got 'x'"
    assert found["metrics.enabled"][0] == "expected true or false, got 1"
    assert found["stations[0].id"][0].endswith("got 'a b'")
    assert found["stations[0].tier"][0] == "expected one of 1, 2 or 3, got 5"
    assert found["stations[0].baseline.parts"][0] == "expected a whole number, got 10.5"
    assert found["stations[0].baseline.tolerances.focus"][0] == "expected a number >= 0, got -1.0"
    assert found["taps[0].topic"][0] == "required, but missing"
    assert found["taps[0].windw"] == ("unknown key", "did you mean `window`?")
    assert found["sinks[0].type"] == ("expected one of radio, got 'rado'", "did you mean `radio`?")
    assert len(found) == 11


def test_a_key_far_from_any_known_one_gets_the_list_of_known_ones() -> None:
    message, hint = problems(f"{STATION}[store]\nxyzzy = 1\n")["store.xyzzy"]
    assert message == "unknown key"
    assert hint == "known here: keep_days, trace_days, max_mb"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[agent]\na = \n", "line 2, column 5"),
        ("x = 1\n[agent\n", "line 2, column 7"),
        ('a = "', "line 1"),
        (b"a = 1\nb = '\xff'\n", "line 2"),
    ],
)
def test_a_syntax_error_names_its_line(text: str | bytes, path: str) -> None:
    assert list(problems(text)) == [path]


def test_a_master_belongs_to_one_set_and_sets_have_names_of_their_own() -> None:
    one = '[[stations.challenge_sets]]\nname = "a"\nfailure_mode = "x"\nparts = ["M1"]\n'
    found = problems(f"{STATION}{one}{one}")
    assert found["stations[0].challenge_sets[1].parts[0]"][0].startswith("part ids of masters must be unique, 'M1' already stands")
    assert found["stations[0].challenge_sets[1].name"][0].startswith("names of challenge sets must be unique")


def test_audits_that_cannot_be_as_asked_for_are_warned_of() -> None:
    asked = f'{STATION}parts_per_month = 100000\n[stations.audits]\nmode = "fraction"\nfraction = 0.1\n'
    found = warnings(parse(asked.encode(), OnePlugIn()))
    assert any("no audits are drawn" in message for _, message, _ in found)
    sampled = f'{asked}deadline_s = 90000.0\n[stations.outcomes]\nmode = "sample"\n'
    found = {path: message for path, message, _ in warnings(parse(sampled.encode(), OnePlugIn()))}
    assert found["stations[0].audits"] == "audits are capped: up to 30,000 a month are asked for, 5,000 are declared"
    assert found["stations[0].audits.deadline_s"].startswith("answers may come after")


def test_duplicate_names_are_told_with_the_place_of_the_first() -> None:
    tap = '[[taps]]\ntype = "radio"\nname = "r"\ntopic = "t"\n'
    found = problems(f'{STATION}views = ["top", "top"]\n{STATION}{tap}{tap}')
    assert found["stations[1].id"][0] == "station ids must be unique, 'ST4' already stands at stations[0].id"
    assert found["taps[1].name"][0] == "names of taps must be unique, 'r' already stands at taps[0].name"
    assert found["stations[0].views[1]"][0] == "views must be unique, 'top' already stands at stations[0].views[0]"


def test_a_file_without_stations_is_refused() -> None:
    assert problems("")["stations"][0] == "required, but missing"
    assert problems("stations = []")["stations"][0] == "expected at least 1 item(s), got an empty list"
    assert problems("stations = 3")["stations"][0] == "expected a list, got 3"


def test_an_unknown_time_zone_is_refused() -> None:
    found = problems(f'[agent]\ntimezone = "Europe/Atlantis"\n{STATION}')
    assert found["agent.timezone"][0] == "expected a zone name like Europe/Berlin, got 'Europe/Atlantis'"


def test_a_missing_file_says_which_command_prints_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", OnePlugIn())
    ((path, message, hint),) = caught.value.problems
    assert path.endswith("none.toml")
    assert message == "cannot be read: no such file or directory"
    assert "sample-config" in hint


def test_declared_claims_need_a_declared_limit() -> None:
    text = STATION + '[stations.outcomes]\nmode = "sample"\nclaims = "declared"\n'
    ((path, message),) = problems(text).items()
    assert path == "stations[0].outcomes"
    assert "max_escape_ppm" in message[0]
    assert parse((text + "max_escape_ppm = 50\n").encode(), OnePlugIn())


@pytest.mark.parametrize("missing", ["owner", "deputy", "decision", "consequence", "tier"])
def test_a_station_with_an_incomplete_register_entry_loads_but_is_said_not_to_arm(missing: str) -> None:
    entry = {"owner": '"a"', "deputy": '"b"', "decision": '"c"', "consequence": '"d"', "tier": "1"}
    text = STATION + "".join(f"{key} = {value}\n" for key, value in entry.items() if key != missing)
    config = parse(f'{text}[[taps]]\ntype = "radio"\nname = "r"\ntopic = "t"\n'.encode(), OnePlugIn())
    ((path, message, _),) = warnings(config)
    assert path == "stations[0]"
    assert message == f"ST4 does not arm: no {missing}"


def test_values_cannot_be_changed_after_loading() -> None:
    config = parse(STATION.encode(), OnePlugIn())
    with pytest.raises(ValueError, match="frozen"):
        config.agent.language = "de"  # type: ignore[misc]


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.toml")), ids=lambda p: p.name)
def test_every_shipped_configuration_loads_and_arms(path: Path) -> None:
    assert warnings(load(path, PlugIns())) == []


def test_every_default_in_the_sample_is_accepted_when_its_comment_is_taken_away() -> None:
    lines = sample(PlugIns()).splitlines()
    for number, line in enumerate(lines):
        key, equals, value = line.removeprefix("# ").partition(" = ")
        if not line.startswith("# ") or not equals or " " in key or key.startswith("#") or "…" in value:
            continue
        if any(earlier.startswith("# [[") for earlier in lines[:number]) and not _inside_active(lines, number):
            continue
        uncommented = [*lines[:number], line.removeprefix("# "), *lines[number + 1 :]]
        parse("\n".join(uncommented).encode(), PlugIns())


def _inside_active(lines: list[str], number: int) -> bool:
    """Whether the nearest section header above is switched on."""
    header = next(line for line in reversed(lines[:number]) if line.startswith(("[", "# [")))
    return header.startswith("[")


def test_generated_files_are_fresh() -> None:
    stale = [name for name, text in generated(PlugIns()).items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert not stale, "`make docs` writes them again"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_refused_with_problems(raw: bytes) -> None:
    assert problems_or_none(raw) != []


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["agent.language", "store.keep_days", "metrics.port", "frames.max_mb"]), _SCALARS)))
def test_a_wrong_value_anywhere_is_a_problem_and_never_a_crash(values: list[tuple[str, object]]) -> None:
    from agent.config.options import toml

    text = "".join(f"{key} = {toml(value)}\n" for key, value in dict(values).items() if value is not None)
    found = problems_or_none((text + STATION).encode("utf-8", "replace"))
    assert found is None or (found and all(path and message for path, message, _ in found))


# --- references ---------------------------------------------------------------------------------------------------------------

REFERENCE = (
    STATION
    + """
[[stations.references]]
golden = "golden.png"
fixtures = [[0, 0, 40, 40]]
part = [50, 50, 100, 100]
outline = "bright"
px_per_mm = 12.5
[[stations.references.calipers]]
name = "slot"
from = [60, 90]
to = [120.5, 90]
"""
)


def test_a_reference_is_read_as_the_channels_take_it() -> None:
    (section,) = parse(REFERENCE.encode(), OnePlugIn()).stations[0].references
    assert drawn(section) == Reference(
        fixtures=((0, 0, 40, 40),),
        part=(50, 50, 100, 100),
        outline="bright",
        px_per_mm=12.5,
        calipers=(Caliper("slot", (60.0, 90.0), (120.5, 90.0), 8.0, "bright", 0.2),),
    )


def test_every_problem_of_a_drawing_is_told_at_once() -> None:
    found = problems(
        STATION
        + """
[[stations.references]]
view = "side"
golden = "golden.png"
fixtures = [[0, 0, 40, 10], [0, -1, 40, 40]]
outline = "bright"
[[stations.references]]
golden = "golden.png"
field = [0, 0, 100, 100]
[[stations.references]]
golden = "golden.png"
part = [0, 0, 100, 100]
[[stations.references.calipers]]
name = "luminance"
from = [0, 0]
to = [1, 1]
polarity = "grey"
"""
    )
    first, second, third = (f"stations[0].references[{k}]" for k in range(3))
    assert set(found) == {
        f"{first}.view",
        f"{first}.fixtures[0]",
        f"{first}.fixtures[1][1]",
        f"{first}.outline",
        second,
        f"{second}.field",
        third,
        f"{third}.calipers[0]",
        f"{third}.calipers[0].name",
        f"{third}.calipers[0].polarity",
    }
    assert found[third][0] == f"one reference per view and recipe, this one is at {second} already"
    assert "24 px" in found[f"{first}.fixtures[0]"][0]


def test_a_misspelt_caliper_key_names_the_keys_as_they_are_written() -> None:
    found = problems(REFERENCE.replace("from =", "fron ="))
    assert found["stations[0].references[0].calipers[0].fron"][1] == "did you mean `from`?"


# --- limits -------------------------------------------------------------------------------------------------------------------


def test_a_limit_of_a_caliper_is_read_with_its_events() -> None:
    text = (
        REFERENCE
        + """
[[stations.limits]]
name = "punch"
channel = "slot"
limit = 4.2
beyond = "above"
renewals = ["tool"]
"""
    )
    (limit,) = parse(text.encode(), OnePlugIn()).stations[0].limits
    (plan,) = Plans(parse(text.encode(), OnePlugIn()).stations[0]).limits()
    assert (limit.recipe, limit.horizon_days) == (None, 30.0)
    assert (plan.spec.unit, plan.direction, plan.renewals) == ("mm", 1, frozenset({"tool"}))
    assert plan.steps == {"cleaning", "camera", "maintenance"}


def test_every_problem_of_a_limit_is_told_at_once() -> None:
    found = problems(
        STATION
        + """
[[stations.limits]]
name = "lamp"
channel = "luminence"
limit = 90
beyond = "below"
view = "side"
[[stations.limits]]
name = "lamp"
channel = "luminance"
limit = -1
beyond = "under"
steps = ["lamp"]
[[stations.limits]]
name = "a limit"
channel = "score"
limit = 1
beyond = "above"
"""
    )
    first, second, third = (f"stations[0].limits[{k}]" for k in range(3))
    assert found[f"{first}.channel"] == ("expected a channel of a frame, got 'luminence'", "did you mean `luminance`?")
    assert found[f"{first}.view"][0] == "expected one of the station's views, got 'side'"
    assert found[f"{second}.name"][0] == f"names of limits must be unique, 'lamp' already stands at {first}.name"
    assert found[f"{second}.limit"][0] == "luminance is always positive, got a limit of -1"
    assert found[f"{second}.steps"][0] == "lamp cannot be a step and a renewal"
    assert {f"{second}.beyond", f"{third}.name", f"{third}.channel"} <= found.keys()


# --- measurements -------------------------------------------------------------------------------------------------------------


def test_every_problem_of_the_measurements_is_told_at_once() -> None:
    found = problems(
        STATION
        + """
[[stations.measurements]]
name = "hole"
tolerance = 0.1
lowest = 5
highest = 5.0
[[stations.measurements]]
name = "hole"
tolerance = -1
view = "side"
[[stations.measurements]]
name = "hole"
units = "mm"
[[stations.measurements]]
name = "a\\u0007b"
tolerance = 0.1
transform = "square"
"""
    )
    first, second, third, fourth = (f"stations[0].measurements[{k}]" for k in range(4))
    assert set(found) == {
        f"{first}.highest",
        f"{second}.tolerance",
        f"{second}.view",
        f"{third}.tolerance",
        f"{third}.units",
        f"{third}.name",
        f"{fourth}.name",
        f"{fourth}.transform",
    }
    assert found[f"{third}.name"][0] == f"'hole' is declared at {first} already"
    assert found[f"{third}.units"][1] == "did you mean `unit`?"


def test_one_name_may_be_declared_for_several_views_and_recipes() -> None:
    declared = "".join(
        f'[[stations.measurements]]\nname = "Loch Ø"\nview = "{view}"\nrecipe = "{recipe}"\nunit = "µm"\ntolerance = 1\n'
        for view in ("top", "side")
        for recipe in ("", "A")
    )
    (station,) = parse(f'{STATION}views = ["top", "side"]\n{declared}'.encode(), OnePlugIn()).stations
    assert [(m.view, m.recipe, m.name) for m in station.measurements][1] == ("top", "A", "Loch Ø")
