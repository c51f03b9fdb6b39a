"""The command line's contract: results on standard output, words on standard error, exit codes that scripts rely on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main as command_line
from agent.config.load import load
from agent.plugins import PlugIns

PROGRAM = [sys.executable, "-m", "agent.cli.main"]
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
REGISTER = 'owner = "a"\ndeputy = "b"\ndecision = "c"\nconsequence = "d"\ntier = 3\n'


def config(folder: Path, extra: str = "") -> Path:
    path = folder / "line.toml"
    path.write_text(
        f'[agent]\nstate_dir = "{folder / "state"}"\ncommit_interval_s = 0.1\n[metrics]\nenabled = false\n'
        f'[[stations]]\nid = "ST4"\n{REGISTER}[stations.outcomes]\nmode = "sample"\n'
        f'[[taps]]\ntype = "jsonl"\nname = "parts"\npaths = ["{folder / "parts.jsonl"}"]\npoll_s = 0.05\n{extra}'
    )
    return path


def parts(path: Path, count: int, first: int = 0) -> Path:
    lines = [
        {
            "part_id": f"P{k:05}",
            "station": "ST4",
            "captured_at": (START + timedelta(seconds=3 * k)).isoformat(),
            "verdict": "ok",
            "p_defect": 0.01 + 0.001 * (k * 37 % 17),
            "measurements": {"gap_mm": 1.5 + 0.01 * (k % 7), 'angle "b"': None if k % 2 else -3.0},
        }
        for k in range(first, first + count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = command_line.run([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# --- help and usage -----------------------------------------------------------------------------------------------------------

COMMANDS = [
    ["run"],
    ["check-config"],
    ["sample-config"],
    ["replay"],
    ["doctor"],
    ["status"],
    ["alarms"],
    ["ack"],
    ["outcome", "import"],
    ["audit", "plan"],
    ["audit", "list"],
    ["feedback"],
    ["feedback", "list"],
    ["feedback", "show"],
    ["challenge", "plan"],
    ["challenge", "record"],
    ["baseline", "show"],
    ["baseline", "accept"],
    ["model", "show"],
    ["model", "list"],
    ["model", "compare"],
    ["model", "plan"],
    ["model", "approve"],
    ["trace"],
    ["hold", "show"],
    ["hold", "dispose"],
    ["incident", "list"],
    ["incident", "show"],
    ["incident", "done"],
    ["incident", "close"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_with_an_example(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    code, out, _ = run(capsys, *command, "--help")
    assert code == 0
    assert f"  linewarden {' '.join(command)}" in out.split("Options:")[0].split("\n", 1)[1]


READING = [
    ["status"],
    ["alarms"],
    ["audit", "plan"],
    ["audit", "list"],
    ["feedback", "list"],
    ["feedback", "show"],
    ["challenge", "plan"],
    ["baseline", "show"],
    ["model", "show"],
    ["model", "list"],
    ["model", "compare"],
    ["check-config"],
    ["doctor"],
    ["trace"],
]


@pytest.mark.parametrize("command", [*READING, ["hold", "show"], ["incident", "list"], ["incident", "show"]], ids=" ".join)
def test_every_reading_command_has_json(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert "--json" in run(capsys, *command, "--help")[1]


def test_a_wrong_command_is_answered_in_lower_case_with_a_hint_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "stauts")
    assert (code, out) == (2, "")
    assert err.startswith("error: no such command 'stauts'")
    assert "hint: see `linewarden --help`" in err


def test_the_demo_is_given_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command_line.run(["demo", "--help"])
    out = capsys.readouterr().out
    assert all(option in out for option in ("--seed", "--no-fault", "--fast"))


def test_starting_up_imports_none_of_the_heavy_packages() -> None:
    probe = (
        "import sys; from agent.cli import main; main.run(['--help']); "
        "print([m for m in ('numpy','scipy','cv2','pydantic','paho','sqlite3','rich') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


# --- configuration ------------------------------------------------------------------------------------------------------------


def test_a_wrong_configuration_prints_all_its_problems_with_paths_and_exits_78(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[agent]\nlangage = "de"\n[[stations]]\nid = "ST4"\ntier = 9\n[[taps]]\ntype = "jsonl"\nname = "x"\n')
    for arguments in (["check-config", path], ["run", "--config", path], ["status", "--config", path]):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (78, "")
        assert "agent.langage: unknown key (did you mean `language`?)" in err
        assert "stations[0].tier: expected one of 1, 2 or 3, got 9" in err
        assert "taps[0].paths: required, but missing" in err
        assert "error: 3 problem(s) in the configuration" in err


def test_check_config_as_json_lists_problems_and_warnings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text('[[stations]]\nid = "ST4"\n')
    code, out, _ = run(capsys, "check-config", path, "--json")
    body = json.loads(out)
    assert (code, body["ok"], body["problems"]) == (0, True, [])
    assert body["warnings"][0]["message"] == "ST4 does not arm: no owner, deputy, decision, consequence, tier"
    path.write_text("x = 1\n")
    code, out, _ = run(capsys, "check-config", path, "--json")
    assert code == 78
    assert {p["path"] for p in json.loads(out)["problems"]} == {"x", "stations"}


def test_the_sample_configuration_is_itself_without_problems(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "sample-config")
    assert code == 0
    path = tmp_path / "sample.toml"
    path.write_text(out)
    code, out, err = run(capsys, "check-config", path)
    assert (code, err) == (0, "")


# --- replay -------------------------------------------------------------------------------------------------------------------


def test_replay_prints_events_on_standard_output_and_the_summary_on_standard_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    records = parts(tmp_path / "parts.jsonl", 300)
    with records.open("a") as file:
        file.write("not json\n")
    code, out, err = run(capsys, "replay", "--config", config(tmp_path), records, "--exit-code")
    assert (code, out) == (0, "")
    assert "ST4: 300 parts, 0 rejected, 0 outcomes" in err
    assert "refused not_json: 1" in err
    assert not (tmp_path / "state").exists()


# --- without an agent ---------------------------------------------------------------------------------------------------------


def test_commands_that_need_an_agent_say_how_to_start_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (
        ["status"],
        ["ack", "x", "--by", "anna"],
        ["baseline", "show"],
        ["baseline", "accept", "ST4", "--by", "anna"],
    ):
        code, out, err = run(capsys, *arguments, "--state-dir", tmp_path)
        assert (code, out) == (1, "")
        assert err.startswith("error: no agent answers at")
        assert "hint: start it with `linewarden run`" in err


def test_lines_that_are_no_outcomes_are_named_by_number_and_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text(
        "part_id,defective,observed_at,inclusion_probability\n"
        "P1,yes,2026-03-02T08:00:00Z,0.05\nP2,maybe,2026-03-02T08:00:00Z,\nP3,0,yesterday,\nP4,0,2026-03-02T08:00:00Z,\n"
    )
    code, out, _ = run(capsys, "outcome", "import", table, "--check", "--json")
    body = json.loads(out)
    assert (code, body["accepted"]) == (1, 2)
    assert [(r["line"], r["reason"]) for r in body["refused"]] == [(3, "no_verdict"), (4, "no_time")]
    lines = tmp_path / "truth.jsonl"
    lines.write_text('{"part_id":"P1","defective":true,"observed_at":"2026-03-02T08:00:00Z"}\n\nnonsense\n{"type":"event"}\n')
    code, out, err = run(capsys, "outcome", "import", lines, "--check")
    assert code == 1
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in out.splitlines()] == ["3", "4"]
    assert "1 outcome(s) usable, 2 line(s) refused" in err


def test_a_csv_without_the_needed_columns_is_refused_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("part;defective\n1;0\n")
    code, _, err = run(capsys, "outcome", "import", table, "--check")
    assert code == 1
    assert "error: no line among the first 2 names part, verdict and time; the first one says part, defective" in err
    assert "hint: say which is which (--column part_id=TITLE" in err


GERMAN = "Seriennr;Befund;Datum;Uhrzeit\n" + "P1;GUT;02.03.2026;09:00\n" * 2 + "P2;Bruch;02.03.2026;09:01\nP3;?;02.03.2026;09:02\n"


def test_a_dry_run_says_how_it_reads_shows_rows_and_reports_every_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table, report = tmp_path / "truth.csv", tmp_path / "report.csv"
    table.write_text(GERMAN)
    code, out, err = run(capsys, "outcome", "import", table, "--dry-run", "--defective", "bruch", "--report", report)
    assert code == 1
    assert "CSV, utf-8, cells separated by ;" in err
    assert "observed_at = 'Datum + Uhrzeit'" in err
    assert '"part_id":"P2","defective":true,"observed_at":"2026-03-02T09:01:00Z"' in err
    assert out.startswith(f"{table}:5: no_verdict: defective: '?' is no known word")
    assert [line.split(",")[:2] for line in report.read_text().splitlines()] == [
        ["line", "reason"],
        ["3", "duplicate"],
        ["5", "no_verdict"],
    ]


def test_a_mapping_of_the_configuration_is_used_by_its_name_and_options_outweigh_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mapping = (
        '[[mappings]]\nname = "eol"\ncolumns = { part_id = "Nr", defective = "Note", observed_at = "Wann" }\ngood = ["1-"]\n'
        'defective = ["5"]\ntimezone = "Europe/Berlin"\nsource = "eol"\nstation = "ST4"\ndates = "dmy"\n'
    )
    file = config(tmp_path, extra=mapping)
    table = tmp_path / "truth.csv"
    table.write_text("Nr;Note;Wann\n7;1-;1/2/2026 06:00\n8;5;1/2/2026 06:00\n")
    _, _, err = run(capsys, "outcome", "import", table, "--dry-run", "--config", file, "--mapping", "eol", "--source", "audit")
    row = '{"type":"outcome","part_id":"8","defective":true,"observed_at":"2026-02-01T05:00:00Z","station":"ST4","source":"audit"}'
    assert row in err
    code, _, err = run(capsys, "outcome", "import", table, "--dry-run", "--config", file, "--mapping", "eal")
    assert (code, "no mapping 'eal'" in err, "hint: there is: eol" in err) == (1, True, True)


def test_a_long_list_of_refused_lines_is_cut_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("part_id,defective,observed_at\n" + "P,perhaps,2026-03-02T08:00:00Z\n" * 1_000)
    code, out, _ = run(capsys, "outcome", "import", table, "--check")
    assert (code, len(out.splitlines())) == (1, 21)
    assert out.splitlines()[-1] == f"{table}: 980 more: --report FILE lists them all"
    body = json.loads(run(capsys, "outcome", "import", table, "--check", "--json")[1])
    assert (body["refused_lines"], body["reasons"], len(body["refused"])) == (1_000, {"no_verdict": 1_000}, 20)


class HalfWay:
    """An agent that answers one batch and is interrupted in the next."""

    def __init__(self) -> None:
        self.batches = 0

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self.batches += 1
        if self.batches == 2:
            raise KeyboardInterrupt
        return {"accepted": len(request["records"]), "refused": [], "became": {"matched": list(range(len(request["records"])))}}

    def close(self) -> None: ...


def test_ctrl_c_keeps_what_was_answered_says_how_far_it_came_and_exits_130(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.importing.connect", lambda folder: HalfWay())
    table = tmp_path / "truth.csv"
    table.write_text("part_id,defective,observed_at\n" + "".join(f"P{k},ok,2026-03-02T08:00:00Z\n" for k in range(5_000)))
    code, _, err = run(capsys, "outcome", "import", table, "--state-dir", tmp_path)
    assert code == 130
    assert "2000 outcome(s) imported, 0 line(s) refused\nof these 2000 matched" in err
    assert "stopped after line 2001: what was imported is kept; import the file again to go on" in err


# --- with an agent ------------------------------------------------------------------------------------------------------------


class Agent:
    """A real agent in a process of its own."""

    def __init__(self, file: Path) -> None:
        folder = file.parent
        self.config = file
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen([*PROGRAM, "run", "--config", self.config], stderr=self.log, stdout=subprocess.DEVNULL)
        self._await_socket(folder / "state" / "control.sock")

    def _await_socket(self, path: Path) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(os.fspath(path)) == 0:
                    return
            time.sleep(0.05)
        self.log.seek(0)
        pytest.fail(f"the agent did not come up: {self.log.read()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.log.close()
        return code


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("agent")
    parts(folder / "parts.jsonl", 50)
    sets = '[[stations.challenge_sets]]\nname = "holes"\nfailure_mode = "missing_hole"\n'
    audits = '[stations.audits]\nmode = "fraction"\nleast_probability = 0.4\n'
    running = Agent(config(folder, audits + sets))
    yield running
    if running.process.poll() is None:
        running.stop()


def shown(capsys: pytest.CaptureFixture[str], agent: Agent, claim: Any) -> dict[str, Any]:
    """The status once it is as claimed; the agent shows it at most a second late."""
    deadline = time.monotonic() + 15
    while True:
        code, out, err = run(capsys, "status", "--config", agent.config, "--json")
        assert code == 0, err
        body: dict[str, Any] = json.loads(out)
        if claim(body) or time.monotonic() > deadline:
            return body
        time.sleep(0.1)


def test_status_shows_what_a_running_agent_received(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    body = shown(capsys, agent, lambda b: b["stations"] and b["stations"][0]["parts"] == 50)
    assert body["stations"][0]["parts"] == 50
    code, out, _ = run(capsys, "status", "--config", agent.config)
    assert code == 0
    assert "ST4" in out
    assert "gap_mm\tnot declared\t50\t1.5\t1.56" in out


def test_the_declarations_that_status_proposes_can_be_pasted_below_the_station(
    capsys: pytest.CaptureFixture[str], agent: Agent, tmp_path: Path
) -> None:
    shown(capsys, agent, lambda b: b["stations"] and b["stations"][0]["parts"] == 50)
    code, out, _ = run(capsys, "status", "--config", agent.config, "--undeclared")
    assert code == 0
    declared = load(config(tmp_path, out), PlugIns()).stations[0].measurements
    assert [(m.name, m.unit) for m in declared] == [("gap_mm", "mm"), ('angle "b"', "")]
    assert [m.tolerance for m in declared] == [0.01, 0.0]


def test_status_fails_when_the_core_has_shown_nothing_new_for_too_long(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    assert run(capsys, "status", "--config", agent.config, "--max-age-s", "30")[0] == 0
    code, out, err = run(capsys, "status", "--config", agent.config, "--max-age-s", "0")
    assert (code, out) == (1, "")
    assert "its core has shown nothing new for" in err


def test_imported_outcomes_reach_the_running_agent_once(capsys: pytest.CaptureFixture[str], agent: Agent, tmp_path: Path) -> None:
    lines = [
        {"part_id": f"P{k:05}", "defective": False, "observed_at": (START + timedelta(hours=1, seconds=k)).isoformat()}
        for k in range(30)
    ]
    truth = tmp_path / "truth.jsonl"
    truth.write_text("".join(json.dumps(line) + "\n" for line in lines) + "broken\n")
    shown(capsys, agent, lambda b: b["stations"] and b["stations"][0]["parts"] == 50)
    for said in (
        "30 outcome(s) imported, 1 line(s) refused\nof these 30 matched",
        "0 outcome(s) imported, 30 known already, 1 line(s)",
    ):
        code, out, err = run(capsys, "outcome", "import", truth, "--config", agent.config)
        assert code == 1
        assert out == f"{truth}:31: not_json: {out.split('not_json: ')[1]}"
        assert said in err
    body = shown(capsys, agent, lambda b: b["stations"][0]["outcomes"] >= 30)
    assert body["stations"][0]["outcomes"] == 30


def test_no_alarms_is_said_and_is_an_empty_list_in_json(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    code, out, err = run(capsys, "alarms", "--config", agent.config)
    assert (code, out) == (0, "")
    assert "no alarms" in err
    assert json.loads(run(capsys, "alarms", "--config", agent.config, "--json")[1]) == []
    assert json.loads(run(capsys, "alarms", "--config", agent.config, "--history", "--json")[1]) == []


def test_an_acknowledgement_that_names_no_alarm_is_refused(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    code, _, err = run(capsys, "ack", "nothing", "--by", "anna", "--config", agent.config)
    assert code == 1
    assert err.startswith("error: 'nothing' names no alarm")


def test_a_baseline_is_not_accepted_by_a_role_that_may_not(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    code, _, err = run(capsys, "baseline", "accept", "ST4", "--by", "anna", "--role", "operator", "--config", agent.config)
    assert code == 1
    assert "error: role must be one of" in err


def test_check_parts_are_recorded_by_hand_and_shown_as_a_good_check(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    told = ["--config", agent.config, "--by", "anna"]
    code, out, _ = run(capsys, "challenge", "record", "ST4", "holes", "--found", "5", "--missed", "0", *told)
    assert (code, out) == (0, "holes: 5 found, 0 missed; good\n")
    body = shown(capsys, agent, lambda b: b["stations"][0]["correctness"] == "verified")
    assert body["stations"][0]["challenges"][0]["done"] == 1
    code, out, _ = run(capsys, "challenge", "plan", "ST4", "--config", agent.config)
    assert out.splitlines()[1].split("\t")[:4] == ["ST4", "holes", "missing_hole", "good"]
    assert run(capsys, "challenge", "record", "ST4", "holes", *told)[0] == 2
    code, _, err = run(capsys, "challenge", "record", "ST4", "bolts", "--window-s", "60", *told)
    assert (code, err.splitlines()[0]) == (1, "error: no challenge set bolts")


def test_re_checks_are_listed_for_the_printer_without_score_or_chance(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    shown(capsys, agent, lambda b: b["stations"] and b["stations"][0]["parts"] == 50)
    told = ["--config", agent.config]
    code, out, _ = run(capsys, "audit", "list", "ST4", *told, "--json")
    asked = json.loads(out)
    assert code == 0
    assert asked[0]["inclusion_probability"] > 0
    code, out, _ = run(capsys, "audit", "list", "ST4", *told)
    header, *rows = out.splitlines()
    assert header.split("\t") == ["until", "station", "part", "box", "position", "made", "reason"]
    assert [row.split("\t")[2] for row in rows] == [request["part_id"] for request in asked]
    assert run(capsys, "audit", "plan", *told)[1].splitlines()[1].split("\t")[:2] == ["ST4", "fraction"]


def test_baseline_show_lists_streams_and_what_they_still_need(capsys: pytest.CaptureFixture[str], agent: Agent) -> None:
    code, out, _ = run(capsys, "baseline", "show", "ST4", "--config", agent.config)
    assert code == 0
    assert "ST4: learning" in out
    code, _, err = run(capsys, "baseline", "show", "ST9", "--config", agent.config)
    assert code == 1
    assert "error: no station ST9" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_agent_in_order_and_the_alarms_stay_readable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, number: int
) -> None:
    agent = Agent(config(tmp_path))
    assert agent.stop(number) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
    code, out, err = run(capsys, "alarms", "--config", agent.config, "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "warning: agent: not running" in err


def test_every_plug_in_folder_is_discovered_with_its_options() -> None:
    found = PlugIns()
    assert found.types("taps") == ("http", "jsonl", "mqtt", "socket")
    assert found.types("sinks") == ("mqtt",)
    with pytest.raises(KeyError):
        found.options("taps", "radio")


def test_status_says_how_many_production_days_a_limit_is_away(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    lamp = {"limit": "lamp", "channel": "luminance", "beyond": "below", "value": 70.0, "unit": "grey level", "days": 33.2,
            "earliest": 25.0, "latest": 41.0, "more_days": 0.0, "is_informative": True, "is_due": True}  # fmt: skip
    new = {**lamp, "limit": "focus", "days": None, "latest": None, "more_days": 12.0, "is_informative": False, "is_due": False}
    still = {**new, "limit": "still", "more_days": None}
    counts = dict.fromkeys(("parts", "rejected", "outcomes", "audits_judged", "outbox_depth"), 0)
    station = {
        **counts,
        "station": "ST4",
        "state": "armed",
        "last_captured_at": None,
        "streams": [],
        "correctness": "unverified",
        "blind_spots": [],
        "review": None,
        "estimates": [],
        "counters": {},
        "channels": [],
        "measurements": [],
        "outcome_state": "off",
    }
    times = {"at": START.isoformat(), "started_at": START.isoformat()}
    shown = {**counts, **times, "version": "1", "taps": {}, "sinks": {}, "alarms": [], "stations": [station]}
    station["limits"] = [lamp, new, still]
    monkeypatch.setattr("agent.cli.reading.snapshot", lambda _folder: shown)
    code, out, _ = run(capsys, "status", "--state-dir", "/nowhere")
    assert code == 0
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith("ST4")}
    assert "33 (25 to 41)" in rows["lamp"]
    assert rows["lamp"].rstrip().endswith("due")
    assert "at least 25" in rows["focus"]
    assert "not informative yet, 12 more days" in rows["focus"]
    assert "no ageing seen" in rows["still"]
