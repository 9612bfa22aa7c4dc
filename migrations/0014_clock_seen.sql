-- The wall clock when a transaction last wrote times: the machine's clock was certainly set back if a later start finds an earlier time.
ALTER TABLE clock ADD COLUMN seen_at TEXT;
