-- What somebody is to be told and was not yet: to each by itself, in their order.
CREATE TABLE letters (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    whom TEXT NOT NULL,          -- webhook, matrix
    at   INTEGER NOT NULL,       -- when it happened
    due  INTEGER NOT NULL,       -- when it is tried next
    body TEXT NOT NULL           -- JSON: the notice
) STRICT;
CREATE INDEX letters_by_due ON letters (due);
