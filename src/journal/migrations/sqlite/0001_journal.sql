-- Times are whole microseconds UTC. Texts named *_json, `body` and `outcome` are opaque to the journal.

CREATE TABLE commands (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    id               TEXT    NOT NULL UNIQUE,
    fingerprint      TEXT    NOT NULL,
    body             TEXT    NOT NULL,
    business         TEXT,
    lane             TEXT,
    priority         INTEGER NOT NULL,
    not_before       INTEGER,
    expires_at       INTEGER,
    parent           TEXT REFERENCES commands (id),
    ordinal          INTEGER,
    correlation_id   TEXT,
    traceparent      TEXT,
    published_by     TEXT,
    accepted_at      INTEGER NOT NULL,
    dry_run          INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    cause            TEXT, -- of `waiting`
    until            INTEGER, -- of `waiting`
    target           TEXT, -- of `awaiting`
    since            INTEGER NOT NULL,
    why              TEXT,
    due              INTEGER,
    attempts         INTEGER NOT NULL DEFAULT 0,
    cancelled_by     TEXT,
    intent_call      TEXT,
    intent_at        INTEGER,
    observed         INTEGER NOT NULL DEFAULT 0, -- rows in observations
    evidence_total   INTEGER NOT NULL DEFAULT 0,
    evidence_head    TEXT    NOT NULL,
    last_sequence    INTEGER NOT NULL DEFAULT 0,
    children_total   INTEGER NOT NULL DEFAULT 0,
    children_open    INTEGER NOT NULL DEFAULT 0,
    children_well    INTEGER NOT NULL DEFAULT 0, -- ended as confirmed or completed
    children_changed INTEGER NOT NULL DEFAULT 0,
    settled          INTEGER, -- a child's place in the order in which its parent's children ended
    phase            TEXT,
    changed          INTEGER,
    outcome          TEXT,
    ended_at         INTEGER
) STRICT;
CREATE INDEX commands_by_state ON commands (state, seq);
CREATE INDEX commands_by_business ON commands (business, seq);
CREATE UNIQUE INDEX commands_by_parent ON commands (parent, ordinal) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX commands_settled ON commands (parent, settled) WHERE settled IS NOT NULL;

