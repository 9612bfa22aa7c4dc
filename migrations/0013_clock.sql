-- The wall clock as the stored times have it: what a process that notices a clock that was set compares with, so that the times are shifted once,
-- also if several processes run or none does. `offset_ms` is the wall clock minus the time since the machine started.
CREATE TABLE clock (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    boot_id   TEXT NOT NULL,
    offset_ms INTEGER NOT NULL
) STRICT;
