-- Models as they were planned and approved. body: JSON of agent.documents.ModelChangeDoc.
CREATE TABLE model_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    station TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    body BLOB NOT NULL
);
-- Pictures of incidents, small: `before` and `after`. Those of incident '' show a place as its baseline was learned; they are
-- copied to the incidents that need them. body: JPEG. histogram: 64 counts of grey levels, 4 bytes each, little-endian.
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL,
    station TEXT NOT NULL,
    view TEXT NOT NULL,
    position TEXT NOT NULL,
    recipe TEXT NOT NULL,
    moment TEXT NOT NULL,
    source TEXT NOT NULL,
    part_id TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    of_sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    histogram BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX pictures_by_incident ON pictures (incident, station, view);
