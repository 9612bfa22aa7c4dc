-- The way back: what remotes report, what of it was taken over, and what still has to be read.

-- Who holds a row in state 'held': 'fin' (its last status takes no replies) or 'brake'.
ALTER TABLE outbox ADD COLUMN held_by TEXT;
-- Set when a person released the row: it is not held again for the same reason.
ALTER TABLE outbox ADD COLUMN released_at TEXT;

-- When the remote's state was last read, and the remote's own time of its last change (milliseconds since 1970).
ALTER TABLE link_state ADD COLUMN seen_at TEXT;
ALTER TABLE link_state ADD COLUMN seen_version INTEGER;
-- Per field what was decided about the last report, for `convosync explain`: {"status": {"decision": …, "rule": …, "word": …, "at": …}}.
ALTER TABLE link_state ADD COLUMN verdicts TEXT CHECK (verdicts IS NULL OR json_valid(verdicts));

CREATE INDEX link_state_by_target ON link_state (remote, target_id);
CREATE INDEX link_state_by_acknowledgement ON link_state (remote, acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX links_by_object ON links (remote, remote_id);
CREATE INDEX assignees_by_remote_user ON assignees (remote, remote_user_id);

-- What a remote changed here: for the application to see which remote said what, and when. One row per adopted report.
CREATE TABLE adopted_changes (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id   TEXT NOT NULL,
    remote            TEXT NOT NULL,
    -- The status as the remote spelled it in the same report; NULL where it said none.
    word              TEXT,
    -- The remote's own time of the change, or when it was read.
    reported_at       TEXT NOT NULL,
    adopted_at        TEXT NOT NULL,
    -- {"status": {"from": …, "to": …}, …}: the columns of conversations that were written.
    changes           TEXT NOT NULL CHECK (json_valid(changes)),
    rule              TEXT NOT NULL
) STRICT;

CREATE INDEX adopted_changes_by_conversation ON adopted_changes (conversation_id, id);
CREATE INDEX adopted_changes_by_age ON adopted_changes (adopted_at);

-- When status and assignee of a conversation last changed, whoever changed them. The application need not keep updated_at for that.
-- (Both are repeated here because INSERT OR REPLACE shows triggers no old row.)
CREATE TABLE local_changes (
    conversation_id      TEXT PRIMARY KEY NOT NULL,
    status               TEXT NOT NULL,
    assignee_id          TEXT,
    status_changed_at    TEXT NOT NULL,
    assignee_changed_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER conversations_status_inserted AFTER INSERT ON conversations
BEGIN
    INSERT INTO local_changes (conversation_id, status, assignee_id, status_changed_at, assignee_changed_at)
        VALUES (NEW.id, NEW.status, NEW.assignee_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id) DO UPDATE SET
            status_changed_at = CASE WHEN status IS excluded.status THEN status_changed_at ELSE excluded.status_changed_at END,
            assignee_changed_at =
                CASE WHEN assignee_id IS excluded.assignee_id THEN assignee_changed_at ELSE excluded.assignee_changed_at END,
            status = excluded.status, assignee_id = excluded.assignee_id;
END;

CREATE TRIGGER conversations_status_updated AFTER UPDATE OF status, assignee_id ON conversations
WHEN OLD.status IS NOT NEW.status OR OLD.assignee_id IS NOT NEW.assignee_id
BEGIN
    INSERT INTO local_changes (conversation_id, status, assignee_id, status_changed_at, assignee_changed_at)
        VALUES (NEW.id, NEW.status, NEW.assignee_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ON CONFLICT (conversation_id) DO UPDATE SET
            status_changed_at = CASE WHEN status IS excluded.status THEN status_changed_at ELSE excluded.status_changed_at END,
            assignee_changed_at =
                CASE WHEN assignee_id IS excluded.assignee_id THEN assignee_changed_at ELSE excluded.assignee_changed_at END,
            status = excluded.status, assignee_id = excluded.assignee_id;
END;

CREATE TRIGGER conversations_changes_deleted BEFORE DELETE ON conversations
BEGIN
    DELETE FROM local_changes WHERE conversation_id = OLD.id;
    DELETE FROM adopted_changes WHERE conversation_id = OLD.id;
    DELETE FROM inbox WHERE conversation_id = OLD.id AND state = 'pending';
END;

-- Events that webhooks brought. Written before the sender gets its answer.
CREATE TABLE inbox (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    remote           TEXT NOT NULL,
    -- status: a report on a conversation. message: something that Fin wrote.
    kind             TEXT NOT NULL CHECK (kind IN ('status', 'message')),
    conversation_id  TEXT NOT NULL,
    -- The same event again has the same key.
    event_key        TEXT NOT NULL,
    -- Order among the events of a conversation: the remote's own time, in milliseconds since 1970.
    occurred_at      INTEGER NOT NULL,
    received_at      TEXT NOT NULL,
    -- Emptied when the event has been worked off.
    payload          TEXT NOT NULL CHECK (json_valid(payload)),
    -- waiting: the conversation does not exist (yet).
    state            TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'waiting', 'done')),
    UNIQUE (remote, event_key)
) STRICT;

CREATE INDEX inbox_unfinished ON inbox (state, conversation_id) WHERE state <> 'done';
CREATE INDEX inbox_by_age ON inbox (received_at) WHERE state = 'done';

CREATE TRIGGER conversations_awaited AFTER INSERT ON conversations
BEGIN
    UPDATE inbox SET state = 'pending' WHERE conversation_id = NEW.id AND state = 'waiting';
END;

-- Objects of a remote that have to be read: a hook or a list said that they changed.
CREATE TABLE read_requests (
    remote           TEXT NOT NULL,
    -- '' stands for the list.
    remote_id        TEXT NOT NULL,
    agent_id         TEXT NOT NULL DEFAULT '',
    requested_at     TEXT NOT NULL,
    PRIMARY KEY (remote, remote_id, agent_id)
) STRICT, WITHOUT ROWID;

-- How far the slow rotation over all linked conversations has come.
ALTER TABLE remotes ADD COLUMN read_cursor TEXT;
ALTER TABLE remotes ADD COLUMN last_read_at TEXT;
