-- What applications run into with triggers that they do not see, and calls to an object that another conversation is linked to by now.

-- The second condition makes it a search: without it the statement cannot use the index of what is unfinished, and reads all events that
-- were ever received.
DROP TRIGGER conversations_changes_deleted;
CREATE TRIGGER conversations_changes_deleted BEFORE DELETE ON conversations
BEGIN
    DELETE FROM local_changes WHERE conversation_id = OLD.id;
    DELETE FROM adopted_changes WHERE conversation_id = OLD.id;
    DELETE FROM inbox WHERE conversation_id = OLD.id AND state = 'pending' AND state <> 'done';
END;
