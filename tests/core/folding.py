"""A fold without a store: entries in, effects out, for tests."""

from datetime import UTC, datetime, timedelta

import numpy as np

from agent.config.model import Config
from agent.core.fold import Core
from agent.records import Frame, Inspected, Inspection, Model, Outcome, Told
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
REGISTER = {"owner": "A. Meier", "deputy": "B. Kaya", "decision": "ships", "consequence": "field failure", "tier": 3}


class MemoryHistory:
    """The store's answers from a list."""

    def __init__(self):
        self.rows = {}

    def record(self, effects):
        for row in effects.parts:
            self.rows[row.station, row.index] = row

    def part(self, station, index):
        return self.rows.get((station, index))

    def part_index(self, station, part_id, up_to):
        found = [i for (name, i), row in self.rows.items() if name == station and row.part_id == part_id and i <= up_to]
        return max(found, default=None)

    def passed_between(self, station, first, last):
        return sum(self.rows[station, i].verdict == "ok" for i in range(first, last + 1) if (station, i) in self.rows)

    def passed_parts(self, station, first, last, *, part_id="", box="", since=None, until=None):
        rows = [self.rows[station, i] for i in range(first, last + 1) if (station, i) in self.rows]
        return tuple(
            row.index
            for row in rows
            if row.verdict == "ok"
            and part_id in ("", row.part_id)
            and box in ("", row.box)
            and (since is None or row.captured_at >= since)
            and (until is None or row.captured_at <= until)
        )

    def boxes_between(self, station, first, last):
        rows = [self.rows[station, i] for i in range(first, last + 1) if (station, i) in self.rows]
        return tuple(dict.fromkeys(row.box for row in rows if row.box))


def config(**station):
    given = {
        "id": "ST4",
        **REGISTER,
        "parts_per_month": 100_000,
        "threshold": 0.5,
        "baseline": {"parts": 800, "min_stream_parts": 300, "steadiness": "assumed"},
        "outcomes": {"mode": "sample", "delay_s": 600, "audits_per_month": 10_000},
    }
    return Config.model_validate({"stations": [{**given, **station}]})


class Folding:
    """Folds entries one by one, recording parts as the engine does."""

    def __init__(self, configuration=None):
        self.configuration = configuration or config()
        self.history = MemoryHistory()
        self.core = Core(self.configuration, self.history)
        self.alarms = []
        self.messages = []
        self.incidents = []

    def fold(self, entry):
        effects = self.core.fold(entry)
        self.history.record(effects)
        self.alarms += effects.alarms
        self.messages += effects.messages
        self.incidents += effects.incidents
        return effects

    def all(self, entries):
        for entry in entries:
            self.fold(entry)
        return self

    def restarted(self):
        """The same fold, continued from its checkpoint."""
        state = self.core.save()
        self.core = Core(self.configuration, self.history)
        self.core.load(state)
        return self

    @property
    def station(self):
        return self.core.view().stations[0]


def part(k, values, *, p=0.02, verdict="ok", recipe="A", lot="L1", seconds=3.0, **more):
    record = Inspection(
        part_id=f"P{k:05d}",
        station="ST4",
        captured_at=START + timedelta(seconds=seconds * k),
        verdict=verdict,
        p_defect=p,
        recipe=recipe,
        model=Model("m1"),
        context={"lot": lot},
        **more,
    )
    frame = None if values is None else Frame(tuple(None if np.isnan(v) else float(v) for v in values), TABLE_VERSION)
    return Inspected(record, frame)


def outcome(k, *, defective, after_s=300.0, seconds=3.0):
    at = START + timedelta(seconds=seconds * k + after_s)
    return Told(Outcome(part_id=f"P{k:05d}", station="ST4", defective=defective, observed_at=at, inclusion_probability=0.5))


def raw_rows(rng, n):
    """Plausible image channels, (n, C): independent, in control; colour missing as on a grey camera."""
    rows = np.empty((n, len(IMAGE_CHANNELS)))
    for c, spec in enumerate(IMAGE_CHANNELS):
        noise = rng.standard_normal(n)
        if spec.transform == "log":
            rows[:, c] = np.exp((4.5 if spec.name == "luminance" else 1.0) + 0.1 * noise)
        elif spec.transform == "logit":
            rows[:, c] = 1.0 / (1.0 + np.exp(3.0 + 0.5 * noise))
        else:
            rows[:, c] = 0.05 * noise
        if spec.name in ("red_green", "blue_green"):
            rows[:, c] = np.nan
    return rows


def line(seed, n, *, first=0, escapes=0.01, claim=0.02, audited=0.5, change=None):
    """Entries of a simulated line in time order: parts, and outcomes of half of them 300 s later."""
    rng = np.random.default_rng([seed, first])
    rows = raw_rows(rng, n)
    entries = []
    for j in range(n):
        k = first + j
        row = rows[j] if change is None else change(k, rows[j])
        score = float(np.clip(claim * np.exp(0.5 * rng.standard_normal()), 1e-4, 0.49))
        entries.append((3.0 * k, part(k, row, p=score, lot=f"L{k // 200}")))
        if rng.random() < (1.0 if k < 800 else audited):
            entries.append((3.0 * k + 300.0, outcome(k, defective=bool(rng.random() < escapes))))
    entries.sort(key=lambda pair: pair[0])
    return [entry for _, entry in entries]
