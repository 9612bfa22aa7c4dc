-- What is known about the fate of calls: how long a row has been tried, and which refusals are doubted.

-- When the first attempt began that counts: the age of a row counts from here. NULL: none has counted yet.
ALTER TABLE outbox ADD COLUMN counted_since TEXT;

-- Rows that are being tried: since their first counted attempt, or where that is not known any more, since they were written.
UPDATE outbox
    SET counted_since = coalesce(
        (SELECT min(a.started_at) FROM outbox_attempts a
            WHERE a.outbox_id = outbox.id AND a.outcome = 'retry' AND a.started_at >= coalesce(outbox.replayed_at, '')),
        replayed_at, created_at)
    WHERE (state = 'pending' OR state = 'sending' OR state = 'held') AND attempts > 0;

-- When the remote said last that the object does not exist, where nothing has confirmed that its URL is the right one. NULL: confirmed,
-- or it said something else.
ALTER TABLE outbox ADD COLUMN missing_at TEXT;
CREATE INDEX outbox_missing ON outbox (remote) WHERE missing_at IS NOT NULL;

-- Why the remote is parked: 'access' (it refuses the credential, or cannot be reached under its name) or 'url' (it knows nothing of what
-- it is asked for). NULL while it is not.
ALTER TABLE remotes ADD COLUMN park_cause TEXT;
UPDATE remotes SET park_cause = 'access' WHERE parked_at IS NOT NULL;
