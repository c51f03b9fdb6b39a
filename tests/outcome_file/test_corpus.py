"""Outcome files in the dialects plants write, against what was read of them and then looked over (corpus/expected.json); and round
trips.
"""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.outcome_file.instants import Instants, NoInstant, guess_order
from agent.outcome_file.rows import OutcomeFile, Reading
from agent.outcome_file.text import guess_encoding
from agent.outcome_file.words import DEFECTIVE, GOOD, NO, YES, Words

CORPUS = Path(__file__).parent / "corpus"
EXPECTED = json.loads((CORPUS / "expected.json").read_text())
BERLIN = ZoneInfo("Europe/Berlin")


def said(row):
    if row.outcome is None:
        return {"line": row.line, "refused": row.reason}
    body = json.loads(msgspec.json.encode(row.outcome))
    return {"line": row.line, "outcome": {key: value for key, value in body.items() if key != "type"}}


def written(folder, text, encoding="utf-8", name="outcomes.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_every_file_of_the_corpus_has_an_expected_result():
    assert {path.name for path in CORPUS.iterdir()} - {"expected.json"} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_dialect_is_told_from_the_file_and_read_as_it_was_meant(name):
    file = OutcomeFile(CORPUS / name, Reading(zone=BERLIN))
    assert file.describe() == EXPECTED[name]["read_as"]
    assert [said(row) for row in file.rows()] == EXPECTED[name]["rows"]


# --- what cannot be told is not guessed ---------------------------------------------------------------------------------------


def test_dates_that_may_be_day_or_month_first_are_refused_until_declared(tmp_path):
    path = written(tmp_path, "part_id,defective,observed_at\nP1,ok,3/2/2026 06:00\n")
    with pytest.raises(AgentError, match="may be day first or month first"):
        OutcomeFile(path, Reading())
    for dates, day in (("dmy", datetime(2026, 2, 3, 6, tzinfo=UTC)), ("mdy", datetime(2026, 3, 2, 6, tzinfo=UTC))):
        (row,) = OutcomeFile(path, Reading(dates=dates)).rows()
        assert row.outcome.observed_at == day


def test_dates_that_contradict_one_another_tell_no_order():
    assert guess_order(["31/12/2026", "12/31/2026"]) is None
    assert guess_order(["1/2/2026", "13/2/2026"]) == "dmy"
    assert guess_order(["1/2/2026", "1/13/2026"]) == "mdy"
    assert guess_order(["2026-03-02", ""]) == "ymd"


def test_two_columns_that_may_be_the_verdict_are_refused_until_one_is_declared(tmp_path):
    path = written(tmp_path, "sn;result;judgement;timestamp\n1;ok;ng;2026-03-02T06:00:00Z\n")
    with pytest.raises(AgentError, match="no line among"):
        OutcomeFile(path, Reading())
    (row,) = OutcomeFile(path, Reading(columns={"defective": "judgement"})).rows()
    assert row.outcome.defective is True


def test_a_yes_means_what_its_column_says_and_nothing_where_the_header_does_not_tell(tmp_path):
    for title, expected in (
        ("defective", True),
        ("NG", True),
        ("Ausschuss", True),
        ("passed", False),
        ("良品", False),
        ("result", None),
    ):
        path = written(tmp_path, f"sn,{title},timestamp\n1,yes,2026-03-02T06:00:00Z\n")
        (row,) = OutcomeFile(path, Reading()).rows()
        assert (None if row.outcome is None else row.outcome.defective) is expected, title
        assert row.outcome is not None or row.reason == "no_verdict"


def test_a_declared_word_is_known_and_outweighs_the_known_ones(tmp_path):
    path = written(tmp_path, "sn,result,timestamp\n1,B,2026-03-02T06:00:00Z\n2,ok,2026-03-02T06:00:00Z\n")
    rows = list(OutcomeFile(path, Reading(good=("b",), defective=("OK",))).rows())
    assert [row.outcome.defective for row in rows] == [False, True]


def test_no_word_says_both_good_and_defective_or_both_yes_and_no():
    assert not GOOD & DEFECTIVE
    assert not YES & NO
    assert not (GOOD | DEFECTIVE) & (YES | NO)
    assert all(Words(means_defective=None).is_defective(word) is None for word in YES | NO)


def test_bytes_of_another_encoding_late_in_the_file_are_refused_by_line(tmp_path):
    row = "P{},ok,2026-03-02T06:00:00Z\n"
    head = "part_id,defective,observed_at\n" + "".join(row.format(k) for k in range(12_000))
    path = tmp_path / "late.csv"
    path.write_bytes(head.encode() + "Pü,ok,2026-03-02T06:00:00Z\n".encode("cp1252") + row.format("last").encode())
    rows = list(OutcomeFile(path, Reading()).rows())
    assert [(r.line, r.reason) for r in rows if r.outcome is None] == [(12_002, "not_text")]
    assert rows[-1].outcome.part_id == "Plast"


def test_an_open_quote_costs_the_rows_it_swallows_and_no_more(tmp_path):
    row = "P{},ok,2026-03-02T06:00:00Z\n"
    body = "".join(row.format(k) for k in range(20_000))
    path = written(tmp_path, f'part_id,defective,observed_at\n"open,ok,2026-03-02T06:00:00Z\n{body}')
    rows = list(OutcomeFile(path, Reading()).rows())
    assert (rows[0].line, rows[0].reason) == (2, "malformed")
    assert rows[-1].outcome.part_id == "P19999"
    assert sum(r.outcome is None for r in rows) <= 2  # the swallowed stretch, and the row it ends in


def test_a_day_alone_is_its_first_moment_so_that_it_moves_no_clock_ahead():
    assert Instants(BERLIN, "dmy").read("02.03.2026") == datetime(2026, 3, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["", "yesterday", "32.01.2026 06:00", "06:00", "2026-13-01 06:00", "12.5", "2026"])
def test_what_is_no_date_is_refused(cell):
    with pytest.raises(NoInstant):
        Instants(BERLIN, "dmy").read(cell)


# --- round trips --------------------------------------------------------------------------------------------------------------

FIRST, LAST = datetime.fromisoformat("2001-01-01"), datetime.fromisoformat("2069-12-31")
INSTANTS = st.datetimes(FIRST, LAST).map(lambda at: at.replace(microsecond=0))
FORMATS = {
    "%d.%m.%Y %H:%M:%S": "dmy",
    "%d.%m.%y %H:%M:%S": "dmy",
    "%m/%d/%Y %I:%M:%S %p": "mdy",
    "%d/%m/%Y %H:%M:%S": "dmy",
    "%Y/%m/%d %H:%M:%S": "ymd",
    "%Y-%m-%d %H:%M:%S": "ymd",
    "%Y-%m-%dT%H:%M:%S": "ymd",
    "%d-%b-%Y %H:%M:%S": "ymd",
    "%Y年%m月%d日 %H時%M分%S秒": "ymd",
}


@pytest.mark.parametrize("form", FORMATS)
@given(at=INSTANTS)
@settings(max_examples=50, deadline=None)
def test_a_time_written_in_any_format_is_read_back(form, at):
    assert Instants(UTC, FORMATS[form]).read(at.strftime(form)) == at.replace(tzinfo=UTC)


@given(at=INSTANTS)
@settings(max_examples=100, deadline=None)
def test_an_excel_day_number_is_read_back_to_the_second(at):
    days = (at - datetime.fromisoformat("1899-12-30")).total_seconds() / 86_400
    read = Instants(UTC, "ymd").read(f"{days:.9f}".replace(".", ","))
    assert abs((read - at.replace(tzinfo=UTC)).total_seconds()) < 0.5


CELLS = st.text(st.characters(codec="cp1252", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and "\ufffd" not in text
)
ROWS = st.lists(st.tuples(CELLS, st.booleans(), INSTANTS, CELLS), min_size=1, max_size=12)


@given(rows=ROWS, delimiter=st.sampled_from(";,\t|"), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells_in_any_declared_dialect_are_read_back(tmp_path, rows, delimiter, encoding):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(("part_id", "defective", "observed_at", "defect_class"))
    for part, bad, at, mode in rows:
        writer.writerow((part, "n.i.O." if bad else "i.O.", at.strftime("%d.%m.%Y %H:%M:%S"), mode))
    path = written(tmp_path, text.getvalue(), encoding)
    read = [row.outcome for row in OutcomeFile(path, Reading(delimiter=delimiter, encoding=encoding)).rows()]
    assert [(o.part_id, o.defective, o.observed_at.replace(tzinfo=None), o.defect_class) for o in read] == rows


@given(text=st.text(st.characters(codec="cp932", min_codepoint=0x3041, max_codepoint=0x9FA0), min_size=8, max_size=200))
@settings(max_examples=50, deadline=None)
def test_japanese_text_is_told_from_western_text(text):
    assert guess_encoding(f"part,{text}\n".encode("cp932")) == "cp932"


@given(text=st.text("äöüßÄÖÜéèêàçñõø abc", min_size=4, max_size=200).filter(lambda t: not t.isascii()))
@settings(max_examples=50, deadline=None)
def test_western_text_is_told_from_japanese_text(text):
    assert guess_encoding(f"part,{text}\n".encode("cp1252")) == "cp1252"
