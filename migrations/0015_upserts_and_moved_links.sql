-- What applications run into with triggers that they do not see, and calls to an object that another conversation is linked to by now.

-- The second condition makes it a search: without it the statement cannot use the index of what is unfinished, and reads all events that
-- were ever received.
DROP TRIGGER conversations_changes_deleted;
CREATE TRIGGER conversations_changes_deleted BEFORE DELETE ON conversations
BEGIN
    DELETE FROM local_changes WHERE conversation_id = OLD.id;
    DELETE FROM adopted_changes WHERE conversation_id = OLD.id;
    DELETE FROM inbox WHERE conversation_id = OLD.id AND state = 'pending' AND state <> 'done';
END;

-- No trigger says OR IGNORE or OR REPLACE: the statement that fires a trigger decides what a conflict in it does, so that an upsert
-- (INSERT … ON CONFLICT … DO UPDATE) or UPDATE OR FAIL failed where one of these was meant. An entry that exists is left as it is by
-- ON CONFLICT … DO NOTHING, which is not overridden, and what an UPDATE would meet is deleted before it.
--
-- Triggers are made anew in the order in which they were made first, because SQLite runs them by their order.

-- A message can wait twice: as one that is put aside, or waits for its conversation, and as one to be planned.
DROP TRIGGER conversations_inserted;
CREATE TRIGGER conversations_inserted AFTER INSERT ON conversations
BEGIN
    INSERT INTO change_feed (conversation_id, changed_at) VALUES (NEW.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
    -- Messages that were committed before their conversation.
    DELETE FROM message_feed WHERE remote = '' AND message_id IN (
        SELECT message_id FROM message_feed WHERE conversation_id = NEW.id AND remote = '-');
    UPDATE message_feed SET remote = '' WHERE conversation_id = NEW.id AND remote = '-';
END;

DROP TRIGGER message_was_moved;
CREATE TRIGGER message_was_moved INSTEAD OF INSERT ON moved_message
BEGIN
    -- Of the entries that become one for every remote, the newest stays.
    DELETE FROM message_feed
        WHERE message_id = NEW.message_id
            AND (remote = '' OR ((remote = '-' OR remote = '!') AND conversation_id IS NOT NEW.conversation_id))
            AND sequence <> (
                SELECT max(f.sequence) FROM message_feed f
                WHERE f.message_id = NEW.message_id AND (f.remote = '-' OR f.remote = '!')
                    AND f.conversation_id IS NOT NEW.conversation_id);
    UPDATE message_feed
        SET conversation_id = NEW.conversation_id, moved = 1, remote = CASE WHEN remote = '-' OR remote = '!' THEN '' ELSE remote END
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id;
    INSERT INTO message_feed (message_id, conversation_id, remote, moved, since)
        SELECT NEW.message_id, NEW.conversation_id, o.remote, 1, coalesce(o.differs_since, o.created_at) FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead')
        ON CONFLICT (message_id, remote) DO NOTHING;
    DELETE FROM planned_messages WHERE message_id = NEW.message_id AND remote IN (
        SELECT o.remote FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.conversation_id IS NOT NEW.conversation_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead'));
    UPDATE outbox
        SET state = CASE WHEN in_doubt_since IS NULL THEN 'discarded' ELSE 'uncertain' END,
            last_error = CASE WHEN in_doubt_since IS NULL
                THEN 'the message was moved to another conversation, for which it is planned again'
                ELSE 'sent, but nobody knows whether it arrived, and the message was moved to another conversation since' END,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = NEW.message_id AND conversation_id IS NOT NEW.conversation_id
            AND (state = 'pending' OR state = 'held' OR state = 'dead');
END;

DROP TRIGGER messages_moved;
CREATE TRIGGER messages_moved AFTER UPDATE OF id, conversation_id, author ON messages
WHEN OLD.id IS NOT NEW.id OR OLD.conversation_id IS NOT NEW.conversation_id OR OLD.author IS NOT NEW.author
BEGIN
    UPDATE outbox SET message_id = NEW.id WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
    -- What is left of a message whose id this one takes.
    DELETE FROM message_feed WHERE message_id = NEW.id AND OLD.id IS NOT NEW.id AND remote IN (
        SELECT CASE f.remote WHEN '!' THEN '' ELSE f.remote END FROM message_feed f WHERE f.message_id = OLD.id);
    DELETE FROM message_feed WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id AND remote = ''
        AND EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = OLD.id AND f.remote = '!');
    UPDATE message_feed SET message_id = NEW.id, remote = CASE remote WHEN '!' THEN '' ELSE remote END
        WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
    DELETE FROM planned_messages WHERE message_id = NEW.id AND OLD.id IS NOT NEW.id AND remote IN (
        SELECT p.remote FROM planned_messages p WHERE p.message_id = OLD.id);
    UPDATE planned_messages SET message_id = NEW.id WHERE message_id = OLD.id AND OLD.id IS NOT NEW.id;
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

DROP TRIGGER messages_corrected;
CREATE TRIGGER messages_corrected AFTER UPDATE OF body, attachments, created_at ON messages
WHEN NEW.author = 'user' AND OLD.conversation_id IS NEW.conversation_id
    AND (OLD.body IS NOT NEW.body OR OLD.attachments IS NOT NEW.attachments OR OLD.created_at IS NOT NEW.created_at)
    AND EXISTS (SELECT 1 FROM unsent_messages_from WHERE first_message_id = NEW.id)
BEGIN
    INSERT INTO message_feed (message_id, conversation_id, remote, moved, since)
        SELECT u.message_id, u.conversation_id, u.remote, 1,
            (SELECT coalesce(o.differs_since, o.created_at) FROM outbox o WHERE o.id = u.id)
        FROM unsent_messages_from u WHERE u.first_message_id = NEW.id ORDER BY u.id
        ON CONFLICT (message_id, remote) DO NOTHING;
    DELETE FROM planned_messages WHERE (message_id, remote) IN (
        SELECT message_id, remote FROM unsent_messages_from WHERE first_message_id = NEW.id);
    UPDATE outbox
        SET state = 'discarded', last_error = 'the message, or one before it, was changed before it was sent; it is planned again',
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE id IN (SELECT id FROM unsent_messages_from WHERE first_message_id = NEW.id);
END;

DROP TRIGGER messages_put_aside_inserted;
CREATE TRIGGER messages_put_aside_inserted AFTER INSERT ON messages
BEGIN
    DELETE FROM message_feed WHERE message_id = NEW.id AND remote = ''
        AND EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = NEW.id AND f.remote = '!' AND f.problem IS NOT NULL);
    UPDATE message_feed SET remote = '', problem = NULL WHERE message_id = NEW.id AND remote = '!' AND problem IS NOT NULL;
