-- What was decided of held parts: the passed ones of `station` with first <= index <= last. It outlives the journal as the parts do.
CREATE TABLE dispositions (
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES names (id),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    incident TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX dispositions_by_incident ON dispositions (incident, first);
