#include <sqlite3.h>

// Swift does not import variadic functions.

/// Switches the memory statistics off, which are kept under a lock. Only before the library is used for the first time.
static inline int convosync_sqlite_without_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// Takes a text in double quotes for the name of a column, and never for a string.
static inline int convosync_sqlite_strict_quotes(sqlite3 *connection) {
    int first = sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, (void *)0);
    int second = sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, (void *)0);
    return first == SQLITE_OK ? second : first;
}
