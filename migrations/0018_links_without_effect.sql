-- A row of `links` has no effect on a remote that needs none (docs/schema.md, "links").

-- Whether a conversation takes part only with a link. 0: every conversation is there under its local id, and a link that names the remote means
-- nothing. A name that is not in the table counts as one that needs links: they are reported as links to an unknown remote. What is known of a
-- remote stays while it is not configured.
ALTER TABLE remotes ADD COLUMN needs_link INTEGER NOT NULL DEFAULT 1;
UPDATE remotes SET needs_link = 0 WHERE kind IN ('fin', 'helpdesk');

-- Triggers are made anew in the order in which they were made first. Rows of messages do not depend on links, whatever remote the name stands
-- for now, and whatever it stood for before.

DROP TRIGGER links_inserted;
CREATE TRIGGER links_inserted AFTER INSERT ON links
WHEN NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = NEW.remote AND r.needs_link = 0)
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was written again', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote AND state = 'dead' AND payload = 'state' AND EXISTS (
            SELECT 1 FROM link_state s WHERE s.conversation_id = NEW.conversation_id AND s.remote = NEW.remote AND s.gone_at IS NOT NULL);
    UPDATE link_state SET gone_at = NULL WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote;
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        VALUES (NEW.conversation_id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

DROP TRIGGER links_updated;
CREATE TRIGGER links_updated AFTER UPDATE ON links
WHEN NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = NEW.remote AND r.needs_link = 0)
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was written again', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote AND state = 'dead' AND payload = 'state' AND EXISTS (
            SELECT 1 FROM link_state s WHERE s.conversation_id = NEW.conversation_id AND s.remote = NEW.remote AND s.gone_at IS NOT NULL);
    UPDATE link_state SET gone_at = NULL WHERE conversation_id = NEW.conversation_id AND remote = NEW.remote;
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        VALUES (NEW.conversation_id, NEW.remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
END;

DROP TRIGGER links_repointed;
CREATE TRIGGER links_repointed AFTER UPDATE OF remote_id, agent_id ON links
WHEN (OLD.remote_id IS NOT NEW.remote_id OR OLD.agent_id IS NOT NEW.agent_id)
    AND NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = OLD.remote AND r.needs_link = 0)
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link points elsewhere now', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain')
            AND payload = 'state';
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

DROP TRIGGER links_deleted;
CREATE TRIGGER links_deleted AFTER DELETE ON links
WHEN NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = OLD.remote AND r.needs_link = 0)
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was deleted', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain')
            AND payload = 'state';
    DELETE FROM change_feed WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

DROP TRIGGER links_moved;
CREATE TRIGGER links_moved AFTER UPDATE OF conversation_id, remote ON links
WHEN (OLD.conversation_id IS NOT NEW.conversation_id OR OLD.remote IS NOT NEW.remote)
    AND NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = OLD.remote AND r.needs_link = 0)
BEGIN
    UPDATE outbox
        SET state = 'discarded', last_error = 'the link was moved', superseded_by = NULL,
            updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote AND state IN ('pending', 'held', 'dead', 'uncertain')
            AND payload = 'state';
    DELETE FROM change_feed WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
    DELETE FROM link_state WHERE conversation_id = OLD.conversation_id AND remote = OLD.remote;
END;

-- The hints of `shared_objects` are kept for every name: it may stand for a remote that needs links later. What follows for the other links
-- does so only where links count.

DROP TRIGGER links_shared_by_insert;
CREATE TRIGGER links_shared_by_insert AFTER INSERT ON links
WHEN EXISTS (
    SELECT 1 FROM links o
    WHERE o.remote = NEW.remote AND o.remote_id = NEW.remote_id AND o.conversation_id <> NEW.conversation_id
        AND (o.agent_id IS NULL OR NEW.agent_id IS NULL OR o.agent_id = NEW.agent_id))
BEGIN
    INSERT INTO shared_objects VALUES (NEW.remote, NEW.remote_id) ON CONFLICT (remote, remote_id) DO NOTHING;
