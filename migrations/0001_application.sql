-- The tables that the application writes (docs/schema.md). The daemon reads them, and writes what it takes over from remotes.
--
-- Times are ISO 8601 in UTC. Any SQLite client from 3.40 on can write these tables: no trigger and no CHECK needs a function that
-- only convosync has.

CREATE TABLE users (
    id          TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
    name        TEXT,
    email       TEXT,
    photo_url   TEXT,
    user_type   TEXT DEFAULT 'end_user' CONSTRAINT user_type_is_end_user CHECK (user_type IN ('end_user')),
    attributes  TEXT DEFAULT '{}'
        CONSTRAINT user_attributes_are_a_json_object CHECK (CASE WHEN json_valid(attributes) THEN json_type(attributes) = 'object' ELSE attributes IS NULL END)
) STRICT;

CREATE TABLE conversations (
    id                 TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
    title              TEXT,
    -- NULL: no statement. '[]': there are none.
    tags               TEXT DEFAULT '[]'
        CONSTRAINT tags_are_a_json_array CHECK (CASE WHEN json_valid(tags) THEN json_type(tags) = 'array' ELSE tags IS NULL END),
    attributes         TEXT DEFAULT '{}'
        CONSTRAINT attributes_are_a_json_object CHECK (CASE WHEN json_valid(attributes) THEN json_type(attributes) = 'object' ELSE attributes IS NULL END),
    status             TEXT NOT NULL DEFAULT 'open'
        CONSTRAINT status_is_open_resolved_closed_or_ended CHECK (status IN ('open', 'resolved', 'closed', 'ended')),
    -- NULL: a person must pick it up.
    assignee_id        TEXT,
    last_user_read_at  TEXT
        CONSTRAINT last_user_read_at_is_iso_8601_utc CHECK (last_user_read_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
    user_id            TEXT REFERENCES users (id),
    created_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        CONSTRAINT created_at_is_iso_8601_utc CHECK (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
    updated_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        CONSTRAINT updated_at_is_iso_8601_utc CHECK (updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
) STRICT;

CREATE INDEX conversations_by_user ON conversations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX conversations_by_assignee ON conversations (assignee_id) WHERE assignee_id IS NOT NULL;

-- A CHECK cannot look into an array, a trigger can.
CREATE TRIGGER conversations_tags_inserted BEFORE INSERT ON conversations
WHEN CASE WHEN json_valid(NEW.tags) THEN EXISTS (SELECT 1 FROM json_each(NEW.tags) WHERE type <> 'text') ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'conversations.tags must be a JSON array of strings');
END;
CREATE TRIGGER conversations_tags_updated BEFORE UPDATE OF tags ON conversations
WHEN CASE WHEN json_valid(NEW.tags) THEN EXISTS (SELECT 1 FROM json_each(NEW.tags) WHERE type <> 'text') ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'conversations.tags must be a JSON array of strings');
END;

-- "This conversation is that object over there." Needed for voicebot and vg; helpdesk and fin use the local id.
CREATE TABLE links (
    conversation_id  TEXT NOT NULL REFERENCES conversations (id),
    remote           TEXT NOT NULL CHECK (remote <> ''),
    remote_id        TEXT NOT NULL CHECK (remote_id <> ''),
    -- Overrides the agent_id that the configuration gives the remote (vg).
    agent_id         TEXT,
    PRIMARY KEY (conversation_id, remote)
) STRICT;

CREATE TABLE messages (
    id               TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
    conversation_id  TEXT NOT NULL REFERENCES conversations (id),
    author           TEXT NOT NULL
        CONSTRAINT author_is_user_agent_or_fin CHECK (author IN ('user', 'agent', 'fin')),
    body             TEXT,
    created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        CONSTRAINT created_at_is_iso_8601_utc CHECK (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
    attachments      TEXT DEFAULT '[]'
        CONSTRAINT attachments_are_a_json_array CHECK (CASE WHEN json_valid(attachments) THEN json_type(attachments) = 'array' ELSE attachments IS NULL END)
) STRICT;

CREATE INDEX messages_by_conversation ON messages (conversation_id);

-- The id map: who a local assignee is at a remote.
CREATE TABLE assignees (
    assignee_id     TEXT NOT NULL CHECK (assignee_id <> ''),
    remote          TEXT NOT NULL CHECK (remote <> ''),
    remote_user_id  TEXT NOT NULL CHECK (remote_user_id <> ''),
    PRIMARY KEY (assignee_id, remote)
) STRICT;
