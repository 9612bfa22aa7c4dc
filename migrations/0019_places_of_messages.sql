-- A message that is planned again keeps its place, however often and whatever is planned in between.

-- outbox.place, besides what 0008_keys_and_queues.sql says: of a message that was planned again, the place of the row that was replaced. So
-- coalesce(place, id) is the order in which the messages of a conversation are sent to a remote, and not the id: planning may have written
-- some of them again, and not come to the later ones yet, when they are to be planned again once more. What is planned for the first time
-- comes after everything that is there.

-- Rows that were planned again before this migration, where others of their conversation still wait for that: those come after them.
UPDATE outbox SET place = (
        SELECT nullif(min(f.id), outbox.id) FROM outbox f
        WHERE f.message_id = outbox.message_id AND f.remote = outbox.remote AND f.conversation_id = outbox.conversation_id)
    WHERE payload = 'message' AND state IN ('pending', 'sending', 'held', 'dead', 'uncertain') AND EXISTS (
        SELECT 1 FROM message_feed k
        WHERE k.conversation_id = outbox.conversation_id AND k.remote = outbox.remote AND k.moved = 2);

-- The rows of a conversation that are not finished, in that order.
CREATE INDEX outbox_queue ON outbox (conversation_id, remote, coalesce(place, id)) WHERE state IN ('pending', 'sending', 'held');
DROP INDEX outbox_behind;
CREATE INDEX outbox_behind ON outbox (conversation_id, remote, coalesce(place, id)) WHERE state = 'pending' AND behind = 1;
DROP INDEX outbox_held_by_fin;
CREATE INDEX outbox_held_by_fin ON outbox (conversation_id, remote, coalesce(place, id)) WHERE held_by = 'fin';

-- The triggers of 0006_borders.sql, with that order. None of them depends on which of those on outbox runs first.

-- The next one's turn. Also when a call ends without an end of its row: a claim may have marked an earlier row because of it.
DROP TRIGGER outbox_ended;
CREATE TRIGGER outbox_ended AFTER UPDATE OF state ON outbox
WHEN (OLD.state = 'sending' AND NEW.state <> 'sending')
    OR ((OLD.state = 'pending' OR OLD.state = 'held') AND NOT (NEW.state = 'pending' OR NEW.state = 'sending' OR NEW.state = 'held'))
BEGIN
    UPDATE outbox SET behind = 0 WHERE id = (
        SELECT id FROM outbox
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state = 'pending' AND behind = 1
        ORDER BY coalesce(place, id) LIMIT 1);
END;
DROP TRIGGER outbox_deleted;
CREATE TRIGGER outbox_deleted AFTER DELETE ON outbox
WHEN (OLD.state = 'pending' OR OLD.state = 'sending' OR OLD.state = 'held')
BEGIN
    UPDATE outbox SET behind = 0 WHERE id = (
        SELECT id FROM outbox
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state = 'pending' AND behind = 1
        ORDER BY coalesce(place, id) LIMIT 1);
END;
-- A row that is replayed or let go may have others before it.
DROP TRIGGER outbox_returned;
CREATE TRIGGER outbox_returned AFTER UPDATE OF state ON outbox
WHEN NEW.state = 'pending' AND OLD.state <> 'pending' AND OLD.state <> 'sending'
BEGIN
    UPDATE outbox SET behind = NEW.payload = 'message' AND EXISTS (
            SELECT 1 FROM outbox e WHERE e.conversation_id = NEW.conversation_id AND e.remote = NEW.remote
                AND e.state IN ('pending', 'sending', 'held') AND coalesce(e.place, e.id) < coalesce(NEW.place, NEW.id))
        WHERE id = NEW.id;
END;

-- The rows of messages that were not sent yet, from that of a certain one on.
DROP VIEW unsent_messages_from;
CREATE VIEW unsent_messages_from (first_message_id, id, place, message_id, conversation_id, remote) AS
    SELECT o.message_id, r.id, coalesce(r.place, r.id), r.message_id, r.conversation_id, r.remote
    FROM outbox o JOIN outbox r
        ON r.conversation_id = o.conversation_id AND r.remote = o.remote AND coalesce(r.place, r.id) >= coalesce(o.place, o.id)
    WHERE o.in_doubt_since IS NULL AND (o.state = 'pending' OR o.state = 'held')
        AND r.payload = 'message' AND r.in_doubt_since IS NULL AND (r.state = 'pending' OR r.state = 'held')
        -- For the index.
        AND r.state IN ('pending', 'sending', 'held');

-- message_feed.sequence of a message that keeps its place: that place, below those of all messages that were never planned.
DROP TRIGGER message_was_corrected;
CREATE TRIGGER message_was_corrected INSTEAD OF INSERT ON corrected_message
WHEN EXISTS (SELECT 1 FROM unsent_messages_from WHERE first_message_id = NEW.message_id)
BEGIN
    INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved, since)
        SELECT u.place - 1000000000000000, u.message_id, u.conversation_id, u.remote, 2,
            (SELECT coalesce(o.differs_since, o.created_at) FROM outbox o WHERE o.id = u.id)
        FROM unsent_messages_from u WHERE u.first_message_id = NEW.message_id ORDER BY u.place
        ON CONFLICT (message_id, remote) DO UPDATE SET sequence = excluded.sequence, moved = excluded.moved;
    DELETE FROM planned_messages WHERE (message_id, remote) IN (
        SELECT message_id, remote FROM unsent_messages_from WHERE first_message_id = NEW.message_id);
    UPDATE outbox
        SET state = 'discarded', last_error = NEW.reason,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE id IN (SELECT id FROM unsent_messages_from WHERE first_message_id = NEW.message_id);
END;