END;
DROP TRIGGER links_shared_by_update;
CREATE TRIGGER links_shared_by_update AFTER UPDATE ON links
WHEN EXISTS (
    SELECT 1 FROM links o
    WHERE o.remote = NEW.remote AND o.remote_id = NEW.remote_id AND o.conversation_id <> NEW.conversation_id
        AND (o.agent_id IS NULL OR NEW.agent_id IS NULL OR o.agent_id = NEW.agent_id))
BEGIN
    INSERT INTO shared_objects VALUES (NEW.remote, NEW.remote_id) ON CONFLICT (remote, remote_id) DO NOTHING;
END;

DROP TRIGGER object_was_left;
CREATE TRIGGER object_was_left INSTEAD OF INSERT ON object_left
WHEN EXISTS (SELECT 1 FROM shared_objects s WHERE s.remote = NEW.remote AND s.remote_id = NEW.remote_id)
BEGIN
    INSERT INTO change_feed (conversation_id, remote, changed_at)
        SELECT conversation_id, remote, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM links
        WHERE remote = NEW.remote AND remote_id = NEW.remote_id
            AND NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = NEW.remote AND r.needs_link = 0)
        ON CONFLICT (conversation_id, remote) DO UPDATE SET changed_at = excluded.changed_at, deferred = 0;
    INSERT INTO read_requests (remote, remote_id, agent_id, requested_at)
        SELECT l.remote, l.remote_id, coalesce(l.agent_id, ''), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        FROM links l JOIN link_state s ON s.conversation_id = l.conversation_id AND s.remote = l.remote
        WHERE l.remote = NEW.remote AND l.remote_id = NEW.remote_id
            AND NOT EXISTS (SELECT 1 FROM remotes r WHERE r.name = NEW.remote AND r.needs_link = 0)
        ON CONFLICT (remote, remote_id, agent_id) DO UPDATE SET asked_again_at = excluded.requested_at;
    DELETE FROM shared_objects
        WHERE remote = NEW.remote AND remote_id = NEW.remote_id
            AND (SELECT count(*) FROM links l WHERE l.remote = NEW.remote AND l.remote_id = NEW.remote_id) < 2;
END;

DROP TRIGGER links_left_by_delete;
CREATE TRIGGER links_left_by_delete AFTER DELETE ON links
BEGIN
    INSERT INTO object_left VALUES (OLD.remote, OLD.remote_id);
END;
DROP TRIGGER links_left_by_update;
CREATE TRIGGER links_left_by_update AFTER UPDATE ON links
WHEN OLD.remote IS NOT NEW.remote OR OLD.remote_id IS NOT NEW.remote_id OR OLD.agent_id IS NOT NEW.agent_id
BEGIN
    INSERT INTO object_left VALUES (OLD.remote, OLD.remote_id);
END;

-- What such rows took with them. The states of a remote to which that may have happened are planned again: what is agreed on is not sent. (No
-- configuration has this fingerprint.) Messages are counted and left as they are: a person decides whether they are still to be sent.
UPDATE remotes SET fingerprint = 'planned with different configurations'
    WHERE needs_link = 0 AND receives_messages = 0 AND fingerprint IS NOT NULL AND (
        EXISTS (SELECT 1 FROM links l WHERE l.remote = remotes.name)
        OR EXISTS (
            SELECT 1 FROM outbox o
            WHERE o.remote = remotes.name AND o.state = 'discarded'
                AND o.last_error IN ('the link points elsewhere now', 'the link was deleted', 'the link was moved')));
INSERT INTO migration_counts
    SELECT '0018_links_without_effect',
        'messages that were not sent because of a row in links, although their remote needs none: outbox retry sends them', count(*)
    FROM outbox o JOIN remotes r ON r.name = o.remote AND r.needs_link = 0
    WHERE o.payload = 'message' AND o.state = 'discarded'
        AND o.last_error IN ('the link points elsewhere now', 'the link was deleted', 'the link was moved')
        AND EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message_id AND m.author = 'user')
        AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.message_id = o.message_id AND n.remote = o.remote AND n.id > o.id);
