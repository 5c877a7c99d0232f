-- Open invitations into a business, followed by its lists until the person has joined.
CREATE TABLE invitations (
    command  TEXT PRIMARY KEY REFERENCES commands (id),
    business TEXT    NOT NULL,
    email    TEXT    NOT NULL,
    sent_at  INTEGER NOT NULL,
    absences TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
