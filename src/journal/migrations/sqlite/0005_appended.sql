-- What is written once is appended: the changes of a commit then share a few pages, where in the order of commands each
-- of them had its own. The order is the index's.
CREATE TABLE appended_observations (
    command  INTEGER NOT NULL REFERENCES commands (seq),
    n        INTEGER NOT NULL,
    observed TEXT    NOT NULL
) STRICT;
INSERT INTO appended_observations SELECT command, n, observed FROM observations ORDER BY command, n;
DROP TABLE observations;
ALTER TABLE appended_observations RENAME TO observations;
CREATE UNIQUE INDEX observations_of_command ON observations (command, n);

CREATE TABLE appended_evidence (
    command INTEGER NOT NULL, -- of commands or, once that is kept no longer, of endings
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    call    TEXT    NOT NULL,
    answer  TEXT    NOT NULL,
    trace   TEXT,
    hash    TEXT    NOT NULL
) STRICT;
INSERT INTO appended_evidence SELECT command, n, at, call, answer, trace, hash FROM evidence ORDER BY command, n;
DROP TABLE evidence;
ALTER TABLE appended_evidence RENAME TO evidence;
CREATE UNIQUE INDEX evidence_of_command ON evidence (command, n);
