-- What the application may write as keys, what becomes of messages that are moved, and which rows a claim has to look at.

-- Keys. A NUL character ends a text for most clients, and a text that is not valid UTF-8 is another one when it is written back: such a
-- key names a row that nobody can address.

-- Takes a key to look through, and keeps nothing. Each character is compared with its own encoding; U+FFFE and U+FFFF are valid, and
-- SQLite reads them as U+FFFD. Keys of printable ASCII are not gone through, nor are those of more than 4,000 bytes.
CREATE VIEW key_to_check (text) AS SELECT NULL WHERE 0;
CREATE TRIGGER key_checked INSTEAD OF INSERT ON key_to_check
WHEN NEW.text GLOB '*[^ -~]*' AND length(CAST(NEW.text AS BLOB)) <= 4000
BEGIN
    SELECT RAISE(ABORT, 'keys (id, conversation_id, user_id, assignee_id, remote, remote_id, agent_id, remote_user_id) must be valid UTF-8')
        WHERE EXISTS (
            SELECT 1 FROM json_each('[' || substr(replace(printf('%.*c', length(NEW.text), 'x'), 'x', ',0'), 2) || ']') n
            WHERE CAST(char(unicode(substr(NEW.text, n.key + 1, 1))) AS BLOB) <> CAST(substr(NEW.text, n.key + 1, 1) AS BLOB)
                AND CAST(substr(NEW.text, n.key + 1, 1) AS BLOB) <> x'EFBFBE' AND CAST(substr(NEW.text, n.key + 1, 1) AS BLOB) <> x'EFBFBF');
END;