END;
DROP TRIGGER messages_put_aside_updated;
CREATE TRIGGER messages_put_aside_updated AFTER UPDATE ON messages
BEGIN
    DELETE FROM message_feed WHERE message_id = NEW.id AND remote = ''
        AND EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = NEW.id AND f.remote = '!' AND f.problem IS NOT NULL);
    UPDATE message_feed SET remote = '', problem = NULL WHERE message_id = NEW.id AND remote = '!' AND problem IS NOT NULL;
END;

-- A call counts for its object, too: the link may have been moved to another conversation since it was made.
CREATE INDEX outbox_calls_by_object ON outbox (target_id, remote) WHERE state = 'sending' AND payload = 'state';
-- Rows of other conversations that waited for a call to their object may be claimed. Those that wait for another reason are marked again.
CREATE TRIGGER outbox_call_ended AFTER UPDATE OF state ON outbox
WHEN OLD.state = 'sending' AND NEW.state <> 'sending' AND OLD.payload = 'state'
BEGIN
    UPDATE outbox SET behind = 0
        WHERE state = 'pending' AND behind = 1 AND remote = OLD.remote AND conversation_id IN (
            SELECT l.conversation_id FROM links l
            WHERE l.remote = OLD.remote AND l.remote_id = OLD.target_id AND l.conversation_id <> OLD.conversation_id);
END;
