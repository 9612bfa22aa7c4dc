-- The change feed: triggers note which conversations a run has to look at, so that a run costs what changed and not what exists.
--
-- One row per conversation (remote '') or per conversation and remote, however often it changes.

CREATE TABLE change_feed (
    conversation_id  TEXT NOT NULL,
    -- '' stands for every remote.
    remote           TEXT NOT NULL DEFAULT '',
    changed_at       TEXT NOT NULL,
    -- 1: a call for this conversation and remote is in flight; looked at again when it has ended.
    deferred         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, remote)
) STRICT, WITHOUT ROWID;

CREATE INDEX change_feed_ready ON change_feed (remote) WHERE deferred = 0;

-- Messages by users that have not been planned yet, in the order in which they were written.
CREATE TABLE message_feed (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id       TEXT NOT NULL,
    conversation_id  TEXT NOT NULL,
    -- '' stands for every fin remote; a name for one that is configured but disabled at the moment; '-' waits for the conversation.
    remote           TEXT NOT NULL DEFAULT '',
    UNIQUE (message_id, remote)
) STRICT;

CREATE INDEX message_feed_by_remote ON message_feed (remote, sequence);
CREATE INDEX message_feed_by_conversation ON message_feed (conversation_id);

-- Which messages have been planned: outlives the outbox rows, so that a message that is written again is not sent again.
CREATE TABLE planned_messages (
    message_id  TEXT NOT NULL,
    remote      TEXT NOT NULL,
    PRIMARY KEY (message_id, remote)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER conversations_inserted AFTER INSERT ON conversations
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at) VALUES (NEW.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
    -- Messages that were committed before their conversation.
    UPDATE message_feed SET remote = '' WHERE conversation_id = NEW.id AND remote = '-';
END;

CREATE TRIGGER conversations_updated AFTER UPDATE ON conversations
WHEN OLD.title IS NOT NEW.title OR OLD.tags IS NOT NEW.tags OR OLD.attributes IS NOT NEW.attributes
    OR OLD.status IS NOT NEW.status OR OLD.assignee_id IS NOT NEW.assignee_id
    OR OLD.last_user_read_at IS NOT NEW.last_user_read_at OR OLD.user_id IS NOT NEW.user_id OR OLD.id IS NOT NEW.id
    OR OLD.created_at IS NOT NEW.created_at OR OLD.updated_at IS NOT NEW.updated_at
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at) VALUES (NEW.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

-- BEFORE, and links and messages by hand instead of ON DELETE CASCADE: INSERT OR REPLACE on conversations deletes the old row
-- behind the scenes, and a cascade would take links and messages with it. (With PRAGMA recursive_triggers = ON, which is off by
-- default, it does so all the same.)
CREATE TRIGGER conversations_deleted BEFORE DELETE ON conversations
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the conversation was deleted', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.id AND state IN ('pending', 'held', 'dead', 'uncertain');
    DELETE FROM links WHERE conversation_id = OLD.id;
    DELETE FROM messages WHERE conversation_id = OLD.id;
    DELETE FROM message_feed WHERE conversation_id = OLD.id;
    DELETE FROM change_feed WHERE conversation_id = OLD.id;
    DELETE FROM link_state WHERE conversation_id = OLD.id;
END;

CREATE TRIGGER links_inserted AFTER INSERT ON links
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was written again', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote AND state = 'dead' AND EXISTS (
            SELECT 1 FROM link_state s WHERE s.conversation_id = NEW.conversation_id AND s.remote = NEW.remote AND s.gone_at IS NOT NULL);
    UPDATE link_state SET gone_at = NULL WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote;
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        VALUES (NEW.conversation_id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER links_updated AFTER UPDATE ON links
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was written again', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote AND state = 'dead' AND EXISTS (
            SELECT 1 FROM link_state s WHERE s.conversation_id = NEW.conversation_id AND s.remote = NEW.remote AND s.gone_at IS NOT NULL);
    UPDATE link_state SET gone_at = NULL WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote;
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        VALUES (NEW.conversation_id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

-- What waits for the old object must not reach it any more; the new one is told everything.
CREATE TRIGGER links_repointed AFTER UPDATE OF remote_id, agent_id ON links
WHEN OLD.remote_id IS NOT NEW.remote_id OR OLD.agent_id IS NOT NEW.agent_id
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link points elsewhere now', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain');
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

CREATE TRIGGER links_deleted AFTER DELETE ON links
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was deleted', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain');
    DELETE FROM change_feed WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

CREATE TRIGGER links_moved AFTER UPDATE OF conversation_id, remote ON links
WHEN OLD.conversation_id IS NOT NEW.conversation_id OR OLD.remote IS NOT NEW.remote
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was moved', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain');
    DELETE FROM change_feed WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

CREATE TRIGGER users_inserted AFTER INSERT ON users
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at)
        SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE user_id = NEW.id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER users_updated AFTER UPDATE ON users
WHEN OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email OR OLD.photo_url IS NOT NEW.photo_url
    OR OLD.user_type IS NOT NEW.user_type OR OLD.attributes IS NOT NEW.attributes OR OLD.id IS NOT NEW.id
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at)
        SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE user_id = NEW.id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER users_deleted AFTER DELETE ON users
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at)
        SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE user_id = OLD.id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER assignees_inserted AFTER INSERT ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE assignee_id = NEW.assignee_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER assignees_updated AFTER UPDATE ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE assignee_id = NEW.assignee_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER assignees_deleted AFTER DELETE ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT id, OLD.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE assignee_id = OLD.assignee_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

CREATE TRIGGER messages_inserted AFTER INSERT ON messages
WHEN NEW.author = 'user'
    AND NOT EXISTS (SELECT 1 FROM message_feed WHERE message_id = NEW.id)
BEGIN
    INSERT INTO message_feed (message_id, conversation_id) VALUES (NEW.id, NEW.conversation_id);
END;

CREATE TRIGGER messages_deleted AFTER DELETE ON messages
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the message was deleted', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = OLD.id AND state IN ('pending', 'held', 'dead', 'uncertain');
    DELETE FROM message_feed WHERE message_id = OLD.id;
    DELETE FROM planned_messages WHERE message_id = OLD.id;
END;
