-- One call in flight per conversation and remote, what a call with a lost lease leaves behind, and what cannot be planned.

-- {"fields": {"field": value}, "numbers": [status, assignee, title]}: what calls carried that had lost their lease and ended while this row's
-- call was in flight. Either of the two may have arrived last, so it is in doubt as soon as this call has ended.
ALTER TABLE outbox ADD COLUMN overlapped TEXT CHECK (overlapped IS NULL OR json_valid(overlapped));

-- Planning refused the row: it was never sent, and what it stands for is planned again from the tables.
ALTER TABLE outbox ADD COLUMN is_refused INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET is_refused = 1 WHERE body = '{}' OR substr(last_error, 1, 14) = 'not sendable: ';

-- Of two calls of a conversation for one remote, the one that was claimed later is put back. Nobody knows whether it arrived.
CREATE TABLE claimed_twice AS
    SELECT id, conversation_id, remote, payload, delta, local_numbers, updated_at,
        first_value(id) OVER (PARTITION BY conversation_id, remote ORDER BY updated_at, id) AS first_id
    FROM outbox WHERE state = 'sending';
UPDATE outbox SET overlapped = (
        SELECT json_object(
            'fields', json_group_object(d.key, json(d.value -> '$.to')),
            'numbers', json(coalesce(max(t.local_numbers), '[0,0,0]')))
        FROM claimed_twice t, json_each(t.delta) d
        WHERE t.first_id = outbox.id AND t.id <> t.first_id AND t.payload = 'state' AND json_type(d.value, '$.to') IS NOT NULL)
    WHERE id IN (SELECT first_id FROM claimed_twice WHERE id <> first_id AND payload = 'state');
UPDATE outbox SET state = 'pending', lease = NULL, lease_until = NULL,
        in_doubt_since = CASE payload WHEN 'message' THEN coalesce(in_doubt_since, updated_at) END
    WHERE id IN (SELECT id FROM claimed_twice WHERE id <> first_id);
INSERT INTO migration_counts
    SELECT '0011_claims_and_problems', 'rows that were claimed while a call for the same conversation and remote was in flight', count(*)
    FROM claimed_twice WHERE id <> first_id;
DROP TABLE claimed_twice;
-- Recovery reads all claims; it needs no order by the end of the lease.
DROP INDEX outbox_claimed;
CREATE UNIQUE INDEX outbox_in_flight ON outbox (conversation_id, remote) WHERE state = 'sending';

-- Why an entry that is put aside (deferred = 2, or remote = '!') cannot be planned; it counts only while the entry is put aside. NULL where
-- the key cannot be used.
ALTER TABLE change_feed ADD COLUMN problem TEXT;
ALTER TABLE message_feed ADD COLUMN problem TEXT;

-- A message that is written again is planned again.
CREATE TRIGGER messages_put_aside_inserted AFTER INSERT ON messages
BEGIN
    UPDATE OR REPLACE message_feed SET remote = '', problem = NULL
        WHERE message_id = NEW.id AND remote = '!' AND problem IS NOT NULL;
END;
CREATE TRIGGER messages_put_aside_updated AFTER UPDATE ON messages
BEGIN
    UPDATE OR REPLACE message_feed SET remote = '', problem = NULL
        WHERE message_id = NEW.id AND remote = '!' AND problem IS NOT NULL;
END;
