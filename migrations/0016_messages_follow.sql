-- What a message that waits to be sent carries follows the tables, however they are written.

-- message_feed.moved, besides what 0006_borders.sql says: 2 stands for a message that is planned again because it was corrected, or because one
-- before it was. It keeps its place: its sequence is the id of its row in the outbox, below those of all messages that were never planned.

-- Takes the id of a message whose call is not to be sent as it was planned, and the reason, and keeps neither: the message is planned again,
-- with the later ones of its conversation that were not sent either, so that the order stays. One that may have arrived is left as it is.
CREATE VIEW corrected_message (message_id, reason) AS SELECT NULL, NULL WHERE 0;
CREATE TRIGGER message_was_corrected INSTEAD OF INSERT ON corrected_message
WHEN EXISTS (SELECT 1 FROM unsent_messages_from WHERE first_message_id = NEW.message_id)
BEGIN
    INSERT INTO message_feed (sequence, message_id, conversation_id, remote, moved, since)
        SELECT u.id - 1000000000000000, u.message_id, u.conversation_id, u.remote, 2,
            (SELECT coalesce(o.differs_since, o.created_at) FROM outbox o WHERE o.id = u.id)
        FROM unsent_messages_from u WHERE u.first_message_id = NEW.message_id ORDER BY u.id
        ON CONFLICT (message_id, remote) DO UPDATE SET sequence = excluded.sequence, moved = excluded.moved;
    DELETE FROM planned_messages WHERE (message_id, remote) IN (
        SELECT message_id, remote FROM unsent_messages_from WHERE first_message_id = NEW.message_id);
    UPDATE outbox
        SET state = 'discarded', last_error = NEW.reason,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE id IN (SELECT id FROM unsent_messages_from WHERE first_message_id = NEW.message_id);
END;

-- Takes the id of a message that is not the user's any more, and keeps nothing: it is not sent.
CREATE VIEW message_of_another (message_id) AS SELECT NULL WHERE 0;
CREATE TRIGGER message_went_to_another INSTEAD OF INSERT ON message_of_another
BEGIN
    DELETE FROM message_feed WHERE message_id = NEW.message_id;
    DELETE FROM planned_messages WHERE message_id = NEW.message_id AND remote IN (
        SELECT o.remote FROM outbox o
        WHERE o.message_id = NEW.message_id AND o.in_doubt_since IS NULL
            AND (o.state = 'pending' OR o.state = 'held' OR o.state = 'dead'));
    UPDATE outbox
        SET state = CASE WHEN in_doubt_since IS NULL THEN 'discarded' ELSE 'uncertain' END,
            last_error = CASE WHEN in_doubt_since IS NULL THEN 'the message has another author now'
                ELSE 'sent, but nobody knows whether it arrived, and the message has another author since' END,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE message_id = NEW.message_id AND (state = 'pending' OR state = 'held' OR state = 'dead');
END;

-- Triggers are made anew in the order in which they were made first.

-- messages.created_at in milliseconds since 1970, as outbox.dedupe_key counts.
CREATE VIEW message_milliseconds (message_id, milliseconds) AS
    SELECT id, CAST(strftime('%s', substr(created_at, 1, 19)) AS INTEGER) * 1000
        + CASE substr(created_at, 20, 1) WHEN '.' THEN CAST(substr(rtrim(substr(created_at, 21), 'Z') || '000', 1, 3) AS INTEGER) ELSE 0 END
    FROM messages;

