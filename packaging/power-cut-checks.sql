-- What packaging/power-cut compares, for the sqlite3 program. `main` is the ledger, which lies outside the machine; `survived` is the machine's
-- database as it was on the disk after a cut. Each row of the two views is a violation: (what, detail).

-- From the ledger: plan(count): the number of conversations; committed(change, boot): changes whose COMMIT the application reported; acknowledged(outbox_id, boot):
-- rows that a reader in the machine saw as delivered; requests(sequence, boot, remote, conversation, key, body, outcome): every call at the remotes;
-- in_flight(boot, key): rows that were `sending` when the boot ended; held(remote, conversation, title, status) and
-- told(conversation, place, body): what the remotes held at the end.

-- Change n is about conversation n % count: title `change n`, message `mn` with the text `message n`, status by turns.
CREATE TEMP VIEW changes AS
    SELECT change, boot, 'c' || (change % count) AS conversation FROM committed, plan;

-- The number of the change that a call carries; NULL for calls without title and message.
CREATE TEMP VIEW calls AS
    SELECT *, CAST(CASE remote
        WHEN 'helpdesk' THEN substr(body ->> '$.title', 8)
        WHEN 'vg' THEN substr(body ->> '$.conversation.title', 8)
        WHEN 'fin' THEN substr(body ->> '$.message.body', 9)
        END AS INTEGER) AS change
    FROM requests;

CREATE TEMP VIEW violations (what, detail) AS
    SELECT 'lost change', 'the message of change ' || change || ' (boot ' || boot || ')' FROM changes c
        WHERE NOT EXISTS (SELECT 1 FROM survived.messages m
                          WHERE m.id = 'm' || c.change AND m.body = 'message ' || c.change AND m.conversation_id = c.conversation)
    UNION ALL
    SELECT 'lost change', c.conversation || ' has the title ' || ifnull(s.title, 'NULL') || ', committed: change ' || max(c.change)
        FROM changes c LEFT JOIN survived.conversations s ON s.id = c.conversation
        GROUP BY c.conversation HAVING ifnull(CAST(substr(s.title, 8) AS INTEGER), -1) < max(c.change)
    UNION ALL
    SELECT 'torn change', s.id || ' has the title ' || s.title || ' and ' || ifnull(max(CAST(substr(m.id, 2) AS INTEGER)), 'no') || ' as last message'
        FROM survived.conversations s LEFT JOIN survived.messages m ON m.conversation_id = s.id
        GROUP BY s.id HAVING CAST(substr(s.title, 8) AS INTEGER) <> ifnull(max(CAST(substr(m.id, 2) AS INTEGER)), 0)
    UNION ALL
    SELECT 'lost acknowledgement', 'outbox row ' || outbox_id || ' (boot ' || a.boot || ') is ' || ifnull(o.state, 'missing')
        FROM acknowledged a LEFT JOIN survived.outbox o ON o.id = a.outbox_id WHERE o.state IS NOT 'delivered'
    UNION ALL
    SELECT 'call without a record', 'request ' || sequence || ' to ' || r.remote || ' (boot ' || boot || '), row: ' || ifnull(o.state, 'missing')
        FROM requests r LEFT JOIN survived.outbox o ON o.idempotency_key = r.key
        WHERE o.id IS NULL OR (o.state = 'pending' AND o.in_doubt_since IS NULL AND o.attempts = 0)
    UNION ALL
    SELECT 'repeated without need', 'request ' || sequence || ' to ' || remote || ' repeats ' || earlier || ', which was not in flight at a cut between them'
        FROM (SELECT *, lag(sequence) OVER calls_of_a_row AS earlier, lag(boot) OVER calls_of_a_row AS earlier_boot
              FROM requests WINDOW calls_of_a_row AS (PARTITION BY key ORDER BY sequence)) r
        WHERE earlier IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM in_flight f WHERE f.key = r.key AND f.boot >= earlier_boot AND f.boot < r.boot)
    UNION ALL
    SELECT 'repeated with another body', 'key ' || key FROM requests GROUP BY key HAVING count(DISTINCT body) > 1
    UNION ALL
    SELECT 'sent again under another key', 'request ' || sequence || ' to ' || remote || ' has the body of ' || earlier
        FROM (SELECT *, lag(sequence) OVER calls_there AS earlier, lag(key) OVER calls_there AS earlier_key, lag(body) OVER calls_there AS earlier_body
              FROM requests WINDOW calls_there AS (PARTITION BY remote, conversation ORDER BY sequence))
        WHERE earlier_key <> key AND earlier_body = body
          -- A call that a cut interrupted may be replaced by a newer one, which says the same where a status was changed and changed back.
          AND NOT EXISTS (SELECT 1 FROM in_flight f JOIN survived.outbox o ON o.idempotency_key = f.key
                          WHERE f.key = earlier_key AND o.state = 'superseded')
    UNION ALL
    SELECT 'message sent under two keys', conversation || ', change ' || change
        FROM calls WHERE remote = 'fin' GROUP BY conversation, change HAVING count(DISTINCT key) > 1
    UNION ALL
    SELECT 'out of order', 'request ' || sequence || ' to ' || remote || ' has change ' || change || ' of ' || conversation || ', after ' || newest
        FROM (SELECT *, max(change) OVER (PARTITION BY remote, conversation ORDER BY sequence) AS newest FROM calls WHERE change IS NOT NULL)
        WHERE change < newest
    UNION ALL
    SELECT 'refused by the remote', 'request ' || sequence || ' to ' || remote || ': ' || outcome FROM requests
        WHERE outcome NOT IN ('applied', 'deduplicated')
    UNION ALL
    SELECT 'given up', 'outbox row ' || id || ' is ' || state FROM survived.outbox WHERE state IN ('held', 'dead', 'uncertain', 'discarded');

-- After the last boot.
CREATE TEMP VIEW differences (what, detail) AS
    SELECT 'not sent', 'outbox row ' || id || ' is ' || state FROM survived.outbox WHERE state NOT IN ('delivered', 'superseded')
    UNION ALL
    SELECT 'not planned', conversation_id FROM survived.change_feed
    UNION ALL
    SELECT 'not planned', message_id FROM survived.message_feed
    UNION ALL
    SELECT 'remote differs', k.remote || ' holds ' || s.id || ' as ' || ifnull(h.title, 'no title') || ', ' || ifnull(h.status, 'no status')
            || '; wanted: ' || s.title || ', ' || s.status
        FROM (SELECT 'helpdesk' AS remote, 'open' AS open, 'closed' AS closed, 1 AS has_title
              UNION ALL SELECT 'vg', 'ai-chatting', 'ended_chat', 1
              UNION ALL SELECT 'voicebot', 'in-progress', 'done', 0) k
        CROSS JOIN survived.conversations s LEFT JOIN held h ON h.remote = k.remote AND h.conversation = s.id
        WHERE h.status IS NOT CASE s.status WHEN 'open' THEN k.open ELSE k.closed END OR (k.has_title AND h.title IS NOT s.title)
    UNION ALL
    SELECT 'messages differ', 'fin has of ' || s.id || ': ' || ifnull(there, 'none') || '; wanted: ' || ifnull(here, 'none')
        FROM (SELECT id, (SELECT group_concat(body, ', ') FROM (SELECT body FROM survived.messages m WHERE m.conversation_id = c.id
                      ORDER BY CAST(substr(m.id, 2) AS INTEGER))) AS here,
                  (SELECT group_concat(body, ', ') FROM (SELECT body FROM told t WHERE t.conversation = c.id ORDER BY place)) AS there
              FROM survived.conversations c) s
        WHERE here IS NOT there;
