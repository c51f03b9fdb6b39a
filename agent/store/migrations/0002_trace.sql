-- The trace index: of every part what it takes to answer a complaint, kept while journal entries expire.
-- key: station << 36 | index at the station. What parts share stands once: what they were made and judged as (`makes`), the box
-- they went into (`boxes`: one row per filling, since box names come back), the hours they were made in (`part_times`).
CREATE TABLE makes (
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES names (id),
    recipe TEXT NOT NULL,
    position TEXT NOT NULL,
    lot TEXT NOT NULL,
    model TEXT NOT NULL,
    UNIQUE (station, recipe, position, lot, model)
);
CREATE TABLE boxes (
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES names (id),
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
);
CREATE INDEX boxes_by_name ON boxes (name, station);
CREATE INDEX boxes_by_first ON boxes (station, first);

CREATE TABLE traced (
    key INTEGER PRIMARY KEY,
    part_id TEXT NOT NULL,
    captured_at INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    make INTEGER NOT NULL REFERENCES makes (id),
    claim INTEGER, -- see agent/store/claim.py
    box INTEGER REFERENCES boxes (id)
);
-- Earliest and latest capture among the parts of one block of 256 indices.
CREATE TABLE part_times (
    station INTEGER NOT NULL REFERENCES names (id),
    block INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (station, block)
) WITHOUT ROWID;

INSERT INTO makes (station, recipe, position, lot, model)
    SELECT DISTINCT p.station, r.name, '', '', '' FROM parts p JOIN names r ON r.id = p.recipe ORDER BY 1, 2;
INSERT INTO boxes (station, name, first, last)
    SELECT station, box, min(idx), max(idx) FROM parts WHERE box <> '' GROUP BY station, box ORDER BY station, min(idx);
INSERT INTO traced
    SELECT p.station << 36 | p.idx, p.part_id, p.captured_at, p.verdict = 'ng', m.id, NULL, b.id
    FROM parts p
    JOIN names r ON r.id = p.recipe
    JOIN makes m ON m.station = p.station AND m.recipe = r.name
    LEFT JOIN boxes b ON b.station = p.station AND b.name = p.box
    ORDER BY 1;
INSERT INTO part_times
    SELECT station, idx >> 8, min(captured_at), max(captured_at) FROM parts GROUP BY 1, 2;
DROP TABLE parts;
ALTER TABLE traced RENAME TO parts;
CREATE INDEX parts_by_part_id ON parts (part_id);

-- What parts turned out to be, by every source and correction; it outlives the journal as the parts do.
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY,
    part_id TEXT NOT NULL,
    station TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES names (id),
    defective INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    defect_class TEXT NOT NULL
);
CREATE INDEX outcomes_by_part_id ON outcomes (part_id);