-- INSERT OR REPLACE moves a message, corrects it and gives it another author as well, and shows triggers no old row. So the row is compared
-- with the call. The members of an attachment are in another order there. A timestamp that is later than created_at was moved by planning
-- if every millisecond from created_at on is taken, and is no correction then. What SQLite would read only in part, or not at all, counts as
-- another text.
DROP TRIGGER messages_inserted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
BEGIN
    INSERT INTO message_of_another SELECT NEW.id WHERE NEW.author <> 'user';
    INSERT INTO moved_message SELECT NEW.id, NEW.conversation_id WHERE NEW.author = 'user';
    INSERT INTO corrected_message
        SELECT NEW.id, 'the message, or one before it, was changed before it was sent; it is planned again'
        WHERE NEW.author = 'user' AND EXISTS (
            SELECT 1 FROM outbox o JOIN message_milliseconds n ON n.message_id = o.message_id
            WHERE o.message_id = NEW.id AND o.in_doubt_since IS NULL AND (o.state = 'pending' OR o.state = 'held')
                AND CASE WHEN json_valid(o.body) AND instr(o.body, '\u0000') = 0 THEN
                    json_extract(o.body, '$.message.body') IS NOT coalesce(NEW.body, '')
                        OR (json_extract(o.body, '$.message.timestamp') IS NOT NEW.created_at AND NOT coalesce(
                            o.dedupe_key > n.milliseconds AND o.dedupe_key - n.milliseconds = (
                                SELECT count(DISTINCT t.dedupe_key) FROM outbox t
                                WHERE t.conversation_id = o.conversation_id AND t.remote = o.remote
                                    AND t.dedupe_key >= n.milliseconds AND t.dedupe_key < o.dedupe_key), 0))
                        OR EXISTS (
                            SELECT fullkey, type, atom FROM json_tree(coalesce(json_extract(o.body, '$.attachments'), '[]'))
                            EXCEPT SELECT fullkey, type, atom
                                FROM json_tree(CASE WHEN json_valid(NEW.attachments) THEN NEW.attachments ELSE '[]' END))
                        OR EXISTS (
                            SELECT fullkey, type, atom FROM json_tree(CASE WHEN json_valid(NEW.attachments) THEN NEW.attachments ELSE '[]' END)
                            EXCEPT SELECT fullkey, type, atom FROM json_tree(coalesce(json_extract(o.body, '$.attachments'), '[]')))
                    ELSE 1 END);
    INSERT INTO message_feed (message_id, conversation_id) SELECT NEW.id, NEW.conversation_id
        WHERE NEW.author = 'user' AND NOT EXISTS (SELECT 1 FROM message_feed WHERE message_id = NEW.id);
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
    INSERT INTO message_of_another SELECT NEW.id WHERE NEW.author <> 'user';
    INSERT INTO moved_message SELECT NEW.id, NEW.conversation_id WHERE NEW.author = 'user';
    INSERT INTO message_feed (message_id, conversation_id) SELECT NEW.id, NEW.conversation_id
        WHERE NEW.author = 'user' AND OLD.author <> 'user' AND NOT EXISTS (SELECT 1 FROM message_feed WHERE message_id = NEW.id);
END;

DROP TRIGGER messages_corrected;
CREATE TRIGGER messages_corrected AFTER UPDATE OF body, attachments, created_at ON messages
WHEN NEW.author = 'user' AND OLD.conversation_id IS NEW.conversation_id
    AND (OLD.body IS NOT NEW.body OR OLD.attachments IS NOT NEW.attachments OR OLD.created_at IS NOT NEW.created_at)
BEGIN
    INSERT INTO corrected_message
        VALUES (NEW.id, 'the message, or one before it, was changed before it was sent; it is planned again');
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

-- The user's id, name, e-mail address and attributes go out with each message, so a message that was not sent yet follows them as well. A
-- message that is held follows when it is let go: until then a user may change often.

-- Messages of a conversation that wait and were not sent yet, and that cannot have arrived. The index is a small one: what is sent leaves it.
CREATE INDEX outbox_unsent_messages ON outbox (conversation_id, remote, id)
    WHERE payload = 'message' AND in_doubt_since IS NULL AND state = 'pending';
CREATE VIEW unsent_messages (conversation_id, remote, id, message_id, body) AS
    SELECT conversation_id, remote, id, message_id, body FROM outbox
    WHERE payload = 'message' AND in_doubt_since IS NULL AND state = 'pending';

-- The attributes of a conversation's user.
CREATE VIEW user_attributes (conversation_id, attributes) AS
    SELECT c.id, CASE WHEN json_valid(u.attributes) THEN u.attributes ELSE '{}' END
    FROM conversations c JOIN users u ON u.id = c.user_id;

