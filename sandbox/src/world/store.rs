//! The document store: every piece of state is a typed record, kept as JSON in one SQLite table, in memory or in a file.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One kind of record.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The collection the record belongs to.
    const KIND: &'static str;
    /// The id, unique within the kind.
    fn id(&self) -> &str;
    /// The id of what the record belongs to; lists are asked for by it.
    #[allow(clippy::unnecessary_literal_bound)] // others override it
    fn parent(&self) -> &str {
        ""
    }
    /// A second unique name within the kind, for records that are also found by one.
    fn key(&self) -> Option<String> {
        None
    }
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("a record could not be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the file was written by a newer sandbox (layout {0}); use that one, or another file")]
    Newer(i64),
}

type Result<T> = std::result::Result<T, StoreError>;

/// The layout of the table below; a file with a higher one is refused.
const LAYOUT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS records (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        parent TEXT NOT NULL,
        key TEXT,
        body TEXT NOT NULL,
        UNIQUE (kind, id)
    );
    CREATE INDEX IF NOT EXISTS records_by_parent ON records (kind, parent, sequence);
    CREATE UNIQUE INDEX IF NOT EXISTS records_by_key ON records (kind, key) WHERE key IS NOT NULL;
";

/// All records. Lists come in the order in which records were first put.
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens a file, or a store in memory that is gone when it is dropped.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        if path.is_some() {
            // WAL with NORMAL survives a crash of the process; only a power cut may take the last writes.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        let layout: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if layout > LAYOUT {
            return Err(StoreError::Newer(layout));
        }
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection })
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub(crate) fn begin(&self) -> Result<Transaction<'_>> {
        Ok(self.connection.unchecked_transaction()?)
    }

    pub(crate) fn get<T: Record>(&self, id: &str) -> Result<Option<T>> {
        let mut statement =
            self.connection.prepare_cached("SELECT body FROM records WHERE kind = ?1 AND id = ?2")?;
        let body = statement.query_row(params![T::KIND, id], |row| row.get::<_, String>(0)).optional()?;
        body.map(|body| Ok(serde_json::from_str(&body)?)).transpose()
    }

    /// Finds a record by its second name.
    pub(crate) fn find<T: Record>(&self, key: &str) -> Result<Option<T>> {
        let mut statement =
            self.connection.prepare_cached("SELECT body FROM records WHERE kind = ?1 AND key = ?2")?;
        let body = statement.query_row(params![T::KIND, key], |row| row.get::<_, String>(0)).optional()?;
        body.map(|body| Ok(serde_json::from_str(&body)?)).transpose()
    }

    /// Writes a record; one that was there keeps its place in lists.
    pub(crate) fn put<T: Record>(&self, record: &T) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO records (kind, id, parent, key, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (kind, id) DO UPDATE SET parent = excluded.parent, key = excluded.key, body = excluded.body",
        )?;
        let body = serde_json::to_string(record)?;
        statement.execute(params![T::KIND, record.id(), record.parent(), record.key(), body])?;
        Ok(())
    }

    /// Deletes a record and says whether there was one.
    pub(crate) fn delete<T: Record>(&self, id: &str) -> Result<bool> {
        let mut statement =
            self.connection.prepare_cached("DELETE FROM records WHERE kind = ?1 AND id = ?2")?;
        Ok(statement.execute(params![T::KIND, id])? > 0)
    }

    /// Deletes the records of a kind whose field is a number no higher than this one.
    pub(crate) fn delete_up_to<T: Record>(&self, field: &str, at_most: i64) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM records WHERE kind = ?1 AND json_extract(body, '$.' || ?2) <= ?3")?;
        statement.execute(params![T::KIND, field, at_most])?;
        Ok(())
    }

    /// The records that belong to a parent.
    pub(crate) fn list<T: Record>(&self, parent: &str) -> Result<Vec<T>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT body FROM records WHERE kind = ?1 AND parent = ?2 ORDER BY sequence")?;
        let bodies = statement.query_map(params![T::KIND, parent], |row| row.get::<_, String>(0))?;
        bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
    }

    /// Every record of a kind.
    pub(crate) fn all<T: Record>(&self) -> Result<Vec<T>> {
        let mut statement =
            self.connection.prepare_cached("SELECT body FROM records WHERE kind = ?1 ORDER BY sequence")?;
        let bodies = statement.query_map(params![T::KIND], |row| row.get::<_, String>(0))?;
        bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
    }

    pub(crate) fn is_empty(&self) -> Result<bool> {
        Ok(!self
            .connection
            .query_row("SELECT EXISTS (SELECT 1 FROM records)", [], |row| row.get::<_, bool>(0))?)
    }

    /// Deletes every record.
    pub(crate) fn clear(&self) -> Result<()> {
        self.connection.execute("DELETE FROM records", [])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        id: String,
        shelf: String,
        title: String,
    }

    impl Record for Note {
        const KIND: &'static str = "note";
        fn id(&self) -> &str {
            &self.id
        }
        fn parent(&self) -> &str {
            &self.shelf
        }
        fn key(&self) -> Option<String> {
            Some(self.title.clone())
        }
    }

    fn note(id: &str, title: &str) -> Note {
        Note { id: id.into(), shelf: "top".into(), title: title.into() }
    }

    #[test]
    fn a_record_that_is_put_again_keeps_its_place() {
        let store = Store::open(None).unwrap();
        store.put(&note("a", "first")).unwrap();
        store.put(&note("b", "second")).unwrap();
        store.put(&note("a", "changed")).unwrap();
        let titles: Vec<_> = store.list::<Note>("top").unwrap().into_iter().map(|n| n.title).collect();
        assert_eq!(titles, ["changed", "second"]);
        assert_eq!(store.find::<Note>("second").unwrap(), Some(note("b", "second")));
        assert_eq!(store.find::<Note>("first").unwrap(), None);
    }

    #[test]
    fn a_transaction_that_is_dropped_leaves_nothing() {
        let store = Store::open(None).unwrap();
        {
            let _transaction = store.begin().unwrap();
            store.put(&note("a", "first")).unwrap();
        }
        assert!(store.is_empty().unwrap());
    }

    #[test]
    fn a_file_of_a_newer_layout_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.db");
        Store::open(Some(&path)).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(Some(&path)), Err(StoreError::Newer(99))));
    }
}
