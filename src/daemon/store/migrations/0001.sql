-- Times are milliseconds since 1970, UTC.
CREATE TABLE runs (
    id        TEXT PRIMARY KEY,
    host      TEXT NOT NULL,
    kind      TEXT NOT NULL,     -- look, heal, apply, operation
    command   TEXT NOT NULL,     -- JSON array of words, without secrets
    cause     TEXT NOT NULL,     -- drift, inventory, api
    who       TEXT NOT NULL,
    state     TEXT NOT NULL,     -- waiting, running, done, failed, rolled-back, interrupted, lost
    started   INTEGER NOT NULL,
    ended     INTEGER,
    exit_code INTEGER,
    message   TEXT
) STRICT;
CREATE INDEX runs_by_host ON runs (host, started);
CREATE INDEX runs_by_start ON runs (started);

CREATE TABLE events (
    run  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    body TEXT NOT NULL,          -- JSON, one line of the run's stream
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE hosts (
    name          TEXT PRIMARY KEY,
    looked        INTEGER,       -- when the last look ended
    reachable     INTEGER,       -- 0, 1; NULL: not known yet
    status        TEXT,          -- JSON of the last look that the host answered
    drift_since   INTEGER,
    moved         TEXT,          -- JSON: what moved
    decision      TEXT,          -- JSON: what was decided about it
    problem       TEXT,          -- why the last look failed
    attempted     TEXT,          -- fingerprint of what the last healing or roll-out was about
    attempt_failed INTEGER NOT NULL DEFAULT 0,
    paused_until  INTEGER,       -- a time; -1: until it is resumed
    paused_by     TEXT,
    certificates  TEXT,          -- JSON: name -> end, in seconds since 1970
    certificates_looked INTEGER
) STRICT;

-- When the inventory was read last, and what is wrong with it.
CREATE TABLE inventory (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    at       INTEGER NOT NULL,
    problem  TEXT,
    findings TEXT
) STRICT;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    host    TEXT,
    details TEXT NOT NULL        -- JSON
) STRICT;
CREATE INDEX audit_by_time ON audit (at);

-- What was answered to a request that may come twice.
CREATE TABLE answers (
    key     TEXT PRIMARY KEY,
    at      INTEGER NOT NULL,
    request TEXT NOT NULL,       -- sha256 of method, path and body
    status  INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT;

CREATE TABLE notices (
    key  TEXT PRIMARY KEY,       -- what it is about
    at   INTEGER NOT NULL,       -- when it was told last
    said TEXT NOT NULL           -- what was told
) STRICT;
