-- What is pushed last waits for the calls of its conversation at other remotes: deferred = 3. Since when, whatever happens to the entry
-- meanwhile; it does not wait for longer than the configured time.
ALTER TABLE change_feed ADD COLUMN waits_since TEXT;
CREATE INDEX change_feed_waiting ON change_feed (waits_since) WHERE deferred = 3;
