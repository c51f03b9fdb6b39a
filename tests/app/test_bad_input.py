"""The whole agent on records nobody should send, replayed from a file."""

import os
import random

import pytest

from agent.app import build
from agent.config.model import Config
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from tests.app.fuzzing import REASONS, counted, entries, judged, memory_mb, mixed
from tests.core.folding import REGISTER

FUZZED = 10_000


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    lines, good = mixed(random.Random(11), FUZZED)
    file = folder / "fuzzed.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    config = Config.model_validate(
        {
            "stations": [{"id": "ST4", **REGISTER, "outcomes": {"mode": "sample"}}],
            "taps": [{"type": "jsonl", "name": "file", "mode": "replay", "paths": [str(file)]}],
        }
    )
    app = build(config, SystemClock(), live=False, state_dir=folder)
    before = memory_mb(os.getpid())
    app.run(StopEvent())
    return folder, lines, good, memory_mb(os.getpid()) - before


def test_every_line_is_journalled_refused_or_a_duplicate(fuzzed):
    folder, lines, _, _ = fuzzed
    refused, duplicates = (sum(counted(folder, counter).values()) for counter in ("refused", "duplicates"))
    assert refused > FUZZED // 2
    assert refused + duplicates + len(entries(folder)) == len(lines)


def test_refusals_are_counted_under_a_closed_set_of_reasons(fuzzed):
    reasons = set(counted(fuzzed[0], "refused"))
    assert reasons <= REASONS
    assert reasons >= {"not_json", "unknown_type", "schema"}


def test_good_records_in_between_are_judged(fuzzed):
    folder, _, good, _ = fuzzed
    assert judged(folder) >= set(good)


def test_ten_thousand_bad_records_leave_no_weight_behind(fuzzed):
    assert fuzzed[3] < 40
