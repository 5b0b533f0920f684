-- Who may look at the pages. Of codes and cookies, only sha256 is kept.
CREATE TABLE login_links (
    hash TEXT PRIMARY KEY,
    ends INTEGER NOT NULL,
    who  TEXT NOT NULL           -- who made it
) STRICT;

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,          -- as the audit calls it
    ends INTEGER NOT NULL
) STRICT;