CREATE TABLE observations (
    command  INTEGER NOT NULL REFERENCES commands (seq),
    n        INTEGER NOT NULL,
    observed TEXT    NOT NULL,
    PRIMARY KEY (command, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    command INTEGER NOT NULL, -- of commands or, once that is kept no longer, of endings
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    call    TEXT    NOT NULL,
    answer  TEXT    NOT NULL,
    trace   TEXT,
    hash    TEXT    NOT NULL,
    PRIMARY KEY (command, n)
) STRICT, WITHOUT ROWID;

-- A requester who wants the result too; a duplicate delivery adds one.
CREATE TABLE replies (
    command        TEXT NOT NULL REFERENCES commands (id),
    reply_to       TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    PRIMARY KEY (command, reply_to, correlation_id)
) STRICT, WITHOUT ROWID;

-- What is or was to be published; kept after the broker has it, so that it can be published again.
CREATE TABLE events (
    n              INTEGER PRIMARY KEY,
    event_id       TEXT    NOT NULL,
    command        TEXT,
    sequence       INTEGER,
    exchange       TEXT    NOT NULL,
    routing_key    TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    headers        TEXT    NOT NULL,
    correlation_id TEXT,
    type           TEXT    NOT NULL,
    content_type   TEXT    NOT NULL,
    terminal       INTEGER NOT NULL,
    mandatory      INTEGER NOT NULL,
    stored_at      INTEGER NOT NULL,
    settled        TEXT
) STRICT;
-- What has no number in a command is known by its id.
CREATE UNIQUE INDEX events_by_id ON events (event_id, exchange) WHERE sequence IS NULL;
CREATE UNIQUE INDEX events_of_command ON events (command, sequence) WHERE sequence IS NOT NULL AND exchange = 'events';
-- Exactly one terminal event a command. A `rejected` answers a delivery and has no sequence.
CREATE UNIQUE INDEX events_terminal ON events (command)
    WHERE terminal = 1 AND sequence IS NOT NULL AND exchange = 'events';

-- What the broker has not confirmed yet, in order.
CREATE TABLE outbox (
    n              INTEGER PRIMARY KEY AUTOINCREMENT,
    event          INTEGER NOT NULL REFERENCES events (n),
    reply_to       TEXT, -- set: through the default exchange to this queue
    correlation_id TEXT,
    queued_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_event ON outbox (event);

CREATE TABLE watches (
    command  TEXT PRIMARY KEY REFERENCES commands (id),
    business TEXT    NOT NULL,
    asset    TEXT    NOT NULL,
    access   TEXT    NOT NULL,
    tasks    TEXT    NOT NULL,
    sent_at  INTEGER NOT NULL,
    absences TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX watches_by_asset ON watches (business, asset);

-- One hash chain a business.
CREATE TABLE walks (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    business TEXT    NOT NULL,
    list     TEXT    NOT NULL,
    began    INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    pages    INTEGER NOT NULL,
    rows     INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    traces   TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;
CREATE INDEX walks_by_business ON walks (business, n);
CREATE INDEX walks_by_list ON walks (business, list, n);

CREATE TABLE denials (
    business TEXT    NOT NULL,
    asset    TEXT    NOT NULL,
    access   TEXT    NOT NULL,
    command  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (business, asset, access)
) STRICT, WITHOUT ROWID;

CREATE TABLE removals (
    asset    TEXT    NOT NULL,
    person   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    business TEXT,
    command  TEXT    NOT NULL
) STRICT;
CREATE INDEX removals_by_asset ON removals (asset, at);
CREATE INDEX removals_by_business ON removals (business, at);

-- Cancels of commands that have not come yet.
CREATE TABLE cancels (
    target       TEXT    NOT NULL,
    by           TEXT    NOT NULL,
    published_by TEXT, -- who gave `by`
    until        INTEGER NOT NULL,
    PRIMARY KEY (target, by)
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
    bucket TEXT PRIMARY KEY,
    until  INTEGER NOT NULL,
    why    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE suspended (
    credential  TEXT PRIMARY KEY,
    fingerprint TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    why         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- One row that readiness writes to.
CREATE TABLE pulse (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO pulse (one, beats) VALUES (1, 0);

-- What is still known of commands that are kept no longer: enough to know a duplicate and to find the evidence.
CREATE TABLE endings (
    seq            INTEGER PRIMARY KEY, -- the command's
    id             TEXT    NOT NULL,
    fingerprint    TEXT, -- none once the id is new again; a child never has one
    phase          TEXT    NOT NULL,
    event_id       TEXT,
    ended_at       INTEGER NOT NULL,
    evidence_head  TEXT    NOT NULL,
    evidence_total INTEGER NOT NULL
) STRICT;
CREATE INDEX endings_by_id ON endings (id, seq);
CREATE INDEX endings_to_go ON endings (ended_at) WHERE evidence_total > 0 OR fingerprint IS NULL;
CREATE INDEX endings_known ON endings (ended_at) WHERE fingerprint IS NOT NULL;
-- What is forgotten is found by its age.
CREATE INDEX commands_by_end ON commands (ended_at) WHERE parent IS NULL AND ended_at IS NOT NULL;
CREATE INDEX events_apart ON events (stored_at) WHERE command IS NULL;
CREATE INDEX walks_by_end ON walks (ended);

-- What operators did on purpose: who, when, what, why.
CREATE TABLE operations (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    verb   TEXT    NOT NULL,
    target TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    nonce  TEXT    NOT NULL,
    came   TEXT -- what came of it; NULL while that is not known
) STRICT;

-- Events that the broker gave back: nobody was bound for them.
CREATE INDEX events_unrouted ON events (n) WHERE settled = 'unrouted';
