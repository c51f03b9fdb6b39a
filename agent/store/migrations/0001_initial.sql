-- Times are integers: microseconds since 1970 UTC. Stations and recipes are references into `names`.
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- One committed order of entries. body: msgpack of agent.records.Entry, deflated.
-- identity: see agent/store/identity.py; its first bytes grow with the source, so that the index is appended to, not scattered over.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    station INTEGER REFERENCES names (id),
    at INTEGER NOT NULL,
    tap INTEGER REFERENCES names (id),
    identity BLOB,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_identity ON journal (identity) WHERE identity IS NOT NULL;

CREATE TABLE parts (
    station INTEGER NOT NULL REFERENCES names (id),
    idx INTEGER NOT NULL,
    part_id TEXT NOT NULL,
    captured_at INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    recipe INTEGER NOT NULL REFERENCES names (id),
    box TEXT NOT NULL,
    PRIMARY KEY (station, idx)
) WITHOUT ROWID;
CREATE INDEX parts_by_part_id ON parts (station, part_id);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    kind TEXT NOT NULL
);
CREATE INDEX outbox_cmd_result ON outbox (topic) WHERE kind = 'cmd_result';

-- body: JSON of agent.documents.AlarmDoc, IncidentDoc
CREATE TABLE alarms (
    station TEXT NOT NULL,
    alarm_id TEXT NOT NULL,
    state TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (station, alarm_id)
) WITHOUT ROWID;
CREATE TABLE alarm_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm_id TEXT NOT NULL,
    occurrence_id TEXT NOT NULL,
    transition TEXT NOT NULL,
    part_id TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX alarm_events_by_occurrence ON alarm_events (occurrence_id);
CREATE TABLE incidents (
    incident TEXT PRIMARY KEY,
    station TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    open INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE baselines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    station TEXT NOT NULL,
    stream TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX baselines_by_stream ON baselines (station, stream, at);

CREATE TABLE positions (tap TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sink_marks (sink TEXT PRIMARY KEY, row_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (
    counter TEXT NOT NULL,
    labels TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (counter, labels)
) WITHOUT ROWID;
CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, state BLOB NOT NULL);
