//! Moving records from one store to another.

use std::time::Duration;

use super::{ConnectionKey, ListQuery, StoreError, StoreErrorKind, TokenStore};
use crate::ConnectionId;

/// How many records are listed at once.
const PAGE: usize = 500;
/// How long a record is kept from being refreshed while it is copied, and how often that is tried.
const LEASE: Duration = Duration::from_mins(1);
const ATTEMPTS: u32 = 50;

/// What [`migrate`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Migrated {
    /// Records that were copied.
    pub copied: usize,
    /// Records that were there already, as they are.
    pub unchanged: usize,
    /// Records that were left as they are, and why.
    pub failed: Vec<(ConnectionId, StoreError)>,
}

/// Copies every record of a namespace from one store to another, and reads each back. With `remove` it is removed where it
/// came from once that has succeeded. Writes both token stores.
///
/// Whoever uses the old store is to be stopped before, or a refresh there may leave the copy with a token that has been
/// replaced; while a record is copied its lease is held, so that no refresh is cut in two. May be repeated: what is there
/// already, and the same, is passed over; what is there and differs is left alone and reported.
///
/// # Errors
/// [`StoreErrorKind::Unavailable`] if either store can't be reached. What has been copied stays copied: call it again.
pub async fn migrate(
    from: &dyn TokenStore,
    to: &dyn TokenStore,
    namespace: &str,
    remove: bool,
) -> Result<Migrated, StoreError> {
    if from.identity() == to.identity() {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            "both are the same store; name another to move to",
        ));
    }
    let mut done = Migrated::default();
    let mut query =
        ListQuery { namespace: namespace.to_owned(), expires_before: None, after: None, limit: PAGE };
    loop {
        let page = from.list(&query).await?;
        let Some(last) = page.last() else { return Ok(done) };
        query.after = Some(last.connection.clone());
        for listed in page {
            let key = ConnectionKey { namespace: namespace.to_owned(), connection: listed.connection };
            match copy(from, to, &key, remove).await {
                Ok(true) => done.copied += 1,
                Ok(false) => done.unchanged += 1,
                Err(error) if error.kind() == StoreErrorKind::Unavailable => return Err(error),
                Err(error) => done.failed.push((key.connection, error)),
            }
        }
    }
}

/// Whether the record had to be copied, and was.
async fn copy(
    from: &dyn TokenStore,
    to: &dyn TokenStore,
    key: &ConnectionKey,
    remove: bool,
) -> Result<bool, StoreError> {
    for _ in 0..ATTEMPTS {
        if let Some(lease) = from.acquire(key, LEASE).await? {
            let outcome = copy_under(from, to, key, remove).await;
            from.release(key, lease).await?;
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let why = "it is being refreshed all the time; stop what uses the store, and try again";
    Err(StoreError::new(StoreErrorKind::Conflict, format!("connection {}: {why}", key.connection)))
}

async fn copy_under(
    from: &dyn TokenStore,
    to: &dyn TokenStore,
    key: &ConnectionKey,
    remove: bool,
) -> Result<bool, StoreError> {
    let Some(stored) = from.load(key).await? else { return Ok(false) };
    let same = |found: &super::StoredRecord| {
        found.record.payload == stored.record.payload && found.record.expires_at == stored.record.expires_at
    };
    let differs = || {
        let why = "another record is there already; remove one of the two, and try again";
        StoreError::new(StoreErrorKind::Conflict, format!("connection {}: {why}", key.connection))
    };
    let before = to.load(key).await?;
    match &before {
        Some(found) if same(found) => {}
        Some(_) => return Err(differs()),
        None => {
            to.save(key, &stored.record, 0).await?;
            if !to.load(key).await?.is_some_and(|found| same(&found)) {
                return Err(differs());
            }
        }
    }
    if remove {
        from.delete(key, stored.version).await?;
    }
    Ok(before.is_none())
}
