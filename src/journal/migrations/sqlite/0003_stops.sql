-- The stop switch: no write leaves for these businesses; '*' stands for all.
CREATE TABLE holds (
    business TEXT PRIMARY KEY,
    since    INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    reason   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Since when a command, and its children with it, may pass the blast radius.
ALTER TABLE commands ADD COLUMN released INTEGER;

-- A removal without a person is that of an asset from its business, one without an asset that of a person.
CREATE TABLE removals_of_all (
    asset    TEXT,
    person   TEXT,
    at       INTEGER NOT NULL,
    business TEXT,
    command  TEXT    NOT NULL
) STRICT;
INSERT INTO removals_of_all (asset, person, at, business, command)
    SELECT asset, person, at, business, command FROM removals ORDER BY rowid;
DROP TABLE removals;
ALTER TABLE removals_of_all RENAME TO removals;
CREATE INDEX removals_by_asset ON removals (asset, at);
CREATE INDEX removals_by_business ON removals (business, at);