CREATE TRIGGER users_keys_inserted BEFORE INSERT ON users
BEGIN
    SELECT RAISE(ABORT, 'users.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id);
END;
CREATE TRIGGER users_keys_updated BEFORE UPDATE OF id ON users
BEGIN
    SELECT RAISE(ABORT, 'users.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id);
END;

CREATE TRIGGER conversations_keys_inserted BEFORE INSERT ON conversations
BEGIN
    SELECT RAISE(ABORT, 'conversations.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.user_id must not contain a NUL character') WHERE instr(CAST(NEW.user_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.assignee_id must not contain a NUL character') WHERE instr(CAST(NEW.assignee_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id), (NEW.user_id), (NEW.assignee_id);
END;
CREATE TRIGGER conversations_keys_updated BEFORE UPDATE OF id, user_id, assignee_id ON conversations
BEGIN
    SELECT RAISE(ABORT, 'conversations.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.user_id must not contain a NUL character') WHERE instr(CAST(NEW.user_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'conversations.assignee_id must not contain a NUL character') WHERE instr(CAST(NEW.assignee_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id), (NEW.user_id), (NEW.assignee_id);
END;

CREATE TRIGGER links_keys_inserted BEFORE INSERT ON links
BEGIN
    SELECT RAISE(ABORT, 'links.conversation_id must not contain a NUL character') WHERE instr(CAST(NEW.conversation_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.remote must not contain a NUL character') WHERE instr(CAST(NEW.remote AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.remote_id must not contain a NUL character') WHERE instr(CAST(NEW.remote_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.agent_id must not contain a NUL character') WHERE instr(CAST(NEW.agent_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.conversation_id), (NEW.remote), (NEW.remote_id), (NEW.agent_id);
END;
CREATE TRIGGER links_keys_updated BEFORE UPDATE OF conversation_id, remote, remote_id, agent_id ON links
BEGIN
    SELECT RAISE(ABORT, 'links.conversation_id must not contain a NUL character') WHERE instr(CAST(NEW.conversation_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.remote must not contain a NUL character') WHERE instr(CAST(NEW.remote AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.remote_id must not contain a NUL character') WHERE instr(CAST(NEW.remote_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'links.agent_id must not contain a NUL character') WHERE instr(CAST(NEW.agent_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.conversation_id), (NEW.remote), (NEW.remote_id), (NEW.agent_id);
END;

CREATE TRIGGER messages_keys_inserted BEFORE INSERT ON messages
BEGIN
    SELECT RAISE(ABORT, 'messages.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'messages.conversation_id must not contain a NUL character') WHERE instr(CAST(NEW.conversation_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id), (NEW.conversation_id);
END;
CREATE TRIGGER messages_keys_updated BEFORE UPDATE OF id, conversation_id ON messages
BEGIN
    SELECT RAISE(ABORT, 'messages.id must not contain a NUL character') WHERE instr(CAST(NEW.id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'messages.conversation_id must not contain a NUL character') WHERE instr(CAST(NEW.conversation_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.id), (NEW.conversation_id);
END;

CREATE TRIGGER assignees_keys_inserted BEFORE INSERT ON assignees
BEGIN
    SELECT RAISE(ABORT, 'assignees.assignee_id must not contain a NUL character') WHERE instr(CAST(NEW.assignee_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'assignees.remote must not contain a NUL character') WHERE instr(CAST(NEW.remote AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'assignees.remote_user_id must not contain a NUL character') WHERE instr(CAST(NEW.remote_user_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.assignee_id), (NEW.remote), (NEW.remote_user_id);
END;
CREATE TRIGGER assignees_keys_updated BEFORE UPDATE OF assignee_id, remote, remote_user_id ON assignees
BEGIN
    SELECT RAISE(ABORT, 'assignees.assignee_id must not contain a NUL character') WHERE instr(CAST(NEW.assignee_id AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'assignees.remote must not contain a NUL character') WHERE instr(CAST(NEW.remote AS BLOB), x'00') > 0;
    SELECT RAISE(ABORT, 'assignees.remote_user_id must not contain a NUL character') WHERE instr(CAST(NEW.remote_user_id AS BLOB), x'00') > 0;
    INSERT INTO key_to_check VALUES (NEW.assignee_id), (NEW.remote), (NEW.remote_user_id);
END;

-- Rows of the feeds whose key cannot be used (they are older than the triggers above) are put aside: deferred = 2, and remote = '!' in
-- message_feed. They are looked at again when the row that they stand for is written again.
CREATE INDEX change_feed_aside ON change_feed (conversation_id) WHERE deferred = 2;
-- 1: planned in the order of messages.created_at within its conversation, not in that of the feed.
ALTER TABLE message_feed ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;

-- Whether users' messages go to the remote. Kept for remotes that are not configured at the moment: their messages wait.
ALTER TABLE remotes ADD COLUMN receives_messages INTEGER NOT NULL DEFAULT 0;
UPDATE remotes SET receives_messages = 1 WHERE kind = 'fin';

-- A message's timestamp in milliseconds since 1970: a second message with the same one would be taken for a repetition.
ALTER TABLE outbox ADD COLUMN dedupe_key INTEGER;
UPDATE outbox SET dedupe_key = (
    SELECT CAST(strftime('%s', substr(t.text, 1, 19)) AS INTEGER) * 1000
        + CASE substr(t.text, 20, 1) WHEN '.' THEN CAST(substr(rtrim(substr(t.text, 21), 'Z') || '000', 1, 3) AS INTEGER) ELSE 0 END
    FROM (SELECT json_extract(outbox.body, '$.message.timestamp') AS text) t)
WHERE payload = 'message' AND json_valid(body);
CREATE INDEX outbox_by_dedupe_key ON outbox (conversation_id, remote, dedupe_key) WHERE dedupe_key IS NOT NULL;

-- 0: may be claimed, as far as is known. 1: a message behind an earlier one that is not over. 2: a newer state of the conversation
-- waits to be planned. A claim looks at rows with 0 only, checks them, and sets 1 or 2; the triggers below take that back.
ALTER TABLE outbox ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET behind = 1 WHERE state = 'pending' AND payload = 'message' AND EXISTS (
    SELECT 1 FROM outbox e WHERE e.conversation_id = outbox.conversation_id AND e.remote = outbox.remote
        AND e.state IN ('pending', 'sending', 'held') AND e.id < outbox.id);
DROP INDEX outbox_due;
DROP INDEX outbox_first_tries;
CREATE INDEX outbox_due ON outbox (remote, due_at, id) WHERE state = 'pending' AND behind = 0;
CREATE INDEX outbox_first_tries ON outbox (remote, due_at, id) WHERE state = 'pending' AND behind = 0 AND attempts = 0;
CREATE INDEX outbox_behind ON outbox (conversation_id, remote, id) WHERE state = 'pending' AND behind = 1;
CREATE INDEX outbox_overtaken ON outbox (conversation_id, remote) WHERE behind = 2;
-- Messages that wait for Fin, whose turn comes in order.
CREATE INDEX outbox_held_by_fin ON outbox (conversation_id, remote, id) WHERE held_by = 'fin';

-- The next one's turn. Also when a call ends without an end of its row: a claim may have marked an earlier row because of it.
CREATE TRIGGER outbox_ended AFTER UPDATE OF state ON outbox
WHEN (OLD.state = 'sending' AND NEW.state <> 'sending')
    OR ((OLD.state = 'pending' OR OLD.state = 'held') AND NOT (NEW.state = 'pending' OR NEW.state = 'sending' OR NEW.state = 'held'))
BEGIN
    UPDATE outbox SET behind = 0 WHERE id = (
        SELECT min(id) FROM outbox
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state = 'pending' AND behind = 1);
END;
CREATE TRIGGER outbox_deleted AFTER DELETE ON outbox
WHEN (OLD.state = 'pending' OR OLD.state = 'sending' OR OLD.state = 'held')
BEGIN
    UPDATE outbox SET behind = 0 WHERE id = (
        SELECT min(id) FROM outbox
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state = 'pending' AND behind = 1);
END;
-- A row that is replayed or let go may have others before it.
CREATE TRIGGER outbox_returned AFTER UPDATE OF state ON outbox
WHEN NEW.state = 'pending' AND OLD.state <> 'pending' AND OLD.state <> 'sending'
BEGIN
    UPDATE outbox SET behind = NEW.payload = 'message' AND EXISTS (
            SELECT 1 FROM outbox e WHERE e.conversation_id = NEW.conversation_id AND e.remote = NEW.remote
                AND e.state IN ('pending', 'sending', 'held') AND e.id < NEW.id)
        WHERE id = NEW.id;
END;
-- The newer state has been planned, or waits for something else.
CREATE TRIGGER change_feed_planned AFTER DELETE ON change_feed
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind = 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;
CREATE TRIGGER change_feed_deferred AFTER UPDATE OF deferred ON change_feed
WHEN NEW.deferred <> 0 AND OLD.deferred = 0
BEGIN
    UPDATE outbox SET behind = 0
        WHERE conversation_id = OLD.conversation_id AND behind = 2 AND (OLD.remote = '' OR remote = OLD.remote);
END;

-- Takes the id of a message and the conversation that it belongs to now, and keeps neither: what was not sent yet is planned anew for that
-- conversation, what is in doubt needs a person, what was delivered stays.
CREATE VIEW moved_message (message_id, conversation_id) AS SELECT NULL, NULL WHERE 0;
CREATE TRIGGER message_was_moved INSTEAD OF INSERT ON moved_message
BEGIN
    UPDATE OR REPLACE message_feed
        SET conversation_id = NEW.conversation_id, moved = 1, remote = CASE WHEN remote = '-' OR remote = '!' THEN '' ELSE remote END
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id;
    INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved)
        SELECT NEW.message_id, NEW.conversation_id, o.remote, 1 FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead');
    DELETE FROM planned_messages WHERE message_id = NEW.message_id AND remote IN (
        SELECT o.remote FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead'));
    UPDATE outbox
        SET state = CASE WHEN in_doubt_since IS NULL THEN 'discarded' ELSE 'uncertain' END,
            last_error = CASE WHEN in_doubt_since IS NULL THEN 'the message was moved to another conversation, for which it is planned anew'
                ELSE 'sent, but nobody knows whether it arrived, and the message was moved to another conversation since' END,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id
            AND (state = 'pending' OR state = 'held' OR state = 'dead');
END;

-- Messages follow their row.
DROP TRIGGER messages_inserted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
WHEN NEW.author = 'user'
BEGIN
    -- INSERT OR REPLACE moves a message as well, and shows triggers no old row.
    INSERT INTO moved_message VALUES (NEW.id, NEW.conversation_id);
    INSERT INTO message_feed (message_id, conversation_id) SELECT NEW.id, NEW.conversation_id
        WHERE NOT EXISTS (SELECT 1 FROM message_feed WHERE message_id = NEW.id);
END;

CREATE TRIGGER messages_moved AFTER UPDATE OF id, conversation_id, author ON messages
WHEN OLD.id IS NOT NEW.id OR OLD.conversation_id IS NOT NEW.conversation_id OR OLD.author IS NOT NEW.author
BEGIN
    UPDATE outbox SET message_id = NEW.id WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
    UPDATE OR REPLACE message_feed SET message_id = NEW.id, remote = CASE remote WHEN '!' THEN '' ELSE remote END
        WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
    UPDATE OR REPLACE planned_messages SET message_id = NEW.id WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
    -- What is not a user's message any more is not sent; what has become one is.
    DELETE FROM message_feed WHERE message_id = NEW.id AND NEW.author <> 'user';
    DELETE FROM planned_messages WHERE message_id = NEW.id AND NEW.author <> 'user' AND remote IN (
        SELECT o.remote FROM outbox o
        WHERE o.message_id = NEW.id AND o.in_doubt_since IS NULL AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead'));
    UPDATE outbox
        SET state = CASE WHEN in_doubt_since IS NULL THEN 'discarded' ELSE 'uncertain' END,
            last_error = CASE WHEN in_doubt_since IS NULL THEN 'the message has another author now'
                ELSE 'sent, but nobody knows whether it arrived, and the message has another author since' END,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = NEW.id AND NEW.author <> 'user' AND (state = 'pending' OR state = 'held' OR state = 'dead');
    INSERT INTO moved_message SELECT NEW.id, NEW.conversation_id WHERE NEW.author = 'user';
    INSERT INTO message_feed (message_id, conversation_id) SELECT NEW.id, NEW.conversation_id
        WHERE NEW.author = 'user' AND OLD.author <> 'user' AND NOT EXISTS (SELECT 1 FROM message_feed WHERE message_id = NEW.id);
END;

-- The rows of messages that were not sent yet, from that of a certain one on.
CREATE VIEW unsent_messages_from (first_message_id, id, message_id, conversation_id, remote) AS
    SELECT o.message_id, r.id, r.message_id, r.conversation_id, r.remote
    FROM outbox o JOIN outbox r ON r.conversation_id = o.conversation_id AND r.remote = o.remote AND r.id >= o.id
    WHERE o.in_doubt_since IS NULL AND (o.state = 'pending' OR o.state = 'held')
        AND r.payload = 'message' AND r.in_doubt_since IS NULL AND (r.state = 'pending' OR r.state = 'held');

-- A text that is corrected before it was sent is sent as it is now. The later messages of the conversation that were not sent either
-- are planned anew behind it: the order stays.
CREATE TRIGGER messages_corrected AFTER UPDATE OF body, attachments, created_at ON messages
WHEN NEW.author = 'user' AND OLD.conversation_id IS NEW.conversation_id
    AND (OLD.body IS NOT NEW.body OR OLD.attachments IS NOT NEW.attachments OR OLD.created_at IS NOT NEW.created_at)
    AND EXISTS (SELECT 1 FROM unsent_messages_from WHERE first_message_id = NEW.id)
BEGIN
    INSERT OR IGNORE INTO message_feed (message_id, conversation_id, remote, moved)
        SELECT message_id, conversation_id, remote, 1 FROM unsent_messages_from WHERE first_message_id = NEW.id ORDER BY id;
    DELETE FROM planned_messages WHERE (message_id, remote) IN (
        SELECT message_id, remote FROM unsent_messages_from WHERE first_message_id = NEW.id);
    UPDATE outbox
        SET state = 'discarded', last_error = 'the message, or one before it, was changed before it was sent; it is planned anew',
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE id IN (SELECT id FROM unsent_messages_from WHERE first_message_id = NEW.id);
END;

-- A message that was moved is not its former conversation's any more.
DROP TRIGGER conversations_deleted;
CREATE TRIGGER conversations_deleted BEFORE DELETE ON conversations
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the conversation was deleted', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.id AND state IN ('pending', 'held', 'dead', 'uncertain') AND NOT EXISTS (
            SELECT 1 FROM messages m WHERE m.id = outbox.message_id AND m.conversation_id IS NOT OLD.id);
    DELETE FROM links WHERE conversation_id = OLD.id;
    DELETE FROM messages WHERE conversation_id = OLD.id;
    DELETE FROM message_feed WHERE conversation_id = OLD.id AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id);
    DELETE FROM change_feed WHERE conversation_id = OLD.id;
    DELETE FROM link_state WHERE conversation_id = OLD.id;
END;

-- Messages that wait for a conversation that they do not belong to any more.
UPDATE message_feed SET remote = '', conversation_id = (SELECT m.conversation_id FROM messages m WHERE m.id = message_id), moved = 1
    WHERE remote = '-' AND EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id AND m.conversation_id IS NOT message_feed.conversation_id);

-- A key that is renamed concerns the conversations of the old one as well.
DROP TRIGGER users_updated;
CREATE TRIGGER users_updated AFTER UPDATE ON users
WHEN OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email OR OLD.photo_url IS NOT NEW.photo_url
    OR OLD.user_type IS NOT NEW.user_type OR OLD.attributes IS NOT NEW.attributes OR OLD.id IS NOT NEW.id
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at)
        SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE user_id = NEW.id OR user_id = OLD.id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

DROP TRIGGER assignees_updated;
CREATE TRIGGER assignees_updated AFTER UPDATE ON assignees
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE assignee_id = NEW.assignee_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT id, OLD.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM conversations WHERE assignee_id = OLD.assignee_id
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

-- A conversation that gets another id is fed under the new one; nothing is left to look at under the old one.
CREATE TRIGGER conversations_renamed AFTER UPDATE OF id ON conversations
WHEN OLD.id IS NOT NEW.id
BEGIN
    DELETE FROM change_feed WHERE conversation_id = OLD.id;
END;
