"""What "is a detector" means: every folder of `detectors/` with a detector.py passes this."""

from __future__ import annotations

import ast
import copy
import itertools
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincinv

import detectors
from benchmarks import figures
from detectors import catalogue
from detectors.contract import Conformance
from detectors.errors import ShapeError

ROOT = Path(detectors.__file__).parent
SUBJECTS: dict[str, Conformance] = {name: catalogue.module(name).conformance() for name in catalogue.names()}
CASES = [(name, case) for name in SUBJECTS for case in tomllib.loads((ROOT / name / "cases.toml").read_text())["case"]]

every_detector = pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())


def labelled(rows: np.ndarray, first: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Rows with labels as a station gives them: non-decreasing, with gaps and repeats."""
    return np.ascontiguousarray(rows), first + np.arange(len(rows), dtype=np.int64) * 3 // 2


def history(subject: Conformance, seed: int, length: int, nan_share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """In control, then changed, then in control again, with values missing."""
    rng = np.random.default_rng(seed)
    first = length // 3
    rows = np.concatenate(
        [subject.null_rows(rng, first), subject.changed_rows(rng, first), subject.null_rows(rng, length - 2 * first)]
    )
    rows[rng.random(rows.shape) < nan_share] = np.nan
    return labelled(rows)


def same_state(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)


def test_level_shift_and_outcome_gap_are_found_by_being_there():
    assert {"level_shift", "outcome_gap"} <= set(SUBJECTS)


@every_detector
def test_a_folder_is_complete_and_named_after_itself(subject):
    folder = ROOT / subject.name
    assert {"detector.py", "oracle.py", "cases.toml", "README.md"} <= {path.name for path in folder.iterdir()}
    cases = tomllib.loads((folder / "cases.toml").read_text())["case"]
    assert cases
    for case in cases:
        assert {"id", "source", "low", "high"} <= case.keys()
    assert len({case["id"] for case in cases}) == len(cases)


@every_detector
def test_an_oracle_imports_nothing_from_the_project(subject):
    tree = ast.parse((ROOT / subject.name / "oracle.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.split(".")[0] in {"detectors", "agent", "numpy", "scipy"}}


@every_detector
def test_rows_and_labels_of_another_shape_or_type_are_refused_and_change_nothing(subject):
    detector = subject.build()
    rows, at = history(subject, 1, 30)
    detector.update(rows, at)
    before = detector.save()
    infinite = rows.copy()
    infinite[0, 0] = math.inf
    wrong = [
        (rows[:, 0], at),
        (np.hstack([rows, rows]), at),
        (rows.astype(np.float32), at),
        (rows, at[:-1]),
        (rows, at.astype(np.float64)),
        (rows, at[::-1].copy()),
        (infinite, at),
    ]
    for x, labels in wrong:
        with pytest.raises(ShapeError):
            detector.update(x, labels)
    assert same_state(before, detector.save())


@every_detector
def test_a_missing_sample_never_alarms_and_adds_no_evidence(subject):
    detector = subject.build()
    rows, at = history(subject, 2, 90, nan_share=0.0)
    detector.update(rows, at)
    before = detector.save()
    missing = np.full_like(rows, np.nan)
    assert detector.update(missing, at + at[-1]) == []
    assert same_state(before, detector.save())


@every_detector
def test_no_rows_change_nothing(subject):
    detector = subject.build()
    rows, _ = history(subject, 2, 30)
    before = detector.save()
    assert detector.update(rows[:0].copy(), np.empty(0, np.int64)) == []
    assert same_state(before, detector.save())


@every_detector
def test_input_is_never_written_to(subject):
    rows, at = history(subject, 3, 300)
    kept, kept_at = rows.copy(), at.copy()
    rows.flags.writeable = at.flags.writeable = False
    subject.build().update(rows, at)
    assert rows.tobytes() == kept.tobytes()
    assert at.tobytes() == kept_at.tobytes()


@every_detector
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, 240), max_size=6))
def test_a_stream_cut_into_other_batches_gives_the_same_bits(subject, seed, cuts):
    rows, at = history(subject, seed, 240)
    whole, pieces = subject.build(), subject.build()
    expected = whole.update(rows, at)
    got = []
    edges = [0, *sorted(cuts), 240]
    for a, b in itertools.pairwise(edges):
        got += pieces.update(rows[a:b], at[a:b])
    assert got == expected
    assert same_state(whole.save(), pieces.save())
    single = subject.build()
    assert [c for t in range(240) for c in single.update(rows[t : t + 1], at[t : t + 1])] == expected
    assert same_state(whole.save(), single.save())


@every_detector
def test_a_strided_view_gives_the_same_bits(subject):
    rows, at = history(subject, 4, 240)
    wide = np.empty((480, rows.shape[1] * 2))
    wide[::2, ::2] = rows
    a, b = subject.build(), subject.build()
    assert a.update(rows, at) == b.update(wide[::2, ::2], at)
    assert same_state(a.save(), b.save())


@every_detector
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), cut=st.integers(0, 240))
def test_a_saved_detector_continues_to_the_same_bits(subject, seed, cut):
    rows, at = history(subject, seed, 240)
    first, second = subject.build(), subject.build()
    first.update(rows[:cut], at[:cut])
    saved = first.save()
    second.load({name: array.copy() for name, array in saved.items()})
    assert first.update(rows[cut:], at[cut:]) == second.update(rows[cut:], at[cut:])
    assert same_state(first.save(), second.save())
    third = subject.build()
    third.load(saved)  # save hands out copies: what came after has not changed it
    third.update(rows[cut:], at[cut:])
    assert same_state(first.save(), third.save())


@every_detector
def test_a_foreign_state_is_refused_and_changes_nothing(subject):
    detector = subject.build()
    rows, at = history(subject, 5, 60)
    detector.update(rows, at)
    before = detector.save()
    name = min(before)
    for wrong in (
        {},
        {k: v for k, v in before.items() if k != name},
        before | {"more": np.zeros(1)},
        before | {name: np.zeros((7, 7))},
    ):
        with pytest.raises(ShapeError):
            detector.load(wrong)
        assert same_state(before, detector.save())


@every_detector
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), length=st.integers(1, 400), nan_share=st.sampled_from([0.0, 0.05, 0.5]))
def test_the_fast_code_agrees_with_the_oracle(subject, seed, length, nan_share):
    rows, at = history(subject, seed, length, nan_share)
    expected, crossings = subject.oracle(rows.tolist(), at.tolist())
    detector = subject.build()
    got = []
    for t in range(length):
        got += [(c.at, c.column, c.direction, c.onset.estimate) for c in detector.update(rows[t : t + 1], at[t : t + 1])]
        np.testing.assert_allclose(detector.evidence, expected[t], rtol=1e-9)
    assert got == crossings


@every_detector
def test_a_change_crosses_and_the_crossing_says_where_and_since_when(subject):
    rng = np.random.default_rng(6)
    rows, at = labelled(np.concatenate([subject.null_rows(rng, 300), subject.changed_rows(rng, 300)]))
    detector = subject.build()
    crossings = detector.update(rows, at)
    assert {c.column for c in crossings if c.at >= at[300]} == set(range(detector.columns))
    for c in crossings:
        assert c.evidence >= c.threshold == detector.thresholds[c.column]
        assert c.evidence <= 10 * c.threshold
        assert at[0] - 1 <= c.onset.earliest <= c.onset.estimate <= c.onset.latest <= c.at
        assert c.direction in {-1, 1}
        assert math.isfinite(c.size)
        assert c.updates >= 1


@every_detector
def test_a_copy_is_whole_or_refused(subject):
    rows, at = history(subject, 8, 240)
    detector = subject.build()
    detector.update(rows[:120], at[:120])
    try:
        copied = copy.deepcopy(detector)
    except TypeError:
        return
    assert detector.update(rows[120:], at[120:]) == copied.update(rows[120:], at[120:])
    assert same_state(detector.save(), copied.save())


@every_detector
def test_evidence_and_thresholds_are_copies(subject):
    detector = subject.build()
    detector.evidence[:] = 1e9
    detector.thresholds[:] = 0
    assert (detector.evidence == 0).all()
    assert (detector.thresholds > 0).all()
    assert detector.evidence.shape == detector.thresholds.shape == (detector.columns,)


@every_detector
def test_false_alarms_stay_under_the_bound_whatever_the_seed(subject):
    """E[false alarms in T updates] <= T / c: the seeded count's lower 99.9 % Poisson limit must not exceed the bound."""
    detector = subject.build()
    rows = subject.null_rows(np.random.default_rng(7), 60_000)
    alarms = len(detector.update(*labelled(rows)))
    bound = float((60_000 / detector.thresholds).sum())
    assert alarms > 0, "thresholds are too high for this test to mean anything"
    assert float(gammaincinv(alarms, 0.001)) <= bound


@pytest.mark.parametrize(("name", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_a_stated_figure_is_reproduced_and_stands_on_the_page(name, case):
    measured = SUBJECTS[name].measure(case)
    assert case["low"] <= measured <= case["high"]
    assert figures.row(case, measured) in (ROOT / name / "README.md").read_text().splitlines(), (
        "python -m benchmarks.figures --write"
    )
