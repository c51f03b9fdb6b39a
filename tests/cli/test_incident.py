"""`incident list|show` over a store without an agent: the fixture of the holds, of which the incident is."""

import json

from tests.cli.test_trace_and_hold import folder, run

__all__ = ["folder"]


def test_open_incidents_are_listed_with_causes_and_what_is_held(capsys, folder):
    code, out, _ = run(capsys, folder, "incident", "list")
    assert code == 0
    header, row = (words.split("\t") for words in out.splitlines())
    shown = dict(zip(header, row, strict=True))
    assert (shown["incident"], shown["state"], shown["harm"]) == ("ST4-0001", "going on", "shown")
    assert " of " in shown["held, open"]


def test_an_incident_is_shown_with_its_evidence_and_the_alarms_as_they_were_raised(capsys, folder):
    _, out, _ = run(capsys, folder, "incident", "show", "ST4-0001", "--json")
    shown = json.loads(out)
    assert [alarm["occurrence_id"] for alarm in shown["alarms"]] == shown["incident"]["alarms"]
    assert shown["alarms"][0]["evidence"]["value"] >= shown["alarms"][0]["evidence"]["threshold"]
    assert shown["incident"]["frozen"]["model"] == "m1"
    code, out, _ = run(capsys, folder, "incident", "show", "ST4-0001")
    assert code == 0
    assert "held = " in out


def test_the_8d_facts_have_all_eight_sections_and_claim_no_conformity(capsys, folder):
    _, out, _ = run(capsys, folder, "incident", "show", "ST4-0001", "--8d")
    assert [f"D{k}" for k in range(1, 9)] == [words[:2] for words in out.splitlines() if words[:1] == "D" and words[1:2].isdigit()]
    assert "it is not a conformity assessment" in out
    assert "bad-parts-passed" in out
    assert "owner A. Meier, deputy B. Kaya" in out
    assert "compliant" not in out
    _, out, _ = run(capsys, folder, "incident", "show", "ST4-0001", "--8d", "--json")
    report = json.loads(out)
    assert len(report["sections"]) == 8
    assert all(section["facts"] for section in report["sections"])


def test_an_incident_that_is_none_is_refused(capsys, folder):
    code, _, err = run(capsys, folder, "incident", "show", "ST4-0099")
    assert code == 1
    assert "no incident ST4-0099" in err
