"""The whole agent on records nobody should send."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app import build
from agent.config.model import Config
from agent.runtime.clock import SystemClock
from agent.runtime.threads import StopEvent
from agent.store.reader import Reader
from tests.core.folding import REGISTER

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
FUZZED = 10_000
REASONS = {"not_json", "unknown_type", "schema", "not_finite", "too_large", "untrusted_frame"}


def inspection(k, **more):
    return {
        "part_id": f"P{k:05d}",
        "station": "ST4",
        "captured_at": (START + timedelta(seconds=k)).isoformat(),
        "verdict": "ok",
        "p_defect": 0.02,
        **more,
    }


def outcome(k):
    return {
        "part_id": f"P{k:05d}",
        "station": "ST4",
        "defective": False,
        "observed_at": (START + timedelta(seconds=k + 9)).isoformat(),
    }


def fuzz(rng, k):
    """One line that was a record before something happened to it."""
    body = inspection(k) if rng.random() < 0.7 else outcome(k)
    kind = rng.randrange(8)
    if kind == 0:
        return json.dumps(body).encode()[: rng.randrange(1, 60)]
    if kind == 1:
        raw = bytearray(json.dumps(body).encode())
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw).replace(b"\n", b" ").replace(b"\r", b" ")
    if kind == 2:
        return rng.randbytes(rng.randrange(1, 300)).replace(b"\n", b" ").replace(b"\r", b" ")
    if kind == 3:
        return b"[" * rng.randrange(1, 3000)
    name = rng.choice(list(body))
    if kind == 4:
        del body[name]
    elif kind == 5:
        body[name] = rng.choice([None, [], {}, "", "x" * 300, -1, 1e308, True, {"a": [1]}])
    elif kind == 6:
        return json.dumps(body).replace("0.02", rng.choice(["NaN", "Infinity", "1e999", "-0.5", "1.5"])).encode()
    else:
        body["measurements"] = {"m" * rng.randrange(0, 200): rng.choice([1, "one", None]) for _ in range(3)}
    return json.dumps(body).encode()


def resident_mb():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    rng = random.Random(11)
    lines, good = [], []
    for k in range(FUZZED):
        lines.append(fuzz(rng, 100_000 + k))
        if k % 10 == 0:
            good.append(f"P{k:05d}")
            lines.append(json.dumps(inspection(k)).encode())
    file = folder / "fuzzed.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    config = Config.model_validate(
        {
            "stations": [{"id": "ST4", **REGISTER, "outcomes": {"mode": "sample"}}],
            "taps": [{"type": "jsonl", "name": "file", "mode": "replay", "paths": [str(file)]}],
        }
    )
    app = build(config, SystemClock(), live=False, state_dir=folder)
    before = resident_mb()
    app.run(StopEvent())
    return folder, [line for line in lines if line.strip()], good, app.snapshots.current(), resident_mb() - before


def test_every_line_is_journalled_refused_or_a_duplicate(fuzzed):
    folder, lines, _, snapshot, _ = fuzzed
    refused = sum(total for (counter, _), total in snapshot.counters.items() if counter == "refused")
    duplicates = sum(total for (counter, _), total in snapshot.counters.items() if counter == "duplicates")
    with Reader(folder / "linewarden.db") as reader:
        journalled = sum(1 for _ in reader.entries())
    assert refused > FUZZED // 2
    assert refused + duplicates + journalled == len(lines)


def test_refusals_are_counted_under_a_closed_set_of_reasons(fuzzed):
    counted = {labels.split(":")[-1] for (counter, labels) in fuzzed[3].counters if counter == "refused"}
    assert counted <= REASONS
    assert counted >= {"not_json", "unknown_type", "schema"}


def test_good_records_in_between_are_judged(fuzzed):
    folder, _, good, _, _ = fuzzed
    with Reader(folder / "linewarden.db") as reader:
        judged = {part.part_id for part in reader.passed_parts("ST4", 1, 10**9)}
    assert judged >= set(good)


def test_ten_thousand_bad_records_leave_no_weight_behind(fuzzed):
    assert fuzzed[4] < 40
