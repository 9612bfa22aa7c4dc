-- What both sides of a link last agreed on, and which local change that includes (docs/two-way.md).

-- Every change of status, assignee or title has a number, counted through the conversation: what an acknowledgement includes is told by it.
-- (The values are repeated here because INSERT OR REPLACE shows triggers no old row.)
ALTER TABLE local_changes ADD COLUMN title TEXT;
ALTER TABLE local_changes ADD COLUMN title_changed_at TEXT;
ALTER TABLE local_changes ADD COLUMN status_number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE local_changes ADD COLUMN assignee_number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE local_changes ADD COLUMN title_number INTEGER NOT NULL DEFAULT 1;

UPDATE local_changes SET
    title = (SELECT c.title FROM conversations c WHERE c.id = conversation_id),
    title_changed_at = (SELECT c.updated_at FROM conversations c WHERE c.id = conversation_id);

DROP TRIGGER conversations_status_inserted;
CREATE TRIGGER conversations_status_inserted AFTER INSERT ON conversations
BEGIN
    INSERT INTO local_changes (conversation_id, status, assignee_id, title, status_changed_at, assignee_changed_at, title_changed_at)
        VALUES (NEW.id, NEW.status, NEW.assignee_id, NEW.title, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
            strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id) DO UPDATE SET
            status_changed_at = CASE WHEN status IS excluded.status THEN status_changed_at ELSE excluded.status_changed_at END,
            assignee_changed_at =
                CASE WHEN assignee_id IS excluded.assignee_id THEN assignee_changed_at ELSE excluded.assignee_changed_at END,
            title_changed_at = CASE WHEN title IS excluded.title THEN title_changed_at ELSE excluded.title_changed_at END,
            status_number =
                CASE WHEN status IS excluded.status THEN status_number ELSE 1 + max(status_number, assignee_number, title_number) END,
            assignee_number =
                CASE WHEN assignee_id IS excluded.assignee_id THEN assignee_number ELSE 1 + max(status_number, assignee_number, title_number) END,
            title_number =
                CASE WHEN title IS excluded.title THEN title_number ELSE 1 + max(status_number, assignee_number, title_number) END,
            status = excluded.status, assignee_id = excluded.assignee_id, title = excluded.title;
END;

DROP TRIGGER conversations_status_updated;
CREATE TRIGGER conversations_status_updated AFTER UPDATE OF status, assignee_id, title ON conversations
WHEN OLD.status IS NOT NEW.status OR OLD.assignee_id IS NOT NEW.assignee_id OR OLD.title IS NOT NEW.title
BEGIN
    -- A row from before changes were noted.
    INSERT INTO local_changes
            (conversation_id, status, assignee_id, title, status_changed_at, assignee_changed_at, title_changed_at)
        SELECT NEW.id, OLD.status, OLD.assignee_id, OLD.title, OLD.updated_at, OLD.updated_at, OLD.updated_at
        WHERE NOT EXISTS (SELECT 1 FROM local_changes WHERE conversation_id = NEW.id);
    UPDATE local_changes SET
        status_changed_at = CASE WHEN status IS NEW.status THEN status_changed_at ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
        assignee_changed_at =
            CASE WHEN assignee_id IS NEW.assignee_id THEN assignee_changed_at ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
        title_changed_at = CASE WHEN title IS NEW.title THEN title_changed_at ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
        status_number = CASE WHEN status IS NEW.status THEN status_number ELSE 1 + max(status_number, assignee_number, title_number) END,
        assignee_number =
            CASE WHEN assignee_id IS NEW.assignee_id THEN assignee_number ELSE 1 + max(status_number, assignee_number, title_number) END,
        title_number = CASE WHEN title IS NEW.title THEN title_number ELSE 1 + max(status_number, assignee_number, title_number) END,
        status = NEW.status, assignee_id = NEW.assignee_id, title = NEW.title
        WHERE conversation_id = NEW.id;
END;

