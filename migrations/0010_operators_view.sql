-- What an operator is told: whether the service runs, for how long something has differed, how reading goes, what was given up.

-- The service that works with this database, or did last: one row.
CREATE TABLE service (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    boot_id        TEXT NOT NULL,
    pid_namespace  TEXT NOT NULL,
    pid            INTEGER NOT NULL,
    started_ticks  INTEGER NOT NULL,
    version        TEXT NOT NULL,
    started_at     TEXT NOT NULL,
    -- The configuration in force: its file, and when that was read.
    configuration  TEXT NOT NULL,
    configured_at  TEXT NOT NULL,
    -- Written about once a minute.
    seen_at        TEXT NOT NULL,
    -- NULL after an end that was not orderly.
    stopped_at     TEXT
) STRICT;

-- The feeds keep since when something has waited, however often it changed meanwhile. A column whose default is the present time cannot
-- be added, so both tables are made anew.
CREATE TABLE former_feed AS SELECT conversation_id, remote, changed_at, deferred FROM change_feed;
DROP TABLE change_feed;
CREATE TABLE change_feed (
    conversation_id  TEXT NOT NULL,
    -- '' stands for every remote.
    remote           TEXT NOT NULL DEFAULT '',
    changed_at       TEXT NOT NULL,
    -- 1: a call for this conversation and remote is in flight; planned when it has ended. 2: put aside, because the key cannot be used.
    deferred         INTEGER NOT NULL DEFAULT 0,
    -- The first of the changes that wait.
    since            TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (conversation_id, remote)
) STRICT, WITHOUT ROWID;
INSERT INTO change_feed (conversation_id, remote, changed_at, deferred, since)
    SELECT conversation_id, remote, changed_at, deferred, changed_at FROM former_feed;
DROP TABLE former_feed;
CREATE INDEX change_feed_ready ON change_feed (remote) WHERE deferred = 0;
CREATE INDEX change_feed_aside ON change_feed (conversation_id) WHERE deferred = 2;
CREATE TRIGGER change_feed_planned AFTER DELETE ON change_feed
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind >= 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;
CREATE TRIGGER change_feed_deferred AFTER UPDATE OF deferred ON change_feed
WHEN NEW.deferred <> 0 AND OLD.deferred = 0
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind >= 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;

CREATE TABLE former_feed AS SELECT sequence, message_id, conversation_id, remote, moved FROM message_feed;
DROP TABLE message_feed;
CREATE TABLE message_feed (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id       TEXT NOT NULL,
    conversation_id  TEXT NOT NULL,
    -- '' stands for every fin remote; a name for one that is configured but disabled at the moment; '-' waits for the conversation; '!' is
    -- put aside, because a key cannot be used.
    remote           TEXT NOT NULL DEFAULT '',
    moved            INTEGER NOT NULL DEFAULT 0,
    since            TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (message_id, remote)
) STRICT;
INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved)
    SELECT sequence, message_id, conversation_id, remote, moved FROM former_feed;
DROP TABLE former_feed;
CREATE INDEX message_feed_by_remote ON message_feed (remote, sequence);
CREATE INDEX message_feed_by_conversation ON message_feed (conversation_id);

-- Since when the remote differs from what is wanted: a row inherits it from the ones that it replaces.
ALTER TABLE outbox ADD COLUMN differs_since TEXT;
UPDATE outbox SET differs_since = created_at WHERE state IN ('pending', 'sending', 'held', 'dead', 'uncertain');

-- What is planned again has waited since it was first to be sent.
DROP TRIGGER messages_corrected;
CREATE TRIGGER messages_corrected AFTER UPDATE OF body, attachments, created_at ON messages
WHEN NEW.author = 'user' AND OLD.conversation_id IS NEW.conversation_id
    AND (OLD.body IS NOT NEW.body OR OLD.attachments IS NOT NEW.attachments OR OLD.created_at IS NOT NEW.created_at)
    AND EXISTS (SELECT 1 FROM unsent_messages_from WHERE first_message_id = NEW.id)
BEGIN
    INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since)
        SELECT u.message_id, u.conversation_id, u.remote, 1, (SELECT coalesce(o.differs_since, o.created_at) FROM outbox o WHERE o.id = u.id)
        FROM unsent_messages_from u WHERE u.first_message_id = NEW.id ORDER BY u.id;
    DELETE FROM planned_messages WHERE (message_id, remote) IN (
        SELECT message_id, remote FROM unsent_messages_from WHERE first_message_id = NEW.id);
    UPDATE outbox
        SET state = 'discarded', last_error = 'the message, or one before it, was changed before it was sent; it is planned again',
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE id IN (SELECT id FROM unsent_messages_from WHERE first_message_id = NEW.id);
END;

DROP TRIGGER message_was_moved;
CREATE TRIGGER message_was_moved INSTEAD OF INSERT ON moved_message
BEGIN
    UPDATE OR REPLACE message_feed
        SET conversation_id = NEW.conversation_id, moved = 1, remote = CASE WHEN remote = '-' OR remote = '!' THEN '' ELSE remote END
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id;
    INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved, since)
        SELECT NEW.message_id, NEW.conversation_id, o.remote, 1, coalesce(o.differs_since, o.created_at) FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead');
    DELETE FROM planned_messages WHERE message_id = NEW.message_id AND remote IN (
        SELECT o.remote FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead'));
    UPDATE outbox
        SET state = CASE WHEN in_doubt_since IS NULL THEN 'discarded' ELSE 'uncertain' END,
            last_error = CASE WHEN in_doubt_since IS NULL THEN 'the message was moved to another conversation, for which it is planned again'
                ELSE 'sent, but nobody knows whether it arrived, and the message was moved to another conversation since' END,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id
            AND (state = 'pending' OR state = 'held' OR state = 'dead');
END;

-- The row that a person discarded: the remote differs, and nothing is due until the conversation changes. NULL as soon as it is planned.
ALTER TABLE link_state ADD COLUMN discarded_row INTEGER;
CREATE INDEX link_state_discarded ON link_state (remote, conversation_id) WHERE discarded_row IS NOT NULL;

-- Since when reading the remote fails, why, and how often in a row. NULL: it does not.
ALTER TABLE remotes ADD COLUMN read_failing_since TEXT;
ALTER TABLE remotes ADD COLUMN read_error TEXT;
ALTER TABLE remotes ADD COLUMN read_failures INTEGER NOT NULL DEFAULT 0;
