internal import GRDB

/// The tables of the database and the steps from one layout to the next.
///
/// A released step is never edited: a change of layout is a new step, because databases in the field stopped at any
/// of them.
///
/// - `counter`: one row. `resource_version` grows by one per object event, `revision` by one per accepted request;
///   both are written in the transaction that uses them, so the order of commits is the order of versions (a sequence
///   outside of the transaction would let a watcher skip a row that was numbered first and committed last).
/// - `object`: what exists now. `event`: what happened, in order; `body` is the object after the event (for a
///   deletion: as it was), `previous` the object before it, so that a watch with a selector can tell "left the
///   selection" from "changed inside of it".
/// - `revision`: one row per accepted request. `audit`: one row per request that tried to write, accepted or not, each
///   with a hash over itself and the row before. `history`: what each kept revision did to each object.
/// - `token`: bearer tokens by the SHA-256 of their secret; the secret itself is never stored.
enum Schema {
    static func migrator() -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 objects, events, revisions") { db in
            try db.execute(
                sql: """
                    CREATE TABLE counter (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        resource_version INTEGER NOT NULL,
                        revision INTEGER NOT NULL,
                        compacted INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO counter VALUES (1, 0, 0, 0);

                    CREATE TABLE object (
                        kind TEXT NOT NULL,
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        resource_version INTEGER NOT NULL,
                        creation_sequence INTEGER NOT NULL,
                        sealed INTEGER NOT NULL,
                        body BLOB NOT NULL,
                        PRIMARY KEY (kind, namespace, name)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE event (
                        resource_version INTEGER PRIMARY KEY,
                        revision INTEGER NOT NULL,
                        at INTEGER NOT NULL,
                        type TEXT NOT NULL,
                        is_status INTEGER NOT NULL,
                        kind TEXT NOT NULL,
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        sealed INTEGER NOT NULL,
                        body BLOB NOT NULL,
                        previous BLOB
                    ) STRICT;
                    CREATE INDEX event_at ON event (at);

                    CREATE TABLE revision (
                        revision INTEGER PRIMARY KEY,
                        at INTEGER NOT NULL,
                        user TEXT NOT NULL,
                        via TEXT NOT NULL,
                        message TEXT NOT NULL,
                        request_id TEXT NOT NULL,
                        changes INTEGER NOT NULL
                    ) STRICT;

                    CREATE TABLE audit (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        at INTEGER NOT NULL,
                        request_id TEXT NOT NULL,
                        user TEXT NOT NULL,
                        source TEXT NOT NULL,
                        agent TEXT NOT NULL,
                        verb TEXT NOT NULL,
                        uri TEXT NOT NULL,
                        code INTEGER NOT NULL,
                        revision INTEGER
                    ) STRICT;

                    CREATE TABLE setting (
                        name TEXT PRIMARY KEY,
                        value BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        migrator.registerMigration("2 tokens") { db in
            try db.execute(
                sql: """
                    CREATE TABLE token (
                        id TEXT PRIMARY KEY,
                        hash BLOB NOT NULL UNIQUE,
                        user TEXT NOT NULL,
                        namespace TEXT NOT NULL,
                        service_account TEXT NOT NULL,
                        account_uid TEXT NOT NULL,
                        audience TEXT NOT NULL,
                        scope TEXT NOT NULL,
                        is_single_use INTEGER NOT NULL,
                        created INTEGER NOT NULL,
                        expires INTEGER,
                        last_used INTEGER
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX token_account ON token (namespace, service_account);
                    """
            )
        }
        migrator.registerMigration("3 history of revisions, chain of the audit trail") { db in
            try db.execute(
                sql: """
                    CREATE TABLE history (
                        resource_version INTEGER PRIMARY KEY,
                        revision INTEGER NOT NULL,
                        kind TEXT NOT NULL,
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        sealed INTEGER NOT NULL,
                        creation_sequence INTEGER NOT NULL,
                        before BLOB,
                        after BLOB
                    ) STRICT;
                    CREATE INDEX history_revision ON history (revision);

                    ALTER TABLE audit RENAME TO audit_before_chain;
                    CREATE TABLE audit (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        at INTEGER NOT NULL,
                        request_id TEXT NOT NULL,
                        user TEXT NOT NULL,
                        source TEXT NOT NULL,
                        agent TEXT NOT NULL,
                        verb TEXT NOT NULL,
                        uri TEXT NOT NULL,
                        code INTEGER NOT NULL,
                        revision INTEGER,
                        previous BLOB NOT NULL,
                        hash BLOB NOT NULL
                    ) STRICT;
                    """
            )
        }
        return migrator
    }
}