-- Those of them whose call carries another user than the tables hold. Attributes are compared by their members, whose order has no meaning, and
-- only those that the call carries: the configuration may leave the others out. A call that would be the same is never planned again, however
-- often the user is written. What SQLite would read only in part, or not at all, counts as different.
CREATE VIEW messages_of_former_user (conversation_id, remote, id, message_id) AS
    SELECT o.conversation_id, o.remote, o.id, o.message_id FROM unsent_messages o
    WHERE CASE WHEN json_valid(o.body) AND instr(coalesce(json_extract(o.body, '$.user'), ''), '\u0000') = 0 THEN
        json_type(o.body, '$.user') IS NOT NULL AND (
            json_extract(o.body, '$.user.id') IS NOT (SELECT c.user_id FROM conversations c WHERE c.id = o.conversation_id)
                OR json_extract(o.body, '$.user.name') IS NOT (
                    SELECT u.name FROM conversations c JOIN users u ON u.id = c.user_id WHERE c.id = o.conversation_id)
                OR json_extract(o.body, '$.user.email') IS NOT (
                    SELECT u.email FROM conversations c JOIN users u ON u.id = c.user_id WHERE c.id = o.conversation_id)
                -- Of a member that is an object or an array: each of its parts, and how many there are.
                OR EXISTS (
                    SELECT p.key, p.type, p.atom, t.fullkey, t.type, t.atom,
                        (SELECT count(*) FROM json_tree(CASE WHEN p.atom IS NULL AND p.type <> 'null' THEN p.value END))
                    FROM json_each(o.body, '$.user.attributes') p
                        LEFT JOIN json_tree(CASE WHEN p.atom IS NULL AND p.type <> 'null' THEN p.value END) t
                    EXCEPT
                    SELECT p.key, p.type, p.atom, t.fullkey, t.type, t.atom,
                        (SELECT count(*) FROM json_tree(CASE WHEN p.atom IS NULL AND p.type <> 'null' THEN p.value END))
                    FROM json_each((SELECT a.attributes FROM user_attributes a WHERE a.conversation_id = o.conversation_id)) p
                        LEFT JOIN json_tree(CASE WHEN p.atom IS NULL AND p.type <> 'null' THEN p.value END) t))
        ELSE 1 END;

CREATE TRIGGER users_corrected AFTER UPDATE OF id, name, email, attributes ON users
WHEN OLD.id IS NOT NEW.id OR OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email OR OLD.attributes IS NOT NEW.attributes
BEGIN
    INSERT INTO corrected_message
        SELECT u.message_id, 'the user was changed before the message was sent; it is planned again'
        FROM conversations c CROSS JOIN messages_of_former_user u ON u.conversation_id = c.id
        WHERE c.user_id IN (OLD.id, NEW.id) ORDER BY u.id;
END;
CREATE TRIGGER users_forgotten AFTER DELETE ON users
BEGIN
    INSERT INTO corrected_message
        SELECT u.message_id, 'the user was deleted before the message was sent; it is planned again'
        FROM conversations c CROSS JOIN messages_of_former_user u ON u.conversation_id = c.id
        WHERE c.user_id = OLD.id ORDER BY u.id;
END;
-- INSERT OR REPLACE.
CREATE TRIGGER users_replaced AFTER INSERT ON users
BEGIN
    INSERT INTO corrected_message
        SELECT u.message_id, 'the user was changed before the message was sent; it is planned again'
        FROM conversations c CROSS JOIN messages_of_former_user u ON u.conversation_id = c.id
        WHERE c.user_id = NEW.id ORDER BY u.id;
END;

CREATE TRIGGER conversations_user_corrected AFTER UPDATE OF user_id ON conversations
WHEN OLD.user_id IS NOT NEW.user_id
BEGIN
    INSERT INTO corrected_message
        SELECT u.message_id, 'the conversation has another user now; the message is planned again'
        FROM messages_of_former_user u WHERE u.conversation_id = NEW.id ORDER BY u.id;
END;
CREATE TRIGGER conversations_user_replaced AFTER INSERT ON conversations
BEGIN
    INSERT INTO corrected_message
        SELECT u.message_id, 'the conversation has another user now; the message is planned again'
        FROM messages_of_former_user u WHERE u.conversation_id = NEW.id ORDER BY u.id;
END;

-- What waits since before this migration carries the user of its time. What is held follows when it is let go.
INSERT INTO corrected_message
    SELECT message_id, 'the user was changed before the message was sent; it is planned again'
    FROM messages_of_former_user ORDER BY conversation_id, remote, id;
