-- What a lane learns about its remote, and what a person says to it while it runs.

-- How many calls may be in flight where experience has lowered that; NULL: as many as configured.
ALTER TABLE remotes ADD COLUMN concurrency INTEGER CHECK (concurrency >= 1);
-- When `convosync resume` was last called: a parked remote that was not paused is tried at once.
ALTER TABLE remotes ADD COLUMN resumed_at TEXT;

-- What a claim takes while retries have to wait: with the index of all due rows it would go through every retry to find them.
CREATE INDEX outbox_first_tries ON outbox (remote, due_at, id) WHERE state = 'pending' AND attempts = 0;
