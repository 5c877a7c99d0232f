-- Who may begin, kept with every change, so that nobody has to go over what waits: `later`, `behind`, `front`, `holds`,
-- `outside`; NULL for who goes on only when somebody else has done something, and for who has ended.
ALTER TABLE commands ADD COLUMN turn TEXT;
-- When one that is `later` comes in; NULL: when it is called.
ALTER TABLE commands ADD COLUMN comes_at INTEGER;

-- Who waits in a lane or holds it: first the one whose turn it is, then those behind it in order of arrival.
CREATE TABLE lanes (
    lane    TEXT    NOT NULL,
    behind  INTEGER NOT NULL,
    command INTEGER NOT NULL REFERENCES commands (seq),
    PRIMARY KEY (lane, behind, command)
) STRICT, WITHOUT ROWID;
INSERT INTO lanes (lane, behind, command)
    SELECT DISTINCT parts.value, 0, commands.seq
    FROM commands, json_each('["' || replace(commands.lane, ' ', '","') || '"]') AS parts
    WHERE commands.state NOT IN ('ended', 'pending', 'awaiting_children') AND commands.in_lane = 'holds'
        AND commands.lane IS NOT NULL;

-- What has not begun comes in anew, in order of arrival; so does what waits for a time or a word outside its lanes.
UPDATE commands SET turn = CASE
        WHEN state = 'pending' THEN iif(cancelled_by IS NULL, NULL, 'outside')
        WHEN state = 'awaiting_children' OR in_lane = 'left' THEN 'outside'
        WHEN in_lane = 'holds' THEN 'holds'
        ELSE 'later' END
    WHERE state <> 'ended';
UPDATE commands SET comes_at = iif(cancelled_by IS NULL, coalesce(max(not_before, due), due, not_before, 0), 0)
    WHERE turn = 'later';

CREATE INDEX commands_in_front ON commands (business, priority DESC, seq) WHERE turn = 'front';
CREATE INDEX commands_to_come ON commands (comes_at, seq) WHERE turn = 'later' AND comes_at IS NOT NULL;
CREATE INDEX commands_begun ON commands (seq) WHERE turn IN ('holds', 'outside');
DROP INDEX commands_by_state;
CREATE INDEX commands_open ON commands (state, cause, seq) WHERE state <> 'ended';

-- Who is being offboarded: whoever grants them anything is refused.
CREATE TABLE leaving (
    n        INTEGER PRIMARY KEY,
    command  TEXT NOT NULL UNIQUE,
    business TEXT NOT NULL,
    person   TEXT NOT NULL,
    email    TEXT
) STRICT;
CREATE INDEX leaving_by_person ON leaving (business, person);
CREATE INDEX leaving_by_email ON leaving (business, email);
INSERT INTO leaving (command, business, person, email)
    SELECT c.id, o.observed ->> '$.query.leaving.business', o.observed ->> '$.query.leaving.person',
        o.observed ->> '$.query.leaving.email'
    FROM commands c JOIN observations o ON o.command = c.seq
    WHERE c.state <> 'ended' AND o.observed ->> '$.query.leaving.person' IS NOT NULL
    GROUP BY c.seq ORDER BY c.seq;

-- The lists that are looked at for somebody, and when next.
CREATE TABLE watched (
    business TEXT    NOT NULL,
    what     TEXT    NOT NULL, -- a kind of asset, `share` or `invitation`
    which    TEXT    NOT NULL, -- the access of claims, the asset of shares, empty for invitations
    look_at  INTEGER NOT NULL,
    joined   INTEGER, -- when whoever has joined it since it was taken is to be looked at
    PRIMARY KEY (business, what, which)
) STRICT, WITHOUT ROWID;
CREATE INDEX watched_next ON watched (look_at);
INSERT INTO watched (business, what, which, look_at)
    SELECT DISTINCT business, substr(asset, 1, instr(asset, '/') - 1), access, 0 FROM watches WHERE partner IS NULL;
INSERT INTO watched (business, what, which, look_at)
    SELECT DISTINCT business, 'share', asset, 0 FROM watches WHERE partner IS NOT NULL;
INSERT INTO watched (business, what, which, look_at)
    SELECT DISTINCT business, 'invitation', '', 0 FROM invitations;
CREATE INDEX invitations_by_business ON invitations (business);

-- When patience with what is followed runs out.
ALTER TABLE watches ADD COLUMN expires_at INTEGER;
ALTER TABLE invitations ADD COLUMN expires_at INTEGER;
UPDATE watches SET expires_at = (SELECT expires_at FROM commands WHERE id = command);
UPDATE invitations SET expires_at = (SELECT expires_at FROM commands WHERE id = command);
CREATE INDEX watches_by_deadline ON watches (expires_at, command) WHERE expires_at IS NOT NULL;
CREATE INDEX invitations_by_deadline ON invitations (expires_at, command) WHERE expires_at IS NOT NULL;
CREATE INDEX watches_by_age ON watches (sent_at, command);
CREATE INDEX invitations_by_age ON invitations (sent_at, command);
