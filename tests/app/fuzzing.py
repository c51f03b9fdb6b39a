"""Records nobody should send, good ones between them, and the account of what became of them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.records import MAX_RECORD_BYTES, Gap, Tick
from agent.store.reader import Reader

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
REASONS = {"not_json", "unknown_type", "measurement", "schema", "not_finite", "too_large", "untrusted_frame"}


def inspection(k, **more):
    return {
        "part_id": f"P{k:06d}",
        "station": "ST4",
        "captured_at": (START + timedelta(seconds=k)).isoformat(),
        "verdict": "ok",
        "p_defect": 0.02,
        **more,
    }


def outcome(k):
    return {
        "part_id": f"P{k:06d}",
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


def with_picture(rng, k, data):
    """One inspection with a picture that is damaged, elsewhere, or no picture at all."""
    kind = rng.randrange(4)
    if kind == 0:
        return json.dumps(inspection(k, image=rng.choice(["../../etc/passwd", "none.png", "\0", "/dev/zero", "x" * 900]))).encode()
    damaged = bytearray(data if kind == 1 else data[: rng.randrange(1, len(data))] if kind == 2 else rng.randbytes(2000))
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return json.dumps(inspection(k, image_inline=base64.b64encode(damaged).decode())).encode()


def mixed(rng, count, *, first=0, data=b""):
    """(`count` fuzzed lines with every tenth followed by a good one, the good part ids).

    data: a good picture, for one fuzzed line in 50 and one good line in 20; a line in 10,000 is longer than a record may be.
    """
    lines, good = [], []
    for j in range(count):
        k = first + 2 * j
        if data and j % 10_000 == 77:
            lines.append(b'{"part_id":"' + b"x" * MAX_RECORD_BYTES + b'"}')
        elif data and j % 50 == 0:
            lines.append(with_picture(rng, k, data))
        else:
            lines.append(fuzz(rng, k))
        if j % 10 == 0:
            good.append(f"P{k + 1:06d}")
            picture = {"image_inline": base64.b64encode(data).decode()} if data and j % 200 == 0 else {}
            lines.append(json.dumps(inspection(k + 1, **picture)).encode())
    return [line for line in lines if line.strip()], good


def counted(folder, counter):
    """{label behind the tap's name: how often}, of one counter of the store."""
    with Reader(folder / "linewarden.db") as reader:
        found = {labels: total for (name, labels), total in reader.counters().items() if name == counter}
    return {labels.rpartition(":")[2]: total for labels, total in found.items()}


def entries(folder):
    """The journal's, of what came from outside."""
    with Reader(folder / "linewarden.db") as reader:
        return [entry for _, entry in reader.entries() if not isinstance(entry, Tick | Gap)]


def judged(folder):
    """Ids of the parts judged."""
    with Reader(folder / "linewarden.db") as reader:
        return {part.part_id for part in reader.passed_parts("ST4", 1, 10**9)}


def memory_mb(pid, name="VmRSS"):
    """VmRSS: resident now; VmHWM: at most so far; VmPeak: address space, at most."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields[name].split()[0]) / 1024
