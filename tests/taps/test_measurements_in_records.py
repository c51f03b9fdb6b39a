"""Measurements in records: null is not measured, what is no number refuses the record by a reason that names it."""

import json

import pytest

from agent.errors import RecordRefused
from agent.records import decode

BODY = {"part_id": "P1", "station": "ST4", "captured_at": "2026-01-05T06:00:00Z", "verdict": "ok"}


def read(measurements):
    return decode(json.dumps({**BODY, "measurements": measurements}).encode())[0].measurements


def test_numbers_are_taken_and_null_is_not_measured():
    assert read({"hole_d": 5.02, "count": 3, "slot": None, "Länge [mm]": -1e-9}) == {
        "hole_d": 5.02,
        "count": 3.0,
        "Länge [mm]": -1e-9,
    }
    assert read({}) == {}


@pytest.mark.parametrize("value", ["5.02", "n/a", "", True, False, [1.0], {"value": 1.0}])
def test_what_is_no_number_refuses_the_record_and_names_the_measurement(value):
    with pytest.raises(RecordRefused, match=r"measurements\.hole d must be a number, or null where not measured, got ") as caught:
        read({"ok": 1.0, "hole d": value})
    assert caught.value.reason == "measurement"


@pytest.mark.parametrize("text", ["1e999", "-1e999", "NaN", "Infinity"])
def test_what_is_not_finite_is_no_json_number(text):
    raw = json.dumps(BODY)[:-1] + f', "measurements": {{"hole_d": {text}}}}}'
    with pytest.raises(RecordRefused) as caught:
        decode(raw.encode())
    assert caught.value.reason == "not_json"


def test_more_names_than_a_record_may_have_refuse_it():
    assert len(read({f"m{k}": float(k) for k in range(256)})) == 256
    with pytest.raises(RecordRefused) as caught:
        read({f"m{k}": float(k) for k in range(257)})
    assert caught.value.reason == "schema"