-- A conversation that gets another id keeps what is known of its changes.
CREATE TRIGGER conversations_changes_renamed BEFORE UPDATE OF id ON conversations
WHEN OLD.id IS NOT NEW.id AND NOT EXISTS (SELECT 1 FROM conversations WHERE id = NEW.id)
BEGIN
    DELETE FROM local_changes WHERE conversation_id = NEW.id;
    UPDATE local_changes SET conversation_id = NEW.id WHERE conversation_id = OLD.id;
END;

-- fields: {"status": {"ours": …, "theirs": …, "held": …, "upto": […], …}, …}; record: what concerns the link as a whole. Both are NULL for
-- a link from before, until it is first looked at: then base, seen and in_doubt are read, and emptied.
ALTER TABLE link_state ADD COLUMN fields TEXT CHECK (fields IS NULL OR json_valid(fields));
ALTER TABLE link_state ADD COLUMN record TEXT CHECK (record IS NULL OR json_valid(record));
-- Since when an end that the remote reports waits for somebody to look, because so many are reported.
ALTER TABLE link_state ADD COLUMN braked_at TEXT;
-- Somebody has looked: the end is taken over.
ALTER TABLE link_state ADD COLUMN is_brake_released INTEGER NOT NULL DEFAULT 0;
CREATE INDEX link_state_braked ON link_state (remote, conversation_id) WHERE braked_at IS NOT NULL;

-- The user whom the remote names and the id map does not know; when it does, the conversation is decided again.
ALTER TABLE link_state ADD COLUMN unknown_user TEXT;
CREATE INDEX link_state_unknown_users ON link_state (remote, unknown_user) WHERE unknown_user IS NOT NULL;
CREATE TRIGGER assignees_made_known AFTER INSERT ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT conversation_id, remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM link_state
        WHERE remote = NEW.remote AND unknown_user = NEW.remote_user_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;
CREATE TRIGGER assignees_changed_known AFTER UPDATE ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT conversation_id, remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM link_state
        WHERE remote = NEW.remote AND unknown_user = NEW.remote_user_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

-- What an operator may want to know of the links that there are.
INSERT INTO migration_counts
    SELECT '0009_agreed_pair', 'links whose remote is known to hold what was acknowledged', count(*) FROM link_state WHERE acknowledged_at IS NOT NULL;
INSERT INTO migration_counts
    SELECT '0009_agreed_pair', 'fields of links that are not settled: in doubt, or reported with another value than was acknowledged',
        (SELECT count(*) FROM link_state s, json_each(s.in_doubt))
            + (SELECT count(*) FROM link_state s, json_each(s.seen) r WHERE EXISTS (
                SELECT 1 FROM json_each(s.base) b WHERE b.key = r.key AND b.value IS NOT r.value));

-- The numbers of the local changes that the row had seen: [status, assignee, title].
ALTER TABLE outbox ADD COLUMN local_numbers TEXT;
-- The members of the call that the remote refuses, as a JSON array: the row stands for them alone.
ALTER TABLE outbox ADD COLUMN refused_members TEXT;

-- Whether an open conversation was finished by the change, and whether somebody had let it through the brake.
ALTER TABLE adopted_changes ADD COLUMN is_end INTEGER NOT NULL DEFAULT 0;
ALTER TABLE adopted_changes ADD COLUMN is_released INTEGER NOT NULL DEFAULT 0;
CREATE INDEX adopted_ends ON adopted_changes (remote, adopted_at) WHERE is_end = 1 AND is_released = 0;

-- Since when ends that the remote reports are not taken over. NULL: they are.
ALTER TABLE remotes ADD COLUMN ends_held_at TEXT;

-- Events that wait for their conversation go after a while, the oldest first where there are many.
CREATE INDEX inbox_waiting ON inbox (received_at, id) WHERE state = 'waiting';

DROP TRIGGER conversations_awaited;
CREATE TRIGGER conversations_awaited AFTER INSERT ON conversations
BEGIN
    -- The second condition makes it a search.
    UPDATE inbox SET state = 'pending' WHERE conversation_id = NEW.id AND state = 'waiting' AND state <> 'done';
END;

-- When the customer last wrote.
CREATE INDEX messages_by_user ON messages (conversation_id, created_at) WHERE author = 'user';
