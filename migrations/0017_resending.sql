-- 1: `convosync resend` was called for the remote. While replan_cursor moves over its conversations, what is known of their links is forgotten in
-- the transaction that puts them on the feed.
ALTER TABLE remotes ADD COLUMN is_resending INTEGER NOT NULL DEFAULT 0;
