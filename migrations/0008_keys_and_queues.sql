-- Keys that name nobody, two links to one object, and whose turn it is.

-- What migrations changed in rows that were there, for `migrate` and for the log, which say it once.
CREATE TABLE migration_counts (
    migration  TEXT NOT NULL,
    -- Which rows, and what became of them, for people.
    subject    TEXT NOT NULL,
    rows       INTEGER NOT NULL,
    PRIMARY KEY (migration, subject)
) STRICT, WITHOUT ROWID;

-- An assignee that is empty or consists of white space (Unicode's property White_Space) is nobody, and nobody is NULL.

INSERT INTO migration_counts
    SELECT '0008_keys_and_queues', 'conversations with an empty assignee_id, which is NULL now', count(*) FROM conversations
    WHERE trim(assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '';
INSERT INTO migration_counts
    SELECT '0008_keys_and_queues', 'rows of assignees for an empty assignee_id, which are deleted', count(*) FROM assignees
    WHERE trim(assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '';

-- Nobody acted: the moment of the last change stays (`conversations_status_updated` compares with this table).
UPDATE local_changes SET assignee_id = NULL WHERE trim(assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '';
-- Rows that are older than the checks of keys must not stop the migration.
DROP TRIGGER conversations_keys_updated;
UPDATE conversations SET assignee_id = NULL WHERE trim(assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '';
DELETE FROM assignees WHERE trim(assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '';
CREATE TRIGGER conversations_keys_updated BEFORE UPDATE OF id, user_id, assignee_id ON conversations
BEGIN
    SELECT RAISE(ABORT, 'conversations.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.user_id must not contain a NUL character') WHERE instr(CAST(NEW.user_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.assignee_id must not contain a NUL character') WHERE instr(CAST(NEW.assignee_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id), (NEW.user_id), (NEW.assignee_id);
END;

CREATE TRIGGER conversations_assignee_inserted BEFORE INSERT ON conversations
WHEN trim(NEW.assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = ''
BEGIN
    SELECT RAISE(ABORT, 'conversations.assignee_id must not be empty; NULL means that nobody has the conversation');
END;
CREATE TRIGGER conversations_assignee_updated BEFORE UPDATE OF assignee_id ON conversations
WHEN trim(NEW.assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = ''
BEGIN
    SELECT RAISE(ABORT, 'conversations.assignee_id must not be empty; NULL means that nobody has the conversation');
END;
CREATE TRIGGER assignees_assignee_inserted BEFORE INSERT ON assignees
WHEN trim(NEW.assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '' AND NEW.assignee_id <> ''
BEGIN
    SELECT RAISE(ABORT, 'assignees.assignee_id must not be empty');
END;
CREATE TRIGGER assignees_assignee_updated BEFORE UPDATE OF assignee_id ON assignees
WHEN trim(NEW.assignee_id, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) = '' AND NEW.assignee_id <> ''
BEGIN
    SELECT RAISE(ABORT, 'assignees.assignee_id must not be empty');
END;

-- Objects to which more than one link may lead. Which links share one depends on the agent that the configuration gives to links without
-- one of their own, so a row here is a hint: the links themselves are compared. It keeps looking for them from reading all links.
CREATE TABLE shared_objects (
    remote     TEXT NOT NULL,
    remote_id  TEXT NOT NULL,
    PRIMARY KEY (remote, remote_id)
) STRICT, WITHOUT ROWID;
INSERT INTO shared_objects
    SELECT remote, remote_id FROM links GROUP BY remote, remote_id
    HAVING count(*) > 1 AND (count(agent_id) < count(*) OR count(DISTINCT agent_id) < count(*));

CREATE TRIGGER links_shared_by_insert AFTER INSERT ON links
WHEN EXISTS (
    SELECT 1 FROM links o
    WHERE o.remote = NEW.remote AND o.remote_id = NEW.remote_id AND o.conversation_id <> NEW.conversation_id
        AND (o.agent_id IS NULL OR NEW.agent_id IS NULL OR o.agent_id = NEW.agent_id))
BEGIN
    INSERT INTO shared_objects VALUES (NEW.remote, NEW.remote_id) ON CONFLICT (remote, remote_id) DO NOTHING;
END;
CREATE TRIGGER links_shared_by_update AFTER UPDATE ON links
WHEN EXISTS (
    SELECT 1 FROM links o
    WHERE o.remote = NEW.remote AND o.remote_id = NEW.remote_id AND o.conversation_id <> NEW.conversation_id
        AND (o.agent_id IS NULL OR NEW.agent_id IS NULL OR o.agent_id = NEW.agent_id))
BEGIN
    INSERT INTO shared_objects VALUES (NEW.remote, NEW.remote_id) ON CONFLICT (remote, remote_id) DO NOTHING;
END;

-- When a conversation that waits to be read was last asked for; NULL: once only. What is asked for again keeps its place.
ALTER TABLE read_requests ADD COLUMN asked_again_at TEXT;
-- The rotation goes by id and agent: one id under two agents is two objects.
ALTER TABLE remotes ADD COLUMN read_cursor_agent TEXT;

-- Takes an object that one link less leads to, and keeps nothing: the conversations of the links that are left are planned. What was
-- reported meanwhile was not taken in, so they are read as well.
CREATE VIEW object_left (remote, remote_id) AS SELECT NULL, NULL WHERE 0;
CREATE TRIGGER object_was_left INSTEAD OF INSERT ON object_left
WHEN EXISTS (SELECT 1 FROM shared_objects s WHERE s.remote = NEW.remote AND s.remote_id = NEW.remote_id)
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT conversation_id, remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM links WHERE remote = NEW.remote AND remote_id = NEW.remote_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
    INSERT INTO read_requests (remote, remote_id, agent_id, requested_at)
        SELECT l.remote, l.remote_id, coalesce(l.agent_id, ''), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        FROM links l JOIN link_state s ON s.conversation_id = l.conversation_id AND s.remote = l.remote
        WHERE l.remote = NEW.remote AND l.remote_id = NEW.remote_id
        ON CONFLICT (remote, remote_id, agent_id) DO UPDATE SET asked_again_at = excluded.requested_at;
    DELETE FROM shared_objects
        WHERE remote = NEW.remote AND remote_id = NEW.remote_id
            AND (SELECT count(*) FROM links l WHERE l.remote = NEW.remote AND l.remote_id = NEW.remote_id) < 2;
END;

CREATE TRIGGER links_left_by_delete AFTER DELETE ON links
BEGIN
    INSERT INTO object_left VALUES (OLD.remote, OLD.remote_id);
END;
CREATE TRIGGER links_left_by_update AFTER UPDATE ON links
WHEN OLD.remote IS NOT NEW.remote OR OLD.remote_id IS NOT NEW.remote_id OR OLD.agent_id IS NOT NEW.agent_id
BEGIN
    INSERT INTO object_left VALUES (OLD.remote, OLD.remote_id);
END;
-- INSERT OR REPLACE and UPDATE OR REPLACE take rows away without running the triggers of a DELETE.
CREATE TRIGGER links_replaced_by_insert BEFORE INSERT ON links
BEGIN
    INSERT INTO object_left SELECT remote, remote_id FROM links
        WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote
            AND (remote_id IS NOT NEW.remote_id OR agent_id IS NOT NEW.agent_id);
END;
CREATE TRIGGER links_replaced_by_update BEFORE UPDATE OF conversation_id, remote ON links
WHEN OLD.conversation_id IS NOT NEW.conversation_id OR OLD.remote IS NOT NEW.remote
BEGIN
    INSERT INTO object_left SELECT remote, remote_id FROM links WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote;
END;

-- When a claim first passed over the row, or one that it replaced, because a newer state waited to be planned. It is not passed over for
-- that again: what replaces it has had its turn already.
ALTER TABLE outbox ADD COLUMN passed_over_at TEXT;
-- Whose place among the rows that fell due in the same moment the row has: the id of the first one that it replaced, one after the other,
-- while they waited. NULL: its own.
ALTER TABLE outbox ADD COLUMN place INTEGER;
DROP INDEX outbox_due;
DROP INDEX outbox_first_tries;
CREATE INDEX outbox_due ON outbox (remote, due_at, coalesce(place, id)) WHERE state = 'pending' AND behind = 0;
CREATE INDEX outbox_first_tries ON outbox (remote, due_at, coalesce(place, id)) WHERE state = 'pending' AND behind = 0 AND attempts = 0;

-- outbox.behind, besides what 0006_borders.sql says: 3 stands for a row whose link shares its object with another one. It is looked at
-- again when its conversation has been planned.
DROP INDEX outbox_overtaken;
CREATE INDEX outbox_overtaken ON outbox (conversation_id, remote) WHERE behind >= 2;
DROP TRIGGER change_feed_planned;
CREATE TRIGGER change_feed_planned AFTER DELETE ON change_feed
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind >= 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;
DROP TRIGGER change_feed_deferred;
CREATE TRIGGER change_feed_deferred AFTER UPDATE OF deferred ON change_feed
WHEN NEW.deferred <> 0 AND OLD.deferred = 0
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind >= 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;
