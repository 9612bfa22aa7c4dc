-- The daemon's own tables: what was planned, what became of it, and what each remote acknowledged.

CREATE TABLE outbox (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id            INTEGER,
    conversation_id   TEXT NOT NULL,
    remote            TEXT NOT NULL,
    -- state: absolute, a newer row replaces it. message: an event, never merged, never reordered.
    payload           TEXT NOT NULL CHECK (payload IN ('state', 'message')),
    operation         TEXT NOT NULL,
    method            TEXT NOT NULL,
    path              TEXT NOT NULL,
    body              TEXT NOT NULL,
    -- State rows: {"field": {"from": …, "to": …}}; "from" is missing where nothing had been acknowledged before.
    delta             TEXT,
    -- Message rows: messages.id.
    message_id        TEXT,
    -- The object that the row was planned for (links.remote_id and the agent in force).
    target_id         TEXT NOT NULL,
    target_agent      TEXT,
    idempotency_key   TEXT NOT NULL UNIQUE,
    state             TEXT NOT NULL
        CHECK (state IN ('pending', 'sending', 'delivered', 'superseded', 'held', 'dead', 'uncertain', 'discarded')),
    -- Tries that count against the maximum; all tries are in outbox_attempts.
    attempts          INTEGER NOT NULL DEFAULT 0,
    due_at            TEXT NOT NULL,
    -- While sending: the fencing value of the claim and the moment until which it holds.
    lease             INTEGER,
    lease_until       TEXT,
    -- When the first send began that may have been applied without an answer.
    in_doubt_since    TEXT,
    last_http_status  INTEGER,
    last_error        TEXT,
    -- When a person last replayed the row: attempts and age count from here.
    replayed_at       TEXT,
    superseded_by     INTEGER REFERENCES outbox (id),
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    finished_at       TEXT
) STRICT;

-- What a claim orders by.
CREATE INDEX outbox_due ON outbox (remote, due_at, id) WHERE state = 'pending';
-- The rows of one conversation at one remote, by state: one in flight, first in first out, history.
CREATE INDEX outbox_by_conversation ON outbox (conversation_id, remote, state, id);
-- Everything that is not over, for counts and ages.
CREATE INDEX outbox_unfinished ON outbox (remote, state, created_at)
    WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain');
-- Claims, for recovery.
CREATE INDEX outbox_claimed ON outbox (lease_until) WHERE state = 'sending';
CREATE INDEX outbox_by_message ON outbox (message_id) WHERE message_id IS NOT NULL;
-- A row that is pruned leaves its successors' predecessors behind without a full scan.
CREATE INDEX outbox_by_successor ON outbox (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE outbox_attempts (
    outbox_id         INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    -- 1 for the first try, whether it counted or not.
    attempt           INTEGER NOT NULL,
    started_at        TEXT NOT NULL,
    finished_at       TEXT NOT NULL,
    outcome           TEXT NOT NULL,
    http_status       INTEGER,
    error             TEXT,
    response_excerpt  TEXT,
    PRIMARY KEY (outbox_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    cause        TEXT NOT NULL,
    process_id   INTEGER,
    started_at   TEXT NOT NULL,
    finished_at  TEXT,
    -- Conversations looked at, rows written, and how the tries of this run ended.
    examined     INTEGER NOT NULL DEFAULT 0,
    planned      INTEGER NOT NULL DEFAULT 0,
    delivered    INTEGER NOT NULL DEFAULT 0,
    put_back     INTEGER NOT NULL DEFAULT 0,
    dead         INTEGER NOT NULL DEFAULT 0,
    error        TEXT
) STRICT;

-- Per link: what the remote acknowledged (base), what it reported itself (seen), which fields are in doubt.
CREATE TABLE link_state (
    conversation_id  TEXT NOT NULL,
    remote           TEXT NOT NULL,
    -- The object these values belong to; a link that is pointed elsewhere starts anew.
    target_id        TEXT NOT NULL,
    target_agent     TEXT,
    base             TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(base)),
    -- {"field": value}: sent with an unknown fate; sent again whatever the base says.
    in_doubt         TEXT CHECK (in_doubt IS NULL OR json_valid(in_doubt)),
    seen             TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(seen)),
    acknowledged_at  TEXT,
    -- The remote says that the object is gone; nothing is sent until the link row is written again.
    gone_at          TEXT,
    PRIMARY KEY (conversation_id, remote)
) STRICT, WITHOUT ROWID;

CREATE TABLE remotes (
    name                TEXT PRIMARY KEY NOT NULL,
    kind                TEXT NOT NULL,
    -- What the projection depends on in the configuration; NULL while disabled. Another value: plan everything again.
    fingerprint         TEXT,
    -- While everything is being planned again: the last conversation id that was fed.
    replan_cursor       TEXT,
    paused_at           TEXT,
    parked_at           TEXT,
    park_reason         TEXT,
    throttled_until     TEXT,
    breaker_open_until  TEXT,
    breaker_openings    INTEGER NOT NULL DEFAULT 0,
    last_success_at     TEXT,
    last_failure_at     TEXT,
    last_error          TEXT
) STRICT, WITHOUT ROWID;

-- Who holds claims: enough to tell after a crash that a holder does not exist any more.
CREATE TABLE processes (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id        TEXT NOT NULL,
    pid_namespace  TEXT NOT NULL,
    pid            INTEGER NOT NULL,
    started_ticks  INTEGER NOT NULL,
    started_at     TEXT NOT NULL
) STRICT;
